#!/usr/bin/perl

# docs/registries.md: HEAD tells what a tag names, an index as well as a
# single manifest, and costs one request.  docs/registries.md: the first HEAD
# of a registry is held against a GET.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Image;
use ImageDigest::Registry;

my $registry = ImageDigest::Registry->start;
my $image = ImageDigest::Image->push($registry, 'team/app:1');
my $index = ImageDigest::Image->push($registry, 'team/app:2',
    platforms => ['linux/amd64', 'linux/arm64/v8']);

my $cache = ImageDigest::Cache->start(
    resolver  => 'registry ' . $registry->host . ' insecure; timeout 20s;',
    locations => { i => 'image_digest_ttl 0; image_digest_timeout 20s;' });

sub asked {
    my ($name, $digest, @requests) = @_;

    $registry->forget;

    my $answer = $cache->ask('i', $registry->name($name));

    is $answer->{status}, 'RESOLVED', "$name is resolved";
    is $answer->{digest}, $digest, '... to what skopeo pushed';
    is_deeply [$registry->requests], \@requests, '... by ' . @requests;
}

asked('team/app:1', $image->digest, 'HEAD /v2/team/app/manifests/1 200',
      'GET /v2/team/app/manifests/1 200');
asked('team/app:1', $image->digest, 'HEAD /v2/team/app/manifests/1 200');
asked('team/app:2', $index->digest, 'HEAD /v2/team/app/manifests/2 200');

$image->push($registry, 'team/app:2');
asked('team/app:2', $image->digest, 'HEAD /v2/team/app/manifests/2 200');

$registry->forget;

my $answer = $cache->ask('i', $registry->name('team/app:none'));

is $answer->{error}, 'not_found', 'a tag that is not there';
is_deeply [$registry->requests], ['HEAD /v2/team/app/manifests/none 404'],
    '... costs no GET where HEAD works';

done_testing;
