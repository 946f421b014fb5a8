#!/usr/bin/perl

# docs/registries.md: with platform= the digest is of the matching manifest in
# the index; each document is held against its digest (digest_mismatch), and
# what is not there is platform_not_found.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Image;
use ImageDigest::Manifest qw(manifest index_of digest_of sha256 answer
                             image_of);
use ImageDigest::Registry;

my $registry = ImageDigest::Registry->start;
my $index = ImageDigest::Image->push($registry, 'app:index',
    platforms => ['linux/amd64', 'linux/arm64/v8', 'linux/arm/v7']);
my $single = ImageDigest::Image->push($registry, 'app:single');

# documents of the tag's name, and by the digest that the index names

my $amd64 = manifest('amd64');
my $good = index_of(['linux/amd64', $amd64]);
my $nested = index_of(['linux/amd64', $good])
    =~ s/image.manifest.v1/image.index.v1/r;
my $same = index_of(['linux/amd64', $good]);
my %of = (
    'app:good'     => $good, 'app:nested' => $nested, 'app:same' => $same,
    'other:good'   => $good, 'gone:good' => $good,
);

my $server = ImageDigest::FaultServer->start(sub {
    my ($req) = @_;

    my $image = image_of($req);

    return answer($of{$image}) if $of{$image};
    return answer(manifest('other')) if $image =~ /^other:sha256:/;
    return answer($amd64) if $image eq 'app:' . sha256($amd64);
    return answer($good) if $image eq 'app:' . sha256($good);
    return [404, {}, "no\n"];
});

my $host = '127.0.0.1:' . $server->port;
my $cache = ImageDigest::Cache->start(
    resolver  => 'registry ' . $registry->host . ' insecure;'
                 . "registry $host insecure; timeout 20s;",
    locations => { i => 'image_digest $image platform=$arg_p;'
                        . 'image_digest_timeout 20s;' });

my $ask = sub {
    my ($name, $platform) = @_;

    return $cache->ask('i', $name, artifact => "x?p=$platform");
};

for (['linux/amd64', 'linux/amd64'], ['linux/arm64', 'linux/arm64/v8'],
     ['Linux/ARM64/v8', 'linux/arm64/v8'], ['linux/arm', 'linux/arm/v7'])
{
    my ($platform, $digest) = @$_;

    is $ask->($registry->name('app:index'), $platform)->{digest},
        $index->digest($digest), "an index, '$platform'";
}

is $ask->($registry->name('app:index'), 'linux/riscv64')->{error},
    'platform_not_found', 'one that it does not have';
is $ask->($registry->name('app:single'), 'linux/amd64')->{digest},
    $single->digest, 'a single manifest, by its configuration';
is $ask->($registry->name('app:single'), 'linux/arm64')->{error},
    'platform_not_found', '... which is not for another';

for (['app:good', '', 'as it should be'],
     ['app:nested', '', 'an index in an index'],
     ['app:same', 'bad_response', 'an index where a manifest was named'],
     ['other:good', 'digest_mismatch', 'another manifest'],
     ['gone:good', 'not_found|bad_response', 'none'])
{
    my ($name, $error, $what) = @$_;

    my $answer = $ask->("$host/$name", 'linux/amd64');

    like $answer->{error}, qr/^(?:$error)$/, $what;
    is $answer->{digest}, $error ? '' : sha256($amd64), '... digest';
}

done_testing;
