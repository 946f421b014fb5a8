#!/usr/bin/perl

# Freshness, 10: of a malformed answer of Redis nothing is believed, not the
# time either, by which the windows of tag keys are.

use strict;
use warnings;

use Test::More;

use ImageDigest::Clock;
use ImageDigest::FakeRedis;
use ImageDigest::Origin;
use ImageDigest::Window;

my $length = 100;
my $now = 1_800_000_050 * 1_000_000;
my $hours = 3 * 3600 * 1_000_000;
my $huge = 9_000_000_000_000_000;
my $origin = ImageDigest::Origin->start;

# the word, the time, that to which it was ahead, and what comes after these

my %answers = (
    'too few values'         => ['ok', $now + $hours, 0],
    'too many'               => ['ok', $now + $hours, 0, 0, 0, 'ours', 0,
                                 (undef) x 16],
    'another word'           => ['hello', $now + $hours, 0, 0, 0, 'ours', 0,
                                 (undef) x 15],
    'invalidated later'      => ['ok', $now + $hours, 0, 0, $huge, 'ours', 0,
                                 (undef) x 15],
    'another lease'          => ['ok', $now + $hours, 0, 0, 0, 'hers', 0,
                                 (undef) x 15],
    'ahead by hours'         => ['ok', $now, $now + $hours, 0, 0, 'ours', 0,
                                 (undef) x 15],
    'behind nothing'         => ['behind', $now, $huge],
    'behind less'            => ['behind', $now, $huge, $now - $hours],
    'behind itself'          => ['behind', $now, $huge, $now],
    'ahead of what was seen' => ['behind', $now, $huge, $now + 10_000_000],
    'behind, and a value'    => ['behind', $now, $huge, $huge, 0],
);

$ImageDigest::FakeRedis::time = $now;

my $redis = ImageDigest::FakeRedis->start(sub {
    my ($command, $mode) = @_;

    return miss($command)
        unless $answers{$mode} && script($command) eq 'lookup';

    my ($word, @more) = @{ $answers{$mode} };

    return bulk($word, $command->[3 + $command->[2]], @more);
});

for my $name (sort keys %answers) {
    subtest $name => sub {
        my $clock = ImageDigest::Clock->new;

        $clock->set(wall => $now / 1_000_000 - $clock->time);

        my $window = int($now / 1_000_000 / $length);

        $redis->mode('');

        my $host = ImageDigest::Window->start($clock, $origin, $redis,
                                              $length);

        is_deeply [$host->ask], [$window, 'passed'], 'a window';

        $redis->mode($name);
        $host->ask;
        like "@{[$host->cache->log(qr/\[warn\]/)]}",
            qr/malformed answer of redis/, 'said';

        $redis->mode('');
        is_deeply [$host->ask], [$window, 'passed'], '... and not believed';
    };
}

done_testing;
