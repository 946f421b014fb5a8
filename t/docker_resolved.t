#!/usr/bin/perl

# Engine "docker": what this daemon would run: the RepoDigest of the requested
# repository (several: the least), else the first one, else the image's Id.
# Nobody is asked but the daemon.

use strict;
use warnings;

use Test::More;

use ImageDigest::Alone;
use ImageDigest::Cache;
use ImageDigest::Docker;
use ImageDigest::Image;
use ImageDigest::Registry;
use ImageDigest::Util qw(run);

my $docker = ImageDigest::Docker->start;
my $registry = ImageDigest::Registry->start;

my $single = ImageDigest::Image->push($registry, 'single:1');
my $index = ImageDigest::Image->push($registry, 'index:1',
    platforms => ['linux/amd64', 'linux/arm64']);

# one image, by its index and by its manifest, in two repositories

my $both = ImageDigest::Image->push($registry, 'one:1',
                                    platforms => ['linux/amd64']);
my $manifest = $both->digest('linux/amd64');

scalar run(qw(skopeo --insecure-policy copy --preserve-digests
              --src-tls-verify=false --dest-tls-verify=false),
           'docker://' . $registry->name("one\@$manifest"),
           'docker://' . $registry->name($_)) for 'two:1', 'one:2';

$docker->pull($registry->name($_))
    for qw(single:1 index:1 one:1 two:1 one:2);
$docker->tag($registry->name('single:1'), 'elsewhere.test/team/app:7');
$docker->tag($registry->name('single:1'), 'golang:1.22');
$docker->import('local/app:1');

my $cache = ImageDigest::Cache->start(
    resolver  => 'engine docker ' . $docker->url . ';',
    locations => { i => 'image_digest $image engine=docker;'
                        . 'image_digest_timeout 20s;' });

my @repo = @{ $docker->inspect($registry->name('one:1'))->{RepoDigests} };

is @repo, 3, 'an image of three digests' or diag explain \@repo;

my ($least) = sort $both->digest, $manifest;

$registry->forget;

for ([$registry->name('single:1'), $single->digest, 'a manifest'],
     [$registry->name('index:1'), $index->digest, 'an index'],
     [$registry->name('one:1'), $least, 'the least of two'],
     [$registry->name('one:2'), $least, '... by either tag'],
     [$registry->name('two:1'), $manifest, 'of the requested repository'],
     ['elsewhere.test/team/app:7', $single->digest,
      'of another repository, where there is none of its own'],
     ['golang:1.22', $single->digest, '... with a short name'],
     ['local/app:1', $docker->inspect('local/app:1')->{Id},
      'the Id of what is of no registry'])
{
    my ($image, $digest, $what) = @$_;
    my $answer = $cache->ask('i', $image);

    is $answer->{digest}, $digest, $what;
    is $answer->{status}, 'RESOLVED', '... resolved';
    is $answer->{engine}, 'docker', '... by the engine';
    is $cache->ask('i', $image)->{status}, 'HIT', '... then known';
}

is_deeply [$registry->requests], [], 'no registry was asked';

done_testing;
