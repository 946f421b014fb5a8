#!/usr/bin/perl

# A host is told the time of a Redis that is ahead, uses no window by it, and
# loses it with a reload.  When its own clock comes to those windows, they are
# not used: others may have stored there.

use strict;
use warnings;

use Test::More;

use POSIX qw(fmod);
use ImageDigest::Clock;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Window;

my $length = 100;
my $origin = ImageDigest::Origin->start;
my ($clock, $server) = map { ImageDigest::Clock->new } 1 .. 2;
my $redis = $server->around(sub { ImageDigest::Redis->start });

sub later { $_->advance($_[0]) for $clock, $server; return }

later(10 + $length - fmod($clock->time, $length));
$server->set(wall => $server->{wall} + 3 * $length);

my $now = int($clock->time / $length);
my $host = ImageDigest::Window->start($clock, $origin, $redis, $length);
my $number = 0;

$host->cache->poll(sub {
    is $host->cache->ask('i', $origin->name('app:' . ++$number))->{status},
        'RESOLVED', 'no window is used';
    $redis->calls('evalsha');
}, 'redis to be asked');

$host->use;
$host->cache->reload;
is_deeply [$host->know], [$now + 3, 'dropped'], 'no Redis: it was ahead';

later(3 * $length);
is_deeply [$host->know], [undef, 'dropped'], 'its own clock comes there';
later($length);
is_deeply [$host->know], [$now + 4, 'passed'], 'and leaves it behind';

done_testing;
