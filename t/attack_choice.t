#!/usr/bin/perl

# Attack: a client that chooses engine, platform and reference freely. An
# engine that is not there is engine_unknown and nobody is asked; no server
# ever sees what is meant for another one.

use strict;
use warnings;

use Mojo::JSON qw(encode_json);
use Mojo::Util qw(b64_decode b64_encode url_escape);
use Test::More;

use ImageDigest::Alone;
use ImageDigest::Cache;
use ImageDigest::FakeDaemon ();
use ImageDigest::FaultServer;
use ImageDigest::Kubernetes;
use ImageDigest::Manifest qw(answer challenge image_of manifest);
use ImageDigest::Util qw(spit tempdir);

my $dir = tempdir();
my $digest = sha256('an image');

# each with a secret of its own; the registry's is for it alone

my %servers = (
    docker     => ImageDigest::FakeDaemon->start,
    podman     => ImageDigest::FakeDaemon->start,
    http       => ImageDigest::FaultServer->start(sub {
        [200, {}, qq({"digest":"$digest"})] }),
    kubernetes => ImageDigest::Kubernetes->start->pods(
        pod('p', containers => [container('main', 'app:1', $digest)])),
    registry   => ImageDigest::FaultServer->start(sub {
        my ($req) = @_;

        return $req->{headers}{authorization}
            ? answer(manifest(image_of($req)))
            : challenge('Basic realm="x"');
    }),
    other      => ImageDigest::FaultServer->start(sub {
        my ($req) = @_;

        return $req->{headers}{authorization}
            ? answer(manifest(image_of($req)))
            : challenge('Basic realm="x"');
    }),
);
my ($host, $other) = map { '127.0.0.1:' . $servers{$_}->port }
                     qw(registry other);

sub login { return { auth => b64_encode("cache:Secret-$_[0]", '') } }

spit("$dir/docker", encode_json({ auths => {
    'docker.io' => login('docker') } }));
spit("$dir/podman", encode_json({ auths => {
    'docker.io' => login('podman') } }));
spit("$dir/registry", encode_json({ auths => { $host => login('registry') } }));
spit("$dir/http", 'Secret-http');

my $token = $servers{kubernetes}->token;
my $cache = ImageDigest::Cache->start(
    level     => 'debug',
    resolver  => "timeout 20s;\nregistry docker.io endpoint=http://$other"
                 . " insecure;\n"
                 . "registry $host insecure credentials=$dir/registry;\n"
                 . "registry $other insecure;\n"
                 . join('', map { "engine $_ " . $servers{$_}->url
                                  . " credentials=$dir/$_;\n" }
                                qw(docker podman))
                 . 'engine http "' . $servers{http}->url('/{image}')
                 . "?p={platform}\" token=$dir/http;\n"
                 . 'engine kubernetes ' . $servers{kubernetes}->engine . ";\n",
    locations => {
        i => 'image_digest $image engine=$arg_engine platform=$arg_platform;'
             . 'image_digest_timeout 20s; image_digest_ttl 0;',
        e => 'image_digest $image engine=$arg_engine;'
             . 'image_digest_timeout 20s; image_digest_ttl 0;',
        h => 'image_digest $image engine=$http_x_engine;'
             . 'image_digest_timeout 20s; image_digest_ttl 0;',
    });

my @engines = (sort(keys %servers), '');
my @images = ('app:1', "$host/app:1", "$other/app:1", 'ghcr.io/team/app:1',
              "evil.test/$host/app:1", "$host/docker.io/app:1",
              "docker.io.evil.test/app:1");

sub total { my $n = 0; $n += $_->connections for values %servers; return $n }


# engines that are not there

my $before = total();

for my $engine ('none', 'Docker', 'DOCKER', 'docke', 'dockerx', 'docker/',
                'docker@node', '../docker', 'docker http', 'docker,http',
                'unix:/run/docker.sock', 'tcp://127.0.0.1:1',
                "http://127.0.0.1:" . $servers{http}->port, 'other',
                'registry@node', 'default', '$engine', '%64ocker', '*',
                "docker\x{7f}", 'off', 'observe', 'x' x 2000)
{
    my $shown = substr $engine, 0, 30;

    for my $answer ($cache->ask('h', 'app:1',
                                headers => { 'X-Engine' => $engine }),
                    $cache->ask('e', 'app:1', artifact => 'x?engine='
                                . url_escape($engine, '\x00-\xff')))
    {
        is $answer->{error}, 'engine_unknown', "engine \"$shown\": unknown";
        is $answer->{digest}, '', '... no digest';
        is $answer->{status}, 'FALLBACK', '... falls back';
    }
}

# platforms that are none

for my $platform ('', 'linux', 'linux/', '/amd64', 'linux/amd64/v1/x',
                  'linux/amd64%0d%0aX-Injected:1', 'linux/am d64',
                  'linux/amd64%26x=y', 'linux/amd64%23', 'a/' . 'b' x 64,
                  '{image}/x', 'linux/amd64%00')
{
    my $answer = $cache->ask('i', 'app:1', artifact => 'x?engine=docker'
                                                       . "&platform=$platform");

    is $answer->{code}, 400, "platform=$platform: 400";
    is $answer->{error}, 'invalid_platform', '... reason';
}

is total(), $before, 'nobody was asked';

# all there is, in each combination: what each server saw is its own

for my $engine (@engines) {
    $cache->wait_for(map {
        my $image = $_;
        ($cache->send('e', $image, artifact => "x?engine=$engine"),
         map { $cache->send('i', $image, artifact =>
                            "x?engine=$engine&platform=$_") }
             qw(linux/amd64 linux/arm64 windows/amd64));
    } @images);
}

my %secrets = (docker => 'Secret-docker', podman => 'Secret-podman',
               http => 'Secret-http', kubernetes => $token,
               registry => 'Secret-registry', other => "\0");

for my $name (sort keys %servers) {
    my @requests = $servers{$name}->requests;
    my %seen;

    cmp_ok scalar @requests, '>', 0, "$name: was asked";

    for my $req (@requests) {
        my $text = encode_json($req);

        # base64 is not hidden from us

        $text .= b64_decode($_ =~ tr{-_}{+/}r)
            for map { /([\w+\/=-]{16,})/g } values %{ $req->{headers} };

        for my $whose (sort keys %secrets) {
            $seen{$whose} = 1 if index($text, $secrets{$whose}) >= 0;
        }
    }

    is_deeply [sort keys %seen], $name eq 'other' ? [] : [$name],
        '... with its own secret alone';
}

is_deeply [grep { $_->{headers}{'x-injected'} }
           map { $_->requests } values %servers], [],
    'no header is a client\'s';

# for another registry than theirs the daemons were told none

is_deeply [grep { $_->{headers}{'x-registry-auth'}
                  && $_->{path} =~ /evil|ghcr|127\.0\.0\.1/ }
           map { $servers{$_}->requests } qw(docker podman)], [],
    'an entry goes with its registry';

$cache->stop;
unlike $cache->log, qr/Secret-/, 'nothing secret in the log';
unlike $cache->log, qr/\Q$token\E/, '... no token';

done_testing;
