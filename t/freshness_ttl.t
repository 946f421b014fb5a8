#!/usr/bin/perl

# Rule 2: a digest is used only while its age is under the TTL, and it is the
# reader's TTL that decides, whoever stored it with whatever TTL.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use ImageDigest::Cache;
use ImageDigest::Clock;
use ImageDigest::Image;
use ImageDigest::Origin;
use ImageDigest::Registry;
use ImageDigest::Util qw(wait_until);

my $locations = { long  => 'image_digest_ttl 10m;',
                  short => 'image_digest_ttl 1m;',
                  brief => 'image_digest_ttl 1s;' };

subtest 'to the second' => sub {
    my $origin = ImageDigest::Origin->start;
    my $clock = ImageDigest::Clock->new;
    my $cache = $clock->around(sub {
        ImageDigest::Cache->start(
            resolver  => 'registry ' . $origin->host
                         . " insecure;\nrefresh off;",
            locations => $locations);
    });
    my $image = $origin->name('app:1');
    my $status = sub { $cache->ask($_[0], $image)->{status} };

    is $status->('long'), 'RESOLVED', 'the first';

    $origin->set(version => 2);

    is $status->('short'), 'HIT', 'by another reader';

    $clock->advance(58);
    is $status->('short'), 'HIT', 'up to its TTL';

    $clock->advance(2);
    is $status->('long'), 'HIT', 'by who takes an older one';

    my $answer = $cache->ask('short', $image);

    is $answer->{status}, 'RESOLVED', 'not at its TTL';
    is $answer->{digest}, $origin->digest('app:1'), 'anew';

    $clock->advance(500);
    $answer = $cache->ask('long', $image);
    is $answer->{status}, 'HIT', 'what was stored with a short TTL';
    like $answer->{age}, qr/^50\d\.\d{3}$/, 'its age';

    $clock->advance(100);
    is $status->('long'), 'RESOLVED', 'not for longer than its own';
    is $origin->calls('app:1'), 3, 'calls';
};

subtest 'as time goes' => sub {
    my $registry = ImageDigest::Registry->start;
    my $old = ImageDigest::Image->push($registry, 'app:1');
    my $cache = ImageDigest::Cache->start(
        resolver  => 'registry ' . $registry->host
                     . " insecure;\nrefresh off;",
        locations => $locations);
    my $image = $registry->name('app:1');
    my $start = time;

    is $cache->ask('brief', $image)->{digest}, $old->digest, 'the digest';

    my $new = ImageDigest::Image->push($registry, 'app:1');
    my ($answer, $seen);

    wait_until {
        $seen = time;
        $answer = $cache->ask('brief', $image);
        $answer->{digest} ne $old->digest;
    } 'the new digest';

    is $answer->{digest}, $new->digest, 'that of the moved tag';
    cmp_ok $seen - $start, '<', 8, 'in time';
    is $cache->ask('long', $image)->{digest}, $new->digest, 'for all';
};

done_testing;
