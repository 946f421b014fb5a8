#!/usr/bin/perl

# An index that names URLs: none is ever asked (CVE-2020-15157), and no
# credential goes there.

use strict;
use warnings;

use Mojo::JSON qw(encode_json);
use MIME::Base64 qw(encode_base64);
use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest sha256 answer image_of challenge);
use ImageDigest::Util qw(tempdir spit);

my $evil = ImageDigest::FaultServer->start(sub {
    return challenge('Basic realm="x"');
});
my $url = $evil->url('/v2/app/blobs/x');

# the manifest of the platform is there, or not; its configuration, too

my $oci = 'application/vnd.oci.image';
my $urls = qq("urls":["$url"],"url":"$url");
my $amd64 = manifest('amd64', $urls)
            =~ s/"config":\{/"config":{$urls,/r;
my $index = sub {
    my ($type, $bytes) = @_;

    return qq({"schemaVersion":2,"mediaType":"$oci.index.v1+json",$urls,)
           . qq("manifests":[{"mediaType":"$oci.$type.v1+json","size":9,)
           . '"digest":"' . sha256($bytes) . qq(",$urls,"platform":)
           . '{"os":"linux","architecture":"amd64"}}]}';
};
my $inner = $index->('manifest', $amd64);
my $configuration = '{"os":"linux","architecture":"amd64"}';
my $single = $amd64
    =~ s/"digest":"[^"]*"/'"digest":"' . sha256($configuration) . '"'/er;

my %documents = (
    here => $inner, nested => $index->('index', $inner),
    gone => $index->('manifest', 'gone'), single => $single,
    bare => $amd64, (map { sha256($_) => $_ } $amd64, $inner),
);

my $registry = ImageDigest::FaultServer->start(sub {
    my ($req) = @_;

    return challenge('Basic realm="x"') unless $req->{headers}{authorization};
    return [200, {}, $configuration]
        if $req->{path} eq '/v2/app/blobs/' . sha256($configuration);

    my ($what) = image_of($req) =~ /^app:(.*)$/ or return [404, {}, ''];

    return $documents{$what} ? answer($documents{$what}) : [404, {}, ''];
});

my $dir = tempdir();
my $host = '127.0.0.1:' . $registry->port;

spit("$dir/config.json", encode_json({ auths => {
    map { $_ => { auth => encode_base64('ci:secret', '') } }
    $host, '127.0.0.1:' . $evil->port } }));

my $cache = ImageDigest::Cache->start(
    resolver  => "registry $host insecure credentials=$dir/config.json;"
                 . 'timeout 20s;',
    locations => { i => 'image_digest_timeout 20s;',
                   p => 'image_digest $image platform=linux/amd64;'
                        . 'image_digest_timeout 20s;' });

for (['p', 'here',   '', $amd64], ['p', 'nested', '', $amd64],
     ['p', 'single', '', $single], ['i', 'here', '', $inner],
     ['p', 'gone',   'not_found|bad_response'],
     ['p', 'bare',   'bad_response'])
{
    my ($prefix, $tag, $error, $bytes) = @$_;
    my $answer = $cache->ask($prefix, "$host/app:$tag");

    like $answer->{error}, qr/^(?:$error)$/, "$tag, $prefix: "
                                             . ($error || 'resolved');
    is $answer->{digest}, $bytes ? sha256($bytes) : '', '... digest';
}

is $evil->connections, 0, 'no URL of a document was asked';
is_deeply [grep { !m{^/v2/app/(?:manifests|blobs)/[\w:]+$} }
           map { $_->{path} } $registry->requests], [],
    'the registry for its own paths alone';

done_testing;
