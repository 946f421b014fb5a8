#!/usr/bin/perl

# image_digest_writes: a session's digest counts as settled, from its first
# answer on, and although the tag moves; `pinned` drops its writes all the
# same.

use strict;
use warnings;

use Test::More;

use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;

my $redis = ImageDigest::Redis->start;
my $origin = ImageDigest::Origin->start;
my $session = 'image_digest $image session=$http_x_job;'
              . 'image_digest_timeout 20s;';

for my $where ($redis->url, 'off') {
    subtest $where eq 'off' ? 'on a host' : 'on all hosts' => sub {
        my $host = host($where, $origin, locations => {
            settled => "$session image_digest_writes settled=1h;",
            pinned  => "$session image_digest_writes pinned;",
        });
        my $number = 0;

        my $put = sub {
            my ($way, $job, $method) = @_;

            my $answer = $host->ask($way, $origin->name("app:$number"),
                                    method => $method // 'PUT', body => 'x',
                                    headers => { 'X-Job' => $job });

            return "$answer->{status} $answer->{write}";
        };

        $number++;
        $origin->set(version => 1);
        is $put->('settled', 'a'), 'RESOLVED passed', 'the first write of one';
        is $put->('settled', ''), 'HIT dropped', 'without a session';
        is $put->('settled', 'a'), 'SESSION passed', 'the second';
        is $put->('settled', 'a', 'DELETE'), 'SESSION passed', 'of any kind';
        is $put->('settled', 'b'), 'HIT passed', 'of another one';

        $origin->set(version => 2);
        is $put->('settled', 'a'), 'SESSION passed', 'the tag moves';

        is $put->('pinned', 'a'), 'SESSION dropped', 'pinned';
        $number++;
        is $put->('pinned', 'a'), 'RESOLVED dropped', 'pinned at first';

        # a read makes it the session's as well

        $number++;
        is $put->('settled', 'c', 'GET'), 'RESOLVED ', 'a read';
        is $put->('settled', 'c'), 'SESSION passed', 'and then a write';
    };
}

done_testing;
