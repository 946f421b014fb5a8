#!/usr/bin/perl

# One client request is one decision: internal redirects find it, whether the
# module is on where they lead or not, and so does the access log.

use strict;
use warnings;

use Test::More;

use ImageDigest::Client;
use ImageDigest::Util qw(spit);
use ImageDigest::Waiting;

my $nginx = ImageDigest::Waiting->start(
    format => '$uri $status $image_digest_status $image_digest_key',
    http   => <<'END',
server {
    listen 127.0.0.1:@PORT3@;
    access_log off;
    location / {
        add_header X-Accel-Redirect $arg_to;
        return 200;
    }
}
END
    server => <<'END');
location = /accel {
    image_digest $arg_image;
    image_digest_key x;
    proxy_pass http://127.0.0.1:@PORT3@/$is_args$args;
}
location = /off {
    internal;
    proxy_pass http://127.0.0.1:@PORT2@/off-$image_digest_key;
}
location = /on {
    internal;
    image_digest other:1;
    image_digest_key y;
    proxy_pass http://127.0.0.1:@PORT2@/on-$image_digest_key;
}
location /index/ {
    image_digest $arg_image;
    image_digest_key x;
    root @DIR@;
    index index.html;
}
location = /index/index.html {
    image_digest $arg_image;
    image_digest_key x;
    proxy_pass http://127.0.0.1:@PORT2@/index-$image_digest_key;
}
location = /rewrite {
    rewrite ^ /rewritten last;
}
location = /rewritten {
    image_digest $arg_image;
    image_digest_key x;
    proxy_pass http://127.0.0.1:@PORT2@/rewritten-$image_digest_key;
}
location = /return {
    image_digest $arg_image;
    return 200 "no one was asked\n";
}
END

mkdir $nginx->dir . '/index';
spit($nginx->dir . '/index/index.html', 'not this');

my $n = 0;
my $calls = 0;

for (['/accel?to=/off&', '/off', 'off-'], ['/accel?to=/on&', '/on', 'on-'],
     ['/index/?', '/index/index.html', 'index-'],
     ['/rewrite?', '/rewritten', 'rewritten-'])
{
    my ($path, $uri, $prefix) = @$_;
    my $image = 'app:' . ++$n;
    my $key = $nginx->key($image, 'x');
    my $client = ImageDigest::Client->new($nginx->port);

    $path .= 'image=' . $nginx->image($image);

    # suspended, and then at once

    $nginx->hold;
    $client->request('GET', $path);
    $nginx->wait_for_calls(++$calls);
    $nginx->release;

    for my $status (qw(RESOLVED HIT)) {
        my $answer = $client->read;

        is $answer->{status}, 200, $path;
        like $answer->{body}, qr{^GET /\Q$prefix$key\E(?:\?|$)}, 'its key';
        is +($nginx->access_log(2 * $n - ($status eq 'RESOLVED')))[-1],
            "$uri 200 $status $key", 'in the log';
        $client->request('GET', $path) if $status eq 'RESOLVED';
    }

    is $nginx->calls, $calls, 'asked once';
}

my $client = ImageDigest::Client->new($nginx->port);

$client->request('GET', '/return?image=' . $nginx->image('app:return'));
is $client->read->{body}, "no one was asked\n", '"return" answers before it';
is $nginx->calls, $calls, 'really';

done_testing;
