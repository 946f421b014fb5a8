#!/usr/bin/perl

# The subrequests of slice never run the phases where an image is resolved;
# they find the decision of the main request, so that no slice of another
# artefact is ever put in.

use strict;
use warnings;

use Test::More;

use ImageDigest::Client;
use ImageDigest::Store;
use ImageDigest::Waiting;

my $store = ImageDigest::Store->start;
my $nginx = ImageDigest::Waiting->start(
    level  => 'error',
    http   => 'proxy_cache_path @DIR@/cache keys_zone=cache:1m;',
    server => <<"END");
location /put/ {
    proxy_pass http://@{[ $store->address ]}:/;
}
location ~ ^/i/(?<image>.+?)/-/(?<artifact>.+)\$ {
    image_digest \$image;
    image_digest_key \$artifact;
    slice 1k;
    proxy_cache cache;
    proxy_cache_key \$image_digest_key\$slice_range;
    proxy_cache_valid 200 206 1h;
    proxy_set_header Range \$slice_range;
    proxy_http_version 1.1;
    add_header X-Cache \$upstream_cache_status;
    proxy_pass http://@{[ $store->address ]}:/\$image_digest_key;
}
END
my %body = (a => join('', map { sprintf 'a%09d', $_ } 1 .. 300),
            b => join('', map { sprintf 'b%09d', $_ } 1 .. 300));
my $client = ImageDigest::Client->new($nginx->port);

for my $name (qw(a b)) {
    $client->request('PUT', '/put/' . $nginx->key("$name:1", 'x'), {},
                     $body{$name});
    is $client->read->{status}, 200, "artefact $name";
}

# one of them suspended, the other after it

for my $round (qw(MISS HIT)) {
    for my $name (qw(a b)) {
        my $calls = $nginx->calls;

        $nginx->hold if $round eq 'MISS';
        $client->request('GET', $nginx->path("$name:1", 'x'));

        if ($round eq 'MISS') {
            $nginx->wait_for_calls($calls + 1);
            $nginx->release;
        }

        my $answer = $client->read;

        is $answer->{headers}{'x-cache'}, $round, "$name: $round";
        ok $answer->{body} eq $body{$name}, 'all of its slices';
    }
}

# from the middle

$client->request('GET', $nginx->path('b:1', 'x'), { Range => 'bytes=1500-' });

my $answer = $client->read;

is $answer->{status}, 206, 'a part';
ok $answer->{body} eq substr($body{b}, 1500), 'of it';

is $nginx->calls, 2, 'each asked once';
is_deeply [$nginx->log(qr/asked for before/)], [], 'never too early';

done_testing;
