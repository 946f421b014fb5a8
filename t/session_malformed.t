#!/usr/bin/perl

# Rule 13: a malformed record of a session is no digest (session_unavailable),
# and never another one, as whoever wrote it may have meant one; deleted, the
# session begins anew.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;

my $redis = ImageDigest::Redis->start;
my $origin = ImageDigest::Origin->start;
my $session = 'image_digest $image session=$http_x_job;'
              . 'image_digest_timeout 5s;';
my ($one, $two) = map { host($redis->url, $origin, locations => {
    i  => $session, t0 => "$session image_digest_ttl 0;",
}) } 1 .. 2;

my $other = 'sha256:' . 'e' x 64;
my $long = 'x' x 700;

# what is wrong: the field and its value, or a command

my @ways = (
    ['no version', version => undef],
    ['another version', version => 2],
    ['no reference', reference => undef],
    ['another reference', reference => 'docker.io/library/golang:1'],
    ['another platform', platform => 'linux/amd64'],
    ['no platform', platform => undef],
    ['no digest', digest => undef],
    ['an empty digest', digest => ''],
    ['no hex', digest => 'sha256:' . 'g' x 64],
    ['a short one', digest => 'sha256:' . 'e' x 63],
    ['a long one', digest => "$other$long"],
    ['no time', digest_at => undef],
    ['time 0', digest_at => 0],
    ['a time in words', digest_at => 'now'],
    ['a time below 0', digest_at => -1],
    ['a time far ahead', digest_at => 9_000_000_000_000_000],
    ['a string', [qw(SET KEY x)]],
    ['a list', [qw(RPUSH KEY x)]],
    ['a hash of something else', [qw(HSET KEY something else)]],
    ['a hash with an engine alone', [qw(HSET KEY engine registry)]],
);

my $number = 0;

for (@ways) {
    my ($name, @way) = @$_;

    subtest $name => sub {
        my $job = 'job-' . ++$number;
        my $image = $origin->name('app:1');
        my $ask = sub {
            my ($host, $where) = @_;
            return $host->ask($where, $image, headers => { 'X-Job' => $job });
        };

        is $ask->($one, 'i')->{error}, '', 'a session';

        my ($key) = $redis->cli('KEYS', "*:session:$job#*");

        if (ref $way[0]) {
            $redis->cli('DEL', $key);
            $redis->cli(map { $_ eq 'KEY' ? $key : $_ } @{ $way[0] });

        } else {
            $redis->cli('HSET', $key, 'digest', $other);
            poison($redis, $key, @way);
        }

        for my $where (qw(i t0)) {
            my $calls = $origin->calls;
            my $answer = $ask->($two, $where);

            is "$answer->{status} $answer->{error}",
                'FALLBACK session_unavailable', 'no digest';
            is $answer->{digest}, '', '... and none in its variable';
            cmp_ok $answer->{wait}, '<', 4, '... at once';
            cmp_ok $origin->calls, '<=', $calls + 1, '... by a call at most';
        }

        is $ask->($one, 'i')->{digest}, $origin->digest('app:1'),
            'whoever knows it better goes on';

        $redis->cli('DEL', $key);

        my $answer = $ask->($two, 'i');

        is $answer->{digest}, $origin->digest('app:1'), 'it begins anew';
    };
}

is scalar(() = $two->log(qr/\[warn\].*malformed record of/)), 1, 'said once';

done_testing;
