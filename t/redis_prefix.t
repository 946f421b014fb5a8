#!/usr/bin/perl

# "prefix=": all keys begin with it, by default {image-digest:NAME}: with the
# resolver's name; who has the same one shares, and nobody else.

use strict;
use warnings;

use Test::More;

use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;
use ImageDigest::Util qw(wait_until);

my $redis = ImageDigest::Redis->start;
my $origin = ImageDigest::Origin->start;

my $registry = 'registry ' . $origin->host . ' insecure;';
my $url = $redis->url . ' timeout=10s';

my $host = host(
    $redis->url, $origin,
    more => "image_resolver other { redis $url; $registry }
             image_resolver friend {
                 redis $url 'prefix={image-digest:default}:'; $registry
             }
             image_resolver mine { redis $url prefix=mine/; $registry }",
    locations => {
        map { $_ => "image_digest \$image resolver=$_;"
                    . 'image_digest_timeout 20s;' }
            qw(default other friend mine),
    });

my $image = $origin->name('app:1');

sub status { return resolve($host, $image, $_[0])->{status} }

is status('default'), 'RESOLVED', 'the first one asks';
my ($key) = wait_for_record($redis, $image);
like $key, qr/^\{image-digest:default\}:image:\Q$image\E#[0-9a-f]{64}$/,
    'its key';

is status('friend'), 'SHARED', 'the same prefix shares';
is status('other'), 'RESOLVED', 'another name does not';
is status('mine'), 'RESOLVED', 'nor another prefix';

my @keys;

wait_until { 6 == (@keys = sort $redis->cli('--scan')) } 'six keys';

is_deeply [map { s/#.*//r } @keys], [
    'mine/clock', "mine/image:$image",
    '{image-digest:default}:clock', "{image-digest:default}:image:$image",
    '{image-digest:other}:clock', "{image-digest:other}:image:$image",
], 'all that is in redis';

done_testing;
