#!/usr/bin/perl

# Rule 6: a failover to a replica whose clock is behind.  Until that has
# caught up nothing is read from it, stored or leased, the log says so, and
# zones and origins go on; what was stored before counts no more then.

use strict;
use warnings;

use Test::More;

use ImageDigest::Clock;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Relay;
use ImageDigest::Shared;
use ImageDigest::Util qw(wait_until);

my $origin = ImageDigest::Origin->start;
my $primary = ImageDigest::Redis->start(
    args => [qw(--repl-diskless-sync-delay 0)]);
my $clock = ImageDigest::Clock->new->set(wall => -60);
my $replica = $clock->around(sub {
    ImageDigest::Redis->start(args => ['--replicaof', '127.0.0.1',
                                       $primary->port]);
});
my $relay = ImageDigest::Relay->start($primary->port);
my $session = 'image_digest_timeout 20s;'
              . 'image_digest $image session=$http_x_job;';

sub new_host {
    return host('redis://127.0.0.1:' . $relay->port, $origin, locations => {
        i  => 'image_digest_timeout 20s;',
        t0 => 'image_digest_timeout 20s; image_digest_ttl 0;',
        s  => $session,
    });
}

my ($one, $two) = map { new_host() } 1 .. 2;
my $known = $origin->name('app:known');

resolve($one, $known);
is $one->ask('s', $known, headers => { 'X-Job' => 'seen' })->{error}, '',
    'a session';

wait_until { record($replica, $known)
             && $replica->cli('KEYS', '*:session:seen#*') } 'the replica';

# the failover

$primary->stop;
$replica->cli(qw(REPLICAOF NO ONE));
$relay->set(to => $replica->port);
$relay->reset;

my $seen = $replica->cli('GET', '{image-digest:default}:clock');

is resolve($one, $known)->{status}, 'HIT', 'zones go on';

# it is asked, at the latest when it is found again

my $number = 0;

sub refused {
    my ($host) = @_;

    wait_until {
        my $image = $origin->name('warm:' . ++$number);

        is resolve($host, $image)->{status}, 'RESOLVED', 'origins go on';
        ($host->log(qr/clock of redis/))[0];
    } 'it to be found', 10;
}

refused($_) for $one, $two;

for my $host ($one, $two) {
    my @said = $host->log(qr/\[warn\].*the clock of redis/);

    is @said, 1, 'said once';
    like $said[0], qr/is\ [5-7]\d\.\d{3}\ seconds\ behind\ .*
                      never\ again.*delete\ all\ keys/x, 'by how much';
}

is resolve($two, $known)->{status}, 'RESOLVED', 'nothing is read from it';

my $held = $origin->name('app:held');

$origin->set(hold => 'gate');

my @sent = map { $_->send('i', $held) } $one, $two;

meanwhile { $origin->calls('app:held') == 2 } 'each host to ask by itself';
is_deeply [$replica->cli('KEYS', '*:lease:*')], [], 'nothing is leased';
$origin->set(hold => '');
$origin->release('gate');
is $_->{status}, 'RESOLVED', '... each is answered' for $one->wait_for(@sent);
is_deeply [record($replica, $held)], [], 'nothing is stored';

is $one->ask('s', $known, headers => { 'X-Job' => 'seen' })->{status},
    'SESSION', 'a session goes on where it was seen';
is $two->ask('s', $known, headers => { 'X-Job' => 'seen' })->{error},
    'session_unavailable', 'and has no digest elsewhere';

# and it catches up

$clock->set(wall => 30);

my $new;

wait_until {
    $new = $origin->name('new:' . ++$number);
    resolve($one, $new);
    record($replica, $new);
} 'it to be used';

is resolve($two, $new)->{status}, 'SHARED', 'it has caught up';
is scalar(() = $two->log(qr/\[notice\].*clock .* has caught up/)), 1, 'said';

my (undef, %record) = record($replica, $known);
my $three = new_host();

cmp_ok $record{digest_at}, '<', (split ' ', $seen)[0], 'a record of before';
is resolve($three, $known)->{status}, 'RESOLVED', '... is void';
is $three->ask('s', $known, headers => { 'X-Job' => 'seen' })->{status},
    'SESSION', '... but for a session';

done_testing;
