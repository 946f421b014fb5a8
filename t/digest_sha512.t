#!/usr/bin/perl

# sha512 digests, from end to end: of a pinned reference, in a registry's
# header, held against a GET's body, and in the descriptors of an index; in the
# zone, in Redis, in the variables and in the key.

use strict;
use warnings;

use Digest::SHA qw(sha512_hex);
use Test::More;

use ImageDigest::Cache qw(key);
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest answer image_of);
use ImageDigest::Redis;

my $sha512 = sub { return 'sha512:' . sha512_hex($_[0]) };

# a document that names others by sha512

my $oci = 'application/vnd.oci.image';
my $amd64 = manifest('amd64');
my $entry = sub {
    my ($type, $digest) = @_;

    return qq({"schemaVersion":2,"mediaType":"$oci.index.v1+json",)
           . qq("manifests":[{"mediaType":"$oci.$type.v1+json","size":9,)
           . qq("digest":"$digest","platform":{"os":"linux",)
           . '"architecture":"amd64"}}]}';
};
my $inner = $entry->('manifest', $sha512->($amd64));
my $index = $entry->('index', $sha512->($inner));
my $wrong = $entry->('manifest', $sha512->('another'));
my $configuration = '{"os":"linux","architecture":"amd64"}';
my $single = manifest('single') =~
    s/"digest":"[^"]*"/'"digest":"' . $sha512->($configuration) . '"'/er;

my %documents = (
    $sha512->($amd64) => $amd64, $sha512->($inner) => $inner,
    $sha512->('another') => $amd64,
    index => $index, wrong => $wrong, single => $single,
);

my $server = ImageDigest::FaultServer->start(sub {
    my ($req) = @_;

    return [200, {}, $configuration]
        if $req->{path} eq '/v2/app/blobs/' . $sha512->($configuration);

    my ($what) = image_of($req) =~ /^app:(.*)$/ or return [404, {}, ''];
    my $bytes = $documents{$what} // manifest($what);

    return [405, {}] if $what =~ /^get/ && $req->{method} eq 'HEAD';
    return answer($bytes, 'Docker-Content-Digest' => $what =~ /lie/
        ? $sha512->('lie') : $sha512->($bytes));
});

my $redis = ImageDigest::Redis->start;
my $host = '127.0.0.1:' . $server->port;
my ($cache, $peer) = map {
    ImageDigest::Cache->start(
        resolver  => "registry $host insecure; timeout 20s; redis "
                     . $redis->url . ' timeout=10s;',
        locations => { i => 'image_digest_timeout 20s;',
                       p => 'image_digest $image platform=linux/amd64;'
                            . 'image_digest_timeout 20s;' });
} 1, 2;

my $is = sub {
    my ($answer, $status, $digest, $platform, $what) = @_;

    is_deeply [@$answer{qw(error status digest key)}],
        ['', $status, $digest, key('digest', $digest, $platform, 'x')], $what;
};

for my $tag ('1', 'get1', 'getlie') {
    my $digest = $sha512->(manifest($tag));
    my $name = "$host/app:$tag";

    $is->($cache->ask('i', $name), 'RESOLVED', $digest, '', "$tag, asked");
    $is->($cache->ask('i', $name), 'HIT', $digest, '', '... from the zone');
    $is->($peer->ask('i', $name), 'SHARED', $digest, '', '... from Redis');
    is $cache->ask('i', $name)->{pinned}, "$name\@$digest", '... and shown';
}

is scalar(() = $cache->log(qr/answers GET with a Docker-Content-Digest/)), 1,
    'a header that lies is said';

for (['index', $sha512->($amd64)], ['single', $sha512->($single)]) {
    my ($tag, $digest) = @$_;

    $is->($cache->ask('p', "$host/app:$tag"), 'RESOLVED', $digest,
          'linux/amd64', "of a platform: $tag");
}

is $cache->ask('p', "$host/app:wrong")->{error}, 'digest_mismatch',
    'a descriptor that its document does not match';

my $before = () = $server->requests;
my $digest = $sha512->('any');

$is->($cache->ask('i', "$host/app:1\@$digest"), 'PINNED', $digest, '',
      'pinned');
is +(() = $server->requests), $before, '... asks nobody';

for my $bad ($digest . '0', substr($digest, 0, -1), uc $digest,
             $digest =~ s/512/256/r)
{
    is $cache->ask('i', "$host/app\@$bad")->{code}, 400,
        'no digest: ' . substr($bad, 0, 12) . '... of ' . length $bad;
}

done_testing;
