#!/usr/bin/perl

# The rules of freshness, the key and the writes, on several hosts with faults:
# a short recorded history with everything in it is held against the contract.
# (t/README.md, "Histories".  `make soak` goes on for an hour.)

use strict;
use warnings;

use Test::More;

use ImageDigest::History::Run;
use ImageDigest::History::Checker;
use ImageDigest::History::Log;
use ImageDigest::History::Report;
use ImageDigest::Util qw(tempdir);

my $why = ImageDigest::History::Run::impossible();

plan skip_all => $why if $why;

# the seed of the day would find more, and make failures that nobody caused

my $file = ImageDigest::History::Run::run(
    seed => 4, seconds => 25, workload => 'all', dir => tempdir());
my $checker = ImageDigest::History::Checker->new(
    ImageDigest::History::Log::read($file));
my $result = $checker->check;
my $counts = $result->{counts};

is scalar(@{ $result->{violations} }), 0, 'no violation'
    or diag ImageDigest::History::Report::text($result, $checker->{run});

# a history in which little happened says little

cmp_ok $counts->{$_} // 0, '>=', 10, $_
    for 'digests', 'moves', 'origin calls', 'artefacts found', 'suspended',
        map { "status $_" } qw(HIT SHARED RESOLVED FALLBACK PINNED);

note ImageDigest::History::Report::counts($result);

done_testing;
