package ImageDigest::History::RedisPair;

# A Redis primary and its replica, each in a network namespace with a clock of
# its own, and one address that leads to the primary.
#
#     my $pair = ImageDigest::History::RedisPair->start(
#         $net, '10.99.2.100', ['10.99.2.21', '10.99.2.22']);
#     $pair->primary;                      # an ImageDigest::Redis
#     $pair->in_sync;
#     $pair->promote(clock => -5, dead => 1);   # 0 where it can't be
#     $pair->demote;                       # the old primary is a replica now
#     $pair->behind;                       # seconds for which the clock is
#     $pair->ahead;                        # seconds by which it was set forward

use strict;
use warnings;

use ImageDigest::History::Clock;
use ImageDigest::History::Log;
use ImageDigest::Redis;
use ImageDigest::Util qw(wait_until alive);

my $port = 6379;


sub start {
    my ($class, $net, $address, $addresses) = @_;

    my @nodes = map {
        my $name = 'r' . (1 + $_);
        my $clock = ImageDigest::History::Clock->new(0);
        my $space = $net->space($name, redis => $addresses->[$_]);

        +{ name => $name, clock => $clock, space => $space,
           address => $addresses->[$_] };
    } 0, 1;

    for my $node (@nodes) {
        $node->{redis} = _inside($node, sub {
            ImageDigest::Redis->start(args => [
                '--port', $port, '--bind', '0.0.0.0', '--protected-mode', 'no',
                '--repl-diskless-sync-delay', 0,
                '--repl-ping-replica-period', 1]);
        });
    }

    my $self = bless { net => $net, address => $address, nodes => \@nodes,
                       now => 0, seen => 0, ahead => 0 }, $class;

    $net->move($address, undef, $nodes[0]{space}, 'redis');
    $self->_follow;
    wait_until { $self->in_sync } 'the replica';
    $self->_see;

    return $self;
}


sub _inside {
    my ($node, $code) = @_;

    # Redis' own allocator asks for the time before libfaketime is ready for
    # that, so libc's goes before it

    my $redis = $node->{space}->inside($code,
                                       $node->{clock}->command('libc.so.6'));

    ImageDigest::History::Clock::tidy($redis->{pid});

    return $redis;
}


sub node    { return $_[0]{nodes}[ $_[0]{now} ] }
sub other   { return $_[0]{nodes}[ 1 - $_[0]{now} ] }
sub primary { return $_[0]->node->{redis} }
sub address { return "$_[0]{address}:$port" }


sub _follow {
    my ($self) = @_;

    $self->other->{redis}->cli('REPLICAOF', $self->node->{address}, $port);
}


sub in_sync {
    my ($self) = @_;

    return 0 unless $self->other->{redis}{pid} && $self->primary->{pid};

    my $info = eval { $self->other->{redis}->cli('INFO', 'replication') };

    return ($info // '') =~ /^master_link_status:up/m ? 1 : 0;
}


# The highest time that the data has seen, by the real clock's zero; and for
# how long the clock of today's primary is behind it.

sub _see {
    my ($self) = @_;

    my $time = ImageDigest::History::Log::clock()
               + $self->node->{clock}->offset;

    $self->{seen} = $time if $time > $self->{seen};
}


sub behind {
    my ($self) = @_;

    my $behind = $self->{seen} - ImageDigest::History::Log::clock()
                 - $self->node->{clock}->offset;

    return $behind > 0 ? $behind : 0;
}


# By how much the last change of the clock set it forward; asked for once.

sub ahead {
    my ($self) = @_;

    my $ahead = $self->{ahead};

    $self->{ahead} = 0;

    return $ahead > 0 ? $ahead : 0;
}


sub set_clock {
    my ($self, $offset) = @_;

    $self->_see;
    $self->{ahead} = $offset - $self->node->{clock}->offset;
    $self->node->{clock}->set($offset);
}


# The replica becomes the primary, and the address leads there.

sub promote {
    my ($self, %o) = @_;

    return 0 unless $self->in_sync;

    $self->_see;
    $self->primary->stop if $o{dead};
    $self->{ahead} = ($o{clock} // 0) - $self->node->{clock}->offset;
    $self->other->{clock}->set($o{clock} // 0);
    $self->other->{redis}->cli('REPLICAOF', 'NO', 'ONE');
    $self->{net}->move($self->{address}, $self->node->{space},
                       $self->other->{space}, 'redis');
    $self->{now} = 1 - $self->{now};

    return 1;
}


sub demote {
    my ($self) = @_;

    my $old = $self->other;

    _inside($old, sub { $old->{redis}->start }) unless $old->{redis}{pid};
    $self->_follow;
}


# All data is lost, as without persistence; then what was seen is lost as well.

sub lose  { $_[0]->primary->stop }

sub again {
    my ($self) = @_;

    my $node = $self->node;

    _inside($node, sub { $node->{redis}->start });
    $self->{seen} = 0;
    $self->_see;
}


1;
