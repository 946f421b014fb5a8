#!/usr/bin/perl

# Chunked bodies: dropped after their last chunk, passed as they are; one that
# is broken ends its connection, without an answer from an error page's
# location in its stead.

use strict;
use warnings;

use Test::More;

use ImageDigest::Client;
use ImageDigest::Store;
use ImageDigest::Waiting;

my $store = ImageDigest::Store->start;
my $nginx = ImageDigest::Waiting->start(server => <<"END");
client_max_body_size 0;
location ~ ^/i/(?<image>.+?)/-/(?<artifact>.+)\$ {
    image_digest \$image;
    image_digest_key \$artifact;
    proxy_pass http://@{[ $store->address ]}:/\$image_digest_key;
}
location ~ ^/pinned/(?<image>.+?)/-/(?<artifact>.+)\$ {
    client_max_body_size 10m;
    image_digest \$image;
    image_digest_writes pinned;
    error_page 400 413 = \@error;
    proxy_pass http://@{[ $store->address ]}:/\$image_digest_key;
}
location \@error {
    image_digest other:1;
    proxy_pass http://127.0.0.1:\@PORT2\@;
    add_header X-Error 1 always;
}
END
my $client = ImageDigest::Client->new($nginx->port);
my $calls = 0;

# all in one write

sub request {
    my ($method, $path, $body) = @_;

    $client->send("$method $path HTTP/1.1\r\nHost: test\r\n"
                  . "Transfer-Encoding: chunked\r\n\r\n" . ($body // ''));
}

for my $method (qw(PUT POST DELETE)) {
    for my $location (qw(i pinned)) {
        my $image = lc "$method-$location:1";
        my $path = $nginx->path($image, 'x') =~ s{^/i/}{/$location/}r;
        my $name = "$method /$location/";
        my $status = $method eq 'DELETE' ? 404 : $location eq 'pinned' ? 200
                   : $method eq 'PUT' ? 200 : 405;

        # whole before the answer, in pieces after it, and at once

        $nginx->hold;
        request($method, $path, "5\r\nwhole\r\n0\r\n\r\n");
        $nginx->wait_for_calls(++$calls);
        $nginx->release;
        is $client->read->{status}, $status, "$name whole";

        request($method, $path);
        $client->send($_) for '5', "\r\nbe";
        ok $client->silent(0), "$name no answer yet";
        $client->send($_) for 'gi', "n\r", "\n0\r\n";
        ok $client->silent(0), 'still none';
        $client->send("\r\n");
        is $client->read->{status}, $status, 'then it comes';

        request($method, $path, sprintf "%x\r\n%s\r\n0\r\n\r\n",
                                        200_000, 'x' x 200_000);
        is $client->read->{status}, $status, "$name at once";
    }
}

is $store->puts, 3, 'the store got those that pass';

# broken ones; the connection ends, and nothing is sent twice

for (['PUT', "zz\r\n", 400], ['PUT', "5\r\nwholeX", 400],
     ['PUT', "b00000\r\nx", 413])
{
    my ($method, $body, $status) = @$_;
    my $path = $nginx->path('put-pinned:1', 'x') =~ s{^/i/}{/pinned/}r;

    for my $split (0, 1) {
        $client = ImageDigest::Client->new($nginx->port, 5);
        request($method, $path, $split ? () : $body);
        $client->send($body) if $split;

        my $answer = $client->read;

        ok $answer, 'an answer to a broken body';
        is $answer->{status}, $status, 'its status';
        ok $client->closed, 'and the end';
    }
}

# the client leaves in the middle

$client = ImageDigest::Client->new($nginx->port);
request('PUT', $nginx->path('put-pinned:1', 'x') =~ s{^/i/}{/pinned/}r,
        "5\r\nwho");
$client->close;

my $lines = 3 * 6 + 6 + 1;

like +($nginx->access_log($lines))[-1], qr/ (?:400|499) /,
    'a client that leaves in the middle';

done_testing;
