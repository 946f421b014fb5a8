#!/usr/bin/perl

# Rule 13: without Redis a session is this host's, in its zone, through
# reloads and to the end of the retention.  No session is evicted before its
# time: where the zone has no room, a new one is session_unavailable, and the
# log says so.

use strict;
use warnings;

use Test::More;

use ImageDigest::Clock;
use ImageDigest::Origin;
use ImageDigest::Shared;

my $origin = ImageDigest::Origin->start;
my $clock = ImageDigest::Clock->new;
my $session = 'image_digest $image session=$http_x_job;'
              . 'image_digest_timeout 20s;';
my $host = $clock->around(sub {
    host('off', $origin, retention => '1h', workers => 2,
         more_resolver => 'zone 80k;',
         locations => { i  => $session,
                        t0 => "$session image_digest_ttl 0;" });
});

sub send_job {
    my ($where, $job) = @_;

    return $host->send($where, $origin->name('app:1'),
                       headers => { 'X-Job' => $job });
}

sub gets {
    my ($where, $job) = @_;

    my $answer = $host->wait_for(send_job($where, $job));

    return join ' ', grep { $_ ne '' } @$answer{qw(status error digest)};
}

my ($first, $second) = map { $origin->digest('app:1', $_) } 1 .. 2;

is gets('i', 'job'), "RESOLVED $first", 'the first answer';
is gets('i', 'job'), "SESSION $first", 'then';

$origin->set(version => 2);
$clock->advance(10);
is gets('t0', 'new'), "RESOLVED $second", 'the tag moves';
is gets('t0', 'job'), "SESSION $first", 'and the session stays'
    for 1 .. 4;

$host->reload;
is gets('t0', 'job'), "SESSION $first", 'through a reload' for 1 .. 4;

# a wall clock that jumps changes nothing

$clock->set(wall => $clock->{wall} + 86400);
is gets('t0', 'job'), "SESSION $first", 'the wall clock jumps ahead';
$clock->set(wall => $clock->{wall} - 86400);

subtest 'no room' => sub {
    my @jobs = map { "job-$_" } 1 .. 400;
    my %by;

    while (my @some = splice @jobs, 0, 50) {
        my @answers = $host->wait_for(map { send_job('i', $_) } @some);

        push @{ $by{"$answers[$_]{status} $answers[$_]{error}"} }, $some[$_]
            for 0 .. $#some;
    }

    my $left = delete $by{'FALLBACK session_unavailable'};
    my @live = map { @$_ } values %by;

    cmp_ok scalar(@$left), '>', 10, 'some have no digest';
    cmp_ok scalar(@live), '>', 10, 'others do';

    my @said = $host->log(qr/\[error\].*no room for another session/);

    cmp_ok scalar(@said), '>=', 1, 'the log says so';
    cmp_ok scalar(@said), '<=', 4, '... and not for each of them';
    like $said[0], qr/session_unavailable, resolver "default": .*zone larger/,
        '... with what to do';

    $origin->set(version => 3);

    my @answers = $host->wait_for(map { send_job('t0', $_) } @live);

    is scalar(grep { $_->{status} eq 'SESSION' && $_->{digest} eq $second }
              @answers), scalar(@live), 'none of these was evicted';
    is gets('t0', 'job'), "SESSION $first", 'nor the oldest';
    is gets('t0', $left->[0]), 'FALLBACK session_unavailable', 'still none';

    $clock->advance(3600 - 11);
    is gets('t0', 'job'), "SESSION $first", 'to the end of the retention';
    $clock->advance(2);
    is gets('t0', 'job'), 'RESOLVED ' . $origin->digest('app:1', 3),
        'when it begins anew';
    $clock->advance(60);

    # those that begin anew are in nobody's way

    $host->wait_for(map { send_job('i', $_) } @live[0 .. 19]);
    is gets('i', $left->[0]) =~ s/ .*//r, 'HIT', 'and there is room';
};

done_testing;
