#!/usr/bin/perl

# A Redis that has lost its scripts (SCRIPT FLUSH, a restart) is sent them
# again with the next command: it is not even a miss, and nothing is said.

use strict;
use warnings;

use Test::More;

use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;

my $redis = ImageDigest::Redis->start;
my $origin = ImageDigest::Origin->start;
my ($one, $two) = map { host($redis->url, $origin) } 1 .. 2;

for my $number (1 .. 3) {
    my $image = $origin->name("app:$number");

    $redis->cli('SCRIPT', 'FLUSH');
    is resolve($one, $image)->{status}, 'RESOLVED', 'a lookup';
    wait_for_record($redis, $image);
    ok 1, 'and a store';

    $redis->cli('SCRIPT', 'FLUSH');
    is resolve($two, $image)->{status}, 'SHARED', 'another lookup';
}

# two of its own between the lookup and the store

my $image = $origin->name('app:4');

$origin->set(hold => 'a');

my $answer = $one->send('i', $image);

meanwhile { $origin->calls('app:4') } 'the call';
$redis->cli('SCRIPT', 'FLUSH');
$origin->release('a');
$origin->set(hold => '');
is $one->wait_for($answer)->{status}, 'RESOLVED', 'resolved';
wait_for_record($redis, $image);
is resolve($two, $image)->{status}, 'SHARED', 'and stored';

# many at once

$redis->cli('SCRIPT', 'FLUSH');

my @answers = $one->wait_for(
    map { $one->send('i', $origin->name("app:many-$_")) } 1 .. 20);

is scalar(grep { $_->{status} eq 'RESOLVED' } @answers), 20, 'many at once';
wait_for_record($redis, $origin->name("app:many-$_")) for 1 .. 20;

is_deeply [$_->log(qr/\[(?:warn|error)\]/)], [], 'nothing was said'
    for $one, $two;

done_testing;
