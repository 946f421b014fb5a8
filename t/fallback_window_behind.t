#!/usr/bin/perl

# While Redis' clock is behind the highest time that it has seen, nothing is
# stored under a tag key: others come to that time later.  And when it has
# caught up, the window of that time is no host's, not even one's that did not
# see it: what is in it is older than it looks.

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

# ten seconds of a window are over

later(10 + $length - fmod($server->time, $length));

my $one = host();
my ($window, $write) = $one->ask;

is $window, int($server->time / $length), 'a window';
is $write, 'passed', 'and stored';

# the clock of Redis is set back, into the window before

$server->set(wall => $server->{wall} - 50);
is_deeply [$one->ask], [$window, 'dropped'], 'behind: nothing is stored';
later(30);
is_deeply [$one->ask], [$window, 'dropped'], 'nor later';

my $two = host();

is_deeply [$two->ask], [undef, 'dropped'],
    'nor by a host that never saw another time';

# it has caught up

later(21);
is_deeply [$two->ask], [undef, 'dropped'], 'the window of the highest time';
is_deeply [$one->ask], [$window, 'dropped'],
    'who knows how old it is finds it';

later($length);

is_deeply [$_->ask], [$window + 1, 'passed'], 'the next one' for $one, $two;

# a clock that is corrected by less than a second was not set back

$server->set(wall => $server->{wall} - 0.4);
is_deeply [$_->ask], [$window + 1, 'passed'], 'corrected'
    for $one, $two, host();
later(1);
is_deeply [$_->ask], [$window + 1, 'passed'], '... and caught up'
    for $one, $two, host();

# but it may be the begin of more

$server->set(wall => $server->{wall} - 0.4);
is_deeply [$two->ask], [$window + 1, 'passed'], 'corrected once more';
$server->set(wall => $server->{wall} - 0.8);
is_deeply [host()->ask], [undef, 'dropped'], 'and set back';
later(1.3);
is_deeply [host()->ask], [undef, 'dropped'], '... and caught up';

done_testing;
