#!/usr/bin/perl

# Rule 13: while Redis cannot be reached, an unseen session has no digest
# (session_unavailable), since another host might know it; one that this host
# has seen goes on.  Nobody waits longer than image_digest_timeout.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache qw(tag_key);
use ImageDigest::FakeRedis;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;
use ImageDigest::Util qw(wait_until);

my $origin = ImageDigest::Origin->start;
my $session = 'image_digest $image session=$http_x_job;';
my $patient = 'image_digest_timeout 20s;';
my %locations = (
    i     => "$session $patient image_digest_fallback tag window=off;",
    miss  => "$session $patient image_digest_fallback miss;",
    error => "$session $patient image_digest_fallback error;",
    short => "$session image_digest_timeout 700ms;",
    no    => $patient,
);

sub ask {
    my ($host, $where, $image, $job, %o) = @_;

    return $host->ask($where, $origin->name($image), %o,
                      headers => { 'X-Job' => $job });
}

sub is_none {
    my ($answer, $image, $name) = @_;

    is "$answer->{status} $answer->{error}", 'FALLBACK session_unavailable',
        $name;
    is $answer->{digest} . $answer->{pinned}, '', '... no digest';
    is $answer->{unavailable}, '1', '... and said so';
    is $answer->{key}, tag_key($origin->name($image), window => ''),
        '... the tag key';
}

sub found_again {
    my ($host, $job) = @_;

    my $answer;

    wait_until {
        $answer = ask($host, 'i', 'app:1', $job);
        $answer->{error} eq '';
    } 'a digest', 5;

    return $answer->{digest};
}

subtest 'it dies' => sub {
    my $redis = ImageDigest::Redis->start;
    my ($one, $two) = map { host($redis->url, $origin,
                                 locations => \%locations) } 1 .. 2;

    is ask($one, 'i', 'app:1', 'seen')->{status}, 'RESOLVED', 'a session';

    $redis->stop;

    is ask($one, 'i', 'app:1', 'seen')->{status}, 'SESSION',
        'it goes on where it was seen';
    is_none(ask($_, 'i', 'app:1', 'new'), 'app:1', 'an unseen one')
        for $one, $two;
    is_none(ask($two, 'i', 'app:1', 'seen'), 'app:1',
            'one that another host has seen');
    is_none(ask($one, 'i', 'app:2', 'seen'), 'app:2', 'of another image');

    is resolve($one, $origin->name('app:1'), 'no')->{status}, 'HIT',
        'those without a session go on';

    my $answer = ask($one, 'miss', 'app:1', 'new');

    is "$answer->{code} $answer->{body}",
        "404 no digest for the image: session_unavailable\n", 'miss';
    is ask($one, 'error', 'app:1', 'new')->{code}, 503, 'error';

    my $calls = $origin->calls('app:3');

    ask($one, 'i', 'app:3', 'new');
    is $origin->calls('app:3'), $calls, 'and nobody is asked in vain';

    $redis->start;
    is found_again($_, 'new'), $origin->digest('app:1'), 'it comes back'
        for $one, $two;
};

subtest 'it hangs' => sub {
    my $redis = ImageDigest::Redis->start;
    my $quick = host($redis->url . ' timeout=500ms', $origin,
                     locations => \%locations);
    my $slow = host($redis->url . ' timeout=10s', $origin,
                    locations => \%locations);

    is ask($_, 'i', 'app:1', 'seen')->{error}, '', 'a session'
        for $quick, $slow;

    $redis->pause;

    my $answer = ask($quick, 'i', 'app:1', 'new');

    is_none($answer, 'app:1', 'an unseen one');
    cmp_ok $answer->{wait}, '<', 1.5, '... by the time-out of Redis';

    $answer = ask($slow, 'short', 'app:1', 'new');
    is $answer->{digest}, '', 'no digest where that is long';
    cmp_ok $answer->{wait}, '>=', 0.6, '... by image_digest_timeout';
    cmp_ok $answer->{wait}, '<', 2, '... and not more';

    is ask($_, 'short', 'app:1', 'seen')->{status}, 'SESSION', 'a seen one'
        for $quick, $slow;

    $redis->resume;
    is found_again($_, 'new'), $origin->digest('app:1'), 'it goes on'
        for $quick, $slow;
};

subtest 'it goes before the digest is the session\'s' => sub {

    # the digest is known by then, but might be another one elsewhere

    my $redis = ImageDigest::FakeRedis->start(sub {
        my ($command, $mode) = @_;

        my $binds = script($command) eq 'session' && $command->[9] ne '';

        return if $binds && $mode eq 'close';
        return "-READONLY no\r\n" if $binds && $mode eq 'refuse';
        return bulk('gibberish') if $binds && $mode eq 'gibberish';

        return miss($command);
    });

    for my $mode (qw(close refuse gibberish)) {
        my $host = host($redis->url, $origin, locations => \%locations);

        wait_until { resolve($host, $origin->name("app:$mode"), 'no');
                     $redis->commands } 'redis to be asked';
        $redis->mode($mode);
        is_none(ask($host, 'i', "app:$mode", 'new'), "app:$mode", $mode);
    }
};

done_testing;
