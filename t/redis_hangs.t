#!/usr/bin/perl

# Freshness, 10: a Redis that hangs costs a request its "timeout" and no more;
# after that nobody waits for it until it is found again.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;
use ImageDigest::Util qw(wait_until);

my $redis = ImageDigest::Redis->start;
my $origin = ImageDigest::Origin->start;
my $number = 0;

sub image { return $origin->name('app:' . ++$number) }

for my $url ($redis->url, $redis->tcp_url) {
    subtest $url => sub {
        my $host = host("$url timeout=700ms", $origin);
        my $away = qr/\[error\].*redis is away.*no answer in time/;
        my $image = image();

        resolve($host, $image);
        wait_for_record($redis, $image);

        $redis->pause;

        my $answer = resolve($host, image());

        is $answer->{status}, 'RESOLVED', 'it goes on';
        cmp_ok $answer->{wait}, '>=', 0.69, 'after the time-out';
        cmp_ok $answer->{wait}, '<', 1.4, 'and not more';

        $answer = resolve($host, image());
        is $answer->{status}, 'RESOLVED', 'and on';
        cmp_ok $answer->{wait}, '<', 0.69, 'without waiting';

        is resolve($host, $image)->{status}, 'HIT', 'the zone goes on';
        is scalar(() = $host->log($away)), 1, 'said once';

        $redis->resume;
        wait_until {
            my $new = image();
            resolve($host, $new);
            record($redis, $new);
        } 'redis to be found', 5;
        is scalar(() = $host->log($away)), 1, 'still once';
        is scalar(() = $host->log(qr/\[notice\].*redis is back/)), 1, 'back';

        # what it answers late is taken for nobody else's

        is resolve($host, image())->{digest},
            $origin->digest("app:$number"), 'the right digest';
    };
}

subtest 'from the start' => sub {
    $redis->pause;

    my $host = host($redis->tcp_url . ' timeout=500ms', $origin);
    my $answer = resolve($host, image());

    is $answer->{status}, 'RESOLVED', 'it goes on';
    cmp_ok $answer->{wait}, '<', 1.2, 'after the time-out at the most';

    # and a graceful end does not wait for it

    my $begin = time;

    $host->stop;
    cmp_ok time - $begin, '<', 3, 'nginx ends';

    $redis->resume;
};

done_testing;
