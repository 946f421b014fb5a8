#!/usr/bin/perl

# The models keep the rules, and each way of making one wrong is found.

use strict;
use warnings;

use Test::More;

use ImageDigest::Util qw(run tempdir top);

chdir top() or die "chdir: $!";

my %switches = (
    'freshness MOVE' => [qw(
        BUG_OLDER_WINS
        BUG_T0_JOINS
        BUG_AGE_FROM_ANSWER
        BUG_LATE_STORE_FRESH
    )],
    'freshness CLOCK' => [qw(
        BUG_FLOOR_IGNORED
        LIMIT_IDLE_REDIS
    )],
    'freshness PURGE' => [qw(
        BUG_PURGE_OVERTAKEN
        BUG_STORE_AFTER_PURGE
        BUG_ANSWER_UNHEARD
    )],
    'freshness OUTAGE' => [qw(
        BUG_NEWS_HIDES_GAP
        BUG_READ_BEFORE_JOIN
        BUG_SAME_MOMENT
    )],
    'freshness DOUBT' => [qw(
        BUG_DOUBT_GIVES_WAY
    )],
    'lease FAULT' => [qw(
        BUG_NO_RING_ON_RELEASE
        BUG_NO_NEWS
        BUG_NEWS_FORGOTTEN
        BUG_LEASE_NOT_RENEWED
        BUG_NOT_RENEWED_WAITING
        BUG_GRANT_UNCHECKED
        BUG_RELEASES_ANY
        BUG_NO_TIMER
    )],
    'lease CROWD' => [qw(
        BUG_RECORD_FOR_ONE
        LIMIT_UNFAIR
    )],
    'lease PROGRESS' => [qw(
        BUG_KNOWN_TOO_OLD
    )],
);

my $dir = tempdir();

for my $run (sort keys %switches) {
    my @run = split / /, $run;
    my ($status, $text) = run('t/run/model', "$dir/model", @run);

    is $status, 0, "$run: no error" or diag $text;

    for (@{$switches{$run}}) {
        ($status, $text) = run('t/run/model', "$dir/model", @run, $_);

        is $status, 1, "$run: $_ is found" or diag $text;
    }
}

done_testing;
