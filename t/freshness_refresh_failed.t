#!/usr/bin/perl

# Rule 7: nothing is renewed while the last renewal's failure is remembered.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Clock;
use ImageDigest::Origin;

my $origin = ImageDigest::Origin->start;
my $clock = ImageDigest::Clock->new;
my $cache = $clock->around(sub {
    ImageDigest::Cache->start(
        resolver  => 'registry ' . $origin->host
                     . " insecure;\nnegative_ttl 20s;",
        locations => { i => 'image_digest_ttl 1000s;' });
});

my $image = $origin->name('app:1');
my $mark = 0;

sub hits {
    for (1 .. 5) {
        my $answer = $cache->ask('i', $image);
        return "$answer->{status} $answer->{error}"
            if $answer->{status} ne 'HIT';
    }

    # a renewal's call comes before this one's

    $cache->ask('i', $origin->name('mark:' . ++$mark));

    return 'HIT';
}

for (['fails', 500, {}], ['is limited', 429, { 'Retry-After' => 20 }]) {
    my ($name, $status, $headers) = @$_;

    subtest "the registry $name" => sub {
        $image = $origin->name("app:$status");
        my $calls = sub { $origin->calls("app:$status") };

        $origin->set(status => 0);
        $cache->ask('i', $image);

        $clock->advance(810);
        $origin->set(status => $status, headers => $headers);
        is $cache->ask('i', $image)->{status}, 'HIT', 'used';
        $cache->poll(sub { $calls->() == 2 }, 'a renewal');
        ok $cache->wait_for_log(qr/app:$status": (?!.*moved)/), 'it fails';

        $clock->advance(17);
        is hits, 'HIT', 'the digest is still used';
        is $calls->(), 2, 'and nobody is asked';

        $clock->advance(4);
        is $cache->ask('i', $image)->{status}, 'HIT', 'once more';
        $cache->poll(sub { $calls->() == 3 }, 'the next renewal');

        # until T, and not for longer

        ok $cache->wait_for_log(qr/app:$status/), 'it fails again';
        $clock->advance(200);
        is $cache->ask('i', $image)->{status}, 'FALLBACK', 'past T';

        $clock->advance(30);
    };
}

done_testing;
