#!/usr/bin/perl

# Rule 9: an origin that is slower than a lease lasts is asked once all the
# same, since the lease is renewed; and hosts that wait are told when the
# answer is there: they neither look all the time nor find it late.

use strict;
use warnings;

use List::Util qw(max sum);
use Test::More;
use Time::HiRes qw(time);

use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;
use ImageDigest::Util qw(lines spawn wait_until tempdir);

my $redis = ImageDigest::Redis->start;
my $origin = ImageDigest::Origin->start;
my ($one, $two) = map { host($redis->url, $origin) } 1 .. 2;
my $log = tempdir() . '/monitor';

# both have their scripts and their news

resolve($one, $origin->name('app:0'));
wait_for_record($redis, $origin->name('app:0'));
is resolve($two, $origin->name('app:0'))->{status}, 'SHARED', 'both talk';

spawn($log, 'redis-cli', '-s', $redis->socket, 'MONITOR');
wait_until { lines($log) } 'the monitor';

my $calls = $origin->calls;
my @images = map { $origin->name("app:$_") } 1 .. 9;
my (@one, @two);

# the hosts that wait do not look all at the same moment

my $first = time;

$origin->set(hold => 'a');

for my $image (@images) {
    push @one, $one->send('i', $image);
    meanwhile { $origin->calls >= $calls + @one } 'the calls';

    push @two, $two->send('i', $image);

    my $end = time + 0.06;

    meanwhile { time > $end } 'a moment';
}

my $begin = time;

meanwhile { time - $begin > 4.2 } 'more than twice the time of a lease';
is $origin->calls, $calls + 9, 'one call for each image';

$origin->release('a');

is scalar(grep { $_->{status} eq 'RESOLVED' } $one->wait_for(@one)), 9,
    'one host has asked';

my @answers = $two->wait_for(@two);

is scalar(grep { $_->{status} eq 'SHARED' } @answers), 9, 'the other shares';
is_deeply [map { $_->{digest} } @answers],
          [map { $origin->digest("app:$_") } 1 .. 9], 'the digests';
cmp_ok $_->{wait}, '>', 4, 'it has waited' for $answers[0];

is $origin->calls, $calls + 9, 'nobody else has asked';

# what Redis has seen of each: a store has four keys, and a lookup five

my $waited = time - $first;
my $host = $origin->host;
my (%lookups, %stored, %late);

$redis->cli('ECHO', 'mark');
wait_until { grep { /"mark"/ } lines($log) } 'the mark';

for (lines($log)) {
    my ($at, $keys) = /^([\d.]+) .*"EVAL(?:SHA)?" "[^"]*" "([45])" /i or next;
    my ($image) = /image:\Q$host\E\/(app:[1-9])#/ or next;

    if ($keys == 4) {
        $stored{$image} = $at;

    } else {
        $lookups{$image}++;
        $late{$image} //= $at - $stored{$image} if $stored{$image};
    }
}

# one of the owner's, and two a second of the waiter's

note explain \%lookups;
is scalar keys %lookups, 9, 'lookups of each';
cmp_ok max(values %lookups), '<=', 3 + 2 * $waited, 'and not many';

# were they not told, they would look a quarter of a second later on average

note explain \%late;
is scalar keys %late, 9, 'the last one after the store';
cmp_ok sum(values %late) / 9, '<', 0.17, 'at once';

done_testing;
