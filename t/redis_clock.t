#!/usr/bin/perl

# Freshness, 6: while Redis' clock is behind the highest time that it has
# seen, nothing is read from it or written, and the log says so once; what was
# stored before counts no more when it has caught up.

use strict;
use warnings;

use Test::More;

use ImageDigest::Clock;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;
use ImageDigest::Util qw(wait_until);

my $redis = ImageDigest::Redis->start;
my $origin = ImageDigest::Origin->start;
my ($one, $two) = map { host($redis->url, $origin) } 1 .. 2;
my $clock = '{image-digest:default}:clock';
my $image = $origin->name('app:1');

resolve($one, $image);

my ($key, %record) = wait_for_record($redis, $image);

# a clock that falls back two seconds is one that has seen two seconds more

my $seen = now($redis) + 2_000_000;

$redis->cli('SET', $clock, "$seen 0 0", 'KEEPTTL');

is resolve($two, $image)->{status}, 'RESOLVED', 'nothing is read';
is resolve($two, $origin->name("app:$_"))->{status}, 'RESOLVED',
    'nor another one' for 2 .. 4;
is_deeply [record($redis, $origin->name('app:2'))], [], 'nothing is written';
like $redis->cli('GET', $clock), qr/^$seen $seen (?:0|$seen)$/,
    'from then on moments count';
is $redis->cli('HGET', $key, 'digest_at'), $record{digest_at}, 'nor here';

my @said = $two->log(qr/\[warn\].*the clock of redis/);

is @said, 1, 'said once';
like $said[0], qr/is\ [01]\.\d{3}\ seconds\ behind\ .*
                  delete\ all\ keys\ "\{image-digest:default\}:\*"/x,
    'with what to do';
is_deeply [$one->log(qr/clock of redis/)], [], 'by who has noticed';

wait_until { now($redis) > $seen } 'the clock to catch up';

my $new = $origin->name('app:5');

is resolve($two, $new)->{status}, 'RESOLVED', 'it has caught up';
wait_for_record($redis, $new);
is resolve($one, $new)->{status}, 'SHARED', 'redis is used again';
is scalar(() = $two->log(qr/\[notice\].*clock .* has caught up/)), 1,
    'said once';

my $three = host($redis->url, $origin);
my $answer = resolve($three, $image);

is $answer->{status}, 'RESOLVED', 'a record of before says nothing';
wait_until { $redis->cli('HGET', $key, 'digest_at') > $seen } 'a new record';
is $redis->cli('HGET', $key, 'digest_since'),
    $redis->cli('HGET', $key, 'digest_at'), 'which begins a run';
is resolve($one, $image, 's')->{status}, 'SHARED', 'that is shared';

subtest 'a clock that is none' => sub {

    # it counts as never seen

    for my $value ('', 'abc', '12', '1 2', '-5 0 0', '1 2 3 4', '1e99 0 0',
                   "$seen 0 x", '1 2 3', '99999999999999999 0 0', '9' x 400,
                   "$seen 0 9000000000000000") {
        $redis->cli('SET', $clock, $value);
        is resolve($two, $new, 't0')->{status}, 'RESOLVED', "\"$value\"";
        wait_until { $redis->cli('GET', $clock) =~ /^\d{16} 0 [03]$/ } 'mended';
    }

    my ($record) = record($redis, $new);
    my $record_at = sub { $redis->cli('HGET', $record, 'digest_at') };

    for my $expiry ('9007199254740993', '9000000000000000000') {
        my $before = $record_at->();

        $redis->cli('PEXPIRE', $clock, $expiry);
        is resolve($two, $new, 't0')->{status}, 'RESOLVED', 'kept for ever';
        wait_until { $record_at->() > $before } 'a record of it';
    }

    $redis->cli('DEL', $clock);
    $redis->cli('RPUSH', $clock, 'x');
    is resolve($two, $new, 't0')->{status}, 'RESOLVED', 'a list';
    wait_until { $redis->cli('GET', $clock) =~ /^\d{16} 0 0$/ } 'mended';
    is_deeply [$two->log(qr/refuses to answer/)], [], 'no complaint';
};

subtest 'a clock that really falls back' => sub {
    my $time = ImageDigest::Clock->new;
    my $server = $time->around(sub { ImageDigest::Redis->start });
    my ($four, $five) = map { host($server->url, $origin) } 1 .. 2;
    my $old = $origin->name('app:6');

    resolve($four, $old);
    wait_for_record($server, $old);

    $time->set(wall => -60);
    is resolve($five, $old)->{status}, 'RESOLVED', 'nothing is read';
    like +($five->log(qr/\[warn\]/))[0], qr/is (?:59|60)\.\d{3} seconds/,
        'by how much';
    is resolve($five, $origin->name("app:$_"))->{status}, 'RESOLVED',
        'nor after that' for 7, 8;
    is scalar(() = $five->log(qr/\[warn\]/)), 1, 'said once';
    is_deeply [record($server, $origin->name('app:7'))], [], 'nor written';

    $time->set(wall => 5);
    wait_until { resolve($five, $old, 't0'); record($server, $old) }
        'it to be used';

    my $new = $origin->name('app:9');

    is resolve($five, $new)->{status}, 'RESOLVED', 'it has caught up';
    wait_for_record($server, $new);
    is resolve($four, $new)->{status}, 'SHARED', 'used again';
    is scalar(() = $five->log(qr/\[notice\].*caught up/)), 1, 'said once';
};

done_testing;
