#!/usr/bin/perl

# Rule 4, outages: while a registry counts as down on a host, what Redis has is
# used as before; it is only what has to be asked for that falls back.

use strict;
use warnings;

use Test::More;

use ImageDigest::Clock;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;

my $clock = ImageDigest::Clock->new;
my $redis = ImageDigest::Redis->start;
my $origin = ImageDigest::Origin->start;
my $one = host($redis->url, $origin);
my $two = $clock->around(sub {
    host($redis->url, $origin, more_resolver => "negative_ttl 30s;\n")
});
my ($image, $other) = map { $origin->name("app:$_") } 1, 2;

for my $known ($image, $other) {
    resolve($one, $known);
    wait_for_record($redis, $known);
}

$origin->set(status => 503);
resolve($two, $origin->name("app:$_")) for 11 .. 12;
$clock->advance(1);
resolve($two, $origin->name('app:13'));
$two->wait_for_log(qr/does not answer for \S+, 3 times in a row/);

my $shared = resolve($two, $image);

is $shared->{status}, 'SHARED', 'what another host has found out';
is $shared->{digest}, $origin->digest('app:1'), 'its digest';
is resolve($two, $image)->{status}, 'HIT', 'and the host keeps it';

my $calls = $origin->calls;

is resolve($two, $origin->name('app:14'))->{status}, 'FALLBACK',
    'what nobody knows, once a second by asking';
is resolve($two, $origin->name('app:15'))->{status}, 'FALLBACK', 'else not';
is resolve($two, $other)->{status}, 'SHARED', 'in any case redis is asked';
cmp_ok $origin->calls, '<=', $calls + 1, 'no call for what was known';

done_testing;
