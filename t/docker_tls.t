#!/usr/bin/perl

# Engine "docker" over TCP with TLS: the daemon is verified by ca=, and takes
# who shows a certificate of its authority, and nobody else.

use strict;
use warnings;

use Test::More;

use ImageDigest::Alone;
use ImageDigest::Cache;
use ImageDigest::Docker;
use ImageDigest::Image;
use ImageDigest::Registry;
use ImageDigest::Util qw(certificate);

my ($crt, $key) = certificate('127.0.0.1', 'localhost');
my ($mine, $mine_key) = certificate('cache.test');
my ($wrong, $wrong_key) = certificate('wrong.test');
my $docker = ImageDigest::Docker->start(tls => [$crt, $key, $mine]);
my $registry = ImageDigest::Registry->start;
my $image = ImageDigest::Image->push($registry, 'app:1');
my $name = $registry->name('app:1');
my $url = $docker->tcp_url;

my @cases = (
    ['its authority, a certificate' =>
        "$url ca=$crt certificate=$mine key=$mine_key", ''],
    ['another authority' =>
        "$url ca=$wrong certificate=$mine key=$mine_key", 'tls'],
    ['the system\'s' => "$url certificate=$mine key=$mine_key", 'tls'],
    ['another name' => ($url =~ s/127\.0\.0\.1/127.0.0.2/r)
        . " ca=$crt certificate=$mine key=$mine_key", 'tls|unreachable'],

    # the daemon closes at once, and its alert may be lost on the way

    ['no certificate' => "$url ca=$crt", 'tls|unreachable'],
    ['a wrong certificate' =>
        "$url ca=$crt certificate=$wrong key=$wrong_key", 'tls|unreachable'],

    ['no TLS' => $url, 'bad_response'],

    # a connection of before might be used again

    ['no certificate, again' => "$url ca=$crt", 'tls|unreachable'],
    ['the right one, again' =>
        "$url ca=$crt certificate=$mine key=$mine_key", ''],
);

my $cache = ImageDigest::Cache->start(
    resolver  => join("\n", 'timeout 20s;', 'registry 127.0.0.1:*;', map {
        "engine e$_ $cases[$_][1] type=docker;" } 0 .. $#cases),
    locations => { map { ("i$_" => "image_digest \$image engine=e$_;"
                                   . 'image_digest_timeout 20s;'
                                   . 'image_digest_ttl 0;') } 0 .. $#cases });

$registry->forget;

for my $i (grep { $cases[$_][2] } 0 .. $#cases) {
    my ($what, undef, $error) = @{ $cases[$i] };
    my $answer = $cache->ask("i$i", $name);

    like $answer->{error}, qr/^(?:$error)$/, "$what: $error";
    is $answer->{digest}, '', '... no digest';
}

is_deeply [$docker->pulls], [], 'none of them pulled';
is_deeply [$registry->requests], [], '... no registry was asked';

for my $i (grep { !$cases[$_][2] } 0 .. $#cases) {
    is $cache->ask("i$i", $name)->{digest}, $image->digest, $cases[$i][0];
}

is_deeply [$docker->pulls], [$name], 'one pull';

done_testing;
