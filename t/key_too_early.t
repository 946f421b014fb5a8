#!/usr/bin/perl

# $image_digest_key, asked for before the image was resolved ("rewrite", "set",
# "if", a "map" that they use), is 64 random hex digits, never the same, and an
# [error] says so.  What works after access control has the right one.

use strict;
use warnings;

use Mojo::UserAgent;
use Test::More;

use ImageDigest::Cache qw(key);
use ImageDigest::Nginx;
use ImageDigest::Util qw(lines wait_until);

my $digest = 'sha256:' . '0123456789abcdef' x 4;
my $right = key('digest', $digest, '', 'x');

# each location tells what it got early, and hands on what there is late

my $nginx = ImageDigest::Nginx->start(http => <<'END', server => <<'END');
image_resolver default { registry none.test; }

map $image_digest_key $mapped { default $image_digest_key; }
map $image_digest_key $mapped_anew { volatile; default $image_digest_key; }

log_format key '$request_uri $image_digest_key';
access_log @DIR@/key.log key;

server {
    listen      unix:@DIR@/up.sock;
    access_log  off;
    add_header  X-Late $uri;
    return      200;
}
END
image_digest      app@$arg_digest;
image_digest_key  x;

add_header  X-Early $early always;
set         $early "";

location /set {
    set         $early $image_digest_key;
    proxy_pass  http://unix:@DIR@/up.sock:/$image_digest_key;
}

location /map {
    set         $early $mapped;
    proxy_pass  http://unix:@DIR@/up.sock:/$image_digest_key;
    add_header  X-Early $early;
    add_header  X-Map $mapped;
}

location /volatile {
    set         $early $mapped_anew;
    proxy_pass  http://unix:@DIR@/up.sock:/$image_digest_key;
    add_header  X-Early $early;
    add_header  X-Map $mapped_anew;
}

location /if {
    if ($image_digest_key = "") {
        return  418;
    }

    if ($image_digest_key ~ "^([0-9a-f]+)$") {
        set  $early $1;
    }

    proxy_pass  http://unix:@DIR@/up.sock:/$image_digest_key;
}

location /rewrite/ {
    rewrite  ^ /rewritten/$image_digest_key;
}

location /rewritten/ {
    proxy_pass  http://unix:@DIR@/up.sock:/$image_digest_key;
    add_header  X-Early $uri always;
}

location /return {
    return  200 $image_digest_key;
}

location /late {
    proxy_pass  http://unix:@DIR@/up.sock:/$image_digest_key;
    add_header  X-Map $mapped;
}

location /denied {
    deny        all;
    add_header  X-Early $image_digest_key always;
}

location /off {
    image_digest  off;
    set           $early "<$image_digest_key>";
    proxy_pass    http://unix:@DIR@/up.sock:/off;
}
END

my $ua = Mojo::UserAgent->new;
my $said = qr/\[error\].*\$image_digest_key was asked for before the image was/;
my (%seen, $lines);


sub ask {
    my ($path) = @_;

    return $ua->get($nginx->url("$path?digest=$digest"))->res;
}


sub early {
    my ($name, $key) = @_;

    ok defined $key && $key =~ /^[0-9a-f]{64}$/, "$name: 64 hex digits"
        or diag $key;
    isnt $key, $right, '    not the key';
    ok !$seen{$key}++, '    never the same';

    my $now = () = $nginx->log($said);

    cmp_ok $now, '>', $lines // 0, '    an [error] says so';
    $lines = $now;
}


for (1 .. 3) {
    for my $path (qw(/set /map /volatile /if /rewrite/)) {
        my $headers = ask($path)->headers;
        my ($early) = $headers->header('X-Early') =~ m{([^/]*)$};

        early($path, $early);
        is $headers->header('X-Late'), "/$right", '    proxy_pass has the key';
    }

    early('/return', ask('/return')->body);
}

# a map keeps what it had, unless it is volatile

my $headers = ask('/map')->headers;

is $headers->header('X-Map'), $headers->header('X-Early'), 'a map keeps it';
is ask('/volatile')->headers->header('X-Map'), $right, 'a volatile one not';

# what is in time says nothing

$lines = () = $nginx->log($said);

$headers = ask('/late')->headers;
is $headers->header('X-Late'), "/$right", 'in time: proxy_pass';
is $headers->header('X-Map'), $right, 'in time: a map';
is ask('/off')->headers->header('X-Early'), '<>', 'off: empty';

my $res = ask('/denied');

is $res->code, 403, 'turned away';
like $res->headers->header('X-Early'), qr/^[0-9a-f]{64}$/, 'a key';
isnt $res->headers->header('X-Early'), $right, 'that matches nothing';
is scalar(() = $nginx->log($said)), $lines, 'no [error] for these';

# and in the access log

my $log = $nginx->dir . '/key.log';

wait_until { grep { m{^/denied} } lines($log) } 'the access log';

is scalar(grep { $_ eq "/set?digest=$digest $right" } lines($log)), 3,
    'the access log has the key, too';

done_testing;
