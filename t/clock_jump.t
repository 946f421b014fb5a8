#!/usr/bin/perl

# Rule 6: a host whose wall clock jumps, in either direction, takes nothing for
# younger than it is; and what Redis knows is as old as it is by Redis' clock,
# jump or not.

use strict;
use warnings;

use Test::More;

use ImageDigest::Clock;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;

my $origin = ImageDigest::Origin->start;
my $server = ImageDigest::Clock->new;
my $redis = $server->around(sub { ImageDigest::Redis->start });
my $patient = 'image_digest_timeout 20s;';
my ($clock, $number) = (undef, 0);

sub new_host {
    return $clock->around(sub {
        host($redis->url, $origin, more_resolver => 'refresh off;',
             locations => { i => "$patient image_digest_ttl 5m;" });
    });
}

sub pass_time { $_->advance($_[0]) for $server, $clock }

for my $jump (3600, -3600, 86400 * 400, -86400 * 400, 250, -250) {
    subtest "by $jump seconds" => sub {
        $clock = ImageDigest::Clock->new;

        my $host = new_host();
        my ($image, $shared, $late) = map { $origin->name("$_:" . ++$number) }
                                          qw(own shared late);

        resolve($host, $image);
        wait_for_record($redis, $image);
        resolve(new_host(), $shared);
        wait_for_record($redis, $shared);
        pass_time(100);

        # of a call that is under way, too

        $origin->set(hold => "gate-$number");

        my $sent = $host->send('i', $late);

        meanwhile { $origin->calls("late:$number") } 'the call';

        $clock->set(wall => $clock->{wall} + $jump);
        $origin->set(hold => '');
        $origin->release("gate-$number");

        my $answer = $host->wait_for($sent);

        is $answer->{digest}, $origin->digest("late:$number"),
            'one that waits has its answer';

        # older only, if anything: then it is asked for anew

        $answer = resolve($host, $image);

        if ($jump > 200) {
            isnt $answer->{status}, 'HIT', 'what the zone has is too old';

        } else {
            is $answer->{status}, 'HIT', 'what the zone has';
            cmp_ok $answer->{age}, '>=', 100, '... not younger than it is';
            cmp_ok $answer->{age}, '<', 101, '... nor older';
        }

        my $calls = $origin->calls;

        $answer = resolve($host, $shared);
        is $answer->{status}, 'SHARED', 'what Redis has';
        cmp_ok $answer->{age}, '>=', 100, '... not younger than it is';
        cmp_ok $answer->{age}, '<', 101, '... nor older';

        pass_time(150);
        cmp_ok resolve($host, $shared)->{age}, '>=', 250, '... it ages';
        is $origin->calls, $calls, '... without a call';

        pass_time(51);
        is resolve($host, $shared)->{status}, 'RESOLVED', '... to the TTL';
    };
}

done_testing;
