#!/usr/bin/perl

# Engine "docker" with containerd's image store: the Id is the digest of the
# index or the manifest, and RepoDigests has one made up for every local name.
# What names the content is right in each case. (Docker 20.10 does not have
# that store: the answers are shaped as those of 25 to 28.)

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::FakeDaemon;

my $daemon = ImageDigest::FakeDaemon->start;
my $cache = ImageDigest::Cache->start(
    resolver  => 'engine docker ' . $daemon->url . " pull=never;\n",
    locations => {
        i => 'image_digest $image engine=docker; image_digest_timeout 20s;'
             . 'image_digest_ttl 0;',
        p => 'image_digest $image engine=docker platform=$arg_p;'
             . 'image_digest_timeout 20s; image_digest_ttl 0;',
    });

my ($index, $other, $manifest) = map { sha256($_) } qw(index other manifest);
my %descriptor = (Descriptor => {
    mediaType => 'application/vnd.oci.image.index.v1+json',
    digest => $index, size => 1609 });

for (['pulled', 'golang:1.22', $index,
      { Id => $index, RepoTags => ['golang:1.22'],
        RepoDigests => ["golang\@$index"], %descriptor }],
     ['built', 'local/app:1', $manifest,
      { Id => $manifest, RepoTags => ['local/app:1'],
        RepoDigests => ["local/app\@$manifest"] }],
     ['tagged anew', 'registry.corp:5000/team/go:1', $index,
      { Id => $index,
        RepoTags => ['golang:1.22', 'registry.corp:5000/team/go:1'],
        RepoDigests => ["golang\@$index",
                        "registry.corp:5000/team/go\@$index"],
        %descriptor }],
     ['by its full name', 'docker.io/library/golang:1.22', $index,
      { Id => $index, RepoDigests => ["other/go\@$other",
                                      "docker.io/library/golang\@$index"] }],
     ['by a short one', 'docker.io/library/golang:1.22', $index,
      { Id => $index, RepoDigests => ["other/go\@$other",
                                      "golang\@$index"] }],
     ['by index.docker.io', 'golang:1.22', $index,
      { Id => $index, RepoDigests => ["other/go\@$other",
                                      "index.docker.io/golang\@$index"] }],
     ['a name that begins alike', 'golang:1.22', $index,
      { Id => $manifest, RepoDigests => ["golang-alpine\@$other",
                                         "team/golang\@$other",
                                         "golang\@$index"] }],
     ['none', 'golang:1.22', $manifest,
      { Id => $manifest, RepoDigests => [] }],
     ['null', 'golang:1.22', $manifest,
      { Id => $manifest, RepoDigests => undef }],
     ['one of no digest', 'golang:1.22', $other,
      { Id => $manifest, RepoDigests => ['<none>@<none>',
                                         "golang\@sha256:$index",
                                         "other/go\@$other"] }])
{
    my ($what, $name, $digest, $image) = @$_;

    $daemon->set(inspect => [200, image_json(%$image)]);
    is $cache->ask('i', $name)->{digest}, $digest, $what;
}

# its platform is the index's one that this host has

$daemon->set(inspect => [200, image_json(
    Id => $index, RepoDigests => ["golang\@$index"], %descriptor,
    Os => 'linux', Architecture => 'arm64', Variant => 'v8')]);

for (['linux/arm64', $index], ['linux/arm64/v8', $index],
     ['linux/amd64', 'platform_not_found'], ['linux/arm',
     'platform_not_found'], ['windows/arm64', 'platform_not_found'])
{
    my ($platform, $is) = @$_;
    my $answer = $cache->ask('p', 'golang:1.22', artifact => "x?p=$platform");

    is $answer->{error} || $answer->{digest}, $is, $platform;
}

is +(() = $daemon->asked('pull')), 0, 'nothing is pulled';

done_testing;
