#!/usr/bin/perl

# Expect: 100-continue: no word while the request waits, and then one if
# the body is wanted: passed on or dropped; none for who is not let in.

use strict;
use warnings;

use Test::More;

use ImageDigest::Client;
use ImageDigest::Store;
use ImageDigest::Waiting;

my $store = ImageDigest::Store->start;
my $nginx = ImageDigest::Waiting->start(server => <<"END");
location ~ ^/i/(?<image>.+?)/-/(?<artifact>.+)\$ {
    image_digest \$image;
    image_digest_key \$artifact;
    proxy_pass http://@{[ $store->address ]}:/\$image_digest_key;
}
location ~ ^/pinned/(?<image>.+?)/-/(?<artifact>.+)\$ {
    image_digest \$image;
    image_digest_writes pinned;
    proxy_pass http://@{[ $store->address ]}:/\$image_digest_key;
}
location ~ ^/denied/(?<image>.+?)/-/(?<artifact>.+)\$ {
    image_digest \$image;
    deny all;
    proxy_pass http://@{[ $store->address ]}:/\$image_digest_key;
}
END
my $path = $nginx->path('app:1', 'x');
my $headers = { Expect => '100-continue', 'Content-Length' => 4 };
my $calls = 0;

for (['/i/', 1], ['/pinned/', 0]) {
    my ($location, $puts) = @$_;
    my $image = "app:$puts";
    my $client = ImageDigest::Client->new($nginx->port);

    for my $round (1 .. 2) {
        $nginx->hold if $round == 1;
        $client->request('PUT', $nginx->path($image, 'x')
                                    =~ s{^/i/}{$location}r, $headers);

        if ($round == 1) {
            $nginx->wait_for_calls(++$calls);
            ok $client->silent(0), "$location no word while it waits";
            $nginx->release;
        }

        is $client->read->{status}, 100, 'then the word';
        ok $client->silent(0), 'and no more';
        $client->send('body');
        is $client->read->{status}, 200, 'then the answer';
    }

    # the client does not wait for the word

    $client->request('PUT', $nginx->path($image, 'x') =~ s{^/i/}{$location}r,
                     $headers, 'body');

    my $answer = $client->read;

    $answer = $client->read if $answer->{status} == 100;
    is $answer->{status}, 200, 'for a body that is there already, too';
}

is $store->puts, 3, 'those that pass are in the store';

my $client = ImageDigest::Client->new($nginx->port);

$client->request('PUT', $path =~ s{^/i/}{/denied/}r, $headers);
is $client->read->{status}, 403, 'refused without a word';
is $nginx->calls, $calls, 'nobody was asked for it';

$client = ImageDigest::Client->new($nginx->port);
$client->request('PUT', '/i/A:b:c/-/x', $headers);
is $client->read->{status}, 100, 'a 400 is for a client that has sent it all';
$client->send('body');
is $client->read->{status}, 400, 'then it comes';
$client->request('GET', $path);
is $client->read->{status}, 200, 'and the connection is of use';

done_testing;
