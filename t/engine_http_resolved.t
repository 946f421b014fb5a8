#!/usr/bin/perl

# Engines, http: a resolver of the operator's own is asked by GET, with
# {image} and {platform} in its URL, and answers {"digest":"sha256:..."}.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex sha512_hex);
use Mojo::JSON qw(encode_json);
use Mojo::Parameters;
use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Util qw(certificate spit tempdir);

my ($crt, $key) = certificate();
my $token = tempdir() . '/token';

spit($token, "Resolver-Secret\n");

my $answer = sub {
    my ($req) = @_;
    my ($path, $query) = split /\?/, $req->{path}, 2;
    my $of = Mojo::Parameters->new($query)->to_hash;
    my $moved = $req->{state}{moved} // '';

    return [404, {}, ''] if $of->{image} =~ /none/;

    return [200, { 'Content-Type' => 'application/json' },
            encode_json({ digest => $of->{image} =~ /long/
                ? 'sha512:' . sha512_hex($of->{image})
                : 'sha256:' . sha256_hex("$of->{image} $of->{platform}$moved"),
                of => $of->{image} })];
};

my $server = ImageDigest::FaultServer->start($answer);
my $secure = ImageDigest::FaultServer->start(http => $answer,
                                             tls => [$crt, $key]);
my $query = '/digest?image={image}&platform={platform}';
my $cache = ImageDigest::Cache->start(
    resolver  => join("\n",
        'engine mine "' . $server->url($query) . '" type=http;',
        'engine http "' . $secure->url($query)
        . "\" ca=$crt token=$token;"),
    locations => { map { ($_->[0] => "image_digest \$image engine=$_->[1]"
                          . ' platform=$platform;'
                          . 'image_digest_timeout 20s;' . ($_->[2] // '')) }
        ['i', 'mine'], ['t', 'http'], ['t0', 'mine', 'image_digest_ttl 0;'] },
    more      => 'map $arg_platform $platform { "" none/none;'
                 . ' default $arg_platform; }');

sub digest { return 'sha256:' . sha256_hex(join ' ', @_) }

my $image = 'registry.corp:5000/team/app:1';
my $got = $cache->ask('i', $image);

is $got->{status}, 'RESOLVED', 'the resolver is asked';
is $got->{digest}, digest($image, 'none/none'), 'its digest';
is $got->{engine}, 'mine', 'the engine';
is $cache->ask('i', $image)->{status}, 'HIT', 'and then it is in the zone';

my ($req) = $server->requests;

is $req->{method}, 'GET', 'it was a GET';
is $req->{headers}{accept}, 'application/json', '... for JSON';
is $req->{headers}{'cache-control'}, 'no-cache', '... and no cached answer';
ok !exists $req->{headers}{authorization}, '... without a token';
is +(() = $server->requests), 1, '... and one';

is $cache->ask('i', 'golang')->{digest},
    digest('docker.io/library/golang:latest', 'none/none'),
    'the reference is canonical';

$got = $cache->ask('i', $image, artifact => 'x?platform=Linux/ARM64/v8');
is $got->{digest}, digest($image, 'linux/arm64'), 'so is the platform';

is $cache->ask('i', 'long:1')->{digest},
    'sha512:' . sha512_hex('docker.io/library/long:1'), 'SHA-512';

$got = $cache->ask('t', $image);
is $got->{digest}, digest($image, 'none/none'), 'over TLS';
is +($secure->requests)[0]{headers}{authorization}, 'Bearer Resolver-Secret',
    'with its token';

$got = $cache->ask('i', 'none:1');
is $got->{error}, 'not_found', '404: not_found';
is $got->{digest}, '', '... no digest';

$server->set(moved => ' moved');
is $cache->ask('t0', $image)->{digest}, digest($image, 'none/none moved'),
    'a tag that moved';

is +($cache->ask('i', "$image\@" . digest('pinned')))->{status}, 'PINNED',
    'a pinned reference asks nobody';

$cache->stop;
unlike $cache->log, qr/Secret/, 'no token in the log';

done_testing;
