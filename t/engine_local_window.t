#!/usr/bin/perl

# With Redis the windows of tag keys are by its clock, also those of an engine
# of one host, where nothing else is ever asked of Redis: what it tells stays
# on this host.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache qw(tag_key windows);
use ImageDigest::Clock;
use ImageDigest::FakeDaemon;
use ImageDigest::Redis;

my $daemon = ImageDigest::FakeDaemon->start;
my $digest = sha256('an image');
my $server = ImageDigest::Clock->new->set(wall => 12345);
my $redis = $server->around(sub { ImageDigest::Redis->start });
my $cache = ImageDigest::Cache->start(
    resolver  => 'redis ' . $redis->url . " timeout=10s;\nnode one;\n"
                 . 'registry docker.io; engine docker ' . $daemon->url
                 . " pull=never;\n",
    locations => { i => 'image_digest $image engine=docker;'
                        . 'image_digest_timeout 20s; image_digest_ttl 20s;' });

# each of another image, so that each asks

for my $n (1 .. 3) {
    for (['a read'], ['a write', method => 'PUT', body => 'x']) {
        my ($name, @o) = @$_;
        my $from = $server->time;
        my $answer = $cache->ask('i', "a:$n", @o);
        my @keys = map { tag_key("docker.io/library/a:$n", window => $_,
                                 engine => 'docker@one') }
                   windows(20, $from, $server->time);

        is $answer->{status}, 'FALLBACK', "$n, $name: falls back";
        is $answer->{error}, 'not_found', '... reason';
        is scalar(grep { $_ eq $answer->{key} } @keys), 1,
            '... a window by Redis\' clock';
        is $answer->{code}, 200, '... is read' unless @o;
        is $answer->{write}, 'passed', '... is written' if @o;
    }
}

$daemon->set(inspect => [200, image_json(Id => $digest)]);
is $cache->ask('i', 'b:1')->{digest}, $digest, 'an image that is there';

is_deeply [grep { !/clock$/ } $redis->cli('KEYS', '*')], [],
    'Redis has nothing of it';

done_testing;
