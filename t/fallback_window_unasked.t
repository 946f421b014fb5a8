#!/usr/bin/perl

# A host that knows a failure asks Redis nothing for as long as `negative_ttl`,
# and does not hear that Redis' clock was set back: it stores in windows that
# come once more.  So they are no host's, for that much longer.

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

later(90 + $length - fmod($server->time, $length));

my ($one, $two) = map { host() } 1 .. 2;
my $now = int($server->time / $length);

is_deeply [$_->ask], [$now, 'passed'], 'a window' for $one, $two;

$server->set(wall => $server->{wall} - 5 * $length);
is_deeply [$one->ask], [$now, 'dropped'], 'set back: one host hears of it';
later(30);
is_deeply [$two->again], [$now + 1, 'passed'],
    'another stores in the window after the highest time of Redis';
is_deeply [$two->ask], [$now + 1, 'dropped'], '... until it hears of it, too';

later(5 * $length);

is $now + 1, int($server->time / $length), 'the clock comes to it';
is_deeply [$_->ask], [undef, 'dropped'], 'it is no host\'s'
    for $one, $two, host();

later($length);
is_deeply [$_->ask], [$now + 2, 'passed'], 'the next one'
    for $one, $two, host();

done_testing;
