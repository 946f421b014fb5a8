#!/usr/bin/perl

# Rules 7 and 9: hosts that share a Redis renew an image once, whoever of them
# uses it, and no request of any of them waits.

use strict;
use warnings;

use Test::More;

use ImageDigest::Clock;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;

my $clock = ImageDigest::Clock->new;
my $redis = $clock->around(sub { ImageDigest::Redis->start });
my $origin = ImageDigest::Origin->start;
my @hosts = map {
    $clock->around(sub {
        host($redis->url, $origin, workers => $_, locations => {
            i => 'image_digest_ttl 20s; image_digest_timeout 20s;' });
    });
} 1, 1, 2;
my @tags = map { "app:$_" } 1 .. 20;

sub all {
    return $hosts[0]->wait_for(map {
        my $tag = $_;
        map { $_->send('i', $origin->name($tag)) } @hosts;
    } @tags);
}

# the HEADs of each worker are held against a GET, and each is connected

my %pids;

meanwhile {
    for my $host (@hosts) {
        $pids{ resolve($host, $origin->name('warm:' . keys %pids))->{pid} }++
            for 1 .. 2;
    }
    keys %pids == 4;
} 'all workers';

all();

for my $round (1, 2) {
    my %before = map { $_ => $origin->calls($_) } @tags;

    is scalar(grep { $_->{status} ne 'HIT' } all()), 0, 'all know them';

    $clock->advance(16.5);
    $origin->set(version => $round + 1);

    my @answers = all();

    is scalar(grep { $_->{status} eq 'HIT' && $_->{wait} == 0 } @answers),
        @tags * @hosts, 'past `refresh`, nobody waits';

    # who was not the one who asked looks when it is used again

    my $waited = 0;

    meanwhile {
        my @answers = all();

        $waited += grep { $_->{wait} > 0 } @answers;
        !grep { $_->{age} > 16 } @answers;
    } 'all to be renewed';

    is $waited, 0, 'nor meanwhile';
    is_deeply { map { $_ => $origin->calls($_) - $before{$_} } @tags },
        { map { $_ => 1 } @tags }, 'each was renewed by one call';
    is scalar(grep { $_->{digest} ne $origin->digest($tags[0]) }
              map { resolve($_, $origin->name($tags[0])) } @hosts), 0,
        'to what it names now, on all';
}

done_testing;
