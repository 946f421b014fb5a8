#!/usr/bin/perl

# Rule 9: ten thousand requests at once, for one reference that nobody knows
# yet, over two workers on each of three hosts: one call of the registry, all
# are answered by it, and Redis was asked by hosts, not by requests.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use ImageDigest::Cache qw(key);
use ImageDigest::Http2;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;
use ImageDigest::Util qw(wait_until);

my $redis = ImageDigest::Redis->start;
my $origin = ImageDigest::Origin->start;
my $begin = time;
my @hosts = map {
    host($redis->url, $origin,
        workers => 2,
        format  => '$pid $status $image_digest_status $image_digest_key',
        more    => 'http2_max_concurrent_streams 1000;',
        listen  => many())
} 1 .. 3;

my %clients = map {
    my %of = ImageDigest::Http2->of_workers($_->port(3), 2, 2);
    map { $_ => $of{$_} } keys %of;
} @hosts;

is scalar keys %clients, 6, 'six workers';

sub asked { return $redis->calls('evalsha') + $redis->calls('eval') }

# 834 for each of the twelve connections

my $before = asked();
my $path = '/many/' . $origin->name('app:1') . '/-/x';
my @streams;

$origin->set(hold => 'a');

for my $client (map { @$_ } values %clients) {
    push @streams, map { [$client, $client->request('GET', $path)] } 1 .. 834;
}

# now all of them are suspended

$_->settle for map { @$_ } values %clients;
wait_until { $origin->calls } 'the call';

$origin->release('a');

is scalar(grep { my ($client, $stream) = @$_;
                 $client->read($stream)->{status} == 200 } @streams),
    10_008, 'all are answered';

my $asked = asked() - $before;
my $took = time - $begin;

is $origin->calls, 1, 'one call';

my $key = key('digest', $origin->digest('app:1'), '', 'x');
my (%status, %pids);

for my $host (@hosts) {
    for (many_log($host, 3336)) {
        /^(\d+) 200 (\w+) \Q$key\E$/ or die "not by the lookup: $_\n";
        $status{$2}++;
        $pids{$1}++;
    }
}

note explain [\%status, \%pids];
is_deeply [sort values %pids], [(1668) x 6], 'by the lookup, in each worker';
cmp_ok $status{SHARED}, '>=', 2, 'the other hosts took it from Redis';

# each host looks, or renews its lease, twice a second

note "asked Redis $asked times in $took seconds";
cmp_ok $asked, '<=', 3 * (4 + 2 * $took), 'Redis was asked a few times';

# nginx would linger

$_->close for map { @$_ } values %clients;

done_testing;
