package ImageDigest::Registry;

# A real docker-registry of the test's own.
#
#     my $registry = ImageDigest::Registry->start(
#         users => { user => 'password' },    # Basic authentication
#         tls   => [$crt, $key],
#     );
#     my $image = ImageDigest::Image->push($registry, 'app:1');
#     $registry->name('app:1');               # 127.0.0.1:PORT/app:1
#     $registry->requests(qr/^HEAD .*manifests/);
#
# What it holds survives stop and start, which keep its port.

use strict;
use warnings;

use parent 'ImageDigest::Process';

use Mojo::UserAgent;
use ImageDigest::Util qw(wait_until free_port tempdir slurp spit lines spawn
                         alive);


sub start {
    my ($self, %o) = @_;

    unless (ref $self) {
        $self = bless { %o, dir => tempdir(), port => free_port(), seen => 0,
                        marks => 0 }, $self;
        $self->_configure;
    }

    $self->{pid} = spawn("$self->{dir}/log", 'docker-registry', 'serve',
                         "$self->{dir}/config.yml");

    my $ua = $self->ua;

    wait_until {
        alive($self->{pid}) or die "docker-registry does not start:\n"
                                   . slurp("$self->{dir}/log");
        $ua->get($self->url('/v2/'))->res->code;
    } 'docker-registry to start';

    return $self;
}


sub _configure {
    my ($self) = @_;

    my $config = <<"END";
version: 0.1
log:
  level: warn
  accesslog:
    disabled: false
storage:
  filesystem:
    rootdirectory: $self->{dir}/data
  delete:
    enabled: true
http:
  addr: 127.0.0.1:$self->{port}
  secret: test
END

    if (my $tls = $self->{tls}) {
        $config .= "  tls:\n    certificate: $tls->[0]\n"
                 . "    key: $tls->[1]\n";
    }

    if (my $users = $self->{users}) {
        my $salt = '$2y$05$' . 'imagedigestimagedigestu';

        spit("$self->{dir}/htpasswd",
             join '', map { "$_:" . crypt($users->{$_}, $salt) . "\n" }
                      sort keys %$users);

        $config .= "auth:\n  htpasswd:\n    realm: test\n"
                 . "    path: $self->{dir}/htpasswd\n";
    }

    spit("$self->{dir}/config.yml", $config);
}


sub ua {
    my ($self) = @_;

    return Mojo::UserAgent->new(insecure => 1, max_connections => 0,
                                request_timeout => 5);
}


sub port { return $_[0]{port} }
sub host { return "127.0.0.1:$_[0]{port}" }
sub name { return $_[0]->host . "/$_[1]" }

sub url {
    my ($self, $path) = @_;

    return ($self->{tls} ? 'https' : 'http') . '://' . $self->host
           . ($path // '/');
}


# The requests so far, or since `forget`, that match: "METHOD PATH STATUS".
# A request of our own goes first, and its line is waited for, so that none is
# missed: also right for "there were none".

sub requests {
    my ($self, $re) = @_;

    if (alive($self->{pid})) {
        my $mark = '/mark-' . ++$self->{marks};

        $self->ua->get($self->url($mark));
        wait_until { slurp("$self->{dir}/log") =~ m{ \Q$mark\E } }
            "the registry's access log";
    }

    my @all = map { m{"([A-Z]+) (\S+) HTTP/[\d.]+" (\d+)} ? "$1 $2 $3" : () }
              lines("$self->{dir}/log");

    $self->{all} = @all;
    splice @all, 0, $self->{seen};

    return grep { !m{ /mark-} && !m{^GET /v2/ } && (!$re || /$re/) } @all;
}


# `requests` starts from here.

sub forget {
    my ($self) = @_;

    () = $self->requests;
    $self->{seen} = $self->{all};

    return $self;
}


1;
