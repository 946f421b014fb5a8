#!/usr/bin/perl

# docs/registries.md, bad input: CR LF, `..`, `?`, `#`, NUL and their like in
# references never reach a registry: 400, and nobody is asked; and what does
# reach it is the path that was meant, and nothing else.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Client;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest digest_of answer image_of);

my $server = ImageDigest::FaultServer->start(sub {
    return answer(manifest(image_of($_[0])));
});

my $port = $server->port;
my $host = "127.0.0.1:$port";
my $cache = ImageDigest::Cache->start(
    resolver  => "registry $host insecure; registry docker.io"
                 . " endpoint=http://$host insecure;",
    locations => {
        i => 'image_digest_timeout 20s;',
        h => 'image_digest $http_x_image; image_digest_timeout 20s;',
    });

# bytes of a path as they stand in a request line

my $ask = sub {
    my ($path, @headers) = @_;

    my $client = ImageDigest::Client->new($cache->port);

    $client->request('GET', $path, {@headers});

    my $answer = $client->read;

    $client->close;

    return $answer;
};

my @bad = (
    'app:1%0d%0aX-Injected:%201', 'app%0d%0a:1', 'app:1%00', 'app%00:1',
    'app:1%0aHost:%20x', 'app:1?a=b', 'app%3fa=b:1', 'app:1%3fa=b',
    'app%23x:1', 'app:1%23x', 'a/%252e%252e/b:1', 'app:..', 'a%2f..:1',
    'app:1%20', '%20app:1',
    'app:1%09', 'app:1%7f', 'app:1%80', 'app:1%25', 'app:%5c1',
    'a%5capp:1', 'app@1', 'app:1@x', 'user@team/app:1', 'App:1', 'a%3bb:1',
    'app:1%26x', 'app:1%27', 'app:1%22', 'app:%3c1%3e', 'app:%c3%a4',
    'app:' . 'x' x 129, 'a/' x 200 . 'app:1', '-app:1', '.app:1', 'app.:1',
    'app:.1', 'app:-1', 'http://team/app:1', 'app:1:2', ':1', 'app:',
    'catalog/../../_catalog:1',
);

for my $reference (@bad) {
    my $answer = $ask->("/i/$host/$reference/-/x");

    # nginx itself refuses, or resolves, some: then it is another location's

    like $answer->{status}, qr/^4(?:00|04)$/,
        "$reference: $answer->{status}" if length $reference < 200;
}

# the same by a header, where bytes stand as they are

for my $reference ("app:1\0", "app:1\t2", "app:1 2", 'app:1?a', 'app:1#a',
                   'a/../b:1', '../b:1', 'app:1%0d%0aX:1', "app:1\x7f",
                   "app:\xff", 'app:1@sha256:0', 'a//b:1', '/app:1', 'app:1/',
                   '', '[::1]x/app:1', "127.0.0.1:$port#/app:1",
                   "user:pw\@$host/app:1", "$host?/app:1", "x\@$host/app:1")
{
    my $answer = $ask->('/h/x/-/y', 'X-Image' => $reference);
    my $text = $reference =~ s/([^!-~])/sprintf '\\x%02x', ord $1/gre;

    is $answer->{status}, 400, "as a header: $text";
}

is $server->requests, 0, 'nobody was asked';
is $server->connections, 0, '... nor connected to';

# nginx itself resolves these in a path: what is left of them is asked for

$ask->("/i/$host/$_/-/x")
    for 'a%2f..%2fapp:l1', '..%2fapp:l2', 'a/%2e%2e/b:l3', 'app:1%2f..%2fb:l4',
        'a%2f%2fapp:l5';

is $server->requests(sub { $_->{path} =~ /\.\.|%|\/\// }), 0,
    'no path is left with `..`, `%` or `//`';

# what is right, for comparison: exactly these bytes

my %good = (
    'app:1'                  => '/v2/library/app/manifests/1',
    "$host/app:1"            => '/v2/app/manifests/1',
    "$host/a/b__c/d-e.f:A_.-" => '/v2/a/b__c/d-e.f/manifests/A_.-',
    "$host/" . 'a/' x 100 . 'app:' . 'x' x 128
        => '/v2/' . 'a/' x 100 . 'app/manifests/' . 'x' x 128,
);

for my $reference (sort keys %good) {
    my $before = () = $server->requests;

    is $ask->("/i/$reference/-/x")->{headers}{'x-image-status'}, 'RESOLVED',
        substr($reference, 0, 60) . ' is resolved';

    my %paths = map { $_->{path} => 1 }
                splice @{ [$server->requests] }, $before;

    is_deeply [keys %paths], [$good{$reference}], '... at its path';
}

is_deeply [grep { /x-injected/ } map { keys %{ $_->{headers} } }
           $server->requests], [], 'no header was injected';

done_testing;
