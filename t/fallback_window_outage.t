#!/usr/bin/perl

# While Redis is away, its clock is carried on by this host's, and two clocks
# part: after some hours which window it is cannot be told at the ends of one.
# There `tag` acts as `miss`.  When Redis is back, it is told again.

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
my $clock = ImageDigest::Clock->new;
my $redis = $clock->around(sub { ImageDigest::Redis->start });
my $host = ImageDigest::Window->start($clock, $origin, $redis, $length);

# so many seconds of a window are over

sub later {
    my ($hours, $over) = @_;

    $clock->advance(3600 * $hours);
    $clock->advance($length - fmod($clock->time, $length) + $over);

    return;
}

sub now { return int($clock->time / $length) }

later(0, 1);
is_deeply [$host->ask], [now(), 'passed'], 'a window';
$redis->stop;

for my $over (1, 99) {
    later(0, $over);
    is_deeply [$host->know], [now(), 'passed'], "Redis is away: $over seconds";
}

later(10, 50);
is_deeply [$host->know], [now(), 'passed'], 'for ten hours';

for my $over (1, 99) {
    later(0, $over);
    is_deeply [$host->know], [undef, 'dropped'],
        "$over seconds of a window: which one?";
}

$clock->around(sub { $redis->start });

for my $over (99, 1) {
    later(0, $over);
    is_deeply [$host->ask], [now(), 'passed'], "it is back: $over seconds";
}

done_testing;
