#!/usr/bin/perl

# docs/registries.md, mirrors: all of one attempt is asked of one host, by
# digest and of blobs, too, and with ?ns=; what a mirror gives is held against
# its digest, and what it has not, or has wrong, goes on to the next host.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest index_of sha256 answer image_of);

my $amd64 = manifest('amd64');
my $arm64 = manifest('arm64');
my $configuration = '{"os":"linux","architecture":"amd64"}';
my $single = manifest('single')
    =~ s/"digest":"[^"]*"/'"digest":"' . sha256($configuration) . '"'/er;
my $index = index_of(['linux/amd64', $amd64]);
my $both = index_of(['linux/amd64', $amd64], ['linux/arm64', $arm64]);

my %mirror = (
    'app:index'  => $index, 'app:single' => $single, 'app:gone' => $index,
    'app:wrong'  => $index, 'app:other'  => $index,
    'app:broken' => $single =~ s/"layers":\[\],//r,
    'app:' . sha256($amd64) => $amd64,
    'wrong:' . sha256($amd64) => $arm64, 'wrong:1' => $index,
    'gone:1'     => $index,
);

my $serve = sub {
    my ($documents) = @_;

    return sub {
        my ($req) = @_;

        my $path = $req->{path} =~ s/\?.*//r;

        return [200, {}, $configuration]
            if $path eq '/v2/app/blobs/' . sha256($configuration);

        my $bytes = $documents->{ image_of({ path => $path }) };

        return $bytes ? answer($bytes) : [404, {}, "no\n"];
    };
};

my $mirror = ImageDigest::FaultServer->start($serve->(\%mirror));
my $registry = ImageDigest::FaultServer->start($serve->({
    (map { $_ => $both } keys %mirror),
    map { ("$_:" . sha256($amd64) => $amd64, "$_:" . sha256($arm64) => $arm64)
    } qw(app wrong gone) }));
my $host = '127.0.0.1:' . $registry->port;
my $cache = ImageDigest::Cache->start(
    resolver  => "registry $host insecure mirror=" . $mirror->url
                 . "; timeout 20s;",
    locations => {
        map { ($_ => "image_digest \$image platform=linux/$_;"
                     . 'image_digest_timeout 20s;') } qw(amd64 arm64) });

my $ns = '?ns=127.0.0.1%3A' . $registry->port;

is $cache->ask('amd64', "$host/app:index")->{digest}, sha256($amd64),
    'an index';
is $cache->ask('amd64', "$host/app:single")->{digest}, sha256($single),
    'a single manifest';
is $registry->connections, 0, 'the registry is not asked';
is_deeply [map { $_->{path} } $mirror->requests],
    [map { "/v2/app/$_$ns" } 'manifests/index',
     'manifests/' . sha256($amd64), 'manifests/single',
     'blobs/' . sha256($configuration)], 'with ns, each of them';

# what a mirror has wrong is another image than the registry's where it says
# something, so the digest tells who was asked

for (['arm64', 'app:other',  $arm64, 'another platform'],
     ['amd64', 'app:broken', $amd64, 'a document that is none'],
     ['amd64', 'wrong:1',    $amd64, 'a manifest with another digest'],
     ['amd64', 'gone:1',     $amd64, 'a manifest that it has not'],
     ['arm64', 'app:single', $arm64, 'a single manifest of another platform'])
{
    my ($platform, $name, $bytes, $what) = @$_;

    my $before = () = $registry->requests;

    is $cache->ask($platform, "$host/$name")->{digest}, sha256($bytes),
        "$what: resolved";

    my @asked = splice @{ [$registry->requests] }, $before;
    my ($path, $tag) = split /:/, $name;

    is_deeply [map { $_->{path} } @asked],
        ["/v2/$path/manifests/$tag",
         "/v2/$path/manifests/" . sha256($bytes)],
        '... all of it by the registry itself';
}

done_testing;
