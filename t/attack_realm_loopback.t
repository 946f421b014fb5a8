#!/usr/bin/perl

# A challenge whose realm is on loopback, or at a link-local or metadata
# address, in any spelling: nobody there is connected to, unless the registry
# itself is there.

use strict;
use warnings;

use IO::Socket::INET;
use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest digest_of answer image_of challenge);
use ImageDigest::Names;

# an address of this host that is not loopback; nothing is sent

my $socket = IO::Socket::INET->new(Proto => 'udp', PeerAddr => '198.51.100.1',
                                   PeerPort => 9);
my $outside = $socket ? $socket->sockhost : '127.0.0.1';

plan skip_all => 'no address but loopback'
    if $outside =~ /^(?:127|0|169\.254)\./;

my $inside = ImageDigest::FaultServer->start(sub {
    return [200, {}, '{"token":"t"}'];
});
my $port = $inside->port;

my @inner = qw(127.0.0.1 127.1 2130706433 0x7f.1 0.0.0.0 localhost inner.test
               metadata.test 169.254.169.254 [::1] [::ffff:127.0.0.1]
               [::ffff:169.254.169.254] [64:ff9b::7f00:1] [fe80::1]
               [fd00:ec2::254]);

my $server = ImageDigest::FaultServer->start(http => sub {
    my ($req) = @_;

    my ($i) = $req->{path} =~ m{/case(\d+)/};

    return challenge(qq(Bearer realm="http://$inner[$i]:$port/token"))
        unless ($req->{headers}{authorization} // '') eq 'Bearer t';
    return answer(manifest(image_of($req)));
}, address => '0.0.0.0');

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

for my $i (0 .. $#inner) {
    is $cache->ask('i', "$host/case$i/app:1")->{error}, 'unauthorized',
        "a realm at $inner[$i]";
    is $server->requests(sub { $_->{path} =~ m{/case$i/} }), 1,
        '... the registry was asked';
}

is $inside->connections, 0, 'nobody inside was connected to';

my $local = 'local.test:' . $server->port;

is $cache->ask('i', "$local/case0/app:1")->{digest}, digest_of('case0/app:1'),
    'of a registry that is there itself, a realm is a neighbour';

done_testing;
