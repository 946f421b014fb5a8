#!/usr/bin/perl

# Rule 12: invalidations that a zone has no room to remember one by one
# invalidate all that is older there, which costs a look at Redis each; the
# answers are right, and newer ones are in the zone again.

use strict;
use warnings;

use Test::More;

use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;
use ImageDigest::Util qw(wait_until);

my $redis = ImageDigest::Redis->start;
my $origin = ImageDigest::Origin->start;
my ($one, $two) = map {
    host($redis->url, $origin, workers => $_, more_resolver => 'zone 80k;');
} 1 .. 2;

my @images = map { "app:$_" } 1 .. 40;
my @some = @images[0 .. 29];

# (not more at once than such a zone has claims for)

sub all {
    my ($host, @images) = @_;

    my @answers;

    while (my @some = splice @images, 0, 20) {
        push @answers, $host->wait_for(map {
            $host->send('i', $origin->name($_)) } @some);
    }

    return @answers;
}

# the HEADs of each worker are held against a GET

my %pids;

meanwhile {
    $pids{ resolve($two, $origin->name('app:0'), 't0')->{pid} }++;
    keys %pids == 2;
} 'both workers';

all($_, @images) for $one, $two;
wait_for_record($redis, $origin->name($images[-1]));

is scalar(grep { $_->{status} eq 'HIT' } all($_, @images)), 40, 'all are known'
    for $one, $two;

$origin->set(version => 2);
my $calls = $origin->calls;
invalidate($redis, $origin->name($_)) for @some;

# the last one has come: those before it have as well

wait_until { resolve($_, $origin->name($some[-1]))->{digest}
             eq $origin->digest($some[-1], 2) } 'it to come' for $one, $two;

for my $host ($one, $two) {
    my @answers = all($host, @images);

    is_deeply [map { $_->{digest} } @answers],
        [map { $origin->digest($images[$_], $_ < 30 ? 2 : 1) } 0 .. 39],
        'the right digests';
    is scalar(grep { $_->{status} eq 'HIT' } all($host, @images)), 40,
        'and all are in the zone again';
}

is $origin->calls, $calls + 30, 'those that were not meant cost no call';

subtest 'one many times' => sub {
    my $image = $origin->name('app:1');

    for my $version (3 .. 12) {
        $origin->set(version => $version);
        invalidate($redis, $image);
        wait_until { resolve($_, $image)->{digest}
                     eq $origin->digest('app:1', $version) } 'it to come'
            for $one, $two;
        is resolve($one, $origin->name('app:40'))->{digest},
            $origin->digest('app:40', 1), 'another one stays';
    }
};

subtest 'a thousand at once' => sub {
    my $at = now($redis);

    $redis->cli('EVAL', <<'END', 0, $at);
for i = 1, 1000 do
    redis.call("SPUBLISH", "{image-digest:default}:news",
               "invalid " .. ARGV[1] .. " docker.io/library/app:" .. i)
end
END

    # these are of other references, but nothing of before is in the zone

    for my $host ($one, $two) {
        my $answer;

        wait_until {
            $answer = resolve($host, $origin->name('app:40'));
            $answer->{status} eq 'SHARED';
        } 'it to come', 5;

        is $answer->{digest}, $origin->digest('app:40', 1), 'the right one';

        # when all of the thousand have come

        wait_until { resolve($host, $origin->name('app:40'))->{status}
                     eq 'HIT' } 'it to be in the zone again';
    }

    my $calls = $origin->calls;

    all($_, @images) for $one, $two;
    is $origin->calls, $calls, 'no call of it';
};

is_deeply [map { $_->log(qr/\[(?:warn|error)\]/) } $one, $two], [],
    'no complaint';

done_testing;
