#!/usr/bin/perl

# Subrequests: one client request is one decision, which the first that needs
# it makes, and all others find, waiting at a time or later.

use strict;
use warnings;

use Test::More;

use ImageDigest::Client;
use ImageDigest::Util qw(spit wait_until);
use ImageDigest::Waiting;

my $nginx = ImageDigest::Waiting->start(
    format => '$uri $status $image_digest_status $image_digest_key',
    server => <<'END');
location /page/ {
    ssi on;
    ssi_types *;
    root @DIR@;
}
location /on/ {
    ssi on;
    ssi_types *;
    image_digest $arg_image;
    image_digest_key x;
    alias @DIR@/page/;
}
location = /one {
    image_digest $arg_image;
    image_digest_key x;
    proxy_pass http://127.0.0.1:@PORT2@/one-$image_digest_key;
}
location = /two {
    image_digest $arg_image;
    image_digest_key y;
    proxy_pass http://127.0.0.1:@PORT2@/two-$image_digest_key;
}
location = /arm {
    image_digest $arg_image platform=linux/arm64;
    image_digest_key y;
    proxy_pass http://127.0.0.1:@PORT2@/two-$image_digest_key;
}
location = /off {
    proxy_pass http://127.0.0.1:@PORT2@/off;
}
location = /answered {
    image_digest $arg_image;
    image_digest_fallback miss;
    proxy_pass http://127.0.0.1:@PORT2@;
}
location = /added {
    image_digest $arg_image;
    image_digest_key x;
    add_before_body /added/before;
    add_after_body /added/after;
    addition_types *;
    proxy_pass http://127.0.0.1:@PORT2@/added-$image_digest_key;
}
location /added/ {
    image_digest $arg_image;
    proxy_pass http://127.0.0.1:@PORT2@$uri-$image_digest_key;
}
END
my $calls = 0;
my $lines = 0;

mkdir $nginx->dir . '/page';

sub include {
    return join '', map { '<!--# include virtual="' . $_ . '" -->' } @_;
}

# The answer to a request of a page that includes what follows; the registry
# is asked while it waits.

sub page {
    my ($location, $text, $during) = @_;

    spit($nginx->dir . '/page/' . ++$lines, $text);

    my $client = ImageDigest::Client->new($nginx->port);

    $nginx->hold;
    $client->request('GET', $location);
    $nginx->wait_for_calls(++$calls);
    $during->() if $during;
    $nginx->release;

    my $answer = $client->read;

    is $answer->{status}, 200, $location;
    is $nginx->calls, $calls, 'asked once';
    ok $client->silent(0), 'and no more';

    # and the connection is of use

    $client->request('GET', '/off');
    is $client->read->{body}, "GET /off\n", 'the connection is of use';

    return $answer->{body};
}

# two at a time, of which the second is not the one that writes first

my $image = $nginx->image('app:1');
my ($x, $y) = map { $nginx->key('app:1', $_) } qw(x y);

is page('/page/1', include("/one?image=$image", "/two?image=$image")),
    "GET /one-$x\nGET /two-$x\n", 'two wait at a time, for one decision';
is +($nginx->access_log(2))[0], "/page/1 200 RESOLVED $x", 'in the log';

# those which have nothing to do with it do not wait, and are not answered

$image = $nginx->image('app:2');
$x = $nginx->key('app:2', 'x');
is page('/page/2', "a\n" . include("/one?image=$image", '/off') . "b\n"),
    "a\nGET /one-$x\nGET /off\nb\n", 'one where the module is off';

$image = $nginx->image('none:none');
is page('/page/3', include('/off', "/answered?image=$image", '/off',
                           "/answered?image=$image")),
    "GET /off\nno digest for the image: not_found\n" x 2,
    'what the module answers is for where it is on';

# the decision of the main request

$image = $nginx->image('app:4');
$x = $nginx->key('app:4', 'x');
is page("/on/4?image=$image", include("/one?image=$image", '/two')),
    "GET /one-$x\nGET /two-$x\n", 'that of the main request is found';

# one after the other: "wait" makes the second start when the first has ended

$image = $nginx->image('app:5');
$x = $nginx->key('app:5', 'x');
is page('/page/5', '<!--# include virtual="/one?image=' . $image
        . '" wait="yes" -->' . include("/two?image=$image")),
    "GET /one-$x\nGET /two-$x\n", 'one after the other';

# another image is no part of that decision: the digest of the one must not
# find what is of the other

$image = $nginx->image('app:9');
$x = $nginx->key('app:9', 'x');

my $turn = 0;

for my $other ('/two?image=' . $nginx->image('app:10'),
               '/two?image=' . $nginx->image('app:9') . '@sha256:' . 'a' x 64,
               '/arm?image=' . $nginx->image('app:12'))
{
    my $text = page('/on/' . ($lines + 1) . "?image=$image",
                    include("/one?image=$image", $other));

    like $text, qr/^GET \/one-$x\nGET \/two-[0-9a-f]{64}\n$/,
        'one part of another image';
    unlike $text, qr/two-$x/, 'finds nothing of this one';

    my $next = ('app:11', 'app:12')[$turn++];

    $image = $nginx->image($next // 'app:9');
    $x = $nginx->key($next // 'app:9', 'x');
}

ok $nginx->wait_for_log(qr/\[error\].* a subrequest names another image/),
    'and the log says so';

# a page in a page: /two comes to its phases before what the page includes

$image = $nginx->image('app:6');
$y = $nginx->key('app:6', 'y');
spit($nginx->dir . '/page/inner', include("/one?image=$image", '/off'));
is page('/page/' . ($lines + 1),
        include('/page/inner', "/two?image=$image", '/page/inner')),
    "GET /one-$y\nGET /off\nGET /two-$y\nGET /one-$y\nGET /off\n",
    'a page in a page';

# add_before_body and add_after_body

$image = $nginx->image('app:7');
$x = $nginx->key('app:7', 'x');
is page("/added?image=$image", ''),
    "GET /added/before-$x\nGET /added-$x\nGET /added/after-$x\n",
    'before and after a body';

# a client that goes while two wait

$image = $nginx->image('app:8');
spit($nginx->dir . '/page/8', include("/one?image=$image",
                                      "/two?image=$image"));
my $client = ImageDigest::Client->new($nginx->port);

$nginx->hold;
$client->request('GET', '/page/8');
$nginx->wait_for_calls(++$calls);
$client->close;
ok wait_until { grep { m{^/page/8 499 } } $nginx->access_log },
    'a client that goes while two wait';
$nginx->release;

done_testing;
