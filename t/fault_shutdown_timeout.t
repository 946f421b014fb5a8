#!/usr/bin/perl

# worker_shutdown_timeout holds with lookups under way: a worker that is to end
# does so in time, whether requests wait, or nobody waits for a call any more,
# or another host is waited for.  What it asked for others ask at once, or,
# where Redis has its lease, when that ends.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use ImageDigest::Client;
use ImageDigest::Http2;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;
use ImageDigest::Util qw(wait_until);

my $redis = ImageDigest::Redis->start;
my $origin = ImageDigest::Origin->start;
my $main = 'worker_shutdown_timeout 1s;';
my $hasty = 'image_digest_timeout 200ms;';
my $gate = 'a';

# reload, and how long the old workers stay

sub reload {
    my ($host) = @_;

    my $begin = time;

    $host->reload;
    wait_until { !(() = $host->workers('exiting')) } 'the old workers to end';

    return time - $begin;
}

for my $shared ('off', $redis->url) {
    subtest $shared eq 'off' ? 'no Redis' : 'with Redis' => sub {
        my $host = host($shared, $origin, main => $main, workers => 2,
                        locations => { i => 'image_digest_timeout 20s;',
                                       h => $hasty },
                        listen => ImageDigest::Http2::listen(3));

        my $soon = $shared eq 'off' ? 1.5 : 3.5;

        resolve($host, $origin->name('app:0'));

        my $hold = sub {
            my ($image) = @_;
            my $calls = $origin->calls;

            $origin->set(hold => ++$gate);

            return '/' . $origin->name($image) . '/-/x',
                   sub { wait_until { $origin->calls > $calls } 'a call' };
        };

        # requests that wait

        my ($path, $called) = $hold->("wait:$gate");
        my $client = ImageDigest::Client->new($host->port);
        my $http2 = ImageDigest::Http2->new($host->port(3));

        $client->request('GET', "/i$path");
        my $stream = $http2->request('GET', "/i$path");

        $http2->settle;
        $called->();
        cmp_ok reload($host), '<', 4, 'requests wait: it ends';
        is $client->read, undef, 'their connection is closed';
        ok !eval { ($http2->read($stream) // {})->{status} },
            'that of HTTP/2, too';
        $origin->set(hold => '');

        my $begin = time;

        is $host->ask('i', $path =~ m{^/(.*)/-/})->{status}, 'RESOLVED',
            'a new worker asks';
        cmp_ok time - $begin, '<', $soon, 'soon';

        # nobody waits any more

        ($path, $called) = $hold->("gone:$gate");
        is $host->ask('h', $path =~ m{^/(.*)/-/})->{status}, 'FALLBACK',
            'one that has not waited';
        $called->();
        cmp_ok reload($host), '<', 4, 'a call that nobody waits for: it ends';
        $origin->set(hold => '');
        $begin = time;
        is $host->ask('i', $path =~ m{^/(.*)/-/})->{status}, 'RESOLVED',
            'a new worker asks';
        cmp_ok time - $begin, '<', $soon, 'soon';

        $http2->close;
        $client->close;
    };
}

subtest 'another host asks' => sub {
    my ($one, $two) = map { host($redis->url, $origin, main => $main) } 1 .. 2;
    my $image = $origin->name('app:lease');
    my $calls = $origin->calls;

    $origin->set(hold => ++$gate);

    my $asks = $one->send('i', $image);

    meanwhile { $origin->calls > $calls } 'the call';

    my $client = ImageDigest::Client->new($two->port);

    $client->request('GET', "/i/$image/-/x");
    ok $client->silent(0.2), 'it waits';
    cmp_ok reload($two), '<', 4, 'it ends';
    is $client->read, undef, 'the connection is closed';
    $origin->release($gate);
    is $one->wait_for($asks)->{status}, 'RESOLVED', 'the one that asks';
    is resolve($two, $image)->{status}, 'SHARED', 'shares with a new worker';
    $client->close;
};

# a graceful stop of all of nginx

subtest 'stop' => sub {
    my $host = host($redis->url, $origin, main => $main,
                    locations => { h => $hasty });
    my $calls = $origin->calls;

    $origin->set(hold => ++$gate);
    is $host->ask('h', $origin->name('app:stop'))->{status}, 'FALLBACK',
        'a call goes on';

    my $begin = time;

    $host->stop;
    cmp_ok time - $begin, '<', 4, 'nginx ends';
    $origin->release($gate);
};

done_testing;
