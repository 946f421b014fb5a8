#!/usr/bin/perl

# Engine "docker": a worker that dies while it pulls leaves no claim behind
# for long: another one pulls.

use strict;
use warnings;

use Test::More;

use ImageDigest::Alone;
use ImageDigest::Cache;
use ImageDigest::Docker;
use ImageDigest::Image;
use ImageDigest::Layout;

my $docker = ImageDigest::Docker->start;
my $server = ImageDigest::Layout->start(ImageDigest::Image->new);
my $name = $server->name('app:1');
my $cache = ImageDigest::Cache->start(
    allow     => qr/exited on signal 9/,
    resolver  => 'registry ' . $server->host . ";\ntimeout 20s;\n"
                 . 'engine docker ' . $docker->url . ";\n",
    locations => {
        i => 'image_digest $image engine=docker; image_digest_timeout 100ms;'
             . 'image_digest_ttl 0;',
        p => 'image_digest $image engine=docker; image_digest_timeout 20s;'
             . 'image_digest_ttl 0;',
    });

$server->set(hold => 'a');
is $cache->ask('i', $name)->{error}, 'timeout', 'a pull is under way';
$cache->poll(sub { $server->blobs }, 'the pull');

my ($worker) = $cache->workers;

kill KILL => $worker;
$cache->poll(sub { my ($new) = $cache->workers; $new && $new != $worker },
             'another worker');
$server->set(hold => undef);
$server->release('a');

my $answer = $cache->ask('p', $name);

is $answer->{digest}, $server->digest, 'another worker pulls, or finds it';
cmp_ok $answer->{wait}, '<', 10, '... soon';

done_testing;
