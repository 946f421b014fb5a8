#!/usr/bin/perl

# image_digest_fallback tag: without a digest reads and writes go on with the
# tag key, in the form of docs/key.md: resolver, engine, canonical reference,
# platform, window, parts.  It never is a digest's key.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use ImageDigest::Cache qw(tag_key windows);
use ImageDigest::Util qw(free_port);

# nobody listens there

my $host = '127.0.0.1:' . free_port();
my $cache = ImageDigest::Cache->start(
    resolver  => "registry $host insecure;",
    more      => "image_resolver other { registry $host insecure; }\n",
    locations => {
        i        => '',
        other    => 'image_digest $image resolver=other;',
        platform => 'image_digest $image platform=linux/ARM;',
        engine   => 'image_digest $image engine=$http_engine;',
        parts    => 'image_digest_key $artifact $is_args$args end;',
        ttl      => 'image_digest_ttl 1h;',
        window   => 'image_digest_fallback tag window=90s;',
        off      => 'image_digest_fallback tag window=off;',
    });

for ([i        => 300],
     [other    => 300,  resolver => 'other'],
     [platform => 300,  platform => 'linux/arm/v7'],
     [engine   => 300,  engine => 'nobody'],
     [parts    => 300,  rest => ['x', '', 'end']],
     [ttl      => 3600],
     [window   => 90],
     [off      => 0])
{
    my ($prefix, $length, %o) = @$_;

    for (["$host/app:1", "$host/app:1"], ["$host/app", "$host/app:latest"]) {
        my ($image, $reference) = @$_;

        for my $method (qw(GET HEAD PUT DELETE)) {
            my $from = time;
            my $answer = $cache->ask($prefix, $image, method => $method,
                headers => { Engine => 'nobody' },
                $method eq 'PUT' ? (body => 'x') : ());

            my @keys = map { tag_key($reference, %o, window => $_) }
                       $length ? windows($length, $from, time) : '';

            is $answer->{code}, 200, "$method $prefix goes on";
            is $answer->{status}, 'FALLBACK', 'without a digest';
            is $answer->{error}, $prefix eq 'engine' ? 'engine_unknown'
                                                     : 'unreachable', 'why';
            is $answer->{write}, $method =~ /GET|HEAD/ ? '' : 'passed',
                'a write passes';
            is scalar(grep { $_ eq $answer->{key} } @keys), 1,
                "the key of $reference";
        }
    }
}

my $answer = $cache->ask('i', "elsewhere.example/app:1");

is $answer->{error}, 'registry_not_allowed', 'also where nobody may be asked';
is $answer->{code}, 200, 'it goes on';

done_testing;
