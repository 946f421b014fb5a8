#!/usr/bin/perl

# Rule 4: rate_limited holds for the whole registry, for T = 0 too, until its
# Retry-After (in seconds or a date; without one negative_ttl), at most five
# minutes.  What is fresh is used all the same.

use strict;
use warnings;

use Mojo::Date;
use Test::More;

use ImageDigest::Cache;
use ImageDigest::Clock;
use ImageDigest::Origin;

my $clock = ImageDigest::Clock->new;
my ($origin, $other) = map { ImageDigest::Origin->start } 1 .. 2;
my $cache = $clock->around(sub {
    ImageDigest::Cache->start(
        resolver  => join("\n", map { "registry $_ insecure;" }
                                $origin->host, $other->host)
                     . "\nnegative_ttl 40s;",
        locations => { i    => 'image_digest_ttl 24h;',
                       zero => 'image_digest_ttl 0;' });
});

my $ask = sub {
    my $answer = $cache->ask($_[0], $_[1]->name($_[2]));
    return "$answer->{status} $answer->{error}";
};

is $ask->('i', $origin, 'app:fresh'), 'RESOLVED ', 'a digest from before';

my $n = 0;

for (['in seconds', 100, sub { '100' }],
     ['a date', 100,
      sub { Mojo::Date->new(int($clock->time) + 100)->to_string }],
     ['negative_ttl without one', 40, sub { undef }],
     ['negative_ttl by an unreadable one', 40, sub { 'later' }],
     ['five minutes at the most', 300, sub { '86400' }],
     ['also by a date', 300,
      sub { Mojo::Date->new(int($clock->time) + 86400)->to_string }])
{
    my ($name, $seconds, $retry) = @$_;

    subtest $name => sub {
        my $tag = 'app:' . ++$n;

        # by nginx's cached time, of its last turn, a date is read

        $cache->ask('i', $other->name("app:$n"));

        my $value = $retry->();

        $origin->set(status  => 429, headers =>
                     { defined $value ? ('Retry-After' => $value) : () });
        my $calls = $origin->calls;

        is $ask->('i', $origin, $tag), 'FALLBACK rate_limited', 'limited';
        is $origin->calls, ++$calls, 'asked once';

        $origin->set(status => 0);

        is $ask->('i', $origin, $tag), 'FALLBACK rate_limited', 'again';
        is $ask->('i', $origin, 'new:1'), 'FALLBACK rate_limited', 'another';
        is $ask->('zero', $origin, $tag), 'FALLBACK rate_limited', 'T = 0';
        is $ask->('i', $origin, 'app:fresh'), 'HIT ', 'what is fresh';
        is $ask->('zero', $other, $tag), 'RESOLVED ', 'another registry';

        $clock->advance($seconds - 3);
        is $ask->('zero', $origin, $tag), 'FALLBACK rate_limited', 'still';
        is $origin->calls, $calls, 'nobody was asked';

        $clock->advance(4);
        is $ask->('i', $origin, $tag), 'RESOLVED ', 'no longer';
    };
}

subtest 'longer than the retention' => sub {
    my $cache = $clock->around(sub {
        ImageDigest::Cache->start(
            resolver  => 'registry ' . $origin->host
                         . " insecure;\nretention 10s;",
            locations => { i => 'image_digest_ttl 0;' });
    });

    $origin->set(status => 429, headers => { 'Retry-After' => 100 });
    is $cache->ask('i', $origin->name('app:1'))->{error}, 'rate_limited',
        'limited';
    $origin->set(status => 0);
    $clock->advance(90);
    is $cache->ask('i', $origin->name('app:1'))->{error}, 'rate_limited',
        'still';
    $clock->advance(11);
    is $cache->ask('i', $origin->name('app:1'))->{status}, 'RESOLVED',
        'no longer';
};

done_testing;
