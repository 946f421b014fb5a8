package ImageDigest::FakeRedis;

# A Redis that says what a test tells it to.
#
#     my $redis = ImageDigest::FakeRedis->start(sub {
#         my ($command, $mode, $socket) = @_;
#         return "-ERR no\r\n" if $mode eq 'refuse';     # these bytes
#         return if $mode eq 'close';                    # none, and it closes
#         return miss($command);                         # as a good one would
#     });
#     $redis->mode('refuse');
#     $redis->url;
#     $redis->commands;             # how many scripts it was sent
#     $redis->connections;
#
# The greeting is answered well, a subscription and the questions what was
# invalidated meanwhile and what time it is included, unless the mode begins
# with "greet"; then each of its commands comes to the callback, too, and after
# the socket what a good answer to it is.
#
#     script($command);             # 'lookup', 'store', 'limit', 'renew',
#                                   # 'release', 'session', 'invalidated',
#                                   # 'time'

use strict;
use warnings;

use parent 'ImageDigest::FaultServer';

use Exporter qw(import);
use Time::HiRes qw(gettimeofday);
use ImageDigest::Util qw(tempdir spit slurp lines);

our @EXPORT = qw(miss bulk script);

# what its clock says, microseconds; else what it is
our $time;


sub start {
    my ($class, $answer, @o) = @_;

    return $class->SUPER::start if ref $class;

    my $dir = tempdir();
    my $mode = sub { slurp("$dir/mode") };

    spit("$dir/mode", '');

    my $self = $class->SUPER::start(raw => sub {
        my ($socket) = @_;
        my $buffer = '';
        my $subscribed = 0;

        while (my $command = _read($socket, \$buffer)) {
            my $greeting = $command->[0] !~ /^EVAL/
                           || script($command) =~ /^(?:invalidated|time)$/;

            unless ($greeting) {
                open my $out, '>>', "$dir/commands";
                print $out "$command->[0]\n";
                close $out;
            }

            my $good = $greeting ? _greet($command, $subscribed) : undef;
            my $bytes = $greeting && $mode->() !~ /^greet/
                ? $good
                : $answer->($command, $mode->(), $socket, $good);

            $subscribed ||= $command->[0] eq 'SSUBSCRIBE';

            return unless defined $bytes;
            print $socket $bytes;
        }
    }, @o);

    $self->{fake} = $dir;

    return $self;
}


sub _greet {
    my ($command, $subscribed) = @_;

    my ($name) = @$command;

    return miss($command) if $name =~ /^EVAL/;
    return bulk('pong', '') if $name eq 'PING' && $subscribed;
    return "+PONG\r\n" if $name eq 'PING';
    return "*3\r\n" . (bulk('ssubscribe', $command->[1]) =~ s/^\S+\r\n//r)
           . ":1\r\n" if $name eq 'SSUBSCRIBE';

    return "+OK\r\n";
}


sub _read {
    my ($socket, $buffer) = @_;

    my $more = sub {
        return sysread $socket, $$buffer, 65536, length $$buffer;
    };

    until ($$buffer =~ /^\*(\d+)\r\n/) { $more->() or return }
    $$buffer =~ s/^\*(\d+)\r\n//;

    my @command;

    for (1 .. $1) {
        until ($$buffer =~ /^\$(\d+)\r\n/) { $more->() or return }
        $$buffer =~ s/^\$(\d+)\r\n//;

        my $length = $1;

        until (length $$buffer >= $length + 2) { $more->() or return }
        push @command, substr $$buffer, 0, $length;
        substr $$buffer, 0, $length + 2, '';
    }

    return \@command;
}


sub url { return "redis://127.0.0.1:$_[0]{port}" }


sub mode {
    my ($self, $mode) = @_;

    spit("$self->{fake}/mode.new", $mode);
    rename "$self->{fake}/mode.new", "$self->{fake}/mode";

    return $self;
}


sub commands { return scalar(() = lines("$_[0]{fake}/commands")) }


# texts and undefs as an array

sub bulk {
    return '*' . @_ . "\r\n"
           . join '', map { defined ? '$' . length . "\r\n$_\r\n" : "\$-1\r\n" }
                          @_;
}


# which one it is, by the number of its keys and arguments

sub script {
    my ($command) = @_;

    my $nkeys = $command->[2];
    my $argc = @$command - 3 - $nkeys;

    return 'session' if $nkeys == 3 && $argc == 8;
    return { 1 => 'time', 3 => 'limit', 4 => 'store', 5 => 'lookup' }->{$nkeys}
           // { 3 => 'invalidated', 5 => 'renew', 6 => 'release' }->{$argc};
}


# A good answer to a script that was sent: nothing is known and the lease is
# given, or it is stored.  More values replace those of a record and a limit.

sub miss {
    my ($command, @values) = @_;

    my $serial = $command->[3 + $command->[2]];
    my ($s, $us) = gettimeofday;
    my $now = $time // $s * 1_000_000 + $us;
    my $script = script($command);

    return bulk('ok', $serial, $now, 0, 0) if $script eq 'invalidated';
    return bulk('ok', $serial, $now, 0, 0, 0, (undef) x 6)
        if $script eq 'session';
    return bulk('ok', $serial, $now, 0) if $script eq 'time';
    return bulk('stored', $serial, $now, 0) if $script ne 'lookup';

    my $lease = @values ? 'none' : 'ours';

    $values[$_] //= undef for 0 .. 14;

    return bulk('ok', $serial, $now, 0, 0, 0, $lease, 0, @values);
}


1;
