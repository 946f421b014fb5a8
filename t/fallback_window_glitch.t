#!/usr/bin/perl

# Redis' clock jumps ahead for a moment, and is put right.  What hosts stored
# under a tag key meanwhile is older than it looks when the clock comes to its
# window by itself: so no host uses that window, not even one that asked
# nothing then, nor one that starts later; and later ones are as any.

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

later(10 + $length - fmod($server->time, $length));

my ($idle, $busy) = map { host() } 1 .. 2;
my $now = int($server->time / $length);

is_deeply [$_->ask], [$now, 'passed'], 'a window' for $idle, $busy;

# five windows ahead, for five seconds

$server->set(wall => $server->{wall} + 5 * $length);
later(5);
is_deeply [$busy->ask], [$now + 5, 'passed'], 'ahead';
$server->set(wall => $server->{wall} - 5 * $length);

# by who was not there it is not used, even where Redis dies at once

is_deeply [$idle->ask], [undef, 'dropped'], 'put right: for who was not there';
is_deeply [$busy->ask], [$now + 5, 'dropped'],
    'who was there knows how old it is';

later($length);
is_deeply [$_->ask], [undef, 'dropped'], 'then nobody' for $idle, $busy;

later(4 * $length);

my $new = host();

is_deeply [$_->ask], [undef, 'dropped'], 'the clock has come to it'
    for $idle, $busy, $new;

later($length);
is_deeply [$_->ask], [$now + 6, 'passed'], 'and has left it behind'
    for $idle, $busy, $new;

done_testing;
