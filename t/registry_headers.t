#!/usr/bin/perl

# docs/registries.md: all four types in Accept, always; Cache-Control: no-
# cache; nothing is to be encoded.  docs/registries.md: "always with Cache-
# Control: no-cache".

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest index_of digest_of sha256 answer
                             image_of);

my $amd64 = manifest('amd64');
my $index = index_of(['linux/amd64', $amd64]);

my $server = ImageDigest::FaultServer->start(sub {
    my ($req) = @_;

    my $image = image_of($req);

    return answer($amd64) if $image eq 'app:' . sha256($amd64);
    return answer($index) if $image eq 'app:index';
    return answer(manifest($image), 'Docker-Content-Digest' => undef);
});

my $host = '127.0.0.1:' . $server->port;
my $cache = ImageDigest::Cache->start(
    resolver  => "registry $host insecure; timeout 20s;",
    locations => { i => 'image_digest_timeout 20s;',
                   p => 'image_digest $image platform=linux/amd64;'
                        . 'image_digest_timeout 20s;' });

is $cache->ask('i', "$host/app:1", headers => {
       Accept => 'text/html', 'Accept-Encoding' => 'gzip',
       'Cache-Control' => 'only-if-cached', Authorization => 'Basic eDp5',
       Cookie => 'a=b', 'X-Header' => 'of the client' })->{digest},
   digest_of('app:1'), 'by GET';
is $cache->ask('p', "$host/app:index")->{digest}, sha256($amd64),
   'by an index';

my @types = sort map { "application/vnd.$_+json" }
    'oci.image.index.v1', 'oci.image.manifest.v1',
    'docker.distribution.manifest.list.v2',
    'docker.distribution.manifest.v2';
my @requests = $server->requests;

is_deeply [map { "$_->{method} $_->{path}" } @requests],
    ['HEAD /v2/app/manifests/1', 'GET /v2/app/manifests/1',
     'GET /v2/app/manifests/index', 'GET /v2/app/manifests/' . sha256($amd64)],
    'what was asked';

for (@requests) {
    my $h = $_->{headers};
    my $what = "$_->{method} $_->{path}";

    is_deeply [sort split /,\s*/, $h->{accept}], \@types,
        "$what: all four types";
    is $h->{'cache-control'}, 'no-cache', '... from no cache';
    is $h->{'accept-encoding'}, 'identity', '... as it is';
    is $h->{host}, $host, '... its own host';
    is_deeply [sort keys %$h],
        [qw(accept accept-encoding cache-control host user-agent)],
        '... and nothing of the client';
}

done_testing;
