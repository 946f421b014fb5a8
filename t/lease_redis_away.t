#!/usr/bin/perl

# Rules 9 and 10: while Redis is away there is one call on each host, whichever
# of its workers were asked.

use strict;
use warnings;

use Test::More;

use ImageDigest::Http2;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;
use ImageDigest::Util qw(wait_until);

my $redis = ImageDigest::Redis->start;
my $origin = ImageDigest::Origin->start;
my @hosts = map {
    host($redis->url, $origin, workers => 2,
         format => '$status $image_digest_status $image_digest',
         listen => many());
} 1 .. 2;
my @clients = map {
    my %of = ImageDigest::Http2->of_workers($_->port(3), 2);
    map { $_->[0] } values %of;
} @hosts;

# as many of each worker, all of which wait

sub ask {
    my ($image) = @_;

    my @streams;

    for my $client (@clients) {
        push @streams, map {
            [$client, $client->request('GET', '/many/' . $origin->name($image)
                                              . '/-/x')]
        } 1 .. 10;
    }

    $_->settle for @clients;

    return @streams;
}

my $lines = 0;

sub answered {
    my ($name, $image, @streams) = @_;

    $_->[0]->read($_->[1]) for @streams;
    $lines += 20;

    my $digest = $origin->digest($image);

    for my $host (@hosts) {
        my @lines = many_log($host, $lines);

        is scalar(grep { /^200 (?:RESOLVED|SHARED|HIT) \Q$digest\E$/ }
                  @lines[-20 .. -1]), 20, "$name: answered";
    }
}

$redis->stop;
$origin->set(hold => 'a');

my @streams = ask('app:1');

wait_until { $origin->calls >= 2 } 'the calls';
$origin->release('a');
answered('away', 'app:1', @streams);
is $origin->calls, 2, 'one call on each host';

# it goes away while one host asks and the other waits for that

$redis->start;

my $n = 0;

wait_until {
    my $image = $origin->name('back:' . ++$n);

    resolve($hosts[0], $image);
    resolve($hosts[1], $image)->{status} eq 'SHARED';
} 'Redis to be found';

my $calls = $origin->calls;

$origin->set(hold => 'b');
@streams = ask('app:2');
wait_until { $origin->calls > $calls } 'the call';
$redis->stop;
wait_until { $origin->calls >= $calls + 2 } 'the other one\'s';
$origin->release('b');
answered('gone meanwhile', 'app:2', @streams);
is $origin->calls, $calls + 2, 'one call on each host again';

# nginx would linger

$_->close for @clients;

done_testing;
