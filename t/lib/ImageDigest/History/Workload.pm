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
    # after it has
    latency   => [0, 0.03],

    # the configuration
    timeout   => 1,
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

my %others = (
    # nothing goes wrong but that tags move
    calm => { faults => {} },
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
