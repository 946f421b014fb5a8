#!/usr/bin/perl

# Redis that answers and fails by turns: the log has it once a minute, and not
# once for each turn.

use strict;
use warnings;

use Test::More;

use ImageDigest::Clock;
use ImageDigest::FakeRedis;
use ImageDigest::Origin;
use ImageDigest::Shared;

my $now = 1_800_000_000_000_000;
my $origin = ImageDigest::Origin->start;
my $number = 0;

# by mode: every other answer, and what the log has

my %ways = (
    refused   => [sub { "-OOM no memory\r\n" }, qr/refuses to/],
    behind    => [sub { bulk('behind', $_[0], $now, 0, $now + 100_000) },
                  qr/the clock of redis .* behind/],
    malformed => [sub { bulk('what', $_[0], $now, 0) }, qr/malformed answer/],
);

$ImageDigest::FakeRedis::time = $now;

for my $way (sort keys %ways) {
    my ($answer, $words) = @{ $ways{$way} };

    my $turn = 0;
    my $redis = ImageDigest::FakeRedis->start(sub {
        my ($command) = @_;

        return miss($command)
            unless script($command) eq 'lookup' && $turn++ % 2;
        return $answer->($command->[3 + $command->[2]]);
    });
    my $clock = ImageDigest::Clock->new;
    my $host = $clock->around(sub { host($redis->url, $origin) });

    for my $minute (1, 2) {
        my $before = $redis->commands;

        $host->poll(sub {
            resolve($host, $origin->name('app:' . ++$number));
            $redis->commands > $before + 20;
        }, 'redis to be asked');

        is scalar(() = $host->log($words)), $minute, "$way: minute $minute";
        cmp_ok scalar(() = $host->log(qr/\[notice\].* again/)), '<=', $minute,
            '... and that it is over';
        $clock->advance(61);
    }
}

done_testing;
