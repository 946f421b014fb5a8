#!/usr/bin/perl

# Redis' clock is set back while nobody asks it, by about as much as has passed
# since: Redis can't tell.  The next host that asks can, and tells it, so that
# also a host that never saw another time stores in no window that comes once
# more.

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
my ($server, $clock) = map { ImageDigest::Clock->new } 1 .. 2;
my $redis = $server->around(sub { ImageDigest::Redis->start });

sub host {
    return ImageDigest::Window->start($clock, $origin, $redis, $length);
}

sub later { $_->advance($_[0]) for $server, $clock; return }

later(30 + $length - fmod($server->time, $length));

my $one = host();
my $now = int($server->time / $length);

is_deeply [$one->ask], [$now, 'passed'], 'a window';

# both at once

$clock->advance(60);
$server->set(wall => $server->{wall} + 0.5);

is_deeply [$one->ask], [$now, 'dropped'], 'one host knows';
is_deeply [host()->ask], [undef, 'dropped'], 'another is told';

later($length / 2);
is_deeply [host()->ask], [undef, 'dropped'], '... as long as it is that window';

# the highest time was in the last ten seconds of the window

later(30);
is_deeply [host()->ask], [undef, 'dropped'],
    'or may be the next one, for a host that had not asked';

later($length);
is_deeply [host()->ask], [$now + 2, 'passed'], 'the one after it';

done_testing;
