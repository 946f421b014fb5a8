#!/usr/bin/perl

# Rule 13: of hosts, or workers, that learn an unseen session's digest at the
# same time, and learn different ones, the first wins: all of them answer with
# that one.

use strict;
use warnings;

use Test::More;

use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;

my $redis = ImageDigest::Redis->start;
my $origin = ImageDigest::Origin->start;
my $patient = 'image_digest_timeout 20s;';
my $session = "$patient image_digest \$image session=\$http_x_job;";
my %locations = (i  => $session, t0 => "$session image_digest_ttl 0;",
                 no => "$patient image_digest_ttl 0;");

sub ask {
    my ($host, $where, $image, $job) = @_;

    return $host->send($where, $origin->name($image),
                       headers => { 'X-Job' => $job });
}

my ($one, $two) = map { host($redis->url, $origin,
                             locations => \%locations) } 1 .. 2;

# each host has another digest in its zone, both of them fresh

$origin->set(version => 1);
resolve($one, $origin->name('app:1'), 'no');
$origin->set(version => 2);
resolve($two, $origin->name('app:1'), 'no');

my %of = map { $origin->digest('app:1', $_) => $_ } 1 .. 2;

subtest 'two hosts at once' => sub {
    my @jobs = map { "job-$_" } 1 .. 40;
    my @sent = map {
        my $job = $_;
        map { ask($_, 'i', 'app:1', $job) } (rand) < 0.5 ? ($one, $two)
                                                         : ($two, $one);
    } @jobs;
    my @answers = $one->wait_for(@sent);
    my %by;

    for my $job (@jobs) {
        my ($a, $b) = splice @answers, 0, 2;

        $by{ join ' ', sort map { $_->{status} } $a, $b }++;
        is $a->{digest}, $b->{digest}, "$job: one digest";
        ok $of{ $a->{digest} }, '... of the two';
    }

    is_deeply \%by, { 'HIT SESSION' => 40 }, 'each was of the first';

    # and from then on

    for my $job (@jobs[0 .. 4]) {
        my ($a, $b) = $one->wait_for(map { ask($_, 't0', 'app:1', $job) }
                                         $one, $two);

        is $a->{digest}, $b->{digest}, "$job: still one";
        is "$a->{status} $b->{status}", 'SESSION SESSION', '... its own';
    }
};

subtest 'one is late' => sub {
    my $calls = $origin->calls('app:1');

    $origin->set(version => 3, hold => 'late');

    my $late = ask($one, 't0', 'app:1', 'job-late');

    meanwhile { $origin->calls('app:1') > $calls } 'the call';
    $origin->set(hold => '');

    my $answer = $two->wait_for(ask($two, 'i', 'app:1', 'job-late'));

    is $answer->{status}, 'HIT', 'another host is first';
    is $of{ $answer->{digest} }, 2, 'with what it has';

    $origin->release('late');
    $late = $one->wait_for($late);
    is $late->{status}, 'SESSION', 'the late one follows';
    is $of{ $late->{digest} }, 2, 'whatever it has learnt';
};

subtest 'two workers without Redis' => sub {
    my $host = host('off', $origin, locations => \%locations, workers => 2);

    # HEADs were held against a GET, in each of them

    my %pids;

    meanwhile {
        $pids{ resolve($host, $origin->name('app:0'), 'no')->{pid} }++;
        keys %pids == 2;
    } 'both workers';

    for my $n (1 .. 10) {
        $origin->set(version => $n, hold => "gate-$n");

        my $calls = $origin->calls('app:2');
        my @sent = ask($host, 't0', 'app:2', "job-$n");

        meanwhile { $origin->calls('app:2') > $calls } 'the call';

        # these come later, and it has moved for them

        $origin->set(version => "$n moved");
        push @sent, map { ask($host, 't0', 'app:2', "job-$n") } 1 .. 7;
        $origin->release("gate-$n");

        my %digests = map { $_->{digest} => 1 } $host->wait_for(@sent);

        is scalar(keys %digests), 1, 'one digest';
    }
};

done_testing;
