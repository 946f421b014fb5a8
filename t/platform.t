#!/usr/bin/perl

# platform=: the digest is that of the platform's manifest in the index, and
# the platform, normalised, is part of the key.  An image that is no index has
# to be of that platform itself; else platform_not_found.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache qw(key);
use ImageDigest::Image;
use ImageDigest::Registry;

my $registry = ImageDigest::Registry->start;
my $index = ImageDigest::Image->push($registry, 'app:index', platforms =>
    ['linux/amd64', 'linux/arm64/v8', 'linux/arm/v6', 'linux/arm/v7']);
my $single = ImageDigest::Image->push($registry, 'app:single');

my $cache = ImageDigest::Cache->start(
    resolver  => 'registry ' . $registry->host . ' insecure;',
    locations => {
        i     => '',
        amd64 => 'image_digest $image platform=linux/amd64;',
        arm64 => 'image_digest $image platform=linux/arm64;',
        by    => 'image_digest $image platform=$http_platform;',
    });

for (['i',     'index',  $index->digest,                    ''],
     ['amd64', 'index',  $index->digest('linux/amd64'),     'linux/amd64'],
     ['arm64', 'index',  $index->digest('linux/arm64/v8'),  'linux/arm64'],
     ['i',     'single', $single->digest,                   ''],
     ['amd64', 'single', $single->digest,                   'linux/amd64'])
{
    my ($prefix, $tag, $digest, $platform) = @$_;

    for my $status (qw(RESOLVED HIT)) {
        my $answer = $cache->ask($prefix, $registry->name("app:$tag"));

        is_deeply [@$answer{qw(status digest key)}],
            [$status, $digest, key('digest', $digest, $platform, 'x')],
            "$prefix $tag, $status";
    }
}

for (['linux/ARM64/v8', 'linux/arm64/v8', 'linux/arm64'],
     ['linux/arm',      'linux/arm/v7',   'linux/arm/v7'],
     ['Linux/arm/v6',   'linux/arm/v6',   'linux/arm/v6'])
{
    my ($said, $manifest, $platform) = @$_;
    my $digest = $index->digest($manifest);
    my $answer = $cache->ask('by', $registry->name('app:index'),
                             headers => { Platform => $said });

    is_deeply [@$answer{qw(digest key)}],
        [$digest, key('digest', $digest, $platform, 'x')], "by $said";
}

for (['arm64', 'single', undef], ['by', 'index', 'linux/s390x'],
     ['by', 'index', 'windows/amd64'], ['by', 'index', 'linux/arm/v5'])
{
    my ($prefix, $tag, $said) = @$_;

    $registry->forget;

    for (1 .. 2) {
        my $answer = $cache->ask($prefix, $registry->name("app:$tag"),
            headers => { Platform => $said // '' });

        is_deeply [@$answer{qw(code status error digest)}],
            [200, 'FALLBACK', 'platform_not_found', ''],
            "$tag has no " . ($said // 'linux/arm64') . ", time $_";

        if ($_ == 1) {
            isnt scalar(() = $registry->requests), 0, 'asked';
            $registry->forget;
        } else {
            is scalar(() = $registry->requests), 0, 'remembered';
        }
    }
}

is scalar($cache->log(qr/\[warn\].*app:single": platform_not_found/)), 1,
    'the log says it, once';

for my $said ('', 'linux', 'linux/', 'linux/a/b/c', 'linux/' . 'a' x 70) {
    my $answer = $cache->ask('by', $registry->name('app:index'),
                             headers => { Platform => $said });

    is_deeply [@$answer{qw(code status error cache_control)}],
        [400, 'INVALID', 'invalid_platform', 'no-store'],
        'malformed: "' . substr($said, 0, 20) . '"';
    like $answer->{body}, qr/^platform: .+\n\z/, 'and says why';
}

done_testing;
