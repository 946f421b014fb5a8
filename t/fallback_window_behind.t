#!/usr/bin/perl

# While Redis' clock is behind the highest time that it has seen, nothing is
# stored under a tag key: others come to that time later.  And when it has
# caught up, the window of that time is no host's, not even one's that did not
# see it: what is in it is older than it looks.

use strict;
use warnings;

use Test::More;

use POSIX qw(fmod);
use ImageDigest::Cache qw(tag_key);
use ImageDigest::Clock;
use ImageDigest::Origin;
use ImageDigest::Redis;

my $length = 100;
my $origin = ImageDigest::Origin->start;
my ($server, $hosts) = map { ImageDigest::Clock->new } 1 .. 2;
my $redis = $server->around(sub { ImageDigest::Redis->start });
my $number = 0;

sub start {
    return $hosts->around(sub {
        ImageDigest::Cache->start(
            resolver  => 'registry ' . $origin->host . " insecure;\n"
                         . 'redis ' . $redis->url . " timeout=20s;\n"
                         . 'timeout 20s;',
            locations => { i => "image_digest_timeout 20s;\n"
                                . "image_digest_ttl ${length}s;" });
    });
}

sub asked { return $redis->calls('eval') + $redis->calls('evalsha') }

# what a host says of an image that nobody has asked for, once Redis was asked

sub ask {
    my ($cache) = @_;

    my ($image, $before, $get);

    $cache->poll(sub {
        $image = $origin->name('app:none' . ++$number);
        $before = asked();
        $get = $cache->ask('i', $image);
        asked() > $before;
    }, 'redis to be asked');

    my $put = $cache->ask('i', $image, method => 'PUT', body => 'x');
    my ($window) = grep { $get->{key} eq tag_key($image,
                                                 window => "$length/$_") }
                   map { int($hosts->time / $length) + $_ } -2 .. 2;

    return ($window, $put->{write});
}

sub later { $_->advance($_[0]) for $server, $hosts; return }

# ten seconds of a window are over

later(10 + $length - fmod($server->time, $length));

my $one = start();
my ($window, $write) = ask($one);

is $window, int($server->time / $length), 'a window';
is $write, 'passed', 'and stored';

# the clock of Redis is set back, into the window before

$server->set(wall => $server->{wall} - 50);
is_deeply [ask($one)], [$window, 'dropped'], 'behind: nothing is stored';
later(30);
is_deeply [ask($one)], [$window, 'dropped'], 'nor later';

my $two = start();

is_deeply [ask($two)], [undef, 'dropped'],
    'nor by a host that never saw another time';

# it has caught up

later(21);
is_deeply [ask($two)], [undef, 'dropped'], 'the window of the highest time';
is_deeply [ask($one)], [$window, 'dropped'],
    'who knows how old it is finds it';

later($length);

is_deeply [ask($_)], [$window + 1, 'passed'], 'the next one' for $one, $two;

done_testing;
