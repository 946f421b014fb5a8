#!/usr/bin/perl

# Rules 5 and 12: a host that may have missed invalidations doubts what it has.
# What it learnt by itself meanwhile does not give way to the older record that
# Redis has: neither is used, and the registry is asked.

use strict;
use warnings;

use Test::More;

use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Relay;
use ImageDigest::Shared;
use ImageDigest::Util qw(wait_until);

my $redis = ImageDigest::Redis->start;
my $relay = ImageDigest::Relay->start($redis->port);
my $origin = ImageDigest::Origin->start;
my $one = host($redis->url, $origin);
my $two = host('redis://127.0.0.1:' . $relay->port . ' timeout=1s', $origin,
               locations => {
                   i  => 'image_digest_timeout 20s;',
                   t0 => "image_digest_timeout 20s;\nimage_digest_ttl 0;",
                   t1 => "image_digest_timeout 100ms;\nimage_digest_ttl 0;" });
my ($image, $gone, $none) = map { $origin->name("app:$_") } 1 .. 3;
my ($old, $newest) = map { $origin->digest('app:1', $_) } 1, 3;

sub subscribers {
    return $redis->cli('PUBSUB', 'SHARDNUMSUB',
                       '{image-digest:default}:news') =~ /(\d+)$/ ? $1 : 0;
}

wait_until { subscribers() == 2 } 'both to listen';

for my $host ($one, $two) {
    resolve($host, $_) for $image, $gone;
}

is resolve($two, $image)->{digest}, $old, 'what both know';

$relay->stop;
$origin->set(version => 2);

for my $known ($image, $gone, $none) {
    is resolve($two, $known, 't0')->{status}, 'RESOLVED', 'one learns more';
}

# a call that began before the doubt and ends after it is doubted itself, and
# is no reason to forget what there was

$origin->set(hold => 'late');
is resolve($two, $image, 't1')->{status}, 'FALLBACK', 'a call under way';

invalidate($redis, $gone);
$origin->set(version => 3, hold => '');

$relay->start;
wait_until { subscribers() == 2 } 'it to listen again';
wait_until { resolve($two, $gone)->{digest} eq $origin->digest('app:2', 3) }
    'it to find out';

$origin->release('late');

is resolve($two, $image)->{digest}, $newest, 'no older record is believed';
is resolve($one, $image)->{digest}, $old, 'which another host still has';
is resolve($two, $image)->{status}, 'HIT', 'and it is known again';
is resolve($two, $none)->{digest}, $origin->digest('app:3', 3),
    'what Redis does not know is asked for';

done_testing;
