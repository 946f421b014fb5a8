#!/usr/bin/perl

# Rule 4: overloaded (more origin calls than `connections`) is not remembered.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Origin;

my $origin = ImageDigest::Origin->start;
my $cache = ImageDigest::Cache->start(
    resolver  => 'registry ' . $origin->host . " insecure;\nconnections 1;",
    locations => { i => 'image_digest_timeout 20s;' });

$cache->ask('i', $origin->name('app:warm'));

$origin->set(hold => 'a');
my $first = $cache->send('i', $origin->name('app:1'));
$cache->poll(sub { $origin->calls('app:1') }, 'a call');
$origin->set(hold => '');

my $answer = $cache->ask('i', $origin->name('app:2'));

is "$answer->{status} $answer->{error}", 'FALLBACK overloaded', 'another one';
is $cache->ask('i', $origin->name('app:warm'))->{status}, 'HIT',
    'what is fresh';

my $same = $cache->send('i', $origin->name('app:1'), artifact => 'y');

$origin->release('a');

is $cache->wait_for($first)->{status}, 'RESOLVED', 'the first';
is $cache->wait_for($same)->{digest}, $origin->digest('app:1'),
    'who waits for the same call is no further one';

$answer = $cache->ask('i', $origin->name('app:2'));

is "$answer->{status} $answer->{error}", 'RESOLVED ', 'at once asked again';
is $origin->calls('app:2'), 1, 'for the first time';

done_testing;
