#!/usr/bin/perl

# master_process off, with Redis: two hosts of one process each share one call,
# are told of its end, and end themselves with nothing left behind.

use strict;
use warnings;

use Test::More;

use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;
use ImageDigest::Util qw(wait_until);

my $redis = ImageDigest::Redis->start;
my $origin = ImageDigest::Origin->start;
my ($one, $two) = map { host($redis->url, $origin, master => 0) } 1 .. 2;
my $image = $origin->name('app:1');

$origin->set(hold => 'a');

my @one = map { $one->send('i', $image) } 1 .. 10;

meanwhile { $origin->calls } 'the call';

my @two = map { $two->send('i', $image) } 1 .. 10;
my ($lookups, $n) = ($redis->calls('evalsha'), 0);

# the other one looks at Redis, and waits

meanwhile { $redis->calls('evalsha') > $lookups + 2 } 'a look';
$origin->release('a');

is scalar(grep { $_->{status} eq 'RESOLVED' } $one->wait_for(@one)), 10,
    'one has asked';
is scalar(grep { $_->{status} eq 'SHARED' } $two->wait_for(@two)), 10,
    'the other shares it';
is $origin->calls, 1, 'one call';

for my $host ($one, $two) {
    is resolve($host, $image)->{status}, 'HIT', 'and both have it';
    $host->stop;
    is_deeply [$host->log(qr/open socket|\[(?:crit|error|warn)\]/)], [],
        'nothing is left';
}

done_testing;
