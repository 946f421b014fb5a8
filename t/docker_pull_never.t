#!/usr/bin/perl

# Engine "docker", pull=never: what the daemon does not have is not_found, and
# no registry is asked for it; it needs no "registry" line, either.

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
    resolver  => 'engine docker ' . $docker->url . " pull=never;\n"
                 . 'registry allowed.test;',
    locations => { i => 'image_digest $image engine=docker;'
                        . 'image_digest_timeout 20s; image_digest_ttl 0;' });

my $image = ImageDigest::Image->push($registry, 'app:1');
my $name = $registry->name('app:1');

$registry->forget;

for my $absent ($name, 'golang:1.22', 'allowed.test/app:1') {
    is $cache->ask('i', $absent)->{error}, 'not_found', "$absent: absent";
}

is_deeply [$docker->pulls], [], 'no pull';
is_deeply [$docker->images], [], '... no image';
is_deeply [$registry->requests], [], '... the registry was not asked';

$docker->pull($name);
is $cache->ask('i', $name)->{digest}, $image->digest, 'pulled by others';

$docker->remove($name);
is $cache->ask('i', $name)->{error}, 'not_found', 'removed again';
is_deeply [$docker->pulls], [$name], 'no other pull than that';

done_testing;
