#!/usr/bin/perl

# `nginx -t` takes every directive of the contract and touches no network:
# neither Redis nor a registry is asked, and a host that has no address keeps
# nginx from nothing.

use strict;
use warnings;

use Test::More;

use ImageDigest::FaultServer;
use ImageDigest::Nginx;
use ImageDigest::Util qw(certificate spit tempdir);

my $server = ImageDigest::FaultServer->start(raw => sub { });
my $port = $server->port;
my $dir = tempdir();
my ($crt, $key) = certificate();

spit("$dir/credentials.json",
     '{"auths":{"registry.test":{"auth":"dXNlcjpwYXNzd29yZA=="}}}');
spit("$dir/password", "secret\n");

my %conf = (http => <<"END", server => <<'END');
image_resolver default {
    zone          1m;
    redis         redis://user\@127.0.0.1:$port/1 password_file=$dir/password
                  "prefix={x}:" timeout=100ms;

    registry      docker.io;
    registry      127.0.0.1:$port  insecure;
    registry      localhost:*      insecure;
    registry      registry.test    ca=$crt credentials=$dir/credentials.json
                                   realm=auth.test;
    registry      mtls.test:5000   certificate=$crt key=$key
                                   endpoint=https://other.test:5001;

    retention     48h;
    negative_ttl  10s;
    refresh       50%;
    timeout       3s;
    connections   4;
}

image_resolver other {
    registry  *;
    redis     unix:$dir/none.sock?db=3;
    refresh   off;
}

image_resolver third {
    redis  redis://no-such-host.invalid:6379;
}

image_digest_ttl       10m min=1s max=1h;
image_digest_timeout   500ms;
image_digest_fallback  tag window=1m;
image_digest_writes    settled=1h fresh=10s;
END
location / {
    image_digest      $uri platform=$arg_platform;
    image_digest_key  $uri $is_args$args;
}

location /other {
    image_digest           golang:1.22 resolver=other engine=registry
                           platform=linux/arm64/v8;
    image_digest_fallback  miss;
    image_digest_writes    pinned;

    if ($arg_off) {
        image_digest  off;
    }
}

location /third {
    image_digest           $uri resolver=third;
    image_digest_ttl       $arg_ttl;
    image_digest_fallback  error;
    image_digest_writes    any;
}
END

my ($status, $output) = ImageDigest::Nginx->new(%conf)->conf_test;

is $status, 0, 'accepted' or diag $output;
unlike $output, qr/\[(warn|error|crit|alert|emerg)\]/, 'in silence';
is $server->connections, 0, 'nobody was asked';

my $nginx = ImageDigest::Nginx->start(%conf);

ok $nginx->reload, 'it starts and reloads';
$nginx->stop;

done_testing;
