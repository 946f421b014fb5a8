#!/usr/bin/perl

# image_digest_writes any, the default: all writes pass, with a digest under
# its key, without one under the tag key.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache qw(key);
use ImageDigest::Image;
use ImageDigest::Registry;
use ImageDigest::Store;

my $registry = ImageDigest::Registry->start;
my $image = ImageDigest::Image->push($registry, 'app:1');
my $store = ImageDigest::Store->start;
my $cache = ImageDigest::Cache->start(
    store     => $store,
    resolver  => 'registry ' . $registry->host . ' insecure;',
    locations => { i => '', any => 'image_digest_writes any;',
                   none => 'image_digest $image:none;' });

for my $prefix (qw(i any)) {
    my $put = $cache->ask($prefix, $registry->name('app:1'), method => 'PUT',
                          body => "by $prefix");

    is_deeply [@$put{qw(code write key)}],
        [200, 'passed', key('digest', $image->digest, '', 'x')], 'PUT';

    my $get = $cache->ask($prefix, $registry->name('app:1'));

    is_deeply [@$get{qw(code write body)}], [200, '', "by $prefix"], 'GET';
}

is $cache->ask('i', $registry->name('app:1'), method => 'DELETE')->{write},
    'passed', 'DELETE';
is $cache->ask('i', $registry->name('app:1'))->{code}, 404, 'it is gone';

my $put = $cache->ask('none', $registry->name('app'), method => 'PUT',
                      body => 'without');

is "$put->{status} $put->{write}", 'FALLBACK passed', 'without a digest';
is $store->puts, 3, 'all reached the store';

done_testing;
