#!/usr/bin/perl

# docs/directives.md, registry and proxy: under `*` a registry that is written
# as a loopback, link-local or private address is refused before the proxy is
# asked; names are the proxy's to look up, and the proxy itself may be
# anywhere.  So with what is redirected to.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest digest_of answer image_of);
use ImageDigest::Proxy;
use ImageDigest::Util qw(certificate);

my $tls = [certificate('registry.test')];
my $proxy = ImageDigest::Proxy->start;
my $server = ImageDigest::FaultServer->start(tls => $tls, http => sub {
    my ($req) = @_;

    my ($to) = $req->{path} =~ m{/to-([^/]*)$};

    $to = $to =~ s/_/:/gr =~ s/(.*:.*)/[$1]/r if defined $to;

    return [302, { Location => "https://$to:$req->{state}{port}/m" }] if $to;
    return answer(manifest(image_of($req)));
});
my $port = $server->port;

$server->set(port => $port);

my $cache = ImageDigest::Cache->start(
    resolver  => "registry * ca=$tls->[0]; timeout 20s;"
                 . 'proxy http://127.0.0.1:' . $proxy->port . ';',
    more      => "image_resolver named { zone 1m; timeout 20s;"
                 . " registry registry.test:$port ca=$tls->[0];"
                 . ' proxy http://127.0.0.1:' . $proxy->port . "; }\n",
    locations => { i => 'image_digest_timeout 20s;',
                   n => 'image_digest $image resolver=named;'
                        . 'image_digest_timeout 20s;' });

my @inner = ('127.0.0.1', '127.1.2.3', '0.0.0.0', '10.1.2.3', '172.16.0.1',
             '192.168.0.1', '169.254.169.254', '100.64.0.1', '[::1]',
             '[::ffff:7f00:1]', '[fd00:ec2::254]', '[fe80::1]', '0x7f.0.0.1',
             '127.1', '0177.0.0.1', 'localhost');

for my $host (@inner) {
    is $cache->ask('i', "$host:$port/app:1")->{error},
        'registry_not_allowed', "$host is refused";
}

is $proxy->connections, 0, 'and the proxy is not asked';

is $cache->ask('i', "registry.test:$port/app:1")->{digest},
    digest_of('app:1'), 'a name is the proxy\'s to look up';

for my $to (qw(127.0.0.1 169.254.169.254 10.0.0.1 __1)) {
    is $cache->ask('i', "registry.test:$port/app:to-$to")->{error},
        'bad_response', "a redirect to $to is not followed";
}

# that the proxy is on loopback says nothing of where the registry is

for my $to (qw(127.0.0.1 169.254.169.254 __1)) {
    is $cache->ask('n', "registry.test:$port/app:to-$to")->{error},
        'bad_response', "... nor by the registry's own line: $to";
}

is scalar($proxy->asked(sub { $_->{line} !~ /^CONNECT registry[.]test:/ })),
    0, 'the proxy heard of no address';

done_testing;
