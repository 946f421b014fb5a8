#!/usr/bin/perl

# The zone is bounded: when it is full, the least recently used observation
# goes first.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Origin;

my $origin = ImageDigest::Origin->start;
my $resolver = 'registry ' . $origin->host . " insecure;\n";
my $location = { i => 'image_digest_ttl 1h;' };

my ($least) = (ImageDigest::Cache->new(
    resolver => "$resolver zone 4k;", locations => $location)->conf_test)[1]
    =~ /write at least "(\d+k)"/;

my $cache = ImageDigest::Cache->start(resolver  => "$resolver zone $least;",
                                      locations => $location);

my $status = sub {
    return $cache->ask('i', $origin->name("app:$_[0]"))->{status};
};

# at least 90 have room

my %count;

for my $n (1 .. 300) {
    $count{ $status->($n) }++;
    $count{ 'used ' . $status->('used') }++ if $n % 20 == 0;
}

is_deeply \%count, { RESOLVED => 300, 'used RESOLVED' => 1, 'used HIT' => 14 },
    'what is used stays';
is $origin->calls('app:used'), 1, 'it was asked for once';

# from the newest on: all are there up to some age, and none beyond it.
# Asking for one that is gone takes the place of another, so the registry is
# down.

$origin->set(status => 500);

my $there = join '', map { $status->($_) eq 'HIT' ? 1 : 0 } reverse 1 .. 300;

like $there, qr/^1+0+$/, 'the least recently used went first';

my $kept = $there =~ tr/1//;

cmp_ok $kept, '>=', 80, 'as many as have room';
cmp_ok $kept, '<', 300, 'are kept, and not more';

done_testing;
