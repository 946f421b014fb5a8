#!/usr/bin/perl

# Engine "docker": the registry allow-list binds what the daemon would ask a
# registry for, and no inspect: an image that is there is there.

use strict;
use warnings;

use Test::More;

use ImageDigest::Alone;
use ImageDigest::Cache;
use ImageDigest::Docker;
use ImageDigest::Image;
use ImageDigest::Registry;

my $docker = ImageDigest::Docker->start;
my ($allowed, $other) = map { ImageDigest::Registry->start } 1, 2;
my $url = $docker->url;
my $port = $other->port;

my $cache = ImageDigest::Cache->start(
    resolver  => 'registry ' . $allowed->host . ";\n"
                 . "engine docker $url;\n"
                 . "engine asks $url type=docker pull=distribution;\n"
                 . "timeout 20s;\n",
    more      => "image_resolver any {\nregistry *;\nengine docker $url;\n"
                 . "engine asks $url type=docker pull=distribution;\n"
                 . "timeout 20s;\n}\n",
    locations => {
        map { my ($resolver, $engine) = split /-/;
              ($_ => "image_digest \$image engine=$engine"
                     . " resolver=$resolver;"
                     . 'image_digest_timeout 20s; image_digest_ttl 0;') }
        qw(default-docker default-asks any-docker any-asks),
    });

my $one = ImageDigest::Image->push($allowed, 'app:1');
my $two = ImageDigest::Image->push($other, 'app:1');

$other->forget;

is $cache->ask('default-docker', $allowed->name('app:1'))->{digest},
    $one->digest, 'a registry with a line';

for my $location (qw(default-docker default-asks)) {
    my $answer = $cache->ask($location, $other->name('app:1'));

    is $answer->{error}, 'registry_not_allowed', "$location: one without";
    is $answer->{digest}, '', '... no digest';
}

# docker.io has no line where there are others

is $cache->ask('default-docker', 'golang:1.22')->{error},
    'registry_not_allowed', 'docker.io without a line';

my @elsewhere = ('10.0.0.1', '192.168.1.1:5000', '169.254.169.254');

@elsewhere = () unless $ImageDigest::Alone::alone;

# under "*" no host of this network, however it is written

for my $location (qw(any-docker any-asks)) {
    for my $host ('127.0.0.1', "127.0.0.1:$port", "localhost:$port",
                  "127.1:$port", "0x7f.1:$port", "2130706433:$port",
                  "0.0.0.0:$port", "017700000001:$port",
                  'registry.localhost', @elsewhere)
    {
        my $answer = $cache->ask($location, "$host/app:1");

        is $answer->{error}, 'registry_not_allowed', "$location: $host"
            or diag $answer->{code}, $answer->{body};
    }

    # this dockerd does not take them as names of images, and says so

    for my $host ("[::1]:$port", '[fd00::1]:5000') {
        my $answer = $cache->ask($location, "$host/app:1");

        like $answer->{error}, qr/^(?:registry_not_allowed|bad_response)$/,
            "$location: $host";
    }
}

is_deeply [$docker->pulls], [$allowed->name('app:1')], 'one pull in all';
is_deeply [$other->requests], [], 'the other registry was not asked';

# an inspect asks nobody

$docker->pull($other->name('app:1'));
$other->forget;

is $cache->ask($_, $other->name('app:1'))->{digest}, $two->digest,
    "$_: what the daemon has"
    for qw(default-docker default-asks any-docker any-asks);

is_deeply [$other->requests], [], '... the registry was not asked';

done_testing;
