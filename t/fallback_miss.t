#!/usr/bin/perl

# image_digest_fallback miss: without a digest reads are 404 and the store is
# not asked; writes are dropped: read to their end, then PUT and POST are 200,
# others 404.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Client;
use ImageDigest::Store;
use ImageDigest::Util qw(free_port);

my $host = '127.0.0.1:' . free_port();
my $store = ImageDigest::Store->start;
my $cache = ImageDigest::Cache->start(
    store     => $store,
    resolver  => "registry $host insecure;",
    locations => { i => "image_digest_fallback miss;\n"
                        . 'client_max_body_size 0;' });

my %keys;

for (['GET', 404, ''], ['HEAD', 404, ''], ['OPTIONS', 404, ''],
     ['PROPFIND', 404, ''], ['PUT', 200, 'dropped'], ['POST', 200, 'dropped'],
     ['DELETE', 404, 'dropped'], ['PATCH', 404, 'dropped'],
     ['MKCOL', 404, 'dropped'], ['LOCK', 404, 'dropped'])
{
    my ($method, $code, $write) = @$_;
    my $answer = $cache->ask('i', "$host/app:1", method => $method,
                             $write ? (body => 'x' x 300_000) : ());

    is_deeply [@$answer{qw(code status error write cache_control)}],
        [$code, 'FALLBACK', 'unreachable', $write, 'no-store'], $method;
    is $keys{ $answer->{key} }++ // 0, 0, 'a key that never matches';
}

# "read to its end": no answer before that, and the connection goes on

my $client = ImageDigest::Client->new($cache->port);

$client->request('PUT', "/i/$host/app:1/-/x", { 'Content-Length' => 10 },
                 '12345');
ok $client->silent(0.3), 'half a body: no answer yet';
$client->send('67890');
is $client->read->{status}, 200, 'the whole: dropped';

$client->request('PUT', "/i/$host/app:1/-/x",
                 { 'Transfer-Encoding' => 'chunked' });
$client->send("5\r\n12345\r\n0\r\n\r\n");
is $client->read->{status}, 200, 'in chunks';
$client->request('GET', "/i/$host/app:1/-/x");
is $client->read->{status}, 404, 'on the same connection';

is scalar(() = $store->requests), 0, 'the store was never asked';

done_testing;
