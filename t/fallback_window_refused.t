#!/usr/bin/perl

# The windows of tag keys have Redis' time also where nobody is asked anything:
# of a registry that is not allowed, and hours after the last question.

use strict;
use warnings;

use Test::More;

use ImageDigest::Clock;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Util qw(wait_until);
use ImageDigest::Window;

my $length = 100;
my $origin = ImageDigest::Origin->start;
my ($server, $clock) = map { ImageDigest::Clock->new } 1 .. 2;

$server->set(wall => 20 * $length);

my $redis = $server->around(sub { ImageDigest::Redis->start });
my $host = ImageDigest::Window->start($clock, $origin, $redis, $length);

$host->{image} = 'docker.io/library/app:1';

for my $when ('from the begin', 'after an hour') {
    my ($window, $now);

    wait_until {
        $now = int($server->time / $length);
        ($window) = $host->again;
        defined $window && $now == int($server->time / $length);
    } 'a window';

    is $window, $now, "by Redis' clock: $when";
    is +($host->again)[1], 'passed', '... and what is stored passes';

    $_->advance(3600 + $length / 2) for $server, $clock;
}

done_testing;
