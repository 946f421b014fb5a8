#!/usr/bin/perl

# The whole way of one request: an artefact is stored under the digest of its
# image, found again, shared by Redis, and no more found once the tag has
# moved.

use strict;
use warnings;

use Mojo::UserAgent;
use Test::More;

use ImageDigest::Image;
use ImageDigest::Nginx;
use ImageDigest::Redis;
use ImageDigest::Registry;
use ImageDigest::Store;

my $redis = ImageDigest::Redis->start;
my $registry = ImageDigest::Registry->start;
my $store = ImageDigest::Store->start;

my %conf = (http => <<"END", server => <<'END');
image_resolver default {
    redis     @{[ $redis->url ]};
    registry  @{[ $registry->host ]}  insecure;
}

upstream artifacts {
    server     @{[ $store->address ]};
    keepalive  4;
}
END
location ~ ^/i/(?<image>.+?)/-/(?<artifact>.+)$ {
    image_digest      $image;
    image_digest_key  $artifact $is_args$args;
    image_digest_ttl  $http_ttl;

    add_header  X-Digest  $image_digest         always;
    add_header  X-Status  $image_digest_status  always;

    proxy_pass  http://artifacts/$image_digest_key;
}
END

my $one = ImageDigest::Nginx->start(%conf);
my $two = ImageDigest::Nginx->start(%conf);
my $ua = Mojo::UserAgent->new;

my $path = '/i/' . $registry->name('app:1') . '/-/a/b?c=d';

sub get {
    my ($nginx, $ttl) = @_;

    my $res = $ua->get($nginx->url($path), { $ttl ? (TTL => $ttl) : () })->res;

    return [$res->code, map { $res->headers->header("X-$_") // '' }
                        qw(Digest Status)];
}

my $old = ImageDigest::Image->push($registry, 'app:1')->digest;

$registry->forget;

is_deeply get($one), [404, $old, 'RESOLVED'], 'a miss';
is $ua->put($one->url($path), 'it')->res->code, 200, 'a put';
is_deeply get($one), [200, $old, 'HIT'], 'a hit';
is_deeply get($two), [200, $old, 'SHARED'], 'a hit on the other host';

is scalar(() = $registry->requests(qr/^HEAD .* 200$/)), 1,
    'the registry was asked once';

my $new = ImageDigest::Image->push($registry, 'app:1')->digest;

is_deeply get($two), [200, $old, 'HIT'], 'the tag moves: fresh for this TTL';
is_deeply get($two, '1ms'), [404, $new, 'RESOLVED'],
    'not for a shorter one: a miss';

ok $_->stop, 'stopped' for $one, $two;

done_testing;
