#!/usr/bin/perl

# image_digest_writes pinned: every write under a reference that is not
# pinned is dropped, with a digest or without; pinned ones pass, and reads.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Image;
use ImageDigest::Registry;
use ImageDigest::Store;

my $registry = ImageDigest::Registry->start;
my $image = ImageDigest::Image->push($registry, 'app:1');
my $store = ImageDigest::Store->start;
my $cache = ImageDigest::Cache->start(
    store     => $store,
    resolver  => 'registry ' . $registry->host . ' insecure;',
    locations => { i => 'image_digest_writes pinned;' });

my ($tag, $gone) = map { $registry->name($_) } qw(app:1 app:none);

for my $unpinned ($tag, $gone) {
    for (['PUT', 200], ['POST', 200], ['DELETE', 404], ['PATCH', 404]) {
        my ($method, $code) = @$_;
        my $answer = $cache->ask('i', $unpinned, method => $method,
                                 body => 'x');

        is_deeply [@$answer{qw(code write)}], [$code, 'dropped'],
            "$method of $unpinned";
    }
}

is scalar(() = $store->requests), 0, 'the store was not asked';

for my $pinned ("$tag\@" . $image->digest,
                $registry->name('app') . '@' . $image->digest)
{
    my $answer = $cache->ask('i', $pinned, method => 'PUT', body => 'pinned');

    is_deeply [@$answer{qw(code write)}], [200, 'passed'], "PUT of $pinned";
}

is $store->puts, 2, 'these reached it';

my $answer = $cache->ask('i', $tag);

is_deeply [@$answer{qw(code body write)}], [200, 'pinned', ''],
    'a read by the tag finds what was written by the digest';

done_testing;
