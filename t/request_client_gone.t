#!/usr/bin/perl

# A client that leaves while its request waits ends the request at once, and
# the lookup goes on and is stored (rule 8).

use strict;
use warnings;

use Test::More;

use ImageDigest::Client;
use ImageDigest::Util qw(spit);
use ImageDigest::Waiting;

my $nginx = ImageDigest::Waiting->start(server => <<'END');
%usual%

location = /page {
    ssi on;
    ssi_types *;
    root @DIR@;
}
location = /part {
    image_digest $arg_image;
    proxy_pass http://127.0.0.1:@PORT2@/$image_digest_key;
}
END
my $calls = 0;

# what the client does: after it was suspended, or all at once

my %leave = (
    'GET' => sub {
        my ($client, $path) = @_;
        $client->request('GET', $path);
        $nginx->wait_for_calls(++$calls);
        $client->close;
    },
    'GET and its end at once' => sub {
        my ($client, $path) = @_;
        my ($worker) = $nginx->workers;

        # both are there when the worker looks

        kill STOP => $worker;
        $client->request('GET', $path);
        $client->close;
        kill CONT => $worker;
        $nginx->wait_for_calls(++$calls);
    },
    'PUT without its body' => sub {
        my ($client, $path) = @_;
        $client->request('PUT', $path, { 'Content-Length' => 10 }, 'half');
        $nginx->wait_for_calls(++$calls);
        $client->close;
    },
    'reset' => sub {
        my ($client, $path) = @_;
        $client->request('GET', $path);
        $nginx->wait_for_calls(++$calls);
        setsockopt $client->socket, Socket::SOL_SOCKET(), Socket::SO_LINGER(),
            pack('ii', 1, 0);
        $client->close;
    },
);
my $lines = 0;

for my $name (sort keys %leave) {
    my $image = 'app:' . ++$lines;
    my $method = $name =~ /PUT/ ? 'PUT' : 'GET';
    my $path = $nginx->path($image, 'x');

    $nginx->hold;
    $leave{$name}->(ImageDigest::Client->new($nginx->port), $path);

    # the registry still has not answered

    is +($nginx->access_log($lines * 2 - 1))[-1], "$method $path 499 ",
        "$name: ended while it waits";

    $nginx->release;

    # a client that waits for what was asked before it came

    my $client = ImageDigest::Client->new($nginx->port);
    $client->request('GET', $path);
    is $client->read->{body}, 'GET /' . $nginx->key($image, 'x') . "\n",
        "$name: the answer is kept";
    is $nginx->calls, $calls, "$name: nobody asked again";
    $nginx->access_log($lines * 2);
}

# a subrequest waits

spit($nginx->dir . '/page', '<!--# include virtual="/part?image='
                            . $nginx->image('app:page') . '" -->');

my $client = ImageDigest::Client->new($nginx->port);

$nginx->hold;
$client->request('GET', '/page');
$nginx->wait_for_calls($calls + 1);
$client->close;

is +($nginx->access_log($lines * 2 + 1))[-1], 'GET /page 499 ',
    'ended while a subrequest waits';

$nginx->release;

is scalar(() = $nginx->workers), 1, 'the worker lives';

done_testing;
