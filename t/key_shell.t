#!/usr/bin/perl

# The key: the lines of shell in docs/key.md make $image_digest_key of its
# preimage, by digest and by tag, and have the document's test vectors.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use ImageDigest::Cache qw(windows);
use ImageDigest::Client;
use ImageDigest::Origin;
use ImageDigest::Util qw(run slurp spit tempdir top);

my $dir = tempdir();
my $doc = slurp(top() . '/docs/key.md');

my ($function) = $doc =~ /^```sh\n(image_key\(\) \{\n.*?^\}\n)```/ms;

ok $function, 'the function' or BAIL_OUT 'no shell in docs/key.md';

spit("$dir/key", "$function\nimage_key \"\$@\"\n");


# a POSIX shell, which is no bash

sub shell {
    my $key = run('sh', "$dir/key", 'image-digest-key/1', @_);

    chomp $key;
    return $key;
}


subtest 'test vectors' => sub {
    my ($digest) = $doc =~ /`(sha256:[0-9a-f]{64})`/;
    my %long = (D => $digest, E => 'sha512:' . substr($digest, 7) x 2);
    my @vectors = $doc =~ /^\| (.*) \| `([0-9a-f]{64})` \|$/mg;

    cmp_ok scalar(@vectors), '>=', 16, 'in docs/key.md';

    while (my ($strings, $key) = splice @vectors, 0, 2) {
        my @strings = map { s/^`|`$//gr } split / /, $strings;

        s/^\*([DE])\*$/$long{$1}/, s/^''$// for @strings;

        is shell(@strings), $key, $strings;
    }
};


my $origin = ImageDigest::Origin->start;
my $cache = ImageDigest::Cache->start(
    resolver  => 'registry ' . $origin->host . ' insecure;',
    more      => "image_resolver other { registry none.test; }\n"
                 . "image_digest_timeout 20s;\n",
    locations => {
        i     => '',
        parts => 'image_digest_key $artifact "" $is_args$args constant;',
        plat  => 'image_digest $image platform=$arg_platform;',
        bare  => 'image_digest $image resolver=other platform=$arg_platform;'
                 . 'image_digest_key $artifact "";'
                 . 'image_digest_fallback tag window=off;',
        tag   => 'image_digest $image resolver=other; image_digest_ttl 90m;',
        short => 'image_digest $image resolver=other;'
                 . 'image_digest_fallback tag window=7s;',
    });

my $hex = '0123456789abcdef' x 4;


subtest 'by digest' => sub {
    my $image = $origin->name('app:1');
    my $got = $cache->ask('i', $image);

    is $got->{status}, 'RESOLVED', 'resolved';
    is $got->{digest}, $origin->digest('app:1'), 'digest';
    is $got->{key}, shell('digest', $got->{digest}, '', 'x'), 'its key';

    $got = $cache->ask('i', $image);
    is $got->{status}, 'HIT', 'hit';
    is $got->{key}, shell('digest', $got->{digest}, '', 'x'), 'the same';

    $got = $cache->ask('i', "any/name\@sha512:$hex$hex");
    is $got->{key}, shell('digest', "sha512:$hex$hex", '', 'x'), 'sha512';

    $got = $cache->ask('parts', "a\@sha256:$hex", artifact => 'a/b%C3%A9?q=1');
    is $got->{key}, shell('digest', "sha256:$hex", '', "a/b\xc3\xa9", '',
                          '?q=1', 'constant'), 'parts, and bytes';

    for (['linux/amd64' => 'linux/amd64'], ['Linux/ARM64/v8' => 'linux/arm64'],
         ['linux/arm' => 'linux/arm/v7'], ['linux/arm/v6' => 'linux/arm/v6'],
         ['linux/amd64/v2' => 'linux/amd64/v2'])
    {
        my ($platform, $normal) = @$_;

        $got = $cache->ask('plat', "a\@sha256:$hex",
                           artifact => "x?platform=$platform");
        is $got->{key}, shell('digest', "sha256:$hex", $normal, 'x'), $platform;
    }
};


subtest 'by tag' => sub {
    my $got = $cache->ask('bare', 'golang:1.22',
                          artifact => 'x?platform=linux/ARM');

    is $got->{status}, 'FALLBACK', 'no digest';
    is $got->{key}, shell('tag', 'other', 'registry',
                          'docker.io/library/golang:1.22', 'linux/arm/v7', '',
                          'x', ''), 'window=off, a platform, two parts';

    for (['tag', 5400], ['short', 7]) {
        my ($location, $length) = @$_;

        my $from = time;
        $got = $cache->ask($location, 'golang:1.22');

        # one window, or the two of a moment between

        my @keys = map { shell('tag', 'other', 'registry', $got->{reference},
                               '', $_, 'x') }
                   windows($length, $from, time);

        ok scalar(grep { $_ eq $got->{key} } @keys), "window of $length seconds"
            or diag "$got->{key}, not one of @keys";
    }
};

done_testing;
