#!/usr/bin/perl

# Freshness, 10: Redis away costs sharing only.  At the start, and when it
# dies: nginx starts and works, says so once, and finds it within seconds.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;
use ImageDigest::Util qw(wait_until);

my $origin = ImageDigest::Origin->start;
my $number = 0;

# resolved, and nobody waited for Redis

sub resolves {
    my ($host) = @_;

    my $answer = resolve($host, $origin->name('app:' . ++$number));

    is $answer->{status}, 'RESOLVED', 'it works';
}

sub found_again {
    my ($redis, $host) = @_;

    my $end = time + 5;

    wait_until {
        my $image = $origin->name('app:' . ++$number);
        resolve($host, $image);
        record($redis, $image);
    } 'redis to be found', 5;

    cmp_ok time, '<', $end, 'found within seconds';
}

for my $way (qw(url tcp_url)) {
    subtest $way => sub {
        my $redis = ImageDigest::Redis->start;

        $redis->stop;

        my ($one, $two) = map { host($redis->$way, $origin) } 1 .. 2;
        my $away = qr/\[error\].*redis is away, nothing is shared/;
        my $back = qr/\[notice\].*redis is back/;

        resolves($one) for 1 .. 3;
        $one->wait_for_log($away);

        $redis->start;
        found_again($redis, $_) for $one, $two;

        is scalar(() = $one->log($away)), 1, 'away was said once';
        is_deeply [grep { !/redis is away|connect\(\) / }
                   $one->log(qr/\[(?:error|crit|warn)\]/)], [],
            'and nothing else';
        is scalar(() = $one->log($back)), 1, 'and back, too';

        my $image = $origin->name('app:' . ++$number);

        resolve($one, $image);
        wait_for_record($redis, $image);
        is resolve($two, $image)->{status}, 'SHARED', 'shared';

        $redis->stop;
        resolves($one) for 1 .. 3;
        is resolve($one, $image)->{status}, 'HIT', 'the zone goes on';
        wait_until { 2 == (() = $one->log($away)) } 'away again, said once';

        $redis->start;
        found_again($redis, $_) for $one, $two;
        is scalar(() = $one->log($away)), 2, 'no more of it';
        is scalar(() = $one->log($back)), 2, 'back again';

        # a restart between two requests is nobody's business

        $image = $origin->name('app:' . ++$number);
        $redis->stop;
        $redis->start;
        found_again($redis, $two);
    };
}

done_testing;
