#!/usr/bin/perl

# A Redis that refuses to tell its time, as it loads its data, is away: the
# windows of tag keys go on by the time of before.

use strict;
use warnings;

use Test::More;

use ImageDigest::Clock;
use ImageDigest::FakeRedis;
use ImageDigest::Origin;
use ImageDigest::Window;

my $length = 100;
my $now = 1_800_000_000;
my $origin = ImageDigest::Origin->start;
my $clock = ImageDigest::Clock->new;

$clock->set(wall => $now - $clock->time);
$ImageDigest::FakeRedis::time = $now * 1_000_000;

my $redis = ImageDigest::FakeRedis->start(sub {
    my ($command, undef, undef, $good) = @_;

    return "-LOADING Redis is loading the dataset in memory\r\n"
        if $command->[0] =~ /^EVAL/;
    return $good;
});

my $host = ImageDigest::Window->start($clock, $origin, $redis, $length);
my $window = $now / $length;
my @told;

# the clock stands still, and Redis is asked

$host->cache->poll(sub { ($told[0]) = $host->know; defined $told[0] },
                   'a window');
is $told[0], $window, 'before';

$redis->mode('greet');
$clock->advance($length / 2);
$host->cache->poll(sub { @told = $host->know; defined $told[0] }, 'a window');
is_deeply \@told, [$window, 'passed'], 'it loads';

$clock->advance($length);
$host->cache->poll(sub { @told = $host->know; defined $told[0] }, 'a window');
is_deeply \@told, [$window + 1, 'passed'], '... for long';

done_testing;
