#!/usr/bin/perl

# Requests on one connection: the module's own answers keep it alive, and
# requests sent in one write are answered in their order although the first
# one waits.

use strict;
use warnings;

use Test::More;

use ImageDigest::Client;
use ImageDigest::Waiting;

my $nginx = ImageDigest::Waiting->start(server => <<'END');
%usual%
location ~ ^/miss/(?<image>.+?)/-/ {
    image_digest $image;
    image_digest_fallback miss;
    proxy_pass http://127.0.0.1:@PORT2@;
}
location / { return 200 "plain\n"; }
END

sub get {
    my ($path, $method, $headers) = @_;
    return ($method // 'GET') . " $path HTTP/1.1\r\nHost: test\r\n"
           . ($headers // '') . "\r\n";
}

sub expect {
    my ($client, @expected) = @_;

    for (@expected) {
        my ($status, $body, $method) = @$_;
        my $answer = $client->read($method);
        my $name = 'in its turn: ' . ($method // 'GET') . " $status";

        is $answer->{status}, $status, $name;
        is $answer->{body}, $body, 'its body' unless ($method // '') eq 'HEAD';
        is $answer->{headers}{connection}, 'keep-alive', 'kept alive';
    }

    ok $client->silent(0), 'and no more';
}

my $image = $nginx->image('none:none');
my ($miss, $bad) = ("/miss/$image/-/x", '/i/A:b:c/-/x');
my $client = ImageDigest::Client->new($nginx->port);

# one after the other

for my $round (1 .. 2) {
    for (['GET', $miss, 404], ['HEAD', $miss, 404], ['PUT', $miss, 200],
         ['DELETE', $miss, 404], ['GET', $bad, 400], ['POST', $bad, 400],
         ['MOVE', $miss, 405], ['GET', '/plain', 200])
    {
        my ($method, $path, $status) = @$_;

        $client->request($method, $path, {},
                         $method =~ /PUT|POST/ ? 'body' : ());
        is $client->read($method)->{status}, $status, "$method $path";
        ok $client->silent(0), 'one answer';
    }
}

# at once, while the first one waits

my @app = map { [200, 'GET /' . $nginx->key("app:$_", 'x') . "\n"] } 0 .. 3;

$nginx->hold;

my $calls = $nginx->calls;
my $gone = "no digest for the image: not_found\n";

$client->send(join '', get($nginx->path('app:1', 'x')), get('/plain'),
              get($miss), get($nginx->path('app:2', 'x')),
              get($miss, 'PUT', "Content-Length: 4\r\n"), 'body',
              get($nginx->path('app:1', 'x')), get($miss, 'HEAD'),
              get($nginx->path('app:3', 'x')));
$nginx->wait_for_calls($calls + 1);
ok $client->silent(0), 'nobody overtakes the first';
$nginx->release;

expect($client, $app[1], [200, "plain\n"], [404, $gone], $app[2],
       [200, ''], $app[1], [404, $gone, 'HEAD'], $app[3]);

# the rest comes while it waits, a byte at a time

$nginx->hold;
$client->send(get($nginx->path('app:0', 'x')));
$nginx->wait_for_calls($nginx->calls);
$client->send($_) for split //, get($miss, 'PUT', "Content-Length: 4\r\n");
$client->send('bo');
$nginx->release;
expect($client, $app[0]);
$client->send('dy');
expect($client, [200, '']);

done_testing;
