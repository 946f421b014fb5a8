#!/usr/bin/perl

# A reload and the end of nginx with Redis under way: requests that wait for
# it are answered, the connections of old workers are closed, and each new
# worker has two of its own: one for commands, and one for the news.

use strict;
use warnings;

use Test::More;

use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;
use ImageDigest::Util qw(wait_until);

my $redis = ImageDigest::Redis->start;
my $origin = ImageDigest::Origin->start;
my $host = host($redis->tcp_url, $origin, workers => 2);

# our own client is one more

sub clients {
    return scalar(() = $redis->cli(qw(CLIENT LIST))) - 1;
}

wait_until { clients() == 4 } 'two workers';
ok 1, 'two connections for each worker';

for my $round (1 .. 3) {
    $host->reload;
    wait_until { clients() == 4 } 'two new workers';

    my $image = $origin->name("app:$round");

    is resolve($host, $image)->{status}, 'RESOLVED', "round $round";
    wait_for_record($redis, $image);
}

# requests that wait for Redis, and then for the registry, while it reloads

$redis->pause;
$origin->set(hold => 'a');

my @answers = map { $host->send('i', $origin->name("app:wait-$_")) } 1 .. 5;
my $connected = 0;

meanwhile { ++$connected > 20 } 'them to be sent';
$host->reload;
$redis->resume;
meanwhile { $origin->calls >= 8 } 'the calls';
$origin->set(hold => '');
$origin->release('a');

is $_->{status}, 'RESOLVED', 'answered' for $host->wait_for(@answers);
wait_for_record($redis, $origin->name("app:wait-$_")) for 1 .. 5;
ok 1, 'and stored';

wait_until { clients() == 4 } 'the old workers to go';
ok 1, 'they have closed theirs';

# nobody there: the end is not held up by attempts at a connection

$redis->stop;
is resolve($host, $origin->name('app:last'))->{status}, 'RESOLVED', 'away';
$host->stop;
is_deeply [$host->log(qr/open socket|\[crit\]/)], [], 'nothing is left';

done_testing;
