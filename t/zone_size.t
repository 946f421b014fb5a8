#!/usr/bin/perl

# A reload with another size makes a new zone, which is empty; resolvers have
# zones of their own.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Origin;

my $origin = ImageDigest::Origin->start;
my $registry = 'registry ' . $origin->host . ' insecure;';
my $cache = ImageDigest::Cache->start(
    resolver  => "$registry\nzone 1m;",
    more      => "image_resolver other {\n$registry\nzone 1m;\n}\n",
    locations => { i     => '',
                   other => 'image_digest $image resolver=other;' });

my $status = sub { $cache->ask($_[0], $origin->name('app:1'))->{status} };

is $status->('i'), 'RESOLVED', 'a digest';
is $status->('other'), 'RESOLVED', 'one resolver, one zone';
is $status->('i'), 'HIT', 'kept';
is $status->('other'), 'HIT', 'in both';

$cache->configure(resolver => "$registry\nzone 2m;");
$cache->reload;

is $status->('other'), 'HIT', 'of the same size: kept';
is $status->('i'), 'RESOLVED', 'of another: empty';
is $status->('i'), 'HIT', 'and in use';

$cache->reload;
is $status->('i'), 'HIT', 'it is kept in its turn';

done_testing;
