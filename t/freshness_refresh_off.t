#!/usr/bin/perl

# Rule 7: with `refresh off` nothing is renewed in the background.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Clock;
use ImageDigest::Origin;

my $origin = ImageDigest::Origin->start;
my $clock = ImageDigest::Clock->new;

for my $refresh ('off', '50%') {
    my $cache = $clock->around(sub {
        ImageDigest::Cache->start(
            resolver  => 'registry ' . $origin->host
                         . " insecure;\nrefresh $refresh;",
            locations => { i => 'image_digest_ttl 100s;' });
    });
    my $tag = $refresh eq 'off' ? 'app:off' : 'app:on';
    my $image = $origin->name($tag);

    is $cache->ask('i', $image)->{status}, 'RESOLVED', "$refresh: a digest";
    $clock->advance(98);
    is $cache->ask('i', $image)->{status}, 'HIT', "$refresh: used";

    # a renewal comes up to three seconds later; none is hardly to be seen,
    # but for a call that a later request makes after the longest delay

    if ($refresh ne 'off') {
        $cache->poll(sub { $origin->calls($tag) == 2 }, 'the renewal');
    }

    $cache->ask('i', $origin->name('app:mark'));
    is $origin->calls($tag), $refresh eq 'off' ? 1 : 2, "$refresh: calls";
    $clock->advance(3);
    $origin->set(version => 2);
    is $cache->ask('i', $image)->{digest},
        $origin->digest($tag, $refresh eq 'off' ? 2 : 1), "$refresh: past T";
    $origin->set(version => 1);
}

done_testing;
