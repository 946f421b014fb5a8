#!/usr/bin/perl

# Rule 12: after an invalidation, as docs/redis.md has it, nothing that began
# before it is used or stored on any host, whatever the TTL.  Sessions keep
# their digest, and other references what is known of them.

use strict;
use warnings;

use Test::More;

use ImageDigest::FaultServer;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;
use ImageDigest::Util qw(wait_until);

my $redis = ImageDigest::Redis->start;
my $origin = ImageDigest::Origin->start;
my $engine = ImageDigest::FaultServer->start(sub {
    return [200, {}, '{"digest":"sha256:' . $_[0]{state}{digit} x 64 . '"}'];
});

$engine->set(digit => 1);

sub new_host {
    my ($prefix) = @_;

    my $patient = 'image_digest_timeout 20s; image_digest_ttl 12h;';

    return host($redis->url . ($prefix ? " \"prefix=$prefix\"" : ''), $origin,
        more_resolver => 'engine local "http://127.0.0.1:' . $engine->port
            . '/?{image}" type=http;',
        locations => {
            i => $patient,
            e => "$patient image_digest \$image engine=local;",
            s => "$patient image_digest \$image session=\$http_x_job;",
        });
}

my ($one, $two) = map { new_host() } 1 .. 2;

# what was said comes to a host at its next turn

sub comes_to {
    my ($host, $digest, $name, $where) = @_;

    my $answer;

    wait_until {
        $answer = resolve($host, $name, $where);
        $answer->{digest} eq $digest;
    } 'another digest', 3;

    return $answer->{status};
}

# An invalidation that both hosts have heard of: they hear in order, and so of
# another one after it.  They have looked at that one before.

my $number = 0;

sub mark { return $origin->name('mark:' . $number) }

sub marked {
    $number++;
    resolve($_, mark()) for $one, $two;
}

sub heard {
    my ($image) = @_;

    invalidate($redis, $_) for $image, mark();

    for my $host ($one, $two) {
        wait_until { resolve($host, mark())->{status} ne 'HIT' } 'it to hear',
                   5;
    }
}

subtest 'what is known' => sub {
    my ($image, $other) = map { $origin->name("app:$_") } qw(known other);
    my $apart = new_host('{apart}:');

    for my $name ($image, $other) {
        is resolve($_, $name)->{error}, '', 'known' for $one, $two, $apart;
    }

    is $one->ask('s', $image, headers => { 'X-Job' => 'job' })->{status},
        'HIT', 'a session';
    resolve($one, $image, 'e');

    $origin->set(version => 2);
    $engine->set(digit => 2);

    is resolve($_, $image)->{digest}, $origin->digest('app:known', 1),
        'the tag moves' for $one, $two;

    my $calls = $origin->calls;

    invalidate($redis, $image);

    my $new = $origin->digest('app:known', 2);

    is join(' ', sort map { comes_to($_, $new, $image) } $one, $two),
        'RESOLVED SHARED', 'both of them ask once';
    is $origin->calls, $calls + 1, '... the registry once';
    is comes_to($one, 'sha256:' . '2' x 64, $image, 'e'), 'RESOLVED',
        'of all engines';

    is resolve($_, $image)->{status}, 'HIT', 'from then on it is known'
        for $one, $two;
    is resolve($_, $other)->{status}, 'HIT', 'another one still is'
        for $one, $two;
    is resolve($apart, $image)->{status}, 'HIT', 'so it is to others';

    for my $host ($one, $two, new_host()) {
        my $answer = $host->ask('s', $image, headers => { 'X-Job' => 'job' });

        is "$answer->{status} $answer->{digest}",
            'SESSION ' . $origin->digest('app:known', 1),
            'the session keeps its digest';
    }

    is $origin->calls, $calls + 1, 'no other call';
};

subtest 'a host that has come since' => sub {
    my $image = $origin->name('app:since');

    resolve($one, $image);

    my ($key) = wait_for_record($redis, $image);
    my $at = invalidate($redis, $image);

    cmp_ok $redis->cli('HGET', $key, 'digest_at'), '<=', $at, 'it is of before';

    # it may take it from Redis, after it has heard that it missed something

    is resolve(new_host(), $image)->{error}, '', 'it has a digest';
    is $origin->calls('app:since'), 2, '... by a call of its own';
    wait_until { $redis->cli('HGET', $key, 'digest_at') > $at } 'a record';
    is resolve(new_host(), $image)->{status}, 'SHARED', 'and the next does not';
};

subtest 'a failure' => sub {
    my $image = $origin->name('app:late');

    $origin->set(status => 404);
    is resolve($_, $image)->{error}, 'not_found', 'it is not there'
        for $one, $two;
    $origin->set(status => 0);
    is resolve($_, $image)->{error}, 'not_found', 'which is remembered'
        for $one, $two;

    invalidate($redis, $image);
    comes_to($_, $origin->digest('app:late'), $image) for $one, $two;
    pass 'until it is invalidated';
};

subtest 'a call that began before' => sub {
    my $image = $origin->name('app:held');

    marked();
    $origin->set(version => 3, hold => 'gate');

    my @sent = $one->send('i', $image);

    meanwhile { $origin->calls('app:held') == 1 } 'the call';
    push @sent, $one->send('i', $image), $two->send('i', $image);

    $origin->set(version => 4, hold => '');
    heard($image);
    $origin->release('gate');

    my @answers = $one->wait_for(@sent);

    is $_->{digest}, $origin->digest('app:held', 4),
        'those who wait for it get what came after' for @answers;
    is $origin->calls('app:held'), 2, 'by one more call';
};

subtest 'a store that comes late' => sub {
    my $image = $origin->name('app:store');

    marked();
    $origin->set(version => 5, hold => 'store');

    my $sent = $one->send('i', $image);

    meanwhile { $origin->calls('app:store') == 1 } 'the call';

    # what comes after it fails, so that nothing else is stored

    $origin->set(hold => '', status => 401);
    heard($image);
    $origin->release('store');

    my $answer = $one->wait_for($sent);

    is $answer->{error}, 'unauthorized', 'the next call fails';
    is $answer->{digest}, '', '... and there is no digest of before';
    resolve($one, $origin->name('app:after'));
    is_deeply [record($redis, $image)], [], 'nor is there one in Redis';
    $origin->set(status => 0);
};

is_deeply [grep { !/not_found|unauthorized/ }
           map { $_->log(qr/\[(?:warn|error)\]/) } $one, $two], [],
    'no complaint';

done_testing;
