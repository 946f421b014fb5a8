#!/usr/bin/perl

# Freshness, 10: a Redis that is full (noeviction), or a replica that is
# read-only, costs sharing only; said once, and it is used when it is over.

use strict;
use warnings;

use Test::More;

use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;
use ImageDigest::Util qw(wait_until);

my $origin = ImageDigest::Origin->start;
my $number = 0;

sub used_again {
    my ($redis, $host) = @_;

    wait_until {
        my $image = $origin->name('app:' . ++$number);
        resolve($host, $image);
        record($redis, $image);
    } 'redis to be used', 10;
}

for (
    ['full', [qw(CONFIG SET maxmemory 1)], [qw(CONFIG SET maxmemory 0)],
     qr/"OOM .*, or let its maxmemory-policy evict/],
    ['read-only', [qw(REPLICAOF 127.0.0.1 1)], [qw(REPLICAOF NO ONE)],
     qr/"READONLY .* has to reach a primary/],
    ['no disk', [qw(CONFIG SET save), '1 1'], [qw(CONFIG SET save), ''],
     qr/"MISCONF .* cannot persist/],
) {
    my ($name, $begin, $end, $words) = @$_;

    subtest $name => sub {
        my $redis = ImageDigest::Redis->start(
            args => [qw(--maxmemory-policy noeviction
                        --enable-debug-command yes)]);
        my $host = host($redis->url, $origin);

        used_again($redis, $host);

        # a dump that fails

        if ($name eq 'no disk') {
            mkdir "$redis->{dir}/dump.rdb";
            $redis->cli(@$begin);
            $redis->cli('SET', 'a', 'b');
            $redis->cli('BGSAVE');
            wait_until { $redis->cli('INFO', 'persistence')
                         =~ /rdb_last_bgsave_status:err/ } 'its failure';

        } else {
            $redis->cli(@$begin);
        }

        for (1 .. 5) {
            is resolve($host, $origin->name('app:' . ++$number))->{status},
                'RESOLVED', 'it works';
        }

        my @said = $host->log(qr/\[warn\]/);

        is @said, 1, 'said once' or diag @said;
        like "@said", qr/refuses to answer: .*$words/, 'with what to do';

        $redis->cli(@$end);
        used_again($redis, $host);
        is scalar(() = $host->log(qr/\[warn\]/)), 1, 'nothing else';
        is scalar(() = $host->log(qr/\[notice\].*answers again/)), 1,
            'its end was said';
    };
}

done_testing;
