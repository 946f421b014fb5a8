#!/usr/bin/perl

# Requests that wait when nginx is reloaded or stopped gracefully are
# answered, and what they learn is there for the new workers.

use strict;
use warnings;

use Test::More;

use ImageDigest::Client;
use ImageDigest::FaultServer;
use ImageDigest::Http2;
use ImageDigest::Util qw(wait_until);
use ImageDigest::Waiting;

# the store goes on when nginx stops

my $store = ImageDigest::FaultServer->start(sub {
    my ($req) = @_;
    return [200, { Connection => 'close' }, "$req->{method} $req->{path}\n"];
});
my $nginx = ImageDigest::Waiting->start(workers => 2, server => <<"END");
listen 127.0.0.1:\@PORT3\@ http2;
location ~ ^/i/(?<image>.+?)/-/(?<artifact>.+)\$ {
    image_digest \$image;
    image_digest_key \$artifact;
    proxy_pass http://127.0.0.1:@{[ $store->port ]}/\$image_digest_key;
}
location ~ ^/pinned/(?<image>.+?)/-/ {
    image_digest \$image;
    image_digest_writes pinned;
    proxy_pass http://127.0.0.1:\@PORT2\@;
}
END
my ($path, $key) = ($nginx->path('app:1', 'x'), $nginx->key('app:1', 'x'));
my $pinned = $path =~ s{^/i/}{/pinned/}r;

# requests of each kind, all of which wait

sub begin {
    my @clients = map { ImageDigest::Client->new($nginx->port) } 1 .. 4;
    my $http2 = ImageDigest::Http2->new($nginx->port(3));
    my $stream = $http2->request('GET', $path);

    $clients[0]->request('GET', $path);
    $clients[1]->request('PUT', $path, {}, 'body');
    $clients[2]->request('PUT', $pinned, {}, 'body');
    $clients[3]->request('PUT', $pinned, { 'Content-Length' => 4 }, 'bo');
    $http2->settle;

    return (@clients, [$http2, $stream]);
}

sub finish {
    my ($name, @clients) = @_;

    is $clients[0]->read->{body}, "GET /$key\n", "$name: GET";
    is $clients[1]->read->{body}, "PUT /$key\n", 'PUT passed';
    is $clients[2]->read->{status}, 200, 'PUT dropped';
    ok $clients[3]->silent(0), 'none for half a body';
    $clients[3]->send('dy');
    is $clients[3]->read->{status}, 200, 'PUT dropped later';

    my ($http2, $stream) = @{ $clients[4] };

    is $http2->read($stream)->{body}, "GET /$key\n", 'HTTP/2';

    # nginx would linger

    $http2->close;
    $_->close for @clients[0 .. 3];
}

$nginx->hold;

my @old = begin();

$nginx->wait_for_calls(1);
$nginx->reload;
ok $_->silent(0), 'they wait' for @old[0 .. 3];

# those of the new workers wait for the same call

my $calls = $nginx->calls;
my @new = begin();

ok $_->silent(0), 'these wait, too' for @new[0 .. 3];
is scalar(() = $nginx->workers('exiting')) > 0, 1, 'the old workers stay';
$nginx->release;
finish('old workers', @old);
finish('new workers', @new);
is $nginx->calls, $calls, 'one call for all of them';
wait_until { !(() = $nginx->workers('exiting')) } 'the old workers to go';

# what was learnt survives the next reload

$calls = $nginx->calls;
$nginx->reload;

my $client = ImageDigest::Client->new($nginx->port);

$client->request('GET', $path);
is $client->read->{body}, "GET /$key\n", 'after another reload';
is $nginx->calls, $calls, 'nobody was asked';

# a graceful stop

($path, $key) = ($nginx->path('app:2', 'x'), $nginx->key('app:2', 'x'));
$pinned = $path =~ s{^/i/}{/pinned/}r;

$nginx->hold;
@old = begin();
$nginx->wait_for_calls($calls + 1);
kill QUIT => $nginx->pid;
wait_until { !(() = $nginx->workers) } 'no worker that serves';
$nginx->release;
finish('graceful stop', @old);

done_testing;
