#!/usr/bin/perl

# image_digest_ttl by a variable: empty counts as the default, unreadable as
# the smallest allowed; min and max bound it, and are inherited where they
# are not set.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Clock;
use ImageDigest::Origin;

my $origin = ImageDigest::Origin->start;
my $clock = ImageDigest::Clock->new;
my $cache = $clock->around(sub {
    ImageDigest::Cache->start(
        resolver  => 'registry ' . $origin->host . " insecure;\nrefresh off;",
        listen    => "image_digest_ttl 5m min=20s max=10m;\n",
        locations => {
            free      => 'image_digest_ttl $http_ttl min=0 max=24h;',
            inherited => 'image_digest_ttl $http_ttl;',
            min       => 'image_digest_ttl $http_ttl min=40s;',
            constant  => 'image_digest_ttl 1h;',
            low       => 'image_digest_ttl 1s;',
            default   => '',
        });
});

# Each with what it is resolved to: the digest is used a second before that
# age, and a second after not.

my $n = 0;

for ([free => '', 300], [free => undef, 300], [free => '90s', 90],
     [free => '90', 90], [free => '1m30s', 90], [free => '2h', 7200],
     [free => '48h', 86400], [free => 'soon', 0], [free => '-5', 0],
     [free => '5x', 0], [free => '9' x 30, 0], [free => '0', 0],
     [inherited => '', 300], [inherited => '1s', 20],
     [inherited => 'soon', 20], [inherited => '1h', 600],
     [min => '30s', 40], [min => '1h', 600], [min => 'soon', 40],
     [constant => undef, 600], [low => undef, 20], [default => '1s', 300])
{
    my ($prefix, $ttl, $seconds) = @$_;

    my $image = $origin->name('app:' . ++$n);
    my $ask = sub {
        $cache->ask($prefix, $image, defined $ttl ? (headers => { TTL => $ttl })
                                                  : ())->{status};
    };
    my $name = "$prefix " . ($ttl // 'without') . ": $seconds";

    is $ask->(), 'RESOLVED', "$name, new";

    if ($seconds) {
        $clock->advance($seconds - 1);
        is $ask->(), 'HIT', "$name, before";
        $clock->advance(1);
    }

    is $ask->(), 'RESOLVED', "$name, after";
}

ok $cache->wait_for_log(qr/the TTL is no time/), 'the log says it';

done_testing;
