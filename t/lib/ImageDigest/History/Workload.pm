package ImageDigest::History::Workload;

# What is drawn from: how often tags move, what jobs are like, which faults
# happen.  `all` is the usual one; the others are directed at one kind of bug,
# so that few seeds find it.
#
#     my $workload = ImageDigest::History::Workload::named('all');
#
# Where a value is a pair it is drawn from between the two; where it is a hash,
# by weight.

use strict;
use warnings;

my %all = (
    hosts     => 3,

    # seconds from move to move, of each tag; how often one goes back
    tags      => { t0 => [0.6, 2], t1 => [1, 4], t2 => [2, 7], t3 => [6, 14] },
    back      => 0.2,

    # after a move, an event of the registry may invalidate the tag
    purge     => 0.15,
    purged    => [0, 0.4],

    jobs      => 6,                     # begin in a second
    steps     => [4, 14],               # of a job
    pause     => [0, 0.6],              # before each
    build     => [0, 0.5],              # from a miss to the PUT
    artifacts => 3,
    ttls      => { 0 => 3, '500ms' => 2, '1s' => 3, '2s' => 3, '5s' => 2 },
    classes   => { ref => 1, pinned => 2, session => 3, tag => 6 },
    policies  => { any => 1, settled => 1 },
    fallbacks => { tag => 3, miss => 1, error => 1 },
    late      => 0.2,                   # sessions that begin with a TTL

    # how long the registry takes, in the usual case, before it looks and
    # after it has; and what the fault `slow` adds to that
    latency   => [0, 0.03],
    slow      => [0, 1.2],

    # the configuration: how long a client waits, and a call may take; and
    # `settled=... fresh=...`
    timeout   => 1,
    call      => 3,
    settled   => 3,
    fresh     => 1,

    # from one fault to the next, and which
    every     => [0.8, 2.2],
    faults    => {
        kill => 1, kill_worker => 2, stop => 1, stop_worker => 2,
        cut_redis => 2, cut_origin => 2, clock => 2, reload => 2,
        redis_stop => 2, redis_kill => 0.5, redis_cut => 1,
        redis_clock => 1, failover => 1, slow => 3,
    },

    # offsets of the clocks, in seconds: of hosts, and of Redis
    clocks    => [-7200, -60, -3, -1, 0, 1, 3, 60, 7200],
    redis_clocks => [-4, 0, 0, 0, 3],
);

my %fast = (tags => { map { $_ => [0.4, 1.2] } qw(t0 t1 t2) });

my %others = (
    # nothing goes wrong but that tags move
    calm => { faults => {} },

    # tags move while calls are under way, and are invalidated then
    slow => {
        %fast, faults => {}, latency => [0, 0.4], back => 0,
        ttls => { 0 => 3, '500ms' => 2, '1s' => 2, '5s' => 1 },
    },

    purges => {
        tags => { map { $_ => [1.2, 2.2] } map { "t$_" } 0 .. 4 },
        faults => {}, latency => [0.1, 0.45], back => 0,
        purge => 1, purged => [0, 0.1],
        ttls => { '500ms' => 2, '5s' => 3 }, jobs => 10, pause => [0, 0.3],
    },

    # the hosts' clocks are set, back and forward
    clocks => {
        %fast, faults => { clock => 1 }, every => [0.2, 0.5],
        clocks => [-6, -4, -2, 0, 2], back => 0,
        ttls => { '1s' => 1, '2s' => 3 },
    },

    # workers stand still with a call in their hands, for longer than a lease
    stops => {
        tags => { map { $_ => [0.8, 2] } qw(t0 t1 t2) },
        faults => { stop_worker => 1 }, every => [0.3, 0.8],
        lasts => { stop_worker => [2.4, 3.2] }, call => 10,
        latency => [0.1, 0.4], back => 0, jobs => 12, pause => [0, 0.3],
        ttls => { '500ms' => 2, '5s' => 3 }, purge => 0,
        classes => { tag => 1 },
    },

    # no registry, again and again: tag keys
    outages => {
        %fast, faults => { slow => 1 }, every => [2, 3], slow => [3, 4],
        lasts => { slow => [1.5, 3] },
        ttls => { '500ms' => 1, '1s' => 3, '2s' => 3 },
        fallbacks => { tag => 6, miss => 1, error => 1 },
        policies => { any => 1 }, classes => { tag => 6, pinned => 1 },
    },

    # the same, while Redis' clock is set ahead and back, and hosts start anew;
    # so rarely that there are windows in between
    windows => {
        %fast, faults => { slow => 12, redis_clock => 2, failover => 1,
                           kill => 2, kill_worker => 1, reload => 1 },
        every => [0.4, 1.2], slow => [3, 4], lasts => { slow => [0.8, 2] },
        redis_clocks => [-4, -2, 0, 0, 3, 6],
        ttls => { '1s' => 3, '2s' => 3, '5s' => 2 },
        fallbacks => { tag => 1 }, jobs => 10,
        policies => { any => 1 }, classes => { tag => 1 },
    },

    # Redis fails over to one whose clock is slow; each tag is asked for so
    # rarely that what Redis has of it is old
    failover => {
        tags => { map { $_ => [2, 3] } map { "t$_" } 0 .. 23 },
        faults => { failover => 1 }, every => [1.5, 2.5],
        redis_clocks => [-4, -3, 1, 2], back => 0, purge => 0,
        ttls => { '1s' => 1, '2s' => 2 }, jobs => 14, steps => [1, 3],
        classes => { tag => 1 },
    },

    # Redis comes and goes
    redis => {
        faults => { map { $_ => 1 } qw(cut_redis redis_stop redis_kill
                                       redis_cut failover redis_clock) },
        every => [0.5, 1.5],
    },

    # writes under a tag
    settled => {
        tags => { map { $_ => [3, 5] } qw(t0 t1 t2) }, faults => {},
        policies => { settled => 1 }, classes => { tag => 1 }, settled => 2,
        fresh => 0.5, ttls => { '2s' => 1, '5s' => 3 }, back => 0,
    },

    sessions => {
        %fast, classes => { session => 1 }, every => [0.4, 1.5],
        faults => { kill => 1, kill_worker => 2, stop_worker => 1,
                    cut_redis => 2, redis_stop => 1, reload => 2, slow => 1 },
    },
);


sub names { return ('all', sort keys %others) }


sub named {
    my ($name) = @_;

    return { %all } if $name eq 'all';

    return { %all, %{ $others{$name}
                      // die "no workload $name: " . join(', ', names())
                             . "\n" } };
}


1;
