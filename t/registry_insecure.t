#!/usr/bin/perl

# docs/directives.md, registry: `insecure` alone allows plain http; without it
# nobody is asked so, and a certificate is not passed over.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Image;
use ImageDigest::Registry;

my $registry = ImageDigest::Registry->start;
my $host = $registry->host;
my $digest = ImageDigest::Image->push($registry, 'app:1')->digest;
my $start = sub {
    return ImageDigest::Cache->start(
        resolver  => "registry $host $_[0]; timeout 20s;",
        locations => { i => 'image_digest_timeout 20s;' });
};

my $ask = sub {
    my ($line) = @_;

    $registry->forget;

    my $cache = $start->($line);
    my $answer = $cache->ask('i', "$host/app:1");

    $cache->stop;

    return $answer;
};

is $ask->('')->{error}, 'tls', 'https is tried';
is $registry->requests, 0, 'and nothing in plain text';
is $ask->('insecure')->{digest}, $digest, 'insecure allows it';

my ($status, $text) = ImageDigest::Cache->new(
    resolver => "registry $host endpoint=http://$host;")->conf_test;

isnt $status, 0, 'an endpoint of http is refused';
like $text, qr/"insecure"/, '... with what to write';
is $ask->("endpoint=http://$host insecure")->{digest}, $digest,
    'an endpoint of http with insecure';

done_testing;
