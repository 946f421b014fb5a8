#!/usr/bin/perl

# A clock that is corrected by less than a second was not set back.  But it must
# not be kept in a window by one correction after the other.

use strict;
use warnings;

use Test::More;

use POSIX qw(fmod);
use ImageDigest::Clock;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Window;

my $length = 10;
my $origin = ImageDigest::Origin->start;

for my $name ('Redis', 'its own') {
    subtest "$name clock" => sub {
        my ($server, $clock) = map { ImageDigest::Clock->new } 1 .. 2;
        my $redis = $server->around(sub { ImageDigest::Redis->start });
        my $shared = $name eq 'Redis';

        my $later = sub { $_->advance($_[0]) for $server, $clock };

        $later->(1 + $length - fmod($server->time, $length));

        my $host = ImageDigest::Window->start($clock, $origin,
                                              $shared ? $redis : undef,
                                              $length);
        my $ask = $shared ? sub { $host->ask } : sub { $host->know };
        my $corrected = $shared ? $server : $clock;
        my $now = int($server->time / $length);

        is_deeply [$ask->()], [$now, 'passed'], 'a window';

        for my $seconds (1 .. 30) {
            $later->(1);
            $corrected->set(wall => $corrected->{wall} - 0.9);

            my ($window, $write) = $ask->();

            isnt $write, 'passed', "nothing is stored after $seconds seconds"
                if $seconds > 1;
            is $window, undef, "nothing is found after $seconds seconds"
                if $seconds > $length + 2;
        }

        is int($corrected->time / $length), $now,
            'it is in that window still';

        $later->(3 * $length);
        is_deeply [$ask->()], [int($corrected->time / $length), 'passed'],
            'another one';
    };
}

done_testing;
