#!/usr/bin/perl

# Rule 1: a pinned reference is used as it is, with no I/O, also with
# platform=; it needs no registry line, and its writes always pass.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache qw(key);
use ImageDigest::Origin;
use ImageDigest::Redis;

my $origin = ImageDigest::Origin->start;
my $redis = ImageDigest::Redis->start;

my $cache = ImageDigest::Cache->start(
    resolver  => 'registry ' . $origin->host . " insecure;\n"
                 . 'redis ' . $redis->url . ';',
    locations => {
        i => '',
        platform => 'image_digest $image platform=linux/ARM64/v8;',
        zero     => 'image_digest_ttl 0;',
        error    => 'image_digest_fallback error;',
        writes   => 'image_digest_writes pinned;',
        settled  => 'image_digest_writes settled=1h;',
    });

my $digest = 'sha256:' . 'ab' x 32;

for my $image ($origin->name("app:1\@$digest"), $origin->name("app\@$digest"),
               "somewhere.example/app:1\@$digest", "golang\@$digest")
{
    for my $prefix (qw(i platform zero error writes settled)) {
        for my $method (qw(GET PUT)) {
            my $answer = $cache->ask($prefix, $image, method => $method,
                                     $method eq 'PUT' ? (body => 'x') : ());
            my $platform = $prefix eq 'platform' ? 'linux/arm64' : '';

            is_deeply
                [@$answer{qw(code status digest error age write key)}],
                [200, 'PINNED', $digest, '', '0.000',
                 $method eq 'PUT' ? 'passed' : '',
                 key('digest', $digest, $platform, 'x')],
                "$method $prefix $image";
        }
    }
}

is $cache->ask('i', "golang:1.22\@$digest")->{pinned},
    "docker.io/library/golang:1.22\@$digest", 'pinned as it was';

is scalar(() = $origin->requests), 0, 'nobody was asked';

is $redis->calls('hmget'), 0, 'nor redis';
unlike $cache->log, qr/registry_not_allowed/, 'nothing is said';

done_testing;
