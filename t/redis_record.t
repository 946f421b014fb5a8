#!/usr/bin/perl

# The records, version 1 (docs/redis.md): readable with redis-cli, by Redis'
# own clock, and each key expires by retention.

use strict;
use warnings;

use Test::More;

use ImageDigest::Image;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Registry;
use ImageDigest::Shared;
use ImageDigest::Util qw(wait_until);

my $redis = ImageDigest::Redis->start;
my $origin = ImageDigest::Origin->start;
my $host = host($redis->url, $origin, retention => '2h');
my $hour = 3600 * 1000;

sub expiry_is {
    my ($what, $key, $most) = @_;

    my $ttl = $redis->cli('PTTL', $key);

    cmp_ok $ttl, '<=', $most, "$what expires";
    cmp_ok $ttl, '>', $most - 30_000, 'and no sooner';
}

subtest 'a digest' => sub {
    my $image = $origin->name('app:1');
    my $before = now($redis);

    resolve($host, $image);

    my ($key, %record) = wait_for_record($redis, $image);
    my $at = delete $record{digest_at};

    cmp_ok $at, '>=', $before, 'when the call began';
    cmp_ok $at, '<=', now($redis), 'by the clock of redis';
    is_deeply \%record, {
        version => 1, reference => $image, platform => '',
        engine => 'registry', digest => $origin->digest('app:1'),
        digest_since => $at,
    }, 'its fields';

    expiry_is('the record', $key, 2 * $hour);
    expiry_is('the clock', '{image-digest:default}:clock', 2 * $hour);

    my ($seen, @behind) = split ' ',
        $redis->cli('GET', '{image-digest:default}:clock');

    cmp_ok $seen, '>=', $at, 'the highest time';
    is_deeply \@behind, [0, 0], 'it was never behind';
};

subtest 'a failure' => sub {
    my $image = $origin->name('app:none');

    is resolve($host, $image)->{error}, 'not_found', 'not found';

    my ($key, %record) = wait_for_record($redis, $image);
    my $at = delete $record{failure_at};

    cmp_ok $at, '<=', now($redis), 'when the call began';
    is_deeply \%record, {
        version => 1, reference => $image, platform => '',
        engine => 'registry', failure => 'not_found',
    }, 'its fields';

    expiry_is('the record', $key, 60_000);
};

subtest 'a failure beside a digest' => sub {
    my $image = $origin->name('app:2');

    resolve($host, $image, 't0');
    wait_for_record($redis, $image);

    $origin->set(status => 404);
    is resolve($host, $image, 't0')->{error}, 'not_found', 'gone';
    $origin->set(status => 0);

    my ($key, %record);

    wait_until { ($key, %record) = record($redis, $image);
                 $record{failure} } 'the failure';

    is $record{failure}, 'not_found', 'the failure';
    is $record{digest}, $origin->digest('app:2'), 'the digest stays';
    cmp_ok $record{failure_at}, '>', $record{digest_at}, 'the older one';
    expiry_is('the record', $key, 2 * $hour);
};

subtest 'a rate limit' => sub {
    my $image = $origin->name('app:3');

    $origin->set(status => 429, headers => { 'Retry-After' => 100 });
    is resolve($host, $image)->{error}, 'rate_limited', 'limited';

    my ($key, %record) = wait_for_record($redis, $origin->host);
    my ($at, $until) = delete @record{qw(limited_at limited_until)};

    like $key, qr/^\{image-digest:default\}:registry:127.*#[0-9a-f]{64}$/,
        'its key';
    is_deeply \%record, { version => 1, registry => $origin->host,
                          engine => 'registry' }, 'its fields';
    is $until - $at, 100 * 1_000_000, 'as long as the registry said';
    expiry_is('the limit', $key, 100_000);
    is_deeply [record($redis, $image)], [], 'no record of the image';

    # five minutes at the most (Freshness, 4)

    $redis->cli('DEL', $key);

    my $other = host($redis->url, $origin, retention => '2h');

    $origin->set(headers => { 'Retry-After' => 100_000 });
    is resolve($other, $image)->{error}, 'rate_limited', 'limited for long';
    ($key, %record) = wait_for_record($redis, $origin->host);
    is $record{limited_until} - $record{limited_at}, 300 * 1_000_000,
        'five minutes';
    expiry_is('the limit', $key, 300_000);

    $origin->set(status => 0);
};

subtest 'a platform' => sub {
    my $registry = ImageDigest::Registry->start;
    my $index = ImageDigest::Image->push($registry, 'app:1', platforms =>
        ['linux/amd64', 'linux/arm64']);
    my $third = host($redis->url, $registry, retention => '2h');
    my $image = $registry->name('app:1');
    my $platform = 'x?platform=Linux/arm64/v8';

    resolve($third, $image, 'p', artifact => $platform);

    my (undef, %record) = wait_for_record($redis, $image);

    is $record{platform}, 'linux/arm64', 'normalised';
    is $record{digest}, $index->digest('linux/arm64'), 'its digest';
};

subtest 'two hosts, two retentions' => sub {
    my $short = host($redis->url, $origin, retention => '10m');
    my $image = $origin->name('app:1');
    my ($key, %was) = record($redis, $image);

    # a limit is over by its key alone

    $redis->cli('DEL', (record($redis, $origin->host))[0]);

    is resolve($short, $image, 't0')->{status}, 'RESOLVED', 'stored again';
    wait_until { my (undef, %is) = record($redis, $image);
                 $is{digest_at} > $was{digest_at} } 'the record';

    expiry_is('the record by the longest', $key, 2 * $hour);
    expiry_is('the clock', '{image-digest:default}:clock', 2 * $hour);
};

subtest 'all keys expire' => sub {
    is_deeply [grep { $redis->cli('PTTL', $_) < 0 } $redis->cli('--scan')],
        [], 'all of them';
};

done_testing;
