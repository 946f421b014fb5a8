#!/usr/bin/perl

# docs/registries.md: libcurl's defaults: no netrc, no proxies of the
# environment.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest digest_of answer image_of challenge);
use ImageDigest::Util qw(tempdir spit);

my $proxy = ImageDigest::FaultServer->start(sub { return [502, {}] });
my $server = ImageDigest::FaultServer->start(sub {
    my ($req) = @_;

    return image_of($req) =~ /closed/ ? challenge('Basic realm="x"')
                                      : answer(manifest(image_of($req)));
});

my $host = '127.0.0.1:' . $server->port;
my $dir = tempdir();

spit("$dir/.netrc", "machine 127.0.0.1 login a password b\n"
                    . "default login a password b\n");

my @names = qw(http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY
               ALL_PROXY);
my $cache = do {
    local @ENV{@names} = ($proxy->url) x @names;
    local $ENV{HOME} = $dir;
    local $ENV{NETRC} = "$dir/.netrc";

    ImageDigest::Cache->start(
        main      => join('', map { "env $_;\n" } @names, 'HOME', 'NETRC'),
        resolver  => "registry $host insecure; timeout 20s;",
        locations => { i => 'image_digest_timeout 20s;' });
};

is $cache->ask('i', "$host/app:1")->{digest}, digest_of('app:1'), 'resolved';
is $cache->ask('i', "$host/app:closed")->{error}, 'unauthorized', 'closed';
is $proxy->connections, 0, 'no proxy was used';
is $server->requests(sub { $_->{headers}{authorization} }), 0,
    'no password was found';

done_testing;
