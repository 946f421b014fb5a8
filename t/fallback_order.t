#!/usr/bin/perl

# The order is: invalid, `error`, writes, fallback.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Origin;

my $origin = ImageDigest::Origin->start;
my %locations;

for my $fallback (qw(tag miss error)) {
    for my $writes ('any', 'settled=1h', 'pinned') {
        $locations{ $fallback . $writes =~ s/=.*//r }
            = "image_digest_fallback $fallback;\n"
              . "image_digest_writes $writes;";
    }
}

my $cache = ImageDigest::Cache->start(
    resolver  => 'registry ' . $origin->host . ' insecure;',
    locations => \%locations);

my $digest = 'sha256:' . '12' x 32;

for (
    # reference           fallback writes        GET  PUT
    ['BAD',               '...',   '...',        400, '400 -'],
    ["app:1\@$digest",    '...',   '...',        200, '200 passed'],
    ['app:1',             '...',   'any',        200, '200 passed'],
    ['app:1',             '...',   'settled|pinned', 200, '200 dropped'],
    ['app:none',          'error', '...',        503, '503 -'],
    ['app:none',          'tag',   'any',        200, '200 passed'],
    ['app:none',          'tag',   'settled|pinned', 200, '200 dropped'],
    ['app:none',          'miss',  '...',        404, '200 dropped'])
{
    my ($image, $fallback, $writes, $get, $put) = @$_;

    for my $f (qw(tag miss error)) {
        for my $w (qw(any settled pinned)) {
            next unless $f =~ /^$fallback/ && $w =~ /^(?:$writes)/;

            my $name = $image eq 'BAD' ? $image : $origin->name($image);
            my $read = $cache->ask("$f$w", $name);
            my $write = $cache->ask("$f$w", $name, method => 'PUT',
                                    body => 'x');
            my $passed = $write->{write};

            # an answer that is no drop is not a passed write either

            $passed = '-' if $write->{code} >= 400 && $passed ne 'passed';

            is $read->{code}, $get, "$f, $w: GET of $image";
            is "$write->{code} $passed", $put, "$f, $w: PUT of $image";
        }
    }
}

done_testing;
