#!/usr/bin/perl

# docs/registries.md: what a GET gives must be one of the four types, parse,
# and agree with itself about its type, else bad_response (CVE-2021-41190).
# Statuses: 404 is not_found, 401 and 403 unauthorized, 429 rate_limited, and
# the rest bad_response.

use strict;
use warnings;

use Mojo::JSON qw(decode_json encode_json);
use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest index_of digest_of sha256 answer
                             image_of);

my %type = (
    index    => 'application/vnd.oci.image.index.v1+json',
    manifest => 'application/vnd.oci.image.manifest.v1+json',
    list     => 'application/vnd.docker.distribution.manifest.list.v2+json',
    docker   => 'application/vnd.docker.distribution.manifest.v2+json',
    schema1  => 'application/vnd.docker.distribution.manifest.v1+json',
    signed   => 'application/vnd.docker.distribution.manifest.v1+prettyjws',
    artifact => 'application/vnd.oci.artifact.manifest.v1+json',
    json     => 'application/json',
);

my $manifest = manifest('it');
my $index = index_of(['linux/amd64', $manifest]);

# a document with members changed (undef: gone), and its Content-Type

my $with = sub {
    my ($text, %change) = @_;

    my $value = decode_json($text);
    my $header = delete $change{header}
                 // ($text eq $index ? 'index' : 'manifest');

    %$value = (%$value, %change);
    delete @$value{ grep { !defined $change{$_} } keys %change };

    return [encode_json($value), $type{$header}];
};

my $bad = 'bad_response';
my @cases = (
    ['a manifest'        => [$manifest], ''],
    ['an index'          => [$index], ''],
    ['an empty index'    => [index_of()], ''],
    ['a Docker manifest' => $with->($manifest, mediaType => $type{docker},
                                    header => 'docker'), ''],
    ['a Docker list'     => $with->($index, mediaType => $type{list},
                                    header => 'list'), ''],
    ['no mediaType'      => $with->($manifest, mediaType => undef,
                                    header => 'manifest'), ''],
    ['an index without'  => $with->($index, mediaType => undef,
                                    header => 'index'), ''],
    ['parameters'        => [$manifest, "$type{manifest} ; charset=utf-8"],
                            ''],
    ['upper case'        => [$manifest, uc $type{manifest}], ''],

    ['no Content-Type'   => [$manifest, 'none'], $bad],
    ['two Content-Types' => [$manifest, [@type{qw(manifest index)}]], $bad],
    ['plain JSON'        => [$manifest, $type{json}], $bad],
    ['plain, no mediaType' => $with->($manifest, mediaType => undef,
                                      header => 'json'), $bad],
    ['a prefix of a type' => [$manifest, "$type{manifest}x"], $bad],
    ['an artifact'       => $with->($manifest, mediaType => $type{artifact},
                                    header => 'artifact'), $bad],
    ['an index as a manifest' => [$index, $type{manifest}], $bad],
    ['a manifest as an index' => [$manifest, $type{index}], $bad],
    ['a list as an index' => $with->($index, mediaType => $type{list},
                                     header => 'index'), $bad],
    ['Docker as OCI'     => $with->($manifest, mediaType => $type{docker},
                                    header => 'manifest'), $bad],
    ['mediaType no string' => $with->($manifest, mediaType => 7,
                                      header => 'manifest'), $bad],
    ['two mediaTypes'    => [$manifest =~
                             s/^\{/{"mediaType":"$type{manifest}",/r], $bad],
    ['two configs'       => [$manifest =~ s/^\{/{"config":{},/r], $bad],
    ['an index with layers' => $with->($index, layers => []), $bad],
    ['an index with config' => $with->($index, config => {}), $bad],
    ['an index without manifests' => $with->($index, manifests => undef),
                            $bad],
    ['manifests no list' => $with->($index, manifests => {}), $bad],
    ['manifests of text' => $with->($index, manifests => ['x']), $bad],
    ['a manifest with manifests' => $with->($manifest, manifests => []),
                            $bad],
    ['a manifest without layers' => $with->($manifest, layers => undef),
                            $bad],
    ['a manifest without config' => $with->($manifest, config => undef),
                            $bad],
    ['config no object'  => $with->($manifest, config => 'x'), $bad],
    ['config without a digest' => $with->($manifest, config => {}), $bad],
    ['schema 1'          => $with->($manifest, schemaVersion => 1), $bad],
    ['schema 1, signed'  => ['{"schemaVersion":1,"name":"it","tag":"1",'
                             . '"fsLayers":[],"history":[],"signatures":[]}',
                             $type{signed}], $bad],
    ['schema 1, not signed' => ['{"schemaVersion":1,"fsLayers":[]}',
                                $type{schema1}], $bad],
    ['schema "2"'        => $with->($manifest, schemaVersion => '2'), $bad],
    ['schema 2.0'        => [$manifest =~ s/:2,/:2.0,/r], $bad],
    ['no schema'         => $with->($manifest, schemaVersion => undef), $bad],
    ['nothing'           => ['', $type{manifest}], $bad],
    ['a page'            => ["<html>\n", 'text/html'], $bad],
    ['a page that lies'  => ["<html>\n", $type{manifest}], $bad],
    ['half of it'        => [substr($manifest, 0, 100), $type{manifest}],
                            $bad],
    ['more after it'     => ["$manifest x", $type{manifest}], $bad],
    ['two of them'       => [$manifest x 2, $type{manifest}], $bad],
    ['an array'          => ["[$manifest]", $type{manifest}], $bad],
    ['a string'          => ['"x"', $type{manifest}], $bad],
    ['null'              => ['null', $type{manifest}], $bad],
    ['random bytes'      => [join('', map { chr } 0 .. 255), $type{manifest}],
                            $bad],
    ['not UTF-8'         => [manifest("\xff\xfe"), $type{manifest}], $bad],
    ['a byte order mark' => ["\xef\xbb\xbf$manifest", $type{manifest}], $bad],
    ['UTF-16'            => [join('', map { "$_\0" } split //, $manifest),
                             $type{manifest}], $bad],

    (map { ["status $_->[0]" => $_->[0], $_->[1]] }
     [400, $bad], [401, 'unauthorized'], [403, 'unauthorized'],
     [404, 'not_found'], [406, $bad], [410, $bad], [418, $bad], [500, $bad],
     [501, $bad], [502, $bad], [503, $bad], [504, $bad], [599, $bad],
     [201, $bad], [203, $bad], [204, $bad], [206, $bad], [300, $bad],
     [304, $bad], [999, $bad]),

    # bytes that are no answer

    ['no HTTP'           => "hello\r\n\r\n", $bad],
    ['another protocol'  => "SSH-2.0-OpenSSH\r\n", $bad],
    ['no status'         => "HTTP/1.1\r\n\r\n", $bad],
    ['a NUL in a header' => "HTTP/1.1 200 OK\r\nX: \0\r\n\r\n",
                            "$bad|unreachable"],
    ['two lengths'       => "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
                            . "Content-Length: 6\r\n\r\nhello",
                            "$bad|unreachable"],
    ['a bad chunk'       => "HTTP/1.1 200 OK\r\nContent-Type: $type{manifest}"
                            . "\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                            $bad],
    ['a body cut short'  => "HTTP/1.1 200 OK\r\nContent-Type: $type{manifest}"
                            . "\r\nContent-Length: 99999\r\n\r\n$manifest",
                            'unreachable'],
    ['a header cut short' => "HTTP/1.1 200 OK\r\nContent-Ty",
                            'unreachable|bad_response'],
    ['nothing at all'    => '', 'unreachable'],

    # the last: all of the registry is limited then

    ['status 429'        => 429, 'rate_limited'],
);

my $server = ImageDigest::FaultServer->start(sub {
    my ($req) = @_;

    return [405, {}] if $req->{method} eq 'HEAD';

    my ($n) = image_of($req) =~ /:(\d+)$/;
    my $what = $cases[$n][1];

    return [$what, {}, "no\n"] if !ref $what && $what =~ /^\d+$/;

    if (!ref $what) {
        my $socket = $req->{socket};
        print $socket $what;
        return;
    }

    my ($bytes, $type) = @$what;

    return answer($bytes, defined $type
        ? ('Content-Type' => $type eq 'none' ? undef : $type) : ());
});

my $host = '127.0.0.1:' . $server->port;
my $cache = ImageDigest::Cache->start(
    resolver  => "registry $host insecure; timeout 20s;",
    locations => { i => 'image_digest_timeout 20s;' });

my ($worker) = $cache->workers;

for my $i (0 .. $#cases) {
    my ($what, $sent, $error) = @{ $cases[$i] };
    my $answer = $cache->ask('i', "$host/app:$i");

    like $answer->{error}, qr/^(?:$error)$/, "$what: "
                                             . ($error || 'resolved');
    is $answer->{digest}, $error ? '' : sha256($sent->[0]), '... digest';
    is $answer->{status}, 'FALLBACK', '... fallback' if $error;
    ok $server->requests(sub { $_->{method} eq 'GET'
                               && $_->{path} =~ m{/$i$} }), '... from there';
}

is_deeply [$cache->workers], [$worker], 'the worker lives';

done_testing;
