#!/usr/bin/perl

# Engine "podman": what this Podman would run: its Digest where that is among
# the RepoDigests of the requested repository, else the RepoDigest of that
# repository (several: the least), else the first one. RepoDigests also lists
# the platform's manifest, which is not what the tag names.

use strict;
use warnings;

use Test::More;

use ImageDigest::Alone;
use ImageDigest::Cache;
use ImageDigest::Image;
use ImageDigest::Podman;
use ImageDigest::Registry;

my $podman = ImageDigest::Podman->start;
my $registry = ImageDigest::Registry->start;
my $single = ImageDigest::Image->push($registry, 'single:1');

# several, so that the index is the least of the two in some, and not in others

my %index = map {
    ("index:$_" => ImageDigest::Image->push($registry, "index:$_",
        platforms => ['linux/amd64', 'linux/arm64/v8']))
} 1 .. 6;

$podman->pull($registry->name($_)) for 'single:1', sort keys %index;
$podman->tag($registry->name('single:1'), 'elsewhere.test/team/app:7');
$podman->tag($registry->name('index:1'), 'docker.io/library/golang:1.22');
$podman->import('localhost/app:1');

my $cache = ImageDigest::Cache->start(
    resolver  => 'engine podman ' . $podman->url . ";\n",
    locations => {
        i => 'image_digest $image engine=podman; image_digest_timeout 20s;',
        p => 'image_digest $image engine=podman platform=$arg_p;'
             . 'image_digest_timeout 20s;',
    });

$registry->forget;

for my $name (sort keys %index) {
    my $image = $registry->name($name);

    my $own = grep { /^127\.0\.0\.1:/ }
              @{ $podman->inspect($image)->{RepoDigests} };

    is $own, 2, "$name: two digests";

    my $answer = $cache->ask('i', $image);

    is $answer->{digest}, $index{$name}->digest, "$name: the index";
    is $answer->{status}, 'RESOLVED', '... resolved';
    is $answer->{engine}, 'podman', '... by the engine';
    is $cache->ask('i', $image)->{status}, 'HIT', '... then known';
}

is $cache->ask('i', $registry->name('single:1'))->{digest}, $single->digest,
    'a manifest';

for my $name ('elsewhere.test/team/app:7', 'golang:1.22') {
    my @digests = map { s/^.*\@//r } @{
        $podman->inspect($name =~ s{^golang}{docker.io/library/golang}r)
               ->{RepoDigests} };
    my $digest = $cache->ask('i', $name)->{digest};

    ok +(grep { $_ eq $digest } @digests), "$name: a name of this host"
        or diag $digest;
}

is $cache->ask('i', 'localhost/app:1')->{digest},
    $podman->inspect('localhost/app:1')->{Digest}, 'one of no registry';

for (['linux/amd64', ''], ['linux/arm64', 'platform_not_found']) {
    my ($platform, $error) = @$_;
    my $answer = $cache->ask('p', $registry->name('index:1'),
                             artifact => "x?p=$platform");

    is $answer->{error}, $error, "$platform: " . ($error || 'its own');
    is $answer->{digest}, $error ? '' : $index{'index:1'}->digest,
        '... digest';
}

is_deeply [$registry->requests], [], 'no registry was asked';

done_testing;
