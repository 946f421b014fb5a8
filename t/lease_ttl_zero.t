#!/usr/bin/perl

# Rule 3 across hosts: requests with TTL 0 that came while a call was under
# way, on whichever host, wait it out and then share one new call.

use strict;
use warnings;

use Test::More;

use ImageDigest::Http2;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;
use ImageDigest::Util qw(wait_until);

my $redis = ImageDigest::Redis->start;
my $origin = ImageDigest::Origin->start;
my @hosts = map {
    host($redis->url, $origin, workers => 2,
         format => '$image_digest_status $image_digest',
         listen => many());
} 1 .. 2;
my $path = '/many/' . $origin->name('app:1') . '/-/x?ttl=0';
my @clients = map {
    my %of = ImageDigest::Http2->of_workers($_->port(3), 2);
    map { $_->[0] } values %of;
} @hosts;

# each has held the registry against a GET, so that a call is a HEAD

for my $client (@clients) {
    $client->read($client->request('GET', $path));
    wait_for_record($redis, $origin->name('app:1'));
}

my $calls = $origin->calls;

$origin->set(hold => 'a');

my $first = $clients[0]->request('GET', $path);

wait_until { $origin->calls > $calls } 'the first call';

# the tag moves, and then they come, on each worker of each host

$origin->set(hold => 'b', version => 2);

my @late = map {
    my $client = $_;
    map { [$client, $client->request('GET', $path)] } 1 .. 10;
} @clients;

$_->settle for @clients;
is $origin->calls, $calls + 1, 'nobody else asks meanwhile';

$origin->release('a');
$clients[0]->read($first);
is +(many_log($hosts[0], 3))[2],
    'RESOLVED ' . $origin->digest('app:1', 1), 'who asked before has the old';

wait_until { $origin->calls > $calls + 1 } 'the next call';
$origin->release('b');
$_->[0]->read($_->[1]) for @late;

my @lines = ((many_log($hosts[0], 23))[3 .. 22],
             (many_log($hosts[1], 22))[2 .. 21]);
my $new = $origin->digest('app:1', 2);

is scalar(grep { /^(?:RESOLVED|SHARED|HIT) \Q$new\E$/ } @lines), 40,
    'who came later has the new one';
is $origin->calls, $calls + 2, 'by one call for all of them';

# nginx would linger

$_->close for @clients;

done_testing;
