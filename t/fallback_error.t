#!/usr/bin/perl

# image_digest_fallback error: without a digest reads and writes are 503, and
# the store is not asked.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Origin;
use ImageDigest::Store;

my $origin = ImageDigest::Origin->start;
my $store = ImageDigest::Store->start;
my $cache = ImageDigest::Cache->start(
    store     => $store,
    resolver  => 'registry ' . $origin->host . ' insecure;',
    locations => { i => 'image_digest_fallback error;' });

for (['GET', ''], ['HEAD', ''], ['OPTIONS', ''], ['PROPFIND', ''],
     ['PUT', 'dropped'], ['POST', 'dropped'], ['DELETE', 'dropped'])
{
    my ($method, $write) = @$_;

    my $answer = $cache->ask('i', $origin->name('app:none'),
                             method => $method,
                             $write ? (body => 'x' x 300_000) : ());

    is_deeply [@$answer{qw(code status error cache_control)}],
        [503, 'FALLBACK', 'not_found', 'no-store'], $method;
    isnt $answer->{write}, 'passed', 'nothing passes';
}

is scalar(() = $store->requests), 0, 'the store was never asked';

is $cache->ask('i', $origin->name('app:1'), method => 'PUT', body => 'x')
    ->{code}, 200, 'with a digest';
is $cache->ask('i', $origin->name('app:1'))->{body}, 'x', 'it goes on';

done_testing;
