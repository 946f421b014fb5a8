#!/usr/bin/perl

# What a host answers may need no question to Redis: it knows a failure, or the
# registry is not allowed.  It does not go on by what it was told for long: the
# clock may have been set back meanwhile, and it would store in windows that
# come once more.  Those that it can have used until then are no host's.

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

my ($one, $two, $three) = map { host() } 1 .. 3;
my $now = int($server->time / $length);

is_deeply [$_->ask], [$now, 'passed'], 'a window' for $one, $two, $three;

$server->set(wall => $server->{wall} - 5 * $length);
is_deeply [$one->ask], [$now, 'dropped'], 'set back: one host hears of it';

later(30);

is +($two->again)[1], 'dropped', 'another knows a failure, and stores nothing';
is_deeply [$two->ask], [$now + 1, 'dropped'], '... when it has heard of it';

$three->{image} = 'docker.io/library/app:1';
is +($three->again)[1], 'dropped', 'a registry that is not allowed';
is_deeply [$three->ask], [$now + 1, 'dropped'], '... when it has heard of it';

later(5 * $length);

is $now + 1, int($server->time / $length), 'the clock comes to it';
is_deeply [$_->ask], [undef, 'dropped'], 'it is no host\'s'
    for $one, $two, $three, host();

later($length);
is_deeply [$_->ask], [$now + 2, 'passed'], 'the next one'
    for $one, $two, $three, host();

done_testing;
