#!/usr/bin/perl

# docs/registries.md: with platform= nested indexes are searched, depth first
# and in their order, four deep and 16 documents at most; platform_not_found
# only after all of them, and each document is what its index says that it is.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Image;
use ImageDigest::Manifest qw(manifest sha256 answer image_of);
use ImageDigest::Registry;

my $oci = 'application/vnd.oci.image';
my %documents;

# keeps a document, and tells what an index writes of it: with a platform, or
# none; as what it really is, or not

my $entry = sub {
    my ($bytes, $platform, $type) = @_;

    my ($own) = $bytes =~ /^\{"schemaVersion":2,"mediaType":"([^"]*)"/;
    my ($os, $architecture) = split m{/}, $platform // '';

    $documents{ sha256($bytes) } = $bytes;

    return '{"mediaType":"' . ($type ? "$oci.$type.v1+json" : $own)
           . '","size":' . length($bytes) . ',"digest":"' . sha256($bytes)
           . '"' . ($platform ? qq(,"platform":{"os":"$os","architecture":)
                                . qq("$architecture"}) : '') . '}';
};
my $index = sub {
    return qq({"schemaVersion":2,"mediaType":"$oci.index.v1+json",)
           . '"manifests":[' . join(',', @_) . ']}';
};

my $amd64 = manifest('amd64');
my $other = manifest('other amd64');
my $arm64 = manifest('arm64');
my ($a, $o, $r) = ($entry->($amd64, 'linux/amd64'),
                   $entry->($other, 'linux/amd64'),
                   $entry->($arm64, 'linux/arm64'));

my $deep = sub {
    my ($bytes, $levels) = @_;

    $bytes = $index->($entry->($bytes)) for 1 .. $levels;

    return $bytes;
};
my $wide = sub {
    my ($n, @last) = @_;

    return $index->((map {
        $entry->($index->(qq({"mediaType":"text/plain","size":1,"digest":")
                          . sha256($_) . '"}')) } 1 .. $n), @last);
};

# tag => document of the tag, error, digest

my %cases = (
    'before'    => [$index->($entry->($index->($r)), $a), '', $amd64],
    'first'     => [$index->($entry->($index->($a)),
                             $entry->($index->($o))), '', $amd64],
    'second'    => [$index->($entry->($index->($r)),
                             $entry->($index->($a))), '', $amd64],
    'depth-first' => [$index->($entry->($index->($entry->($index->($a)))),
                               $entry->($index->($o))), '', $amd64],
    'back-up'   => [$index->($entry->($index->($entry->($index->($r)))),
                             $entry->($index->($a))), '', $amd64],
    'its-platform' => [$index->($entry->($index->($o), 'linux/arm64'),
                                $entry->($index->($a), 'linux/amd64')), '',
                       $amd64],
    'four-deep' => [$deep->($index->($a), 4), '', $amd64],
    'five-deep' => [$deep->($index->($a), 5), 'bad_response'],
    'nowhere'   => [$index->($r, $entry->($index->($r)),
                             $entry->($index->($entry->($index->($r))))),
                    'platform_not_found'],
    'sixteen'   => [$wide->(13, $entry->($index->($a))), '', $amd64],
    'more'      => [$wide->(15, $entry->($index->($a))), 'bad_response'],
    'too-wide'  => [$wide->(17, $entry->($index->($a))), 'bad_response'],
    'as-index'  => [$index->($entry->($amd64, undef, 'index')),
                    'bad_response'],
    'as-manifest' => [$index->($entry->($index->($a), 'linux/amd64',
                                        'manifest')), 'bad_response'],
    'empty-as-manifest' => [$index->($entry->($index->($r), 'linux/amd64',
                                              'manifest')), 'bad_response'],
    'wrong'     => [$index->($entry->($index->($a)) =~
                             s/"sha256:[^"]*"/'"' . sha256('w') . '"'/er),
                    'digest_mismatch'],
);

$documents{ sha256('w') } = $index->($a);

my $server = ImageDigest::FaultServer->start(sub {
    my ($path, $what) = image_of($_[0]) =~ /^(.*?):(.*)$/;
    my $bytes = $what =~ /:/ ? $documents{$what} : $cases{$what}[0];

    return $bytes ? answer($bytes) : [404, {}, "no\n"];
});

# a real one, with an index in an index that skopeo has pushed

my $registry = ImageDigest::Registry->start;
my $image = ImageDigest::Image->new(platforms => ['linux/amd64',
                                                  'linux/arm64/v8']);
my $inner = $image->digest;
my $blobs = "$image->{dir}/blobs/sha256";
my $outer = $index->(qq({"mediaType":"$oci.index.v1+json","size":)
                     . (-s "$blobs/" . $inner =~ s/sha256://r)
                     . qq(,"digest":"$inner"}));

$image->push($registry, 'app:inner');

my $put = $registry->ua->put(
    $registry->url('/v2/app/manifests/outer'),
    { 'Content-Type' => "$oci.index.v1+json" }, $outer);

is $put->res->code, 201, 'a real registry has a nested index';

my $host = '127.0.0.1:' . $server->port;
my $cache = ImageDigest::Cache->start(
    resolver  => 'registry ' . $registry->host . ' insecure;'
                 . "registry $host insecure; timeout 20s;",
    locations => { i => 'image_digest $image platform=$http_platform;'
                        . 'image_digest_timeout 20s;' });
my $ask = sub {
    return $cache->ask('i', $_[0], headers => { Platform => $_[1] });
};

for my $platform ('linux/amd64', 'linux/arm64/v8') {
    is $ask->($registry->name('app:outer'), $platform)->{digest},
        $image->digest($platform), "... through which $platform is found";
}

is $ask->($registry->name('app:outer'), 'linux/s390x')->{error},
    'platform_not_found', '... and another is not';

for my $tag (sort keys %cases) {
    my (undef, $error, $bytes) = @{ $cases{$tag} };
    my $before = () = $server->requests;
    my $answer = $ask->("$host/app:$tag", 'linux/amd64');

    is $answer->{error}, $error, "$tag: " . ($error || 'found');
    is $answer->{digest}, $bytes ? sha256($bytes) : '', '... digest';
    cmp_ok +(() = $server->requests) - $before, '<=', 16,
        '... in 16 documents at most';
}

done_testing;
