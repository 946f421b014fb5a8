#!/usr/bin/perl

# Event methods that are level-triggered: with poll and select, too, requests
# wait without a spinning worker, clients that leave are noticed, bodies are
# passed and dropped, and pipelined requests are answered.

use strict;
use warnings;

use Test::More;

use ImageDigest::Client;
use ImageDigest::Nginx;
use ImageDigest::Origin;
use ImageDigest::Util qw(slurp);
use ImageDigest::Waiting;

# seconds of the worker's own time

sub spent {
    my ($nginx) = @_;
    my ($pid) = $nginx->workers;
    my @fields = split ' ', slurp("/proc/$pid/stat") =~ s/^.*\) //sr;

    return ($fields[11] + $fields[12]) / 100;
}

for my $use (qw(epoll poll select)) {
    my ($status, $text) = ImageDigest::Nginx->new(
        module => 0, events => "use $use;")->conf_test;

    if ($status && $text =~ /invalid event type/) {
        note "this nginx was built without $use";
        next;
    }

    my $origin = ImageDigest::Origin->start;
    my $nginx = ImageDigest::Waiting->start(
        origin => $origin, events => "use $use;",
        server => <<'END' =~ s/IMAGE/$origin->name('app:1')/er);
%usual%
location ~ ^/pinned/(?<image>.+?)/-/ {
    client_body_buffer_size 1k;
    image_digest $image;
    image_digest_writes pinned;
    proxy_pass http://127.0.0.1:@PORT2@;
}
location = /page {
    add_before_body /part;
    addition_types *;
    proxy_pass http://127.0.0.1:@PORT2@/page;
}
location = /part {
    image_digest IMAGE;
    image_digest_key x;
    proxy_pass http://127.0.0.1:@PORT2@/$image_digest_key;
}
location = /plain { return 200 "plain\n"; }
END
    my @clients = map { ImageDigest::Client->new($nginx->port) } 1 .. 6;
    my ($path, $key) = ($nginx->path('app:1', 'x'), $nginx->key('app:1', 'x'));
    my $pinned = $path =~ s{^/i/}{/pinned/}r;
    my $plain = "GET /plain HTTP/1.1\r\nHost: test\r\n\r\n";
    my $body = 'x' x 300_000;

    # each with something to read while it waits

    $nginx->hold;
    $clients[0]->send("GET $path HTTP/1.1\r\nHost: test\r\n\r\n$plain");
    $clients[1]->request('PUT', $path, {}, 'body');
    $clients[2]->request('PUT', $pinned, {}, $body);
    $clients[3]->request('GET', $path);
    $clients[4]->request('GET', '/page');
    $clients[5]->request('PUT', $pinned, { 'Content-Length' => 4 });
    $nginx->wait_for_calls(1);
    $clients[4]->send($plain);
    $clients[5]->send('bo');
    $clients[3]->close;
    like +($nginx->access_log(1))[0], qr/^GET \S+ 499 /,
        "$use: who leaves is noticed";

    my $spent = spent($nginx);

    ok $clients[0]->silent(0.5), 'it waits';
    cmp_ok spent($nginx) - $spent, '<', 0.2, 'and does not spin';
    $nginx->release;

    is $clients[0]->read->{body}, "GET /$key\n", 'GET';
    is $clients[0]->read->{body}, "plain\n", 'and the next one';
    is $clients[1]->read->{body}, "PUT /$key\n", 'PUT passed';
    is $clients[2]->read->{status}, 200, 'PUT dropped';
    is $clients[4]->read->{body},
        "GET /$key\nGET /page\n", 'a subrequest';
    is $clients[4]->read->{body}, "plain\n", 'and the next one';
    $clients[5]->send('dy');
    is $clients[5]->read->{status}, 200, 'PUT dropped later';

    for my $n (0, 1, 2, 4, 5) {
        $clients[$n]->request('PUT', $pinned, {}, $body);
        is $clients[$n]->read->{status}, 200, 'PUT dropped again';
        $clients[$n]->request('GET', $path);
        is $clients[$n]->read->{body}, "GET /$key\n", 'a kept connection';
    }

    is $nginx->calls, 1, 'asked once';
}

done_testing;
