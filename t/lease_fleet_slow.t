#!/usr/bin/perl

# Rule 9: an origin that is slower than a lease lasts is asked once all the
# same, since the lease is renewed; and hosts that wait are told when the
# answer is there: they neither look all the time nor find it late.

use strict;
use warnings;

use List::Util qw(max);
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
my (@one, @two, %at);

sub note_time {
    my ($host, $name, $image) = @_;

    return $host->send('i', $image)->then(sub {
        $at{"$name $image"} = time;
        return $_[0];
    });
}

# the hosts that wait do not look all at the same moment

$origin->set(hold => 'a');

for my $image (@images) {
    push @one, note_time($one, 'one', $image);
    meanwhile { $origin->calls >= $calls + @one } 'the calls';

    push @two, note_time($two, 'two', $image);

    my $end = time + 0.06;

    meanwhile { time > $end } 'a moment';
}

my $begin = time;

meanwhile { time - $begin > 4.2 } 'more than twice the time of a lease';
is $origin->calls, $calls + 9, 'one call for each image';

my $held = time - $begin;

$origin->release('a');

is scalar(grep { $_->{status} eq 'RESOLVED' } $one->wait_for(@one)), 9,
    'one host has asked';

my @answers = $two->wait_for(@two);

is scalar(grep { $_->{status} eq 'SHARED' } @answers), 9, 'the other shares';
is_deeply [map { $_->{digest} } @answers],
          [map { $origin->digest("app:$_") } 1 .. 9], 'the digests';
cmp_ok $_->{wait}, '>', 4, 'it has waited' for $answers[0];

# were they not told, they would look after up to half a second

my @late = sort { $a <=> $b } map { $at{"two $_"} - $at{"one $_"} } @images;

note "late: @late";
cmp_ok $late[4], '<', 0.15, 'and is told at once';
is $origin->calls, $calls + 9, 'nobody else has asked';

# a lookup has five keys: one of the owner's, and two a second of a waiter's,
# the first and the last among them

$redis->cli('ECHO', 'mark');
wait_until { grep { /"mark"/ } lines($log) } 'the mark';

my ($lookups, %of) = 0;

for (lines($log)) {
    /"EVAL(?:SHA)?" "[^"]*" "5" .*image:\Q@{[ $origin->host ]}\E\/(app:\d)#/i
        or next;
    $of{$1}++;
}

note explain \%of;
is scalar keys %of, 9, 'lookups of each';
cmp_ok max(values %of), '<=', 1 + 2 + 2 * ($held + 1), 'and not many';

done_testing;
