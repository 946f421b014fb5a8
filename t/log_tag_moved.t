#!/usr/bin/perl

# Logs: a tag that names another digest is said once on a host, at notice:
# "image tag moved: REFERENCE OLD -> NEW"; also what another host has learnt.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Util qw(wait_until);

my $origin = ImageDigest::Origin->start;
my $redis = ImageDigest::Redis->start;

my %conf = (
    level     => 'notice',
    resolver  => 'refresh off; registry ' . $origin->host . ' insecure;'
                 . 'redis ' . $redis->url . ' timeout=5s;',
    more      => "image_digest_timeout 20s;\n",
    locations => { i => 'image_digest_ttl 1h;',
                   now => 'image_digest_ttl 0s;',
                   r => 'image_digest_ttl $arg_ttl;' },
);

my $cache = ImageDigest::Cache->start(%conf, workers => 2);
my $other = ImageDigest::Cache->start(%conf);

my $image = $origin->name('app:1');
my ($one, $two) = map { $origin->digest('app:1', $_) } 1, 2;


sub moved { return $_[0]->log(qr/tag moved/) }


is $cache->ask('i', $image)->{digest}, $one, 'the first one';
is $cache->ask('now', $image)->{digest}, $one, 'asked again';
is $other->ask('i', $image)->{status}, 'SHARED', 'on another host';
is scalar(moved($_)), 0, 'nothing has moved' for $cache, $other;

$origin->set(version => 2);
is $cache->ask('now', $image)->{digest}, $two, 'it moves';
is $cache->ask('now', $image)->{digest}, $two, 'and is asked for again'
    for 1 .. 3;

my $line = qr{^\d{4}/\d\d/\d\d\ \d\d:\d\d:\d\d\ \[notice\]\ \d+\#\d+:
              \ image\ tag\ moved:\ \Q$image $one\E\ ->\ \Q$two\E(?:[ ,]|$)}x;

my ($said, @more) = moved($cache);

like $said, $line, 'the line';
is scalar(@more), 0, 'once';

# the other host learns it from Redis

wait_until { $other->ask('r', $image, artifact => 'x?ttl=1ms')->{digest}
             eq $two } 'the other host';

($said, @more) = moved($other);

like $said, $line, 'the other host says it, too';
is scalar(@more), 0, 'once';

# back again is a move, another tag is none

$origin->set(version => 1);
$cache->ask('now', $image);
$cache->ask('now', $origin->name('app:2'));

like +(moved($cache))[1], qr/\Qmoved: $image $two -> $one\E/, 'back again';
is scalar(moved($cache)), 2, 'no more';

done_testing;
