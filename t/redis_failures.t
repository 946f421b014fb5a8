#!/usr/bin/perl

# Freshness, 4: Redis holds only the failures that are true for all hosts:
# not_found, platform_not_found and rate_limited.  The rest stay on the host.

use strict;
use warnings;

use Test::More;

use ImageDigest::FaultServer;
use ImageDigest::Image;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Registry;
use ImageDigest::Shared;
use ImageDigest::Util qw(certificate wait_until);

my $redis = ImageDigest::Redis->start;

# a lookup of $host, and then one of another that is answered: stores go in
# order, so that what is not there by then was not stored

sub records {
    my ($host, $good, $redis) = @_;

    resolve($host, $good);
    wait_for_record($redis, $good);

    my @keys = grep { !/:clock$|\Q$good\E#/ } $redis->cli('--scan');

    $redis->cli('FLUSHALL');

    return @keys;
}

subtest 'those that stay on their host' => sub {
    my $origin = ImageDigest::Origin->start;
    my $tls = ImageDigest::FaultServer->start(http => sub { [200] },
                                              tls => [certificate()]);
    my $gone = ImageDigest::FaultServer->start(sub { [200] });

    $gone->stop;

    my $host = host($redis->url, $origin, more_resolver => join ' ',
        'registry 127.0.0.1:' . $tls->port . ';',
        'registry 127.0.0.1:' . $gone->port . ' insecure;');

    my %by_status = (unauthorized => 401, bad_response => 500);

    for my $reason (sort keys %by_status) {
        $origin->set(status => $by_status{$reason});
        is resolve($host, $origin->name("app:$reason"))->{error}, $reason,
            $reason;
        $origin->set(status => 0);
        is_deeply [records($host, $origin->name("app:$reason-good"), $redis)],
            [], 'not in redis';
    }

    for (['tls', $tls], ['unreachable', $gone]) {
        my ($reason, $server) = @$_;
        my $image = '127.0.0.1:' . $server->port . '/app:1';

        is resolve($host, $image)->{error}, $reason, $reason;
        is_deeply [records($host, $origin->name("app:$reason-good"), $redis)],
            [], 'not in redis';
    }
};

subtest 'those that are shared' => sub {
    my $registry = ImageDigest::Registry->start;

    ImageDigest::Image->push($registry, 'app:1', platforms => ['linux/amd64']);

    my ($one, $two) = map { host($redis->url, $registry) } 1 .. 2;

    for (['not_found', 'app:2', ''],
         ['platform_not_found', 'app:1', '?platform=linux/s390x'])
    {
        my ($reason, $image, $platform) = @$_;
        my @what = ($registry->name($image), 'p', artifact => "x$platform");

        $platform or @what = ($what[0]);

        is resolve($one, @what)->{error}, $reason, $reason;

        my (undef, %record) = wait_for_record($redis, $what[0]);

        is $record{failure}, $reason, 'in redis';

        $registry->forget;
        is resolve($two, @what)->{error}, $reason, 'for the other host, too';
        is_deeply [$registry->requests], [], 'which has not asked';
        is scalar(() = $two->log(qr/\[warn\].*\Q$what[0]\E": $reason/)), 1,
            'but says it';
    }
};

subtest 'a rate limit is the whole registry\'s' => sub {
    my $origin = ImageDigest::Origin->start;
    my ($one, $two) = map { host($redis->url, $origin) } 1 .. 2;

    $origin->set(status => 429, headers => { 'Retry-After' => 3 });
    is resolve($one, $origin->name('app:1'))->{error}, 'rate_limited', 'one';

    my ($key) = wait_for_record($redis, $origin->host);

    $origin->set(status => 0);
    is resolve($two, $origin->name('app:2'), 't0')->{error}, 'rate_limited',
        'another image on another host';
    is $origin->calls, 1, 'it was left alone';

    wait_until { !$redis->cli('EXISTS', $key) } 'the end of the limit';
    wait_until { resolve($_, $origin->name('app:2'), 't0')->{error} eq '' }
        'it is over' for $one, $two;

    is $redis->cli('EXISTS', $key), 0, 'and gone';
};

done_testing;
