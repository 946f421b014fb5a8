#!/usr/bin/perl

# One round trip for a lookup, the lease included, and one for a store, its end
# included, and none for what the zone knows; a greeting for each connection, a
# PING alone where there is nothing to log in to; and, as a worker begins, one
# for what was invalidated before.

use strict;
use warnings;

use Test::More;

use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;
use ImageDigest::Util qw(lines spawn wait_until tempdir);

my $redis = ImageDigest::Redis->start;
my $origin = ImageDigest::Origin->start;
my ($one, $two) = map { host($redis->url, $origin) } 1 .. 2;

# the scripts are there

resolve($one, $origin->name('app:0'));
wait_for_record($redis, $origin->name('app:0'));
is resolve($two, $origin->name('app:0'))->{status}, 'SHARED', 'both talk';

my $log = tempdir() . '/monitor';
my $monitor = spawn($log, 'redis-cli', '-s', $redis->socket, 'MONITOR');

wait_until { lines($log) } 'the monitor';

my $number = 0;

# what the clients sent, without the scripts' own commands; a word of ours at
# the end tells that all was seen

sub sent {
    my $mark = 'mark-' . ++$number;

    $redis->cli('ECHO', $mark);
    wait_until { grep { /"\Q$mark\E"/ } lines($log) } 'the mark';

    my $from = $number - 1;
    my @all = map { s/^\S+ \[.*?\] //r }
              grep { !/^\S+ \[\d+ lua\]/ } lines($log);

    if ($from) {
        shift @all while @all && $all[0] !~ /"mark-$from"/;
    }

    return map { uc } map { /^"(\w+)"/ }
           grep { !/mark-|"(?:COMMAND|TIME)"|"HELLO"/i } @all;
}

sent();

my $image = $origin->name('app:1');

is resolve($one, $image)->{status}, 'RESOLVED', 'a new image';

# waited for without a command

$origin->stop;

my @sent;

wait_until { @sent = (@sent, sent()); @sent >= 2 } 'two commands';
is "@sent", 'EVALSHA EVALSHA', 'a lookup and a store';

is resolve($two, $image)->{status}, 'SHARED', 'from redis';
is join(' ', sent()), 'EVALSHA', 'a lookup';

is resolve($two, $image)->{status}, 'HIT', 'from the zone' for 1 .. 3;
is join(' ', sent()), '', 'nothing';

my $three = host($redis->url, $origin);

is resolve($three, $image)->{status}, 'SHARED', 'a new host';
is join(' ', sort(sent())), 'EVALSHA EVALSHA PING PING SSUBSCRIBE',
    'two greetings, what was missed, and a lookup';

done_testing;
