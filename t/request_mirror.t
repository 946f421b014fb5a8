#!/usr/bin/perl

# A mirrored request is the same client request: it finds the decision, a
# dropped write is not mirrored, and the main request does not wait for a
# mirror that waits.

use strict;
use warnings;

use Test::More;

use ImageDigest::Client;
use ImageDigest::FaultServer;
use ImageDigest::Util qw(wait_until);
use ImageDigest::Waiting;

my $mirror = ImageDigest::FaultServer->start(sub { [200] });
my $nginx = ImageDigest::Waiting->start(server => <<"END");
location = /on {
    image_digest \$arg_image;
    image_digest_key x;
    mirror /mirror;
    proxy_pass http://127.0.0.1:\@PORT2\@/\$image_digest_key;
}
location = /dropped {
    image_digest \$arg_image;
    image_digest_writes pinned;
    mirror /mirror;
    proxy_pass http://127.0.0.1:\@PORT2\@/\$image_digest_key;
}
location = /off {
    mirror /mirror/on;
    proxy_pass http://127.0.0.1:\@PORT2\@/off\$arg_none;
}
location = /mirror {
    internal;
    proxy_pass http://127.0.0.1:@{[ $mirror->port ]}/off-\$image_digest_key;
}
location = /mirror/on {
    internal;
    image_digest \$arg_image;
    image_digest_key x;
    proxy_pass http://127.0.0.1:@{[ $mirror->port ]}/on-\$image_digest_key;
}
END
my $client = ImageDigest::Client->new($nginx->port);

sub mirrored { return map { "$_->{method} $_->{path}" } $mirror->requests }

$nginx->hold;
$client->request('PUT', '/on?image=' . $nginx->image('app:1'), {}, 'body');
$nginx->wait_for_calls(1);
is_deeply [mirrored()], [], 'no mirror before the decision';
$nginx->release;

my $key = $nginx->key('app:1', 'x');

is $client->read->{body}, "PUT /$key\n", 'the request';
wait_until { mirrored() } 'the mirror';
is_deeply [mirrored()], ["PUT /off-$key"], 'its mirror';

$client->request('PUT', '/dropped?image=' . $nginx->image('app:1'), {}, 'body');
is $client->read->{status}, 200, 'a dropped write';

# the main request is answered, its mirror waits, and nobody else has to

my $other = ImageDigest::Client->new($nginx->port);

$nginx->hold;
$other->request('GET', '/off?image=' . $nginx->image('app:2'));
is $other->read->{body}, "GET /off\n", 'does not wait for its mirror';
$nginx->wait_for_calls(2);
$client->request('GET', '/on?image=' . $nginx->image('app:1'));
is $client->read->{body}, "GET /$key\n", 'nor does another';
$nginx->release;

my $key2 = $nginx->key('app:2', 'x');

wait_until { 3 <= (() = mirrored()) } 'the mirror that waited';
is_deeply [mirrored()], ["PUT /off-$key", "GET /off-$key", "GET /on-$key2"],
    'the mirrors; none of the dropped write';

# a client that goes while its mirror waits

my $gone = ImageDigest::Client->new($nginx->port);

$nginx->hold;
$gone->request('GET', '/off?image=' . $nginx->image('app:3'));
is $gone->read->{status}, 200, 'answered';
$nginx->wait_for_calls(3);
$gone->close;
$nginx->release;
wait_until { 4 <= (() = mirrored()) } 'its mirror';
is +(mirrored())[-1], 'GET /on-' . $nginx->key('app:3', 'x'),
    'its mirror goes on';

done_testing;
