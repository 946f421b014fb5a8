#!/usr/bin/perl

# A worker that is killed with -9 leaves the zone usable: as it was, or, where
# it was killed while it wrote, empty, which the log says.  How old what is in
# the window of a tag key can be, nobody knows then.

use strict;
use warnings;
no warnings 'portable';

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Clock;
use ImageDigest::Origin;
use ImageDigest::Util qw(wait_until slurp);

my $size = 512 * 1024;
my $origin = ImageDigest::Origin->start;
my $clock = ImageDigest::Clock->new;
my $cache = $clock->around(sub {
    ImageDigest::Cache->start(
        allow     => qr/exited on signal 9|was locked by/,
        resolver  => 'registry ' . $origin->host . " insecure;\nzone 512k;",
        locations => { i => 'image_digest_ttl 1h;' });
});

my $image = $origin->name('app:1');
my $status = sub { $cache->ask('i', $image)->{status} };
my $write = sub {
    $cache->ask('i', $origin->name('app:none'), method => 'PUT')->{write};
};

# half an hour of a window is over

$clock->advance(5400 - $clock->time % 3600);

sub replace {
    my ($pid) = $cache->workers;

    kill KILL => $pid;

    wait_until {
        my @new = $cache->workers;
        @new == 1 && $new[0] != $pid;
    } 'another worker';
}

is $status->(), 'RESOLVED', 'a digest';

for (1 .. 3) {
    replace();
    is $status->(), 'HIT', 'after a kill';
    is $write->(), 'passed', '... and a window';
}

is $origin->calls('app:1'), 1, 'it was not lost';

# The state in which a worker leaves the zone that is killed in its critical
# section: its pid is in the mutex, which is the first word of the memory, and
# the zone's first word is 1.

my ($pid) = $cache->workers;
my ($address) = map { /^([0-9a-f]+)-([0-9a-f]+) rw-s/
                      && hex($2) - hex($1) == $size ? hex $1 : () }
                split /\n/, slurp("/proc/$pid/maps");

ok $address, 'the memory of the zone';

open my $memory, '+<:raw', "/proc/$pid/mem" or die "mem: $!";
my $bytes = '';

sysseek $memory, $address, 0;
sysread $memory, $bytes, $size;

# busy, the number of entries, and of buckets, which is a power of two

my ($place) = grep {
    my ($busy, $entries, $buckets)
        = unpack 'L3', substr $bytes, $_ * 4096, 12;
    $busy == 0 && $entries > 100 && $buckets > $entries
        && $buckets <= 2 * $entries && ($buckets & ($buckets - 1)) == 0;
} 1 .. 15;

ok $place, 'the zone in it';
is unpack('Q', $bytes), 0, 'nobody has the mutex';

# its lists lead to nowhere, too

sysseek $memory, $address + $place * 4096 + 4 * 4, 0;
syswrite $memory, "\x11\x00\x00\x00" x 5;
sysseek $memory, $address + $place * 4096, 0;
syswrite $memory, pack 'L', 1;
sysseek $memory, $address, 0;
syswrite $memory, pack 'Q', $pid;

replace();

is $status->(), 'RESOLVED', 'killed while it wrote: empty';
is $status->(), 'HIT', 'and in use again';
is scalar($cache->log(qr/\[warn\].*was emptied/)), 1, 'the log says it, once';
is $write->(), 'dropped', 'and no window';

replace();
is $status->(), 'HIT', 'as before';
is $write->(), 'dropped', '... but the window';

$clock->advance(3600);
is $write->(), 'passed', 'the next one';

done_testing;
