#!/usr/bin/perl

# A dropped write: its body is read, the store is not asked, PUT and POST are
# answered 200, others 404, and nothing of it is to be stored.  COPY and MOVE
# are 405, whatever the reference.

use strict;
use warnings;

use Test::More;

use ImageDigest::Client;
use ImageDigest::Waiting;

my $nginx = ImageDigest::Waiting->start(
    format => '$request_method $status $image_digest_write',
    server => <<'END');
location ~ ^/pinned/(?<image>.+?)/-/ {
    image_digest $image;
    image_digest_writes pinned;
    proxy_pass http://127.0.0.1:@PORT2@;
}
location ~ ^/miss/(?<image>.+?)/-/ {
    image_digest $image;
    image_digest_fallback miss;
    proxy_pass http://127.0.0.1:@PORT2@;
}
location ~ ^/error/(?<image>.+?)/-/ {
    image_digest $image;
    image_digest_fallback error;
    proxy_pass http://127.0.0.1:@PORT2@;
}
END
my $client = ImageDigest::Client->new($nginx->port);
my $digest = 'sha256:' . 'a' x 64;
my %image = (pinned => $nginx->image('app:1'), miss => $nginx->image('a:none'),
             error => $nginx->image('a:none'));
my %why = (pinned => 'by image_digest_writes', miss => 'not_found');
my $n = 0;

sub ask {
    my ($method, $path, $body, $headers) = @_;

    $client->request($method, $path, $headers, $body);

    return $client->read($method);
}

for my $location (qw(pinned miss)) {
    for my $method (qw(PUT POST DELETE MKCOL PATCH LOCK PROPPATCH ODD)) {
        my $status = $method =~ /^(?:PUT|POST)$/ ? 200 : 404;

        for my $body (undef, '', 'body', 'x' x 100_000) {
            my $answer = ask($method, "/$location/$image{$location}/-/x",
                             $body);

            is $answer->{status}, $status, "$method: $status for $location";
            is $answer->{body},
                $status == 200 ? '' : "write dropped: $why{$location}\n",
                'what it says';
            is $answer->{headers}{'cache-control'}, 'no-store', 'no-store';
            is +($nginx->access_log(++$n))[-1], "$method $status dropped",
                'in the log';
        }
    }
}

# COPY and MOVE escape the key

for my $image (@image{qw(pinned miss)}, "app\@$digest", 'app:1', 'A:b:c') {
    for my $method (qw(COPY MOVE)) {
        my $answer = ask($method, "/pinned/$image/-/x", undef,
                         { Destination => '/other' });

        is $answer->{status}, 405, "$method $image";
        is $answer->{headers}{allow},
            'GET, HEAD, OPTIONS, PROPFIND, PUT, POST, DELETE', 'Allow';
        is $answer->{headers}{'cache-control'}, 'no-store', 'no-store';
        $n++;
    }
}

# "error" is for reads and writes, and comes before "writes"

for my $method (qw(GET HEAD PUT POST DELETE PROPFIND)) {
    my $answer = ask($method, "/error/$image{error}/-/x",
                     $method =~ /^P[UO]/ ? 'body' : undef);

    is $answer->{status}, 503, "$method: 503";
    is $answer->{headers}{'cache-control'}, 'no-store', 'no-store';
}

# reads go on

for my $method (qw(GET OPTIONS PROPFIND)) {
    is ask($method, "/pinned/$image{pinned}/-/x")->{status}, 200,
        "$method is no write";
    is ask($method, "/miss/$image{miss}/-/x")->{status}, 404,
        "$method without a digest";
}

# a condition has nothing to be held against

for (['If-None-Match', '*'], ['If-Match', '"x"'],
     ['If-Unmodified-Since', 'Thu, 01 Jan 1970 00:00:00 GMT'],
     ['Range', 'bytes=0-1'])
{
    my ($name, $value) = @$_;

    is ask('PUT', "/pinned/$image{pinned}/-/x", 'body',
           { $name => $value })->{status}, 200, "PUT with $name";
    is ask('GET', "/miss/$image{miss}/-/x", undef,
           { $name => $value })->{status}, 404, "GET with $name";
}

done_testing;
