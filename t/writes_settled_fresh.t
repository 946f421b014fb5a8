#!/usr/bin/perl

# image_digest_writes settled=TIME takes for a write an observation younger
# than the smaller of T and `fresh`, 5s by default, that is renewed ahead: a
# stream of writes costs about one origin call in `fresh`, and rarely waits.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Clock;
use ImageDigest::Origin;

my $origin = ImageDigest::Origin->start;
my $clock = ImageDigest::Clock->new;

sub cache {
    my ($refresh) = @_;

    return $clock->around(sub {
        ImageDigest::Cache->start(
            resolver  => 'registry ' . $origin->host
                         . " insecure;\n$refresh",
            locations => {
                i     => "image_digest_ttl 10m;\n"
                         . 'image_digest_writes settled=1m;',
                fresh => "image_digest_ttl 10m;\n"
                         . 'image_digest_writes settled=1m fresh=30s;',
                short => "image_digest_ttl 10s;\n"
                         . 'image_digest_writes settled=1m fresh=30s;',
            });
    });
}

subtest 'the bound' => sub {
    my $cache = cache('refresh off;');
    my $n = 0;

    for (['i', 5], ['fresh', 30], ['short', 10]) {
        my ($prefix, $seconds) = @$_;

        my $tag = 'app:' . ++$n;
        my $image = $origin->name($tag);
        my $status = sub {
            return $cache->ask($prefix, $image, @_)->{status};
        };
        my @put = (method => 'PUT', body => 'x');

        is $status->(), 'RESOLVED', "$prefix: a read";
        is $status->(@put), 'HIT', "$prefix: a write";
        $clock->advance($seconds - 1);
        is $status->(@put), 'HIT', "$prefix: younger";
        $clock->advance(1);
        is $status->(), $prefix eq 'short' ? 'RESOLVED' : 'HIT',
            "$prefix: a read does not ask anew before T";
        is $status->(@put), $prefix eq 'short' ? 'HIT' : 'RESOLVED',
            "$prefix: a write does";
        is $origin->calls($tag), 2, "$prefix: calls";
    }
};

subtest 'a stream of writes' => sub {
    my $cache = cache('');
    my $image = $origin->name('app:stream');
    my %count;

    # two minutes of a write each second; where one starts a renewal, those that
    # follow at once poll for its end

    for (1 .. 120) {
        my $answer = $cache->ask('i', $image, method => 'PUT', body => 'x');

        $count{"$answer->{status} $answer->{write}"}++;

        if ($answer->{age} >= 4) {
            $cache->poll(sub {
                my $answer = $cache->ask('i', $image, method => 'PUT',
                                         body => 'x');
                return $answer->{age} < 4;
            }, 'the renewal');
        }

        $clock->advance(1);
    }

    my $calls = $origin->calls('app:stream');

    cmp_ok $calls, '>=', 120 / 5, "not fewer than one in 5 seconds: $calls";
    cmp_ok $calls, '<=', 120 / 5 * 1.5, 'about one';
    cmp_ok $count{'RESOLVED dropped'}, '<=', 1, 'but the first';
    is $count{'RESOLVED passed'} // 0, 0, 'none waits';
    cmp_ok $count{'HIT passed'}, '>=', 50, 'settled after a minute';
};

done_testing;
