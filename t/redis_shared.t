#!/usr/bin/perl

# What one host has learnt the others take from Redis (Freshness, 2): the
# registry is asked once for the fleet, and each reader's own TTL decides.

use strict;
use warnings;

use Test::More;

use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;

my $redis = ImageDigest::Redis->start;
my $origin = ImageDigest::Origin->start;
my ($one, $two, $three) = map { host($redis->url, $origin) } 1 .. 3;

my $image = $origin->name('app:1');
my $first = resolve($one, $image);

is $first->{status}, 'RESOLVED', 'the first host asks the registry';
is $first->{digest}, $origin->digest('app:1'), 'its digest';

wait_for_record($redis, $image);

my $second = resolve($two, $image);

is $second->{status}, 'SHARED', 'the second one takes it from redis';
is $second->{digest}, $first->{digest}, 'the same digest';
is $second->{key}, $first->{key}, 'the same key';
cmp_ok $second->{age}, '>', 0, 'as old as it is';
is resolve($two, $image)->{status}, 'HIT', 'and then from its zone';

is $origin->calls, 1, 'the registry was asked once';

# a TTL that is over by now, whatever another's was

select undef, undef, undef, 0.01;

my $third = resolve($three, $image, 't0');

is $third->{status}, 'RESOLVED', 'too old for this reader';
is $origin->calls, 2, 'so it was asked again';
is resolve($three, $origin->name('app:2'))->{status}, 'RESOLVED',
    'another tag is another image';

$origin->stop;

is resolve($three, $image, 'p', artifact => 'x?platform=linux/arm64')
    ->{status}, 'FALLBACK', 'a platform is another one, too';

done_testing;
