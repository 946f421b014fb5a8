#!/usr/bin/perl

# Freshness, 6: a record from the future is void and replaceable, in each of
# its slots; so is a rate limit.

use strict;
use warnings;

use Test::More;

use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;
use ImageDigest::Util qw(wait_until);

my $redis = ImageDigest::Redis->start;
my $origin = ImageDigest::Origin->start;
my ($one, $two) = map { host($redis->url, $origin) } 1 .. 2;
my $hour = 3600 * 1_000_000;
my $other = 'sha256:' . 'e' x 64;

sub replaced {
    my ($key, $field) = @_;

    wait_until { $redis->cli('HGET', $key, $field) <= now($redis) }
        "another $field";
}

my $image = $origin->name('app:1');

resolve($one, $image);

my ($key) = wait_for_record($redis, $image);

poison($redis, $key, digest => $other, digest_at => now($redis) + $hour,
       digest_since => now($redis) - $hour);

my $answer = resolve($two, $image);

is $answer->{status}, 'RESOLVED', 'a digest from the future is void';
is $answer->{digest}, $origin->digest('app:1'), 'the digest is the right one';
replaced($key, 'digest_at');
is $redis->cli('HGET', $key, 'digest'), $answer->{digest}, 'replaced';
is $redis->cli('HGET', $key, 'digest_since'),
    $redis->cli('HGET', $key, 'digest_at'), 'by a run of its own';

$image = $origin->name('app:none');
resolve($one, $image);
($key) = wait_for_record($redis, $image);
poison($redis, $key, failure => 'platform_not_found',
       failure_at => now($redis) + $hour);

is resolve($two, $image)->{error}, 'not_found',
    'a failure from the future is void';
replaced($key, 'failure_at');
is $redis->cli('HGET', $key, 'failure'), 'not_found', 'replaced';

# a digest of which only "since" is from the future does not agree with itself

$image = $origin->name('app:2');
resolve($one, $image);
($key) = wait_for_record($redis, $image);
poison($redis, $key, digest => $other, digest_since => now($redis) + $hour);
is resolve($two, $image)->{digest}, $origin->digest('app:2'), 'malformed';

# a limit

$origin->set(status => 429, headers => { 'Retry-After' => 1 });
is resolve($one, $origin->name('app:3'))->{error}, 'rate_limited', 'limited';
($key) = wait_for_record($redis, $origin->host);
$origin->set(status => 0);

my $soon = now($redis) + $hour;

poison($redis, $key, limited_at => $soon, limited_until => $soon + 1_000_000);
$redis->cli('PERSIST', $key);
is resolve($two, $origin->name('app:4'))->{status}, 'RESOLVED',
    'a limit from the future is void';

$origin->set(status => 429, headers => { 'Retry-After' => 100 });
is resolve($two, $origin->name('app:5'))->{error}, 'rate_limited', 'limited';
replaced($key, 'limited_at');
cmp_ok $redis->cli('PTTL', $key), '>', 0, 'replaced, and it expires again';

done_testing;
