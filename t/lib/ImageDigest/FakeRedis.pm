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
# The greeting is answered well, unless the mode begins with "greet"; then
# each of its commands comes to the callback, too.

use strict;
use warnings;

use parent 'ImageDigest::FaultServer';

use Exporter qw(import);
use Time::HiRes qw(gettimeofday);
use ImageDigest::Util qw(tempdir spit slurp lines);

our @EXPORT = qw(miss bulk);


sub start {
    my ($class, $answer, @o) = @_;

    return $class->SUPER::start if ref $class;

    my $dir = tempdir();
    my $mode = sub { slurp("$dir/mode") };

    spit("$dir/mode", '');

    my $self = $class->SUPER::start(raw => sub {
        my ($socket) = @_;
        my $buffer = '';

        while (my $command = _read($socket, \$buffer)) {
            my $greeting = $command->[0] !~ /^EVAL/;

            unless ($greeting) {
                open my $out, '>>', "$dir/commands";
                print $out "$command->[0]\n";
                close $out;
            }

            my $bytes = $greeting && $mode->() !~ /^greet/
                ? ($command->[0] eq 'PING' ? "+PONG\r\n" : "+OK\r\n")
                : $answer->($command, $mode->(), $socket);

            return unless defined $bytes;
            print $socket $bytes;
        }
    }, @o);

    $self->{fake} = $dir;

    return $self;
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


# A good answer to a script that was sent: nothing is known, or it is stored.
# More values replace those of a record.

sub miss {
    my ($command, @values) = @_;

    my $nkeys = $command->[2];
    my $serial = $command->[3 + $nkeys];
    my ($s, $us) = gettimeofday;
    my $now = $s * 1_000_000 + $us;

    return bulk('stored', $serial, $now) if $nkeys == 2;

    $values[$_] //= undef for 0 .. 11;

    return bulk('ok', $serial, $now, 0, @values);
}


1;
