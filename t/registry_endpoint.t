#!/usr/bin/perl

# docs/directives.md, registry: endpoint=URL is where a registry is asked; the
# reference keeps its own name.  Hub is asked at its own paths: library/ is
# written out.

use strict;
use warnings;

use Mojo::JSON qw(encode_json);
use MIME::Base64 qw(encode_base64);
use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest digest_of answer image_of challenge);
use ImageDigest::Util qw(certificate tempdir spit);

my $registry = sub {
    my ($req) = @_;

    return challenge('Basic realm="x"') unless $req->{headers}{authorization};
    return answer(manifest(image_of($req)));
};

my $tls = [certificate('127.0.0.1')];
my $plain = ImageDigest::FaultServer->start($registry);
my $secure = ImageDigest::FaultServer->start(http => $registry, tls => $tls);
my $dir = tempdir();

# credentials are those of the name, not of the endpoint

my %auths = map { $_ => { auth => encode_base64("of $_:secret", '') } }
            'docker.io', 'name.test:5000', '127.0.0.1:' . $plain->port;

spit("$dir/config.json", encode_json({ auths => \%auths }));

my ($http, $https) = ($plain->url('/'), $secure->url(''));
my $cache = ImageDigest::Cache->start(
    resolver  => <<"END",
registry docker.io endpoint=$http insecure credentials=$dir/config.json;
registry name.test:5000 endpoint=$https ca=$tls->[0]
         credentials=$dir/config.json;
timeout 20s;
END
    locations => { i => 'image_digest_timeout 20s;' });

for (['app:1', 'library/app:1', 'docker.io', $plain],
     ['team/app', 'team/app:latest', 'docker.io', $plain],
     ['index.docker.io/app:2', 'library/app:2', 'docker.io', $plain],
     ['name.test:5000/app:1', 'app:1', 'name.test:5000', $secure])
{
    my ($reference, $image, $name, $server) = @$_;

    my $answer = $cache->ask('i', $reference);

    is $answer->{digest}, digest_of($image), "$reference is resolved";
    is $answer->{reference}, "$name/$image", '... and keeps its name';

    my $request = ($server->requests)[-1];

    is image_of($request), $image, '... at the path of the endpoint';
    is $request->{headers}{host}, '127.0.0.1:' . $server->port,
        '... and its host';
    is $request->{headers}{authorization}, "Basic $auths{$name}{auth}",
        '... with the credentials of the name';
}

done_testing;
