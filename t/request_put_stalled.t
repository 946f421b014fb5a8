#!/usr/bin/perl

# A client that stops in the middle of a body that is dropped: its request
# ends after client_body_timeout, and nothing of the body is on disk.

use strict;
use warnings;

use Test::More;

use ImageDigest::Client;
use ImageDigest::Http2;
use ImageDigest::Waiting;

my $nginx = ImageDigest::Waiting->start(
    format => '$request_method $status $image_digest_write',
    server => <<'END');
listen 127.0.0.1:@PORT3@ http2;
client_body_timeout 500ms;
client_body_in_file_only on;
location ~ ^/pinned/(?<image>.+?)/-/ {
    image_digest $image;
    image_digest_writes pinned;
    proxy_pass http://127.0.0.1:@PORT2@;
}
END
my $path = $nginx->path('app:1', 'x') =~ s{^/i/}{/pinned/}r;
my $client = ImageDigest::Client->new($nginx->port);
my $http2 = ImageDigest::Http2->new($nginx->port(3));

# the time is that of the body: none of it goes while the request waits

$nginx->hold;
$client->request('PUT', $path, { 'Content-Length' => 10 }, 'half');
$nginx->wait_for_calls(1);

my $stream = $http2->request('PUT', $path, {}, 1);

$http2->data($stream, 'half');
$http2->settle;
ok $client->silent(0.7), 'it waits';
$nginx->release;

ok $client->closed, 'its connection is closed';
ok $http2->read($stream)->{reset}, 'its stream is reset';
is_deeply [$nginx->access_log(2)], [('PUT 408 dropped') x 2], 'in the log';
$http2->close;

# those that go on

$client = ImageDigest::Client->new($nginx->port);
$client->request('PUT', $path, {}, 'x' x 100_000);
is $client->read->{status}, 200, 'a whole one';
is_deeply [glob $nginx->dir . '/body/*'], [], 'nothing is on disk';

done_testing;
