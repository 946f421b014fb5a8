#!/usr/bin/perl

# What the module answers by itself carries Cache-Control: no-store, and its
# text says why; COPY and MOVE are 405, since their destination escapes the
# key; what the store answers is left alone.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Origin;

my $origin = ImageDigest::Origin->start;
my $cache = ImageDigest::Cache->start(
    resolver  => 'registry ' . $origin->host . ' insecure;',
    locations => {
        tag      => '',
        miss     => 'image_digest_fallback miss;',
        error    => 'image_digest_fallback error;',
        pinned   => 'image_digest_writes pinned;',
        settled  => 'image_digest_writes settled=1h;',
        platform => 'image_digest $image platform=$http_none;',
        empty    => 'image_digest_key $http_none;',
    });

my ($good, $none) = map { $origin->name($_) } qw(app:1 app:none);

for (['GET',    'tag',      'UPPER',  400, qr/^image reference: .+\n\z/],
     ['PUT',    'tag',      'UPPER',  400, qr/^image reference: .+\n\z/],
     ['GET',    'platform', $good,    400, qr/^platform: .+\n\z/],
     ['GET',    'empty',    $good,    400, qr/^cache key: .+\n\z/],
     ['COPY',   'tag',      $good,    405, qr/^method: .+\n\z/],
     ['MOVE',   'tag',      $good,    405, qr/^method: .+\n\z/],
     ['GET',    'miss',     $none,    404, qr/: not_found\n\z/],
     ['HEAD',   'miss',     $none,    404, qr/^\z/],
     ['PUT',    'miss',     $none,    200, qr/^\z/],
     ['DELETE', 'miss',     $none,    404, qr/: not_found\n\z/],
     ['GET',    'error',    $none,    503, qr/: not_found\n\z/],
     ['PUT',    'error',    $none,    503, qr/: not_found\n\z/],
     ['PUT',    'pinned',   $good,    200, qr/^\z/],
     ['DELETE', 'pinned',   $good,    404, qr/: by image_digest_writes\n\z/],
     ['PUT',    'settled',  $good,    200, qr/^\z/],
     ['PUT',    'settled',  $none,    200, qr/^\z/])
{
    my ($method, $prefix, $image, $code, $body) = @$_;
    my $answer = $cache->ask($prefix, $image, method => $method,
                             $method eq 'PUT' ? (body => 'x') : ());
    my $name = "$method $prefix $code";

    is $answer->{code}, $code, $name;
    is $answer->{cache_control}, 'no-store', "$name: no-store";
    like $answer->{body}, $body, "$name: its text";
}

for (['GET', $good], ['PUT', $good], ['GET', $none], ['PUT', $none]) {
    my ($method, $image) = @$_;
    my $answer = $cache->ask('tag', $image, method => $method,
                             $method eq 'PUT' ? (body => 'x') : ());

    is $answer->{cache_control}, undef, "the store's answer to $method";
}

done_testing;
