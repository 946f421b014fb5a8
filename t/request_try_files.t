#!/usr/bin/perl

# try_files may use $image_digest_key: the image is resolved before it looks.

use strict;
use warnings;

use Test::More;

use ImageDigest::Client;
use ImageDigest::Util qw(spit);
use ImageDigest::Waiting;

my $nginx = ImageDigest::Waiting->start(
    level  => 'error',
    server => <<'END');
location = /file {
    image_digest $arg_image;
    image_digest_key x;
    root @DIR@;
    try_files /files/$image_digest_key =404;
}
location = /uri {
    image_digest $arg_image;
    image_digest_key x;
    root @DIR@;
    try_files /files/$image_digest_key /fall/$image_digest_key;
}
location /fall/ {
    image_digest other:1;
    proxy_pass http://127.0.0.1:@PORT2@;
}
END
my $client = ImageDigest::Client->new($nginx->port);

sub get {
    my ($path, $image, $calls) = @_;

    $nginx->hold;
    $client->request('GET', "$path?image=" . $nginx->image($image));
    $nginx->wait_for_calls($calls);
    $nginx->release;

    return $client->read;
}

mkdir $nginx->dir . '/files';
spit($nginx->dir . '/files/' . $nginx->key("app:$_", 'x'), "artefact $_")
    for 1 .. 2;

is get('/file', 'app:1', 1)->{body}, 'artefact 1', 'the file of the key';
is get('/uri', 'app:2', 2)->{body}, 'artefact 2', 'where a URI may follow';
is get('/file', 'app:3', 3)->{status}, 404, 'none of another image';
is get('/uri', 'app:4', 4)->{body}, 'GET /fall/' . $nginx->key('app:4', 'x')
    . "\n", 'a URI follows, under the same decision';
is $nginx->calls, 4, 'each asked once';
is_deeply [$nginx->log(qr/asked for before/)], [], 'never too early';

done_testing;
