package ImageDigest::Nginx;

# An nginx of the test's own, with the module loaded.
#
#     my $nginx = ImageDigest::Nginx->new(
#         http     => '...',    # in http { }
#         server   => '...',    # in server { listen 127.0.0.1:PORT; }
#         main     => '...',    # at the top
#         events   => '...',    # in events { }
#         conf     => '...',    # instead of all of these
#         workers  => 1,
#         master   => 1,        # 0: master_process off
#         level    => 'info',   # of the error log
#         format   => '...',    # of the access log
#         module   => 1,        # 0: plain nginx
#         allow    => qr/.../,  # [alert] lines that are expected
#     );
#
# In the texts @DIR@ is its directory, @PORT@ its port, and @PORT2@ and so on
# are further ones.  An [alert], an [emerg] or a sanitizer's line in its log
# fails the test, and so does a graceful stop that takes too long.  The
# environment names the binary and the module: NGINX_BINARY, NGINX_MODULE.

use strict;
use warnings;

use Carp qw(croak);
use List::Util qw(min);
use Scalar::Util qw(weaken);
use ImageDigest::Util qw(wait_until free_port tempdir slurp spit lines module
                         spawn alive run problem);

my $owner = $$;
my %started;


sub new {
    my ($class, %o) = @_;

    my $self = bless {
        workers => 1, master => 1, module => 1, level => 'info',
        main => '', events => '', http => '', server => '',
        %o,
        dir => tempdir(), ports => {}, checked => 0,
    }, $class;

    # by its log the workers are found

    $self->{level} = 'notice'
        if $ENV{VALGRIND} && $self->{level} =~ /^(?:warn|error|crit)$/;

    $self->{format} //= '$request_method $request_uri $status'
        . ($self->{module} ? ' $image_digest_status' : '');

    $self->configure;

    return $self;
}


# Write the configuration, anew with what is given; for `reload`.

sub configure {
    my ($self, %o) = @_;

    @$self{ keys %o } = values %o;

    my $text = $self->{conf} // $self->_conf;

    $text =~ s/\@DIR\@/$self->{dir}/g;
    $text =~ s/\@PORT(\d*)\@/$self->port($1 || 1)/ge;

    spit("$self->{dir}/nginx.conf", $text);

    return $self;
}


sub _conf {
    my ($self) = @_;

    my $conf = '';

    $conf .= 'load_module ' . module() . ";\n" if $self->{module};

    $conf .= "user root;\n" if $> == 0 && $self->{main} !~ /^\s*user\s/m;
    $conf .= "master_process off;\n" unless $self->{master};
    $conf .= "worker_processes $self->{workers};\n";
    $conf .= "pid \@DIR\@/nginx.pid;\nlock_file \@DIR\@/nginx.lock;\n";
    $conf .= "error_log \@DIR\@/error.log $self->{level};\n";
    $conf .= "$self->{main}\n";

    $conf .= "events {\n";
    $conf .= "worker_connections 1024;\n"
        unless $self->{events} =~ /worker_connections/;
    $conf .= "$self->{events}\n}\n";

    $conf .= "http {\n";
    $conf .= "log_format test '$self->{format}';\n";
    $conf .= "access_log \@DIR\@/access.log test;\n";
    $conf .= "client_body_temp_path \@DIR\@/body;\n";
    $conf .= "${_}_temp_path \@DIR\@/$_;\n" for qw(proxy fastcgi uwsgi scgi);
    $conf .= "$self->{http}\n";
    $conf .= "server {\nlisten 127.0.0.1:\@PORT\@;\n$self->{server}\n}\n"
        if $self->{server} ne '';
    $conf .= "}\n";

    return $conf;
}


sub _command {
    my ($self, @args) = @_;

    return ($ENV{NGINX_BINARY} || 'nginx', '-p', "$self->{dir}", '-e', 'stderr',
            '-c', "$self->{dir}/nginx.conf", @args);
}


sub dir { return "$_[0]{dir}" }


sub port {
    my ($self, $n) = @_;

    return $self->{ports}{ $n // 1 } //= free_port();
}


sub url {
    my ($self, $path) = @_;

    return 'http://127.0.0.1:' . $self->port . ($path // '/');
}


# nginx -t: (exit status, output)

sub conf_test {
    my ($self) = @_;

    return run($self->_command('-t'));
}


# $class->start(...) is new and start.

sub start {
    my ($self, @o) = @_;

    $self = $self->new(@o) unless ref $self;

    $self->{checked} = 0;
    $self->{pid} = spawn("$self->{dir}/stderr",
                         $self->_command('-g', 'daemon off;'));
    $started{$self} = $self;
    weaken($started{$self});

    wait_until {
        alive($self->{pid})
            or croak "nginx does not start:\n" . $self->log;
        my $pid = slurp("$self->{dir}/nginx.pid");
        $pid =~ /^\Q$self->{pid}\E$/m
            && (() = $self->workers) == ($self->{master} ? $self->{workers}
                                                         : 1);
    } 'nginx to start';

    return $self;
}


sub pid { return $_[0]{pid} }


# The process ids of the workers that serve; the exiting ones on request.

sub workers {
    my ($self, $which) = @_;

    return $self->{pid} unless $self->{master};

    my @pids = split ' ',
        slurp("/proc/$self->{pid}/task/$self->{pid}/children");
    my $title = $which ? qr/^nginx: worker process is shutting down/
                       : qr/^nginx: worker process\0*$/;

    return grep { slurp("/proc/$_/cmdline") =~ $title } @pids
        unless $ENV{VALGRIND};

    # under valgrind there are no titles

    return grep {
        my $old = () = $self->log(qr/ $_#\d+: gracefully shutting down/);
        my $new = () = $self->log(qr/ start worker process $_$/);

        $new && ($which ? $old : !$old);
    } @pids;
}


# Send HUP, and wait until the new workers alone take connections.

sub reload {
    my ($self) = @_;

    croak 'nginx itself does not serve after HUP without a master'
        unless $self->{master};

    my %old = map { $_ => 1 } $self->workers;
    my $emerg = () = $self->log(qr/\[emerg\]/);

    kill HUP => $self->{pid};

    wait_until {
        croak "reload failed:\n" . join "\n", $self->log(qr/\[emerg\]/)
            if $emerg < (() = $self->log(qr/\[emerg\]/));

        my @new = $self->workers;
        @new == $self->{workers} && !grep { $old{$_} } @new;
    } 'reload';

    return $self;
}


# Stop gracefully, or with another signal, and look at the log.

sub stop {
    my ($self, $signal) = @_;

    return $self unless $self->{pid};

    my $in_time = ImageDigest::Util::stop($self->{pid}, $signal // 'QUIT');

    problem("nginx did not end within 10 seconds\n" . $self->log)
        unless $in_time;

    delete $self->{pid};
    $self->check;

    return $self;
}


# The error log, or its lines that match.

sub log {
    my ($self, $re) = @_;

    my @files = map { "$self->{dir}/$_" } qw(error.log stderr);

    return join '', map { slurp($_) } @files unless $re;
    return grep { /$re/ } map { lines($_) } @files;
}


sub wait_for_log {
    my ($self, $re, $timeout) = @_;

    return wait_until { ($self->log($re))[0] } "a log line $re", $timeout;
}


# The lines of the access log; with a number, when there are so many.

sub access_log {
    my ($self, $count) = @_;

    my $file = "$self->{dir}/access.log";

    wait_until { $count <= (() = lines($file)) } "$count access log lines"
        if $count;

    return lines($file);
}


sub check {
    my ($self) = @_;

    return if $self->{checked}++;

    my $allow = $self->{allow};
    my @bad = $self->log(
        qr/\[alert\]|\[emerg\]|exited\ on\ signal
           |Sanitizer|runtime\ error:|^==\d+==\ /x);

    @bad = grep { $_ !~ $allow } @bad if $allow;

    problem(join "\n", "in nginx's log:", @bad[0 .. min($#bad, 40)]) if @bad;
}


sub DESTROY {
    my ($self) = @_;

    return unless $$ == $owner && $self->{pid};

    local ($?, $@);
    delete $started{$self};
    $self->stop;
}


END {
    if ($$ == $owner) {
        my $status = $?;

        # a test that died may have left requests behind

        for (values %started) {
            $_->stop($status ? 'TERM' : 'QUIT') if $_;
        }

        $? = $status;
    }
}


1;
