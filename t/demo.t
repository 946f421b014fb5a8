#!/usr/bin/perl

# `make demo`: everything in it is as told, and nothing stays behind, at its
# end and when it is interrupted.

use strict;
use warnings;

use Test::More;

use ImageDigest::Leftovers qw(files processes);
use ImageDigest::Util qw(run spawn alive slurp tempdir top wait_until);

my $demo = top() . '/t/run/demo';


subtest 'to its end' => sub {
    local $ENV{TMPDIR} = tempdir();

    my ($status, $text) = run($^X, $demo);

    is $status, 0, 'exit status' or diag $text;

    my $fallback = qr/FALLBACK \(unreachable\)/;

    my @told = (
        qr/host A +GET app:1 +miss +RESOLVED /, 'a miss',
        qr/host A +GET app:1 +hit, image 1 +HIT /, 'a hit',
        qr/host A .* hit, image 1: known until the TTL is over$/m, 'within it',
        qr/host A .* miss: at the latest 3 s after the move$/m, 'after it',
        qr/host A +GET app\@\w+\.\. +hit, image 1 +PINNED /, 'pinned',
        qr/host B +GET app:1 +hit, image \d+ +SHARED /, 'the other host',
        qr/registry +access log +0 requests /, 'the registry was not asked',
    );

    while (my ($re, $what) = splice @told, 0, 2) {
        like $text, qr/^ *[\d.]+  $re/m, $what;
    }

    for my $host ('host A', 'host B') {
        my @lines = $text =~ /^ *[\d.]+  $host +GET app:1 +(.*$fallback.*)/mg;

        is scalar(() = grep { /^miss .* no digest is younger/ } @lines), 2,
            "a safe miss on $host in both outages";
        cmp_ok scalar(() = grep { /^hit, image/ } @lines), '>=', 2,
            'hits in the same window';
        is scalar(() = grep { /^miss .* another window$/ } @lines), 2,
            'misses in another one';
    }

    cmp_ok scalar(() = $text =~ /^ +is sha256sum of /mg), '>=', 7, 'the keys';
    like $text, qr/^All \d+ checks as told/m, 'all as told';
    like $text, qr/No stale hit\.$/m, 'no stale hit';

    # its output can be checked by hand

    my ($key, $strings) = $text =~ /_key\ \ (\w{64})\n
                                    \ +is\ sha256sum\ of\ (.*\n.*)/x;
    $strings =~ s/\n *//;

    is substr(run('sh', '-c', 'printf %s "$1" | sha256sum', 'sh', $strings),
              0, 64), $key, 'sha256sum';

    is_deeply [files($ENV{TMPDIR})], [], 'no files';
    is_deeply [processes($ENV{TMPDIR})], [], 'no processes';
};

for my $signal (qw(INT TERM)) {
    subtest $signal => sub {
        my $out = tempdir() . '/out';

        local $ENV{TMPDIR} = tempdir();

        my $pid = spawn($out, $^X, $demo);

        wait_until { slurp($out) =~ /RESOLVED/ || !alive($pid) } 'a line';
        ok alive($pid), 'it has begun' or diag slurp($out);
        cmp_ok scalar(() = processes($ENV{TMPDIR})), '>=', 9, 'it runs';

        kill $signal => $pid;
        wait_until { !alive($pid) } 'its end';

        is_deeply [processes($ENV{TMPDIR})], [], 'no processes';
        is_deeply [files($ENV{TMPDIR})], [], 'no files';
        unlike slurp($out), qr/NOT AS TOLD/, 'nor a false alarm';
    };
}

done_testing;
