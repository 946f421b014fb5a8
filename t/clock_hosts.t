#!/usr/bin/perl

# Rule 6: hosts whose clocks are hours apart share what they know: ages are by
# Redis' clock, and so are the windows of tag keys.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache qw(tag_key windows);
use ImageDigest::Clock;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;

my $hour = 3600;
my $origin = ImageDigest::Origin->start;
my $server = ImageDigest::Clock->new;
my $redis = $server->around(sub { ImageDigest::Redis->start });
my $patient = 'image_digest_timeout 20s;';

# the wall clock and the boot-time clock of each

my @clocks = map { ImageDigest::Clock->new->set(wall => $_->[0],
                                                boot => $_->[1]) }
    [0, 0], [5 * $hour, -1000 * $hour], [-7 * $hour, 1000 * $hour],
    [-3000 * $hour, 0], [3000 * $hour, -3 * $hour];

my @hosts = map {
    $_->around(sub {
        host($redis->url, $origin, more_resolver => 'refresh off;',
             locations => {
                 i => "$patient image_digest_ttl 5m;",
                 s => "$patient image_digest_ttl 100s;",
                 w => "$patient image_digest_ttl 100s;"
                      . 'image_digest_writes settled=1h fresh=100s;',
             });
    });
} @clocks;

sub pass_time { $_->advance($_[0]) for $server, @clocks }

my $number = 0;

for my $first (0 .. $#hosts) {
    subtest "host $first is the first" => sub {
        my $tag = 'app:' . ++$number;
        my $image = $origin->name($tag);

        is resolve($hosts[$first], $image)->{status}, 'RESOLVED', 'it asks';
        wait_for_record($redis, $image);
        pass_time(60);

        for my $n (0 .. $#hosts) {
            my $answer = resolve($hosts[$n], $image, 's');

            is $answer->{status}, $n == $first ? 'HIT' : 'SHARED',
                "host $n takes it";
            cmp_ok $answer->{age}, '>=', 60, '... not younger';
            cmp_ok $answer->{age}, '<', 61, '... nor older than it is';
        }

        pass_time(41);
        $origin->set(version => $number + 1);

        my @by = map { resolve($_, $image, 's') } @hosts;

        is scalar(grep { $_->{digest} eq $origin->digest($tag) } @by),
            scalar(@hosts), 'past the TTL it is used by none';
        is $origin->calls($tag), 2, '... and one of them asks';
    };
}

subtest 'since when' => sub {
    my $image = $origin->name('app:settled');
    my $put = sub { $_[0]->ask('w', $image, method => 'PUT', body => 'x') };

    is $put->($hosts[1])->{write}, 'dropped', 'a new one';
    wait_for_record($redis, $image);
    pass_time(3500);
    is $put->($_)->{write}, 'dropped', 'not yet' for @hosts;
    pass_time(99);
    is $put->($_)->{write}, 'dropped', 'nor now' for @hosts;
    pass_time(2);
    is $put->($_)->{write}, 'passed', 'settled' for @hosts;
};

subtest 'windows' => sub {
    my $image = $origin->name('app:none');

    for (1 .. 3) {
        my $from = $server->time;
        my %keys = map { resolve($_, $image)->{key} => 1 } @hosts;
        my @keys = map { tag_key($image, window => $_) }
                   windows(300, $from, $server->time);

        is scalar(keys %keys), 1, 'one key';
        ok +(grep { $keys{$_} } @keys), '... of the window of Redis';
        pass_time(300);
    }
};

is_deeply [grep { !/not_found/ } map { $_->log(qr/\[(?:warn|error)\]/) }
           @hosts], [], 'no complaint';

done_testing;
