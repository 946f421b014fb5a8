#!/usr/bin/perl

# Rule 14: failures hold at most a tenth of the zone: a flood of unknown
# references, or of ones that may not be asked, evicts no digests.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Origin;

my $origin = ImageDigest::Origin->start;
my $cache = ImageDigest::Cache->new(
    resolver  => 'registry ' . $origin->host . " insecure;\nzone 4k;",
    locations => { i => 'image_digest_ttl 1h;' });

my ($least) = ($cache->conf_test)[1] =~ /write at least "(\d+k)"/;

ok $least, "the smallest zone is $least";

$cache->configure(resolver => 'registry ' . $origin->host
                              . " insecure;\nzone $least;");
$cache->start;

# nine tenths of at least 100

sub all {
    my ($what, @images) = @_;

    my @answers;

    while (my @some = splice @images, 0, 25) {
        push @answers, $cache->wait_for(map { $cache->send('i', $_) } @some);
    }

    my %count;
    $count{ $_->{$what} }++ for @answers;

    return \%count;
}

my @images = map { $origin->name("app:$_") } 1 .. 80;

is_deeply all('status', @images), { RESOLVED => 80 }, 'digests';

is_deeply all('error', map { $origin->name("app:none-$_") } 1 .. 300),
    { not_found => 300 }, 'unknown tags';
is_deeply all('error', map { "elsewhere.example/app:$_" } 1 .. 500),
    { registry_not_allowed => 500 }, 'unknown registries';

is_deeply all('status', @images), { HIT => 80 }, 'all digests are there';

# a failure that is remembered has a place all the same

$cache->ask('i', $origin->name('app:none-new'));
$cache->ask('i', $origin->name('app:none-new'));
is $origin->calls('app:none-new'), 1, 'the last failure is';
is $cache->ask('i', $origin->name('app:none-1'))->{error}, 'not_found',
    'the first';
is $origin->calls('app:none-1'), 2, 'is not';

# ten of a hundred have room, and are not more than that

is_deeply all('error', map { $origin->name("app:none-few-$_") } 1 .. 40),
    { not_found => 40 }, 'some more';
all('error', reverse map { $origin->name("app:none-few-$_") } 21 .. 40);

my @again = grep { $origin->calls("app:none-few-$_") == 1 } 21 .. 40;

cmp_ok scalar @again, '>=', 8, 'those that were still there';
cmp_ok scalar @again, '<=', 20, 'a tenth';

done_testing;
