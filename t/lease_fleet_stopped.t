#!/usr/bin/perl

# Rule 9: an owner that was stopped for longer than its lease has lost it, to
# another host or another worker.  When it goes on it ends neither the lease
# nor the claim of its successor: still nobody else asks.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use ImageDigest::Http2;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;
use ImageDigest::Util qw(wait_until);
use ImageDigest::Waiting;

my $origin = ImageDigest::Origin->start;

subtest 'in the fleet' => sub {
    my $redis = ImageDigest::Redis->start;
    my ($one, $two, $three) = map { host($redis->url, $origin) } 1 .. 3;
    my $image = $origin->name('app:1');
    my $lease = sub {
        my ($key) = grep { /lease:/ } $redis->cli('--scan');
        return $key ? scalar $redis->cli('GET', $key) : '';
    };

    # the registry was held against a GET, and a call is a HEAD

    resolve($_, $origin->name('app:0'), 't0') for $one, $two;

    my $calls = $origin->calls;
    my ($pid) = $one->workers;

    $origin->set(hold => 'a');

    my $late = $one->send('i', $image);

    meanwhile { $origin->calls == $calls + 1 } 'the call';
    $origin->set(version => 2, hold => 'b');
    kill STOP => $pid;

    my $next = $two->send('i', $image);

    meanwhile { $origin->calls == $calls + 2 } 'another host\'s';

    my $owner = $lease->();
    my ($other) = $two->workers;

    like $owner, qr{/$other/}, 'which has the lease';

    $origin->release('a');
    kill CONT => $pid;
    is $one->wait_for($late)->{digest}, $origin->digest('app:1', 1),
        'the late answer is used by who waited for it';

    # what it sends to Redis then

    wait_for_record($redis, $image);
    is $lease->(), $owner, 'and ends no lease';

    my $waits = $three->send('t0', $image);
    my $end = time + 0.7;

    meanwhile { time > $end } 'a moment';
    is $origin->calls, $calls + 2, 'still nobody else asks';

    $origin->set(hold => '', version => 3);
    $origin->release('b');
    is $two->wait_for($next)->{digest}, $origin->digest('app:1', 2),
        'the newer answer';
    is $three->wait_for($waits)->{digest}, $origin->digest('app:1', 3),
        'then another call, for who came later';
    is $origin->calls, $calls + 3, 'one';
    wait_until { !$lease->() } 'the lease to end';
};

subtest 'on a host' => sub {
    my $nginx = ImageDigest::Waiting->start(
        workers => 3,
        origin  => $origin,
        server  => ImageDigest::Http2::listen(3)
                   . ImageDigest::Waiting::usual('image_digest_ttl 0;'));
    my %clients = ImageDigest::Http2->of_workers($nginx->port(3), 3);
    my ($owner, $next, $third) = map { $clients{$_}[0] } sort keys %clients;
    my ($pid) = sort keys %clients;
    my $path = $nginx->path('app:2', 'x');
    my $ask = sub {
        my ($client) = @_;
        my $stream = $client->request('GET', $path);

        $client->settle;

        return sub { $client->read($stream)->{body} };
    };

    $origin->set(hold => '');
    $ask->($owner)->();

    my $calls = $nginx->calls;

    $origin->set(hold => 'c');

    my $late = $ask->($owner);

    $nginx->wait_for_calls($calls + 1);
    kill STOP => $pid;

    $origin->set(version => 3, hold => 'd');

    my $newer = $ask->($next);

    $nginx->wait_for_calls($calls + 2);

    my $waits = $ask->($third);

    $origin->release('c');
    kill CONT => $pid;
    like $late->(), qr{^GET /\w{64}$}m, 'the late one';
    ok !eval { local $third->{timeout} = 0.5; $waits->() },
        'the third waits';
    is $nginx->calls, $calls + 2, 'and does not ask';

    # the second call began after all of these had come

    $origin->set(hold => '');
    $origin->release('d');
    is $newer->(), 'GET /' . $nginx->key('app:2', 'x') . "\n", 'the newer';
    is $waits->(), 'GET /' . $nginx->key('app:2', 'x') . "\n", 'shared';
    cmp_ok $nginx->calls, '<=', $calls + 3, 'calls';

    $_->[0]->close for values %clients;
};

done_testing;
