#!/usr/bin/perl

# Freshness: an observation is of one identity: the engine's type, URL, pull=,
# namespace=, and as whom it asks, the reference, the platform, the pod. What
# one engine has learnt another one, configured differently, never uses; what
# is configured alike is one, whatever its name.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Kubernetes;
use ImageDigest::Util qw(certificate spit tempdir);

my $id = sha256('an image');
my $dir = tempdir();
my ($crt, $key) = certificate('one.test');
my ($crt2, $key2) = certificate('two.test');
my ($ca, $ca_key) = certificate();
my $answer = sub {
    [200, { 'Content-Type' => 'application/json' },
     qq({"digest":"$id","Id":"$id","RepoDigests":[],"Os":"linux",)
     . qq("Architecture":"amd64"})];
};
my $server = ImageDigest::FaultServer->start($answer);
my $secure = ImageDigest::FaultServer->start(http => $answer,
                                             tls => [$ca, $ca_key]);
my $k8s = ImageDigest::Kubernetes->start->pods(map {
    pod("p$_", namespace => "ns$_", ip => "10.1.0.$_", containers => [
        container('main', 'a:1', $id)]) } 1, 2);

spit("$dir/$_", $k8s->token) for qw(one two);
spit("$dir/$_.json", qq({"auths":{"docker.io":{"username":"$_",)
                     . '"password":"p"}}}') for qw(one two);

my $url = $server->url('/{image}');
my $tls = '"' . $secure->url('/{image}') . "\" type=http ca=$ca";
my $tcp = 'tcp://127.0.0.1:' . $server->port;
my $api = 'https://127.0.0.1:' . $k8s->port . ' ca=' . $k8s->ca
          . ' type=kubernetes';

# name => line; each is another one, but for those of a name with "like"

my @engines = (
    ['url',        "\"$url\" type=http"],
    ['url-like',   "\"$url\" type=http"],
    ['url-more',   "\"$url?\" type=http"],
    ['url-other',  "\"$url?{platform}\" type=http"],
    ['token',      "\"$url\" type=http token=$dir/one"],
    ['token2',     "\"$url\" type=http token=$dir/two"],
    ['tls',        "$tls"],
    ['subject',    "$tls certificate=$crt key=$key"],
    ['subject2',   "$tls certificate=$crt2 key=$key2"],
    ['k8s',        "$api token=$dir/one"],
    ['k8s-like',   "$api token=$dir/one"],
    ['k8s-token',  "$api token=$dir/two"],
    ['k8s-ns1',    "$api token=$dir/one namespace=ns1"],
    ['k8s-ns2',    "$api token=$dir/one namespace=ns2"],
    ['docker',     "$tcp type=docker pull=never"],
    ['docker-like', "$tcp type=docker pull=never"],
    ['missing',    "$tcp type=docker pull=missing"],
    ['missing-one', "$tcp type=docker credentials=$dir/one.json"],
    ['missing-two', "$tcp type=docker credentials=$dir/two.json"],
    ['podman',     "$tcp type=podman pull=never"],
);

my $cache = ImageDigest::Cache->start(
    resolver  => join("\n", 'timeout 20s;', 'registry docker.io;',
                      map { "engine $_->[0] $_->[1];" } @engines),
    locations => { i => 'image_digest $image engine=$arg_engine'
                        . ' platform=$platform pod=$arg_pod;'
                        . 'image_digest_timeout 20s;' },
    more      => 'map $arg_platform $platform { "" linux/amd64;'
                 . ' default $arg_platform; }');

sub calls {
    my $calls = 0;

    $calls += () = $_->requests for $server, $secure, $k8s;

    return $calls;
}

sub ask {
    my ($engine, $image, $more) = @_;

    return $cache->ask('i', $image // 'a:1',
                       artifact => "x?engine=$engine" . ($more // ''));
}


for (@engines) {
    my ($name) = @$_;

    my $like = $name =~ /-like$/;
    my $before = calls();
    my $answer = ask($name);

    is $answer->{digest}, $id, "$name: digest";
    is $answer->{status}, $like ? 'HIT' : 'RESOLVED',
        $like ? '... known by another name' : '... asked for itself';
    cmp_ok calls() - $before, $like ? '==' : '>=', $like ? 0 : 1,
        '... the engine was' . ($like ? ' not' : '') . ' asked';
    is ask($name)->{status}, 'HIT', '... and then known';
}

# the reference, the platform, the pod

for (['url', 'a:2'], ['url', 'a:1', '&platform=linux/arm64'],
     ['k8s', 'a:1', '&pod=10.1.0.1'], ['k8s', 'a:1', '&pod=10.1.0.2'],
     ['k8s', 'a:1', '&platform=linux/arm64'])
{
    my ($engine, @what) = @$_;

    is ask($engine, @what)->{status}, 'RESOLVED', "$engine: @what";
    is ask($engine, @what)->{status}, 'HIT', '... and then known';
}

# an address is nothing to an engine that knows no pods

is ask('url', 'a:1', '&pod=10.1.0.1')->{status}, 'HIT',
    'pod= is not of an http engine\'s identity';

# a token that is replaced keeps what is known, and another file's does not

spit("$dir/one.new", 'Another-Token');
rename "$dir/one.new", "$dir/one";
is ask('k8s')->{status}, 'HIT', 'a new token in the file';

done_testing;
