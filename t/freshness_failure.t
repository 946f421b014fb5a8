#!/usr/bin/perl

# Rule 4: a failure never displaces a digest that is fresh for the reader.
# It is used while its age is under the smaller of T and negative_ttl; with
# T = 0 the origin is asked again.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Clock;
use ImageDigest::Image;
use ImageDigest::Origin;
use ImageDigest::Registry;
use ImageDigest::Util qw(wait_until);

my $origin = ImageDigest::Origin->start;
my $clock = ImageDigest::Clock->new;
my $cache = $clock->around(sub {
    ImageDigest::Cache->start(
        resolver  => 'registry ' . $origin->host . " insecure;\n"
                     . "refresh off;\nnegative_ttl 30s;",
        locations => { i     => 'image_digest_ttl 5m;',
                       short => 'image_digest_ttl 10s;',
                       zero  => 'image_digest_ttl 0;' });
});

my $image = $origin->name('app:1');
my $ask = sub {
    my $answer = $cache->ask($_[0], $image);
    return "$answer->{status} $answer->{error}";
};

subtest 'never displaces' => sub {
    is $ask->('i'), 'RESOLVED ', 'a digest';

    $origin->set(status => 500);

    is $ask->('zero'), 'FALLBACK bad_response', 'a later call fails';
    is $ask->('i'), 'HIT ', 'the digest is still used';
    is $cache->ask('i', $image)->{digest}, $origin->digest('app:1'), 'it';
    is $origin->calls('app:1'), 2, 'calls';

    $clock->advance(290);
    is $ask->('i'), 'HIT ', 'as long as it is fresh';

    $clock->advance(20);
    is $ask->('i'), 'FALLBACK bad_response', 'and no longer';
    is $origin->calls('app:1'), 3, 'one more';
};

subtest 'negative_ttl' => sub {
    my $calls = $origin->calls('app:1');

    $clock->advance(8);
    is $ask->('i'), 'FALLBACK bad_response', 'it is remembered';
    is $ask->('short'), 'FALLBACK bad_response', 'under T';
    is $origin->calls('app:1'), $calls, 'nobody was asked';

    $clock->advance(4);
    is $ask->('i'), 'FALLBACK bad_response', 'for 5m still';
    is $origin->calls('app:1'), $calls, 'nobody was asked';
    is $ask->('short'), 'FALLBACK bad_response', 'over T';
    is $origin->calls('app:1'), ++$calls, 'asked for that reader';

    $clock->advance(28);
    $origin->set(status => 0);
    is $ask->('i'), 'FALLBACK bad_response', 'nearly negative_ttl';

    $clock->advance(2);
    is $ask->('i'), 'RESOLVED ', 'past it, though T is 5m';
    is $origin->calls('app:1'), ++$calls, 'asked';
};

subtest 'T = 0' => sub {
    $image = $origin->name('app:none2');

    is $ask->('i'), 'FALLBACK not_found', 'a failure';
    is $ask->('i'), 'FALLBACK not_found', 'remembered';

    my $calls = $origin->calls('app:none2');

    is $calls, 1, 'one call';
    is $ask->('zero'), 'FALLBACK not_found', 'with T = 0';
    is $origin->calls('app:none2'), 2, 'asked again';
    is $ask->('zero'), 'FALLBACK not_found', 'each time';
    is $origin->calls('app:none2'), 3, 'asked';
};

subtest 'a registry that comes back' => sub {
    my $registry = ImageDigest::Registry->start;
    my $pushed = ImageDigest::Image->push($registry, 'app:1');
    my $cache = ImageDigest::Cache->start(
        resolver  => 'registry ' . $registry->host
                     . " insecure;\nnegative_ttl 1s;",
        locations => { i => 'image_digest_ttl 5m;' });

    $registry->stop;

    my $answer = $cache->ask('i', $registry->name('app:1'));

    is "$answer->{status} $answer->{error} $answer->{unavailable}",
        'FALLBACK unreachable 1', 'it is down';

    $registry->start;

    wait_until {
        $answer = $cache->ask('i', $registry->name('app:1'));
        $answer->{status} ne 'FALLBACK';
    } 'the digest';

    is $answer->{digest}, $pushed->digest, 'asked after negative_ttl';
};

done_testing;
