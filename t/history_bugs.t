#!/usr/bin/perl

# The history checker catches bugs: each patch of t/history/bugs is built into
# a module of its own, and caught in its workload within as many seeds as it
# says, by the rule that it says.

use strict;
use warnings;

use Test::More;

use ImageDigest::History::Bugs;
use ImageDigest::History::Checker;
use ImageDigest::History::Log;
use ImageDigest::History::Run;
use ImageDigest::Util qw(tempdir top run);

my $why = ImageDigest::History::Run::impossible();

plan skip_all => $why if $why;

my @bugs = ImageDigest::History::Bugs::all();

cmp_ok scalar(@bugs), '>=', 8, 'bugs';

# each run makes a network of its own

delete $ENV{IMAGE_DIGEST_ALONE};

for my $bug (@bugs) {
    local $ENV{NGINX_MODULE} = ImageDigest::History::Bugs::build($bug);
    my ($seed, %found) = 0;

    while (!$found{ $bug->{rule} } && $seed < $bug->{seeds}) {
        my $dir = tempdir();
        my ($status, $text) = run(
            top() . '/t/history/run', '--seed', ++$seed, '--seconds',
            $bug->{seconds}, '--workload', $bug->{workload}, '--dir', $dir);

        # 1 is what a violation makes

        $status < 2 or die "$bug->{name}, seed $seed: $text";

        my $result = ImageDigest::History::Checker->new(
            ImageDigest::History::Log::read("$dir/history.jsonl"))->check;

        $found{ $_->{rule} }++ for @{ $result->{violations} };
    }

    ok $found{ $bug->{rule} }, "$bug->{name}: ($bug->{rule}) in seed $seed of"
                               . " $bug->{seeds}"
        or diag $bug->{story};
}

done_testing;
