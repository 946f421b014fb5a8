#!/usr/bin/perl

# An error page after the decision finds that decision, whatever location it
# leads to; one before it may lead to where it is made.

use strict;
use warnings;

use Test::More;

use ImageDigest::Client;
use ImageDigest::Waiting;

my $nginx = ImageDigest::Waiting->start(
    format => '$request_method $image_digest_status $image_digest_write '
              . '$image_digest_key',
    http   => <<'END',
server {
    listen 127.0.0.1:@PORT3@;
    access_log off;
    location / { return 502; }
}
END
    server => <<'END');
proxy_intercept_errors on;

location = /after/named {
    image_digest $arg_image;
    image_digest_key x;
    error_page 502 = @other;
    proxy_pass http://127.0.0.1:@PORT3@/$image_digest_key;
}
location = /after/uri {
    image_digest $arg_image;
    image_digest_key x;
    error_page 502 = /other;
    proxy_pass http://127.0.0.1:@PORT3@/$image_digest_key;
}
location = /after/on {
    image_digest $arg_image;
    image_digest_key x;
    error_page 502 = /on$is_args$args;
    proxy_pass http://127.0.0.1:@PORT3@/$image_digest_key;
}
location = /before/named {
    root @DIR@/none;
    error_page 404 405 = @on;
}
location = /before/uri {
    root @DIR@/none;
    error_page 404 405 = /on$is_args$args;
}
location = /before/return {
    error_page 418 = @on;
    return 418;
}
location = /filter {
    image_digest $arg_image;
    image_digest_key x;
    alias @DIR@/nginx.conf;
    error_page 412 = @filtered;
}
location @filtered {
    root @DIR@;
    try_files /nginx.conf =404;
    add_header X-Key $image_digest_key always;
}
location @other {
    proxy_pass http://127.0.0.1:@PORT2@;
    add_header X-Key $image_digest_key always;
}
location = /other {
    add_header X-Key $image_digest_key always;
    proxy_pass http://127.0.0.1:@PORT2@;
}
location @on {
    image_digest $arg_image;
    image_digest_key x;
    add_header X-Key $image_digest_key always;
    proxy_pass http://127.0.0.1:@PORT2@;
}
location = /on {
    internal;
    image_digest $arg_image;
    image_digest_key x;
    add_header X-Key $image_digest_key always;
    proxy_pass http://127.0.0.1:@PORT2@;
}
END
my $client = ImageDigest::Client->new($nginx->port);
my $n = 0;
my $calls = 0;

for my $method (qw(GET PUT)) {
    for my $path (qw(/after/named /after/uri /after/on /before/named
                     /before/uri /before/return))
    {
        my $image = 'app:' . ++$n;
        my $key = $nginx->key($image, 'x');
        my $write = $method eq 'PUT' ? 'passed' : '';

        $nginx->hold;
        $client->request($method, "$path?image=" . $nginx->image($image), {},
                         $method eq 'PUT' ? 'body' : ());
        $nginx->wait_for_calls(++$calls);
        $nginx->release;

        my $answer = $client->read;

        is $answer->{status}, 200, "$method $path";
        is $answer->{headers}{'x-key'}, $key, 'its key';

        # nginx makes a GET of it where a URI follows

        my $then = $path =~ m{/named|/return} ? $method : 'GET';

        like $answer->{body}, qr/^$then /, "then $then";
        is +($nginx->access_log($n))[-1], "$then RESOLVED $write $key",
            'in the log: the write that it was';
        is $nginx->calls, $calls, 'asked once';
    }
}

# a filter finds an error in what is sent

my $image = 'app:' . ++$n;
my $key = $nginx->key($image, 'x');

$nginx->hold;
$client->request('GET', '/filter?image=' . $nginx->image($image),
                 { 'If-Match' => '"x"' });
$nginx->wait_for_calls(++$calls);
$nginx->release;

is $client->read->{headers}{'x-key'}, $key, 'an error of a filter';
is +($nginx->access_log($n))[-1], "GET RESOLVED  $key", 'in the log';

done_testing;
