#!/usr/bin/perl

# HTTP/2: reads and writes wait and are passed on, writes are dropped after
# their whole body, and the module's own answers are whole.

use strict;
use warnings;

use Test::More;

use ImageDigest::Http2;
use ImageDigest::Store;
use ImageDigest::Util qw(run spit tempdir);
use ImageDigest::Waiting;

my $store = ImageDigest::Store->start;
my $nginx = ImageDigest::Waiting->start(
    format => '$request_method $status $image_digest_status '
              . '$image_digest_write $request_length',
    server => <<"END");
listen 127.0.0.1:\@PORT3\@ http2;
client_max_body_size 0;

location ~ ^/i/(?<image>.+?)/-/(?<artifact>.+)\$ {
    image_digest \$image;
    image_digest_key \$artifact;
    proxy_request_buffering off;
    proxy_http_version 1.1;
    proxy_pass http://@{[ $store->address ]}:/\$image_digest_key;
}
location ~ ^/pinned/(?<image>.+?)/-/(?<artifact>.+)\$ {
    image_digest \$image;
    image_digest_key \$artifact;
    image_digest_writes pinned;
    proxy_pass http://@{[ $store->address ]}:/\$image_digest_key;
}
END
my $url = 'http://127.0.0.1:' . $nginx->port(3);
my $file = tempdir() . '/body';
my $n = 0;

spit($file, 'x' x 3_000_000);

sub curl {
    my (@args) = @_;

    return scalar run(qw(curl --silent --show-error --http2-prior-knowledge
                         --max-time 30 --write-out),
                      ' %{http_code} %{http_version}', @args);
}

is curl($url . $nginx->path('app:1', 'x')) =~ s/.* (?=\d+ )//sr, '404 2',
    'GET: not there';

# curl sends the body without waiting for an answer

is curl('-T', $file, $url . $nginx->path('app:1', 'x')) =~ s/^\s+//r,
    '200 2', 'PUT passed';
is curl('-o', "$file.2", $url . $nginx->path('app:1', 'x')) =~ s/^\s+//r,
    '200 2', 'GET: there';
is -s "$file.2", 3_000_000, 'all of it';
like +($nginx->access_log(3))[1], qr/^PUT 200 HIT passed/, 'in the log';

my $pinned = $nginx->path('app:2', 'x') =~ s{^/i/}{/pinned/}r;

is curl('-T', $file, $url . $pinned), ' 200 2', 'PUT dropped';

my $line = ($nginx->access_log(4))[3];

like $line, qr/^PUT 200 RESOLVED dropped/, 'in the log';
cmp_ok +($line =~ /(\d+)$/)[0], '>', 3_000_000, 'after all of its body';

like curl("$url/i/A:b:c/-/x"), qr/^image reference: .*\n 400 2$/, 'GET 400';
like curl('-T', $file, "$url/i/A:b:c/-/x"),
    qr/^image reference: .*\n 400 2$/, 'PUT 400';
like curl('-X', 'DELETE', $url . $pinned), qr/^write dropped: .*\n 404 2$/,
    'DELETE dropped';
like curl('-X', 'MOVE', $url . $pinned), qr/ 405 2$/, 'MOVE';
is curl('-I', '-o', '/dev/null', "$url/i/A:b:c/-/x"), ' 400 2', 'HEAD';
is scalar(() = $store->requests(qr/^PUT/)), 1, 'the store got the passed one';

# streams of one connection, all suspended

my $client = ImageDigest::Http2->new($nginx->port(3));
my $calls = $nginx->calls;
my %stream;

$nginx->hold;

for my $name (qw(get put slow)) {
    my $path = $nginx->path('app:3', $name);
    my $method = $name eq 'get' ? 'GET' : 'PUT';

    $stream{$name} = $client->request($method, $path, {}, $name ne 'get');
}

$stream{drop} = $client->request('PUT', $pinned =~ s/app:2/app:3/r, {}, 1);
$client->data($stream{put}, 'whole', 1);
$client->data($stream{slow}, 'beg');
$client->data($stream{drop}, 'beg');
$nginx->wait_for_calls($calls + 1);
$stream{other} = $client->request('GET', $pinned);
is $client->read($stream{other})->{status}, 404, 'another stream overtakes';
$nginx->release;

is $client->read($stream{get})->{status}, 404, 'GET of a suspended stream';
is $client->read($stream{put})->{status}, 200, 'PUT of a suspended stream';
$client->data($stream{slow}, 'in', 1);
$client->data($stream{drop}, 'in', 1);
is $client->read($stream{slow})->{status}, 200, 'PUT that ends later';
is $client->read($stream{drop})->{status}, 200, 'dropped PUT that ends later';

for (['put', 'whole'], ['slow', 'begin']) {
    my ($name, $body) = @$_;

    my $again = $client->request('GET', $nginx->path('app:3', $name));
    is $client->read($again)->{body}, $body, "what $name stored";
}

# reset in the middle of a body that is dropped

my $reset = $client->request('PUT', $pinned, {}, 1);

$client->data($reset, 'beg');
$client->reset($reset);
my $last = $client->request('GET', $pinned);
is $client->read($last)->{status}, 404, 'after a reset of a dropped body';

$client->close;

done_testing;
