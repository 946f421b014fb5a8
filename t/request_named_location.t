#!/usr/bin/perl

# A named location: of try_files before the decision, where it is made, and
# after it, where it is found.

use strict;
use warnings;

use Test::More;

use ImageDigest::Client;
use ImageDigest::Waiting;

my $nginx = ImageDigest::Waiting->start(
    format => '$status $image_digest_status $image_digest_key',
    server => <<'END');
location = /decides {
    root @DIR@/none;
    try_files $uri @decides;
}
location @decides {
    image_digest $arg_image;
    image_digest_key x;
    proxy_pass http://127.0.0.1:@PORT2@;
    add_header X-Key $image_digest_key;
}
location = /decided {
    image_digest $arg_image;
    image_digest_key x;
    root @DIR@/none;
    try_files $uri @decided;
}
location @decided {
    proxy_pass http://127.0.0.1:@PORT2@;
    add_header X-Key $image_digest_key;
}
location = /again {
    image_digest $arg_image;
    image_digest_key x;
    root @DIR@/none;
    try_files $uri @again;
}
location @again {
    image_digest other:1;
    image_digest_key other;
    proxy_pass http://127.0.0.1:@PORT2@;
    add_header X-Key $image_digest_key;
}
END
my $client = ImageDigest::Client->new($nginx->port);
my $n = 0;

for my $path (qw(/decides /decided /again)) {
    for my $method (qw(GET PUT)) {
        my $image = 'app:' . ++$n;
        my $key = $nginx->key($image, 'x');

        $nginx->hold;
        $client->request($method, "$path?image=" . $nginx->image($image), {},
                         $method eq 'PUT' ? 'body' : ());
        $nginx->wait_for_calls($n);
        ok $client->silent(0), "$method $path waits";
        $nginx->release;

        my $answer = $client->read;

        is $answer->{status}, 200, 'then is answered';
        is $answer->{headers}{'x-key'}, $key, 'under its key';
        like $answer->{body}, qr/^$method /, 'by its method';
        is +($nginx->access_log($n))[-1], "200 RESOLVED $key", 'in the log';
        is $nginx->calls, $n, 'asked once';
    }
}

done_testing;
