package ImageDigest::History::Disturbances;

# The faults of a history, and what each of them excuses.  An excuse is always
# one that the contract has, and says so; everything else is a violation.
#
# A fault has kind, start, end, and where it has one a host.  Kinds:
#
#     kill        a host, all processes, and started again with an empty zone
#     kill_worker, stop_worker, stop      of a host
#     cut_redis, cut_origin               a host from it
#     clock       a host's wall clock jumps
#     reload
#     redis_stop, redis_kill, redis_cut, redis_clock, failover
#                 `behind`: for how long Redis' clock is behind what it has
#                 seen, so that it is not used; `ahead`: by how much it was
#                 set forward
#     slow        the origin
#     stall       the machine itself stood still
#     lag         the clients and the store did, as the machine is busy

use strict;
use warnings;

# After Redis is back a worker may take 2 seconds to try it again, and a lease
# that was taken meanwhile lasts as long.

our $recovery = 3;

my %kinds = (
    redis  => [qw(redis_stop redis_kill redis_cut redis_clock failover
                  cut_redis stall)],
    lossy  => [qw(redis_kill failover)],
    halted => [qw(kill kill_worker stop stop_worker stall)],
    gone   => [qw(kill kill_worker reload)],
    emptied => [qw(kill kill_worker)],
    late   => [qw(stop stop_worker stall lag)],
    origin => [qw(cut_origin)],
    clock  => [qw(redis_clock failover)],
);


sub new {
    my ($class, @faults) = @_;

    my %of;

    for my $name (keys %kinds) {
        my %kind = map { $_ => 1 } @{ $kinds{$name} };

        $of{$name} = [grep { $kind{ $_->{kind} } } @faults];
    }

    return bless \%of, $class;
}


# The faults of a group that touch [$from, $to], of a host or of all.

sub during {
    my ($self, $group, $host, $from, $to, $grace) = @_;

    $grace //= 0;

    return grep {
        $_->{start} <= $to
            && $_->{end} + ($_->{behind} // 0) + $grace >= $from
            && (!defined $_->{host} || !defined $host || $_->{host} eq $host)
    } @{ $self->{$group} };
}


# By how much Redis' clock was set forward in [$from, $to].

sub ahead {
    my ($self, $from, $to) = @_;

    my $sum = 0;

    $sum += $_->{ahead} // 0 for $self->during('clock', undef, $from, $to);

    return $sum;
}


# For how long in [$from, $to] a host, or the machine, stood still.

sub halted {
    my ($self, $host, $from, $to) = @_;

    my ($sum, $at) = (0, $from);

    # what two of them cover counts once

    for my $fault (sort { $a->{start} <=> $b->{start} }
                   $self->during('late', $host, $from, $to))
    {
        my $start = $fault->{start} > $at ? $fault->{start} : $at;
        my $end = $fault->{end} < $to ? $fault->{end} : $to;

        next if $end <= $start;

        $sum += $end - $start;
        $at = $end;
    }

    return $sum;
}


1;
