#!/usr/bin/perl

# Engine "docker" with platform=: the image's own must match, and an absent one
# is pulled for that platform.

use strict;
use warnings;

use Test::More;

use ImageDigest::Alone;
use ImageDigest::Cache;
use ImageDigest::Docker;
use ImageDigest::Image;
use ImageDigest::Registry;

my $docker = ImageDigest::Docker->start;
my $registry = ImageDigest::Registry->start;
my $cache = ImageDigest::Cache->start(
    resolver  => 'registry ' . $registry->host . ";\n"
                 . 'engine docker ' . $docker->url . ";\n"
                 . 'engine never ' . $docker->url
                 . " type=docker pull=never;\ntimeout 20s;\n",
    locations => {
        p => 'image_digest $image engine=docker platform=$arg_p;'
             . 'image_digest_timeout 20s; image_digest_ttl 0;',
        n => 'image_digest $image engine=never platform=$arg_p;'
             . 'image_digest_timeout 20s; image_digest_ttl 0;',
        i => 'image_digest $image engine=docker;'
             . 'image_digest_timeout 20s; image_digest_ttl 0;',
    });

my $index = ImageDigest::Image->push($registry, 'index:1',
    platforms => ['linux/amd64', 'linux/arm64/v8', 'linux/arm/v7']);
my $single = ImageDigest::Image->push($registry, 'single:1');
my ($name, $one) = map { $registry->name($_) } qw(index:1 single:1);

sub ask {
    my ($location, $image, $platform) = @_;

    my $answer = $cache->ask($location, $image,
                             artifact => "x?p=" . ($platform // ''));

    return $answer->{error} || $answer->{digest};
}


is ask('n', $name, 'linux/arm64'), 'not_found', 'absent';
is ask('p', $name, 'linux/arm64'), $index->digest, 'pulled for a platform';
is $docker->inspect($name)->{Architecture}, 'arm64', '... that one';
is ask('n', $name, 'linux/arm64'), $index->digest, '... and is there';
is ask('n', $name, 'Linux/ARM64/v8'), $index->digest, '... however written';
is ask('i', $name), $index->digest, '... for whoever names none';

for my $other (qw(linux/amd64 linux/arm/v7 windows/arm64 linux/arm64/v9)) {
    is ask($_, $name, $other), 'platform_not_found', "$_: $other is another"
        for qw(p n);
}

is_deeply [$docker->pulls], [$name], 'one pull';
$docker->remove($name);

is ask('p', $name, 'linux/arm'), $index->digest, 'one with a variant';
is $docker->inspect($name)->{Architecture}, 'arm', '... that one';
is $docker->inspect($name)->{Variant}, 'v7', '... its variant';
$docker->remove($name);

is ask('p', $name, 'linux/s390x'), 'platform_not_found',
    'one that the index does not have';
is $docker->inspect($name), undef, '... nothing is there';

is ask('p', $one, 'linux/arm64'), 'platform_not_found',
    'a single manifest, of another';
is ask('p', $one, 'linux/amd64'), $single->digest, '... its own';

done_testing;
