#!/usr/bin/perl

# docs/kubernetes.md: the API server is verified, by the authorities of ca= or
# else of the system; a client certificate may take the place of a token.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Kubernetes;
use ImageDigest::Util qw(certificate);

my $id = sha256('an image');
my @pods = pod('p', containers => [container('main', 'a:1', $id)]);
my ($crt, $key) = certificate('cache.test');
my ($wrong, $wrong_key) = certificate('wrong.test');
my $k8s = ImageDigest::Kubernetes->start->pods(@pods);
my $mutual = ImageDigest::Kubernetes->start(clients => $crt)->pods(@pods);

my ($one, $two) = map { "https://127.0.0.1:$_" } $k8s->port, $mutual->port;
my ($ca, $ca2) = map { 'ca=' . $_->ca } $k8s, $mutual;
my ($token, $token2) = map { 'token=' . $_->token_file } $k8s, $mutual;

my @cases = (
    ['its own authority'        => "$one $ca $token", ''],
    ['the system\'s'            => "$one $token", 'tls'],
    ['another authority'        => "$one $ca2 $token", 'tls'],
    ['another name'             => "https://127.0.0.2:" . $k8s->port
                                   . " $ca $token", 'tls|unreachable'],
    ['http where TLS is spoken' => 'http://127.0.0.1:' . $k8s->port,
                                   'bad_response|unreachable'],
    ['no client certificate'    => "$two $ca2 $token2", 'tls'],
    ['a client certificate'     => "$two $ca2 $token2 certificate=$crt"
                                   . " key=$key", ''],
    ['a wrong one'              => "$two $ca2 $token2 certificate=$wrong"
                                   . " key=$wrong_key", 'tls'],

    # again, since a connection might be used again

    ['the system\'s, again'     => "$one $token", 'tls'],
    ['no certificate, again'    => "$two $ca2 $token2", 'tls'],
);

my $cache = ImageDigest::Cache->start(
    resolver  => join("\n", 'timeout 20s;', map {
        "engine e$_ $cases[$_][1] type=kubernetes;" } 0 .. $#cases),
    locations => { map { ("i$_" => "image_digest \$image engine=e$_;"
                                   . 'image_digest_timeout 20s;'
                                   . 'image_digest_ttl 0;') } 0 .. $#cases });

for my $i (0 .. $#cases) {
    my ($what, undef, $error) = @{ $cases[$i] };

    my $before = (() = $k8s->requests) + (() = $mutual->requests);
    my $answer = $cache->ask("i$i", 'a:1');

    like $answer->{error}, qr/^(?:$error)$/, "$what: "
                                             . ($error || 'resolved');
    is $answer->{digest}, $error ? '' : $id, '... digest';
    is +(() = $k8s->requests) + (() = $mutual->requests) - $before,
        $error ? 0 : 1, '... what the server was told';
}

is_deeply [$mutual->clients], ['cache.test'], 'whose certificate it was';

done_testing;
