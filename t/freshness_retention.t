#!/usr/bin/perl

# `retention` bounds how long an observation is kept: no TTL is longer, a
# constant one fails nginx -t, and a run of observations is broken by it.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Clock;
use ImageDigest::Origin;

my $origin = ImageDigest::Origin->start;
my $clock = ImageDigest::Clock->new;
my $resolver = 'registry ' . $origin->host
               . " insecure;\nretention 10m;\nrefresh off;";

for ('image_digest_ttl 11m;', 'image_digest_writes settled=11m;') {
    my ($status, $text) = ImageDigest::Cache->new(
        resolver => $resolver, locations => { i => $_ })->conf_test;

    isnt $status, 0, "$_ is too long";
    like $text, qr/retention/, 'it says why';
}

my $cache = $clock->around(sub {
    ImageDigest::Cache->start(
        resolver  => $resolver,
        locations => {
            i       => 'image_digest_ttl $http_ttl max=24h;',
            settled => "image_digest_ttl 10m;\n"
                       . 'image_digest_writes settled=6m fresh=1m;',
        });
});

my $image = $origin->name('app:1');
my $ask = sub { $cache->ask('i', $image, headers => { TTL => '24h' }) };
my $write = sub {
    return $cache->ask('settled', $image, method => 'PUT', body => 'x')
        ->{write};
};

is $ask->()->{status}, 'RESOLVED', 'a digest';
$clock->advance(598);
is $ask->()->{status}, 'HIT', 'a TTL of a day';
$clock->advance(3);
is $ask->()->{status}, 'RESOLVED', 'is bounded by the retention';

$clock->advance(400);
is $write->(), 'passed', 'a run within the retention';
$clock->advance(601);
is $write->(), 'dropped', 'is broken by it';
$clock->advance(400);
is $write->(), 'passed', 'and begins anew';

done_testing;
