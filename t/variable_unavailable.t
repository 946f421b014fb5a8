#!/usr/bin/perl

# $image_digest_unavailable: "1" without a digest, so that proxy_cache_bypass
# and proxy_no_cache keep what has only a tag key out of nginx's own cache.

use strict;
use warnings;

use Mojo::UserAgent;
use Test::More;

use ImageDigest::Nginx;
use ImageDigest::Origin;

my $origin = ImageDigest::Origin->start;
my $host = $origin->host;

my $nginx = ImageDigest::Nginx->start(http => <<"END", server => <<'END');
image_resolver default { registry $host insecure; negative_ttl 0; }

proxy_cache_path \@DIR\@/cache keys_zone=cache:1m;

server {
    listen  unix:\@DIR\@/up.sock;
    expires 1h;
    return  200 \$request_id;
}
END
location / {
    image_digest           $arg_image;
    image_digest_ttl       $arg_ttl;
    image_digest_timeout   20s;
    image_digest_key       $uri;
    image_digest_fallback  tag window=off;

    proxy_cache            cache;
    proxy_cache_key        $image_digest_key;
    proxy_cache_bypass     $image_digest_unavailable;
    proxy_no_cache         $image_digest_unavailable;
    proxy_pass             http://unix:@DIR@/up.sock;
    add_header             X-Cache $upstream_cache_status;
    add_header             X-Unavailable <$image_digest_unavailable>;
}

location = /off {
    proxy_pass  http://unix:@DIR@/up.sock;
    add_header  X-Unavailable <$image_digest_unavailable>;
}
END

my $ua = Mojo::UserAgent->new;


sub ask {
    my ($tag, $ttl) = @_;

    my $res = $ua->get($nginx->url('/x?image=' . $origin->name("app:$tag")
                                   . '&ttl=' . ($ttl // '')))->res;

    return [map { $res->headers->header("X-$_") // '' } qw(Unavailable Cache)],
           $res->body;
}


my ($state, $body) = ask('1');

is_deeply $state, ['<>', 'MISS'], 'with a digest: a miss';

my ($again, $cached) = ask('1');

is_deeply $again, ['<>', 'HIT'], 'and a hit';
is $cached, $body, 'of the same';

for (1 .. 2) {
    my ($none) = ask('none');
    is_deeply $none, ['<1>', 'BYPASS'], 'without one: never cached';
}

$origin->stop;
is_deeply +(ask('1', '0s'))[0], ['<1>', 'BYPASS'], 'the registry is away';
is_deeply +(ask('1'))[0], ['<>', 'HIT'], 'what is known is still a hit';

is $ua->get($nginx->url('/off'))->res->headers->header('X-Unavailable'), '<>',
    'empty where it is off';

done_testing;
