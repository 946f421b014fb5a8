#!/usr/bin/perl

# The history checker catches bugs: each patch of t/history/bugs is built into
# a module of its own, and caught in its workload within as many seeds as it
# says, by the rule that it says.

use strict;
use warnings;

use Test::More;

use Time::HiRes qw(sleep);
use ImageDigest::History::Bugs;
use ImageDigest::History::Checker;
use ImageDigest::History::Log;
use ImageDigest::History::Run;
use ImageDigest::Util qw(tempdir top slurp spawn alive);

my $why = ImageDigest::History::Run::impossible();

plan skip_all => $why if $why;

my @bugs = ImageDigest::History::Bugs::all();

cmp_ok scalar(@bugs), '>=', 8, 'bugs';

# each run makes a network of its own

delete $ENV{IMAGE_DIGEST_ALONE};

# The runs of several bugs at a time: most of a run is waiting.

my $most = 2;

sub begin {
    my ($bug) = @_;

    my $dir = tempdir();

    local $ENV{NGINX_MODULE} = $bug->{module};

    $bug->{seed}++;
    $bug->{dir} = $dir;
    $bug->{pid} = spawn(
        "$dir/output", $^X, top() . '/t/history/run', '--seed', $bug->{seed},
        '--seconds', $bug->{seconds}, '--workload', $bug->{workload},
        '--dir', $dir);
}

sub caught {
    my ($bug) = @_;

    my $file = "$bug->{dir}/history.jsonl";
    my $output = slurp("$bug->{dir}/output");

    # its last lines are those of a checked run

    $output =~ /^ +\d+  requests$/m
        or die "$bug->{name}, seed $bug->{seed}: $output";

    my $result = ImageDigest::History::Checker->new(
        ImageDigest::History::Log::read($file))->check;

    return scalar grep { $_->{rule} eq $bug->{rule} }
                  @{ $result->{violations} };
}

sub end {
    my ($bug) = @_;

    return $bug if $bug->{caught} = caught($bug);
    return $bug if $bug->{seed} >= $bug->{seeds};

    return;
}

my (@running, @ended);
my @waiting = @bugs;

while (@waiting || @running) {
    if (@waiting && @running < $most) {
        my $bug = shift @waiting;

        $bug->{module} //= ImageDigest::History::Bugs::build($bug);
        begin($bug);
        push @running, $bug;
        next;
    }

    my ($over) = grep { !alive($_->{pid}) } @running;

    if (!$over) {
        sleep 0.1;
        next;
    }

    @running = grep { $_ != $over } @running;
    end($over) ? push @ended, $over : push @waiting, $over;
}

for my $bug (sort { $a->{name} cmp $b->{name} } @ended) {
    ok $bug->{caught}, "$bug->{name}: ($bug->{rule}) in seed $bug->{seed} of"
                       . " $bug->{seeds}"
        or diag $bug->{story};
}

done_testing;
