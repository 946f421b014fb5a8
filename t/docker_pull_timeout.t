#!/usr/bin/perl

# Engine "docker", rule 8: a request falls back after image_digest_timeout,
# and the pull goes on, for which pull_timeout is the bound, not timeout; what
# it gives is there for later requests.

use strict;
use warnings;

use Test::More;

use ImageDigest::Alone;
use ImageDigest::Cache;
use ImageDigest::Docker;
use ImageDigest::Image;
use ImageDigest::Layout;

my $docker = ImageDigest::Docker->start;
my ($server, $late) = map {
    ImageDigest::Layout->start(ImageDigest::Image->new) } 1, 2;
my $lines = 'registry ' . $server->host . "; registry " . $late->host . ";\n"
            . 'engine docker ' . $docker->url . ";\n";

my $cache = ImageDigest::Cache->start(
    resolver  => "$lines timeout 1s;\n",
    more      => "image_resolver short {\n$lines"
                 . "timeout 5s; pull_timeout 500ms; negative_ttl 1h;\n}\n",
    locations => {
        i => 'image_digest $image engine=docker resolver=default;'
             . 'image_digest_timeout 300ms; image_digest_ttl 1h;',
        s => 'image_digest $image engine=docker resolver=short;'
             . 'image_digest_timeout 20s; image_digest_ttl 1h;',
        p => 'image_digest $image engine=docker resolver=default;'
             . 'image_digest_timeout 20s; image_digest_ttl 1h;',
    });

# a pull that takes longer than a request waits, and longer than timeout

my $name = $server->name('app:1');

$server->set(hold => 'a');

my $answer = $cache->ask('i', $name);

is $answer->{status}, 'FALLBACK', 'the request falls back';
is $answer->{error}, 'timeout', '... reason';
cmp_ok $answer->{wait}, '>=', 0.25, '... not before its time';
cmp_ok $answer->{wait}, '<', 5, '... but then';
$cache->poll(sub { $server->blobs }, 'the pull');

# by the log's times it goes on past timeout: two more requests wait and leave

is $cache->ask('i', $name)->{status}, 'FALLBACK', '... also later'
    for 1 .. 4;

my $waiting = $cache->send('p', $name);

$server->release('a');
is $cache->wait_for($waiting)->{digest}, $server->digest,
    'who waits has what the pull gives';
is $cache->ask('i', $name)->{status}, 'HIT', '... and later requests';
is_deeply [$docker->pulls], [$name], 'one pull';
is +(() = $server->requests(sub { $_->{path} =~ m{/app/manifests/1$}
                                  && $_->{method} eq 'HEAD' })), 1,
    '... one that was begun';

# a pull that takes longer than pull_timeout

$late->set(hold => 'a');
$answer = $cache->ask('s', $late->name('app:1'));
is $answer->{error}, 'timeout', 'pull_timeout';
is $answer->{digest}, '', '... no digest';
cmp_ok $answer->{wait}, '>=', 0.45, '... not before its time';
cmp_ok $answer->{wait}, '<', 10, '... but then';

my $before = () = $late->requests;

is $cache->ask('s', $late->name('app:1'))->{error}, 'timeout',
    '... remembered';
is +(() = $late->requests), $before, '... nothing was begun';
$late->release('a');
is_deeply [$docker->pulls], [$name], 'the daemon has given it up';

done_testing;
