#!/usr/bin/perl

# A reset stream of HTTP/2 ends its request while it waits, and that one
# alone; the lookup goes on and is stored (rule 8).

use strict;
use warnings;

use Test::More;

use ImageDigest::Http2;
use ImageDigest::Waiting;

my $nginx = ImageDigest::Waiting->start(
    server => 'listen 127.0.0.1:@PORT3@ http2; %usual%');
my $path = $nginx->path('app:1', 'x');
my $client = ImageDigest::Http2->new($nginx->port(3));

$nginx->hold;

my ($gone, $stays) = map { $client->request('GET', "$path?$_") } 1 .. 2;
my $put = $client->request('PUT', "$path?3", {}, 1);

$client->data($put, 'half');
$nginx->wait_for_calls(1);
$client->reset($gone);
$client->reset($put);

is_deeply [sort $nginx->access_log(2)],
    ["GET $path?1 499 ", "PUT $path?3 499 "], 'ended while they wait';

$nginx->release;

is_deeply $client->read($stays),
    { status => 200, body => 'GET /' . $nginx->key('app:1', 'x') . "\n",
      done => 1 },
    'the other stream is answered';

# the whole connection goes

$nginx->hold;
$client->request('GET', $nginx->path('app:2', 'x'));
$nginx->wait_for_calls(2);
$client->close;
is scalar(() = $nginx->access_log(4)), 4, 'a connection that is closed';
$nginx->release;

my $again = ImageDigest::Http2->new($nginx->port(3));

is $again->read($again->request('GET', $nginx->path('app:2', 'x')))->{body},
    'GET /' . $nginx->key('app:2', 'x') . "\n", 'the answer is kept';
is $nginx->calls, 2, 'nobody asked again';

$again->close;

done_testing;
