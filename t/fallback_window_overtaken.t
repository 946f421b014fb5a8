#!/usr/bin/perl

# An answer of Redis that is overtaken by another worker's says what the time
# was before.  Where that is later, the clock may have been set back meanwhile,
# and the windows of tag keys don't follow it.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache qw(tag_key);
use ImageDigest::Clock;
use ImageDigest::FakeRedis;
use ImageDigest::Origin;
use ImageDigest::Util qw(tempdir spit);

my $length = 100;
my $now = 1_800_000_050;
my $ahead = $now + 5 * $length;
my $gate = tempdir() . '/gate';
my $origin = ImageDigest::Origin->start;

# what a worker is told that connects late, too

$ImageDigest::FakeRedis::time = $now * 1_000_000;

my $redis = ImageDigest::FakeRedis->start(sub {
    my ($command, $mode) = @_;

    local $ImageDigest::FakeRedis::time = $mode * 1_000_000;

    if (script($command) eq 'lookup' && "@$command" =~ /late/) {
        spit("$gate.asked", '');
        select undef, undef, undef, 0.01 until -e $gate;
    }

    return miss($command);
});

$redis->mode($now);

my $cache = ImageDigest::Clock->new->around(sub {
    ImageDigest::Cache->start(
        workers   => 2,
        resolver  => 'registry ' . $origin->host . " insecure;\n"
                     . 'redis ' . $redis->url . " timeout=20s;\n"
                     . "timeout 20s;\nrefresh off;",
        locations => { i => "image_digest_timeout 20s;\n"
                            . "image_digest_ttl ${length}s;" });
});

my $number = 0;

sub name { return $origin->name('app:none' . ++$number) }

sub window_is {
    my ($image, $answer, $time, $what) = @_;

    my $window = $length . '/' . int($time / $length);

    is $answer->{key}, tag_key($image, window => $window), $what;
    is $cache->ask('i', $image, method => 'PUT', body => 'x')->{write},
        'passed', '... and what is stored';
}

# a worker that uses Redis

my $before = $redis->commands;

$cache->poll(sub { $cache->ask('i', name()); $redis->commands > $before },
             'redis to be asked');

# one asks while its clock is ahead, and another after it was put right

$redis->mode($ahead);

my $late = $cache->send('i', $origin->name('late:1'));

$cache->poll(sub { -e "$gate.asked" }, 'a question');
$redis->mode($now);

my (@sent, $image, $answer);

$cache->poll(sub {
    my $name = name();

    push @sent, $cache->send('i', $name)->then(sub {
        ($image, $answer) = ($name, @_) if $redis->commands > $before;
    });
    $answer;
}, 'the other worker');

window_is($image, $answer, $now, 'the time after');

# the answer to the first comes

spit($gate, '');
$cache->wait_for($late, @sent);

for (1 .. 4) {
    $image = name();
    window_is($image, $cache->ask('i', $image), $now, '... goes on to be used');
}

# an answer to a later question is believed

$redis->mode($ahead);
$image = name();
window_is($image, $cache->ask('i', $image), $ahead, 'a clock set ahead');

done_testing;
