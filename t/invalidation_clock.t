#!/usr/bin/perl

# Rules 6 and 12: a host that missed an invalidation uses nothing that began
# before it, also when the clock of Redis was set forward meanwhile, by which
# everything seems to have been invalidated long ago.

use strict;
use warnings;

use Test::More;

use ImageDigest::Clock;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Relay;
use ImageDigest::Shared;
use ImageDigest::Util qw(wait_until);

my $clock = ImageDigest::Clock->new;
my $redis = $clock->around(sub { ImageDigest::Redis->start });
my $relay = ImageDigest::Relay->start($redis->port);
my $origin = ImageDigest::Origin->start;
my $one = host($redis->url, $origin);
my $two = host('redis://127.0.0.1:' . $relay->port . ' timeout=1s', $origin);
my ($image, $other) = map { $origin->name("app:$_") } 1, 2;
my ($old, $new) = map { $origin->digest('app:1', $_) } 1, 2;

sub subscribers {
    return $redis->cli('PUBSUB', 'SHARDNUMSUB',
                       '{image-digest:default}:news') =~ /(\d+)$/ ? $1 : 0;
}

wait_until { subscribers() == 2 } 'both to listen';

for my $host ($one, $two) {
    resolve($host, $_) for $image, $other;
}

$relay->stop;
is resolve($two, $image, 't0')->{digest}, $old, 'what it learns by itself';

$clock->advance(1);
invalidate($redis, $image);
$clock->advance(1);
$origin->set(version => 2);
is resolve($one, $image)->{digest}, $new, 'another host has heard of it';

$clock->advance(3600);
$relay->start;
wait_until { subscribers() == 2 } 'it to listen again';

# it has found out when everything is looked for in Redis anew

wait_until { resolve($two, $other)->{status} ne 'HIT' } 'it to doubt';

is resolve($two, $image)->{digest}, $new, "request $_" for 1 .. 3;

done_testing;
