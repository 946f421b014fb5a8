#!/usr/bin/perl

# The fuzzers, each for a moment; `make fuzz` runs them for longer.

use strict;
use warnings;

use File::Basename qw(basename);
use Test::More;

use ImageDigest::Util qw(run tempdir top);

my $top = top();

for (sort glob "$top/t/fuzz/*.c") {
    my $name = basename($_, '.c');
    my $dir = tempdir();
    my @dict = map { "-dict=$_" } glob "$top/t/fuzz/$name.dic[t]";

    my ($status, $text) = run("$top/build/fuzz/$name", '-max_total_time=2',
                              '-rss_limit_mb=1024', '-timeout=10',
                              "-artifact_prefix=$dir/", @dict, $dir,
                              "$top/t/fuzz/seeds/$name");

    is $status, 0, $name or diag $text;
}

done_testing;
