package ImageDigest::Util;

# What every part of the harness uses: temporary directories, ports, polling,
# and servers that never outlive their test.

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Temp ();
use POSIX qw(WNOHANG :signal_h);
use Socket;
use Test::More ();
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(wait_until free_port tempdir slurp spit lines top spawn
                    stop alive run certificate problem own_mounts module
                    sanitized);

# a proxy of the machine is not for tests, nor is its language; nginx would
# take NGINX for sockets to inherit

delete @ENV{ 'NGINX', grep { /_proxy$/i } keys %ENV };
$ENV{LC_ALL} = 'C';
$ENV{PATH} .= ':/usr/sbin:/sbin';

# where nginx is built with sanitizers: it never frees its cycle at the end, and
# some tests load a library before all others

$ENV{ASAN_OPTIONS} //= 'detect_leaks=0:detect_odr_violation=0'
                       . ':verify_asan_link_order=0';

my $top = dirname(dirname(dirname(dirname(abs_path(__FILE__)))));
my $owner = $$;
my ($failed, %children);


# the top of the repository

sub top { return $top }


# Is memory watched, by sanitizers or valgrind?  They keep what was freed.

sub sanitized { return $ENV{VALGRIND} || slurp(module()) =~ /__asan_init/ }


# the module, by its whole path

sub module {
    my $module = $ENV{NGINX_MODULE}
                 || 'build/ngx_http_image_digest_module.so';

    return $module =~ m{^/} ? $module : "$top/$module";
}


# Poll until the block answers something true, which is returned.  Dies after
# $timeout seconds (30).

sub wait_until (&;$$) {
    my ($code, $what, $timeout) = @_;

    my $end = time + ($timeout // 30);
    my $pause = 0.005;

    while (1) {
        my $value = $code->();
        return $value if $value;

        if (time > $end) {
            local $Carp::CarpLevel = 1;
            require Carp;
            Carp::croak('waited in vain for ' . ($what // 'a condition'));
        }

        sleep $pause;
        $pause *= 1.5 if $pause < 0.1;
    }
}


# A directory that goes with the test.  The workers of nginx may pass through.

my @dirs;

sub tempdir {
    my $dir = File::Temp->newdir('image-digest-XXXXXX', TMPDIR => 1);

    chmod 0711, "$dir";
    push @dirs, $dir;

    return "$dir";
}


# A TCP port of 127.0.0.1 that is this process's until it ends: below the
# ephemeral range, and claimed among tests by an abstract socket.

my @claims;

sub free_port {
    for (1 .. 1000) {
        my $port = 20000 + int rand 10000;

        socket my $claim, AF_UNIX, SOCK_STREAM, 0 or die "socket: $!";
        bind $claim, pack_sockaddr_un("\0image-digest-port-$port") or next;

        socket my $probe, AF_INET, SOCK_STREAM, 0 or die "socket: $!";
        setsockopt $probe, SOL_SOCKET, SO_REUSEADDR, 1;
        bind $probe, pack_sockaddr_in($port, INADDR_LOOPBACK) or next;

        push @claims, $claim;
        return $port;
    }

    die "no free port between 20000 and 29999\n";
}


sub slurp {
    my ($file) = @_;

    open my $in, '<:raw', $file or return '';
    local $/;

    return scalar(<$in>) // '';
}


sub spit {
    my ($file, $text) = @_;

    open my $out, '>:raw', $file or die "$file: $!";
    print $out $text;
    close $out or die "$file: $!";
}


# the whole lines of a file, without a last one that is still being written

sub lines {
    return slurp($_[0]) =~ /^(.*)\n/mg;
}


# Run a command to its end: its exit status and what it printed to both
# outputs; in scalar context the latter, and a failure dies.

sub run {
    my @command = @_;

    my $pid = open my $out, '-|';
    defined $pid or die "fork: $!";

    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        exec { $command[0] } @command or print "$command[0]: $!\n";
        POSIX::_exit(127);
    }

    my $text = do { local $/; <$out> } // '';
    local ($?, $!);
    close $out;

    my $status = $? & 127 ? 128 + ($? & 127) : $? >> 8;

    return ($status, $text) if wantarray;

    die "@command: exit status $status\n$text" if $status;

    return $text;
}


# Start a server: a command, or a sub that is called in the child.  Both
# outputs go to $log.  It ends with this process, however that ends.  A caller
# that wants servers elsewhere localises @before, the words before a command.

our @before;

sub spawn {
    my ($log, @command) = @_;

    # a signal that is for the child must not meet our handlers in it

    my ($old, $signals) = (POSIX::SigSet->new,
                           POSIX::SigSet->new(SIGHUP, SIGINT, SIGTERM));

    sigprocmask(SIG_BLOCK, $signals, $old);

    my $pid = fork;

    if ($pid || !defined $pid) {
        $children{$pid} = 1 if $pid;
        sigprocmask(SIG_SETMASK, $old);

        return $pid // die "fork: $!";
    }

    %children = ();

    $SIG{$_} = 'DEFAULT' for qw(HUP INT TERM);
    sigprocmask(SIG_SETMASK, $old);

    open STDIN, '<', '/dev/null';
    open STDOUT, '>>', $log or POSIX::_exit(127);
    open STDERR, '>&', \*STDOUT;
    STDOUT->autoflush(1);

    # a group of its own: Ctrl-C is for the test, which then stops it

    setpgrp;

    if (ref $command[0]) {
        local $@;
        eval { $command[0]->(); 1 } or print STDERR $@;
        POSIX::_exit(0);
    }

    exec 'setpriv', '--pdeathsig', 'TERM', @before, @command
        or POSIX::_exit(127);
}


sub alive {
    my ($pid) = @_;

    return 0 unless $pid && $children{$pid};
    return 1 unless waitpid $pid, WNOHANG;

    delete $children{$pid};

    return 0;
}


# Stop a server that was spawned; true if it went by $signal within $timeout.

sub stop {
    my ($pid, $signal, $timeout) = @_;

    return 1 unless alive($pid);

    local ($?, $!);

    kill CONT => $pid;
    kill $signal // 'TERM', $pid;

    my $in_time = eval {
        wait_until { !alive($pid) } "$pid to end", $timeout // 10;
    };

    return 1 if $in_time;

    kill TERM => $pid;
    eval { wait_until { !alive($pid) } "$pid to end", 2 };

    if (alive($pid)) {
        kill KILL => $pid;
        waitpid $pid, 0;
        delete $children{$pid};
    }

    return 0;
}


# Something is wrong beside the test's own checks: it fails at its end.

sub problem {
    my ($text) = @_;

    $failed = 1;
    Test::More::diag($text);
}


# A key and a certificate for names and addresses, signed by themselves:
# (certificate file, key file).

sub certificate {
    my (@names) = @_;

    my $dir = tempdir();

    @names = ('localhost', '127.0.0.1') unless @names;

    my $names = join ',', map { (/^[\d.]+$|:/ ? 'IP:' : 'DNS:') . $_ } @names;
    my ($crt, $key) = ("$dir/$names[0].crt", "$dir/$names[0].key");

    scalar run(qw(openssl req -x509 -newkey ec -pkeyopt
                  ec_paramgen_curve:prime256v1 -nodes -days 2),
               '-keyout', $key, '-out', $crt, '-subj', "/CN=$names[0]",
               '-addext', "subjectAltName=$names");

    chmod 0644, $key;

    return ($crt, $key);
}


$SIG{$_} = sub { exit 1 } for qw(HUP INT TERM);

END {
    if ($$ == $owner) {
        my $status = $?;

        kill TERM => $_ for keys %children;
        stop($_, 'TERM', 5) for keys %children;

        $? = $status || ($failed ? 1 : 0);
    }
}


# The command before one whose mounts are to be its own, so that none is left
# behind.  The root of a chroot is no mount, which daemons need it to be: there
# it is mounted below a directory of the test's.

sub own_mounts {
    my ($dir) = @_;

    return qw(unshare --mount)
        if slurp('/proc/self/mountinfo') =~ m{^(?:\S+ ){4}/ }m;

    return (qw(unshare --mount --propagation unchanged sh -c),
            'mkdir -p "$0" && mount --rbind / "$0" && exec chroot "$0" "$@"',
            "$dir/root");
}


1;
