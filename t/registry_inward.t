#!/usr/bin/perl

# docs/registries.md: a redirect leads to no loopback, link-local or metadata
# address unless the registry is there itself.  Realms: attack_realm_loopback.

use strict;
use warnings;

use IO::Socket::INET;
use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest digest_of answer image_of);
use ImageDigest::Names;

# an address of this host that is not loopback; nothing is sent

my $socket = IO::Socket::INET->new(Proto => 'udp', PeerAddr => '198.51.100.1',
                                   PeerPort => 9);
my $outside = $socket ? $socket->sockhost : '127.0.0.1';

plan skip_all => 'no address but loopback'
    if $outside =~ /^(?:127|0|169\.254)\./;

my $inside = ImageDigest::FaultServer->start(sub {
    return answer(manifest('team/app:1'));
});
my $port = $inside->port;

my $server = ImageDigest::FaultServer->start(http => sub {
    my ($req) = @_;

    my ($where) = $req->{path} =~ m{manifests/to-(.*)$}
        or return answer(manifest(image_of($req)));

    # the tag says where, as far as a tag can

    $where =~ s/_/:/g;
    $where = "[$where]" if $where =~ /:/;

    return [302, { Location => "http://$where:$port/moved" }];
}, address => '0.0.0.0');

my @inner = qw(127.0.0.1 127.1 2130706433 0x7f.1 0.0.0.0 inner.test
               metadata.test 169.254.169.254 __1 __ffff_127.0.0.1
               __ffff_169.254.169.254 64_ff9b__7f00_1 fe80__1 fd00_ec2__254);
my $cache = ImageDigest::Names->new('registry.test' => $outside,
                                    'local.test' => '127.0.0.1',
                                    'inner.test' => '127.0.0.1',
                                    'metadata.test' => '169.254.169.254')
    ->around(sub {
        ImageDigest::Cache->start(
            resolver  => 'registry registry.test:* insecure;'
                         . 'registry local.test:* insecure; timeout 20s;',
            locations => { i => 'image_digest_timeout 20s;' });
    });

my $host = 'registry.test:' . $server->port;

is $cache->ask('i', "$host/team/app:1")->{digest}, digest_of('team/app:1'),
    'the registry itself';

for my $address (@inner) {
    is $cache->ask('i', "$host/team/app:to-$address")->{error},
        'bad_response', "redirected to $address";
    is $server->requests(sub { $_->{path} =~ m{-\Q$address\E$} }), 1,
        '... the registry was asked';
}

is $inside->connections, 0, 'nobody inside was';

# a registry that is there itself may name its neighbours

my $local = 'local.test:' . $server->port;

is $cache->ask('i', "$local/team/app:to-127.0.0.1")->{digest},
    digest_of('team/app:1'), 'a redirect among neighbours';
is $cache->ask('i', "$local/team/app:to-metadata.test")->{error},
    'bad_response', '... but no link-local address';

done_testing;
