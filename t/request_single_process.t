#!/usr/bin/perl

# master_process off: requests wait, are passed on and dropped all the same.

use strict;
use warnings;

use Test::More;

use ImageDigest::Client;
use ImageDigest::Waiting;

my $nginx = ImageDigest::Waiting->start(master => 0, server => <<'END');
%usual%
location ~ ^/pinned/(?<image>.+?)/-/ {
    image_digest $image;
    image_digest_writes pinned;
    proxy_pass http://127.0.0.1:@PORT2@;
}
END
my @clients = map { ImageDigest::Client->new($nginx->port) } 1 .. 3;
my ($path, $key) = ($nginx->path('app:1', 'x'), $nginx->key('app:1', 'x'));

$nginx->hold;
$clients[0]->request('GET', $path);
$clients[1]->request('PUT', $path, {}, 'body');
$clients[2]->request('PUT', $path =~ s{^/i/}{/pinned/}r, {}, 'body');
$nginx->wait_for_calls(1);
ok $_->silent(0), 'it waits' for @clients;
$nginx->release;

is $clients[0]->read->{body}, "GET /$key\n", 'GET';
is $clients[1]->read->{body}, "PUT /$key\n", 'PUT passed';
is $clients[2]->read->{status}, 200, 'PUT dropped';
$clients[0]->request('GET', $path);
is $clients[0]->read->{body}, "GET /$key\n", 'from the zone';
is $nginx->calls, 1, 'asked once';

done_testing;
