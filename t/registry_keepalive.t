#!/usr/bin/perl

# connections are kept alive: several lookups of a registry use one, over TLS,
# too.  Where the registry closes one, a lookup opens anew.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest digest_of answer image_of);
use ImageDigest::Util qw(certificate);

my $tls = [certificate('127.0.0.1')];

for my $secure (0, 1) {
    my $what = $secure ? 'https' : 'http';
    my $server = ImageDigest::FaultServer->start(http => sub {
        my ($req) = @_;

        my $answer = answer(manifest(image_of($req)));

        $answer->[1]{Connection} = 'close' if image_of($req) =~ /close/;

        return [404, {}, "no\n"] if image_of($req) =~ /none/;
        return $answer;
    }, tls => $secure ? $tls : undef);

    my $host = '127.0.0.1:' . $server->port;
    my $cache = ImageDigest::Cache->start(
        resolver  => "registry $host "
                     . ($secure ? "ca=$tls->[0]" : 'insecure')
                     . '; timeout 20s;',
        locations => { i => 'image_digest_timeout 20s;',
                       p => 'image_digest $image platform=linux/amd64;'
                            . 'image_digest_timeout 20s;' });

    for my $n (1 .. 20) {
        is $cache->ask('i', "$host/app:$n")->{digest}, digest_of("app:$n"),
            "$what: app:$n";
    }

    $cache->ask('i', "$host/app:none");
    $cache->ask('p', "$host/app:1");

    is $server->connections, 1, "$what: all by one connection";
    cmp_ok scalar(() = $server->requests), '>=', 24, '... of many requests';

    is $cache->ask('i', "$host/close:1")->{digest}, digest_of('close:1'),
        "$what: an answer that ends the connection";
    is $cache->ask('i', "$host/app:21")->{digest}, digest_of('app:21'),
        '... and another after it';
    is $server->connections, 2, '... by a new one';

    # as an idle one is closed by the server

    my ($pid) = $cache->workers;

    $server->stop->start;
    is $cache->ask('i', "$host/app:22")->{digest}, digest_of('app:22'),
        "$what: after the registry was started again";
    is $server->connections, 3, '... by a new one';
}

done_testing;
