#!/usr/bin/perl

# $image_digest_key that is asked for before the image is resolved, by rewrite,
# set, if, a map or an access rule: 64 random digits, never empty and never
# the key, and an [error] that says so.

use strict;
use warnings;

use Test::More;

use ImageDigest::Client;
use ImageDigest::Waiting;

my $nginx = ImageDigest::Waiting->start(
    http   => <<'END',
map $image_digest_key $mapped { default "map-$image_digest_key"; }
map $image_digest_key $volatile { volatile; default "map-$image_digest_key"; }
END
    server => <<'END');
image_digest $arg_image;
image_digest_key x;

location /set/ {
    set $early $image_digest_key;
    proxy_pass http://127.0.0.1:@PORT2@/$early-$image_digest_key;
}
location /if/ {
    if ($image_digest_key = "") { return 500; }
    proxy_pass http://127.0.0.1:@PORT2@/$image_digest_key;
}
location /rewrite/ {
    rewrite ^ /rewritten/$image_digest_key;
}
location /rewritten/ {
    proxy_pass http://127.0.0.1:@PORT2@$uri-$image_digest_key;
}
location /return/ {
    return 200 "GET /$image_digest_key\n";
}
location /map/ {
    set $early $mapped;
    proxy_pass http://127.0.0.1:@PORT2@/$mapped-$image_digest_key;
}
location /volatile/ {
    set $early $volatile;
    proxy_pass http://127.0.0.1:@PORT2@/$early-$volatile;
}
location /late/ {
    proxy_pass http://127.0.0.1:@PORT2@/$mapped-$image_digest_key;
}
location /off/ {
    image_digest off;
    set $early $image_digest_key;
    proxy_pass http://127.0.0.1:@PORT2@/off$early$image_digest_key;
}
END
my $client = ImageDigest::Client->new($nginx->port);
my $n = 0;
my $logged = 0;
my %seen;

for (['/set/', 'EARLY-KEY', 1], ['/if/', 'KEY', 1],
     ['/rewrite/', 'rewritten/EARLY-KEY', 1], ['/return/', 'EARLY', 1],
     ['/map/', 'map-EARLY-KEY', 1], ['/volatile/', 'map-EARLY-map-KEY', 1],
     ['/late/', 'map-KEY-KEY', 0], ['/off/', 'off', 0])
{
    my ($path, $form, $errors) = @$_;
    my $image = 'app' . ++$n . ':1';

    for my $round (1 .. 2) {
        $client->request('GET', "$path?image=" . $nginx->image($image));

        my $body = $client->read->{body};
        my $key = $nginx->key($image, 'x');
        my $re = $form =~ s/KEY/$key/gr =~ s/EARLY/([0-9a-f]{64})/r;

        like $body, qr{^GET /$re\??\n$}, "$path$form";

        my ($early) = $body =~ $re;

        if ($form =~ /EARLY/) {
            ok !$seen{$early}++, 'random';
            isnt $early, $key, 'not the key';
        }

        # a script asks for the length, and then for the value

        my $lines = () = $nginx->log(
            qr/\[error\].*\$image_digest_key was asked for before/);

        $errors ? cmp_ok($lines, '>', $logged, 'the log says so')
                : is($lines, $logged, 'nothing in the log');
        $logged = $lines;
    }
}

done_testing;
