#!/usr/bin/perl

# docs/key.md: "NAME@NODE" in a tag key is the engine of one host. An engine
# that a client calls so, and that is unknown, has no tag key: it would be the
# one of that host.

use strict;
use warnings;

use Test::More;

use ImageDigest::Alone;
use ImageDigest::Cache qw(tag_key);
use ImageDigest::FakeDaemon;

my $daemon = ImageDigest::FakeDaemon->start;
my $image = 'docker.io/library/a:1';
my $common = 'image_digest_timeout 20s; image_digest_fallback tag window=off;';
my $cache = ImageDigest::Cache->start(
    resolver  => "node one;\nregistry docker.io;\nengine docker "
                 . $daemon->url . " pull=never;\n",
    locations => {
        any    => "image_digest \$image engine=\$arg_engine; $common",
        docker => "image_digest \$image engine=docker; $common",
    });

sub key_of {
    my ($engine) = @_;

    return tag_key($image, window => '', engine => $engine);
}

sub any {
    my ($engine, @o) = @_;

    return $cache->ask('any', $image, artifact => "x?engine=$engine", @o);
}

my @put = (method => 'PUT', body => 'x');

is $cache->ask('docker', $image)->{key}, key_of('docker@one'),
    'the engine of this host';
is any('docker')->{key}, key_of('docker@one'), '... by a variable';

for my $engine ('docker@one', 'docker@two', 'none@one', '@one', 'docker@',
                '@', 'docker@one@one')
{
    my %keys;

    for (1, 2) {
        my $answer = any($engine);
        my $put = any($engine, @put);

        is $answer->{code}, 404, "$engine: a miss";
        is $put->{write}, 'dropped', '... and no write';
        $keys{ $_->{key} }++ for $answer, $put;
    }

    is keys %keys, 4, '... keys at random';
    ok !$keys{ key_of($_) }, "... not $_\'s" for 'docker@one', $engine;
}

for my $engine (qw(none docker-one docker%40one)) {
    my $answer = any($engine);

    is $answer->{status}, 'FALLBACK', "$engine, unknown too";
    is $answer->{code}, 200, '... a read';
    is $answer->{key}, key_of($engine), '... of its name\'s tag key';
    is any($engine, @put)->{write}, 'passed', '... and a write';
}

done_testing;
