#!/usr/bin/perl

# docs/directives.md, registry: under `*` loopback, link-local and private
# addresses are refused at connect, whatever spells them:
# registry_not_allowed, and nothing is received.  An exact line is not bound
# by that.

use strict;
use warnings;

use IO::Socket::INET;
use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest digest_of answer image_of);
use ImageDigest::Names;
use ImageDigest::Util qw(certificate);

my $tls = [certificate('named.test')];
my $server = ImageDigest::FaultServer->start(
    http => sub { answer(manifest(image_of($_[0]))) }, tls => $tls,
    address => '0.0.0.0');
my $port = $server->port;

my %names = (
    'loopback.test' => '127.0.0.1', 'named.test' => '127.0.0.1',
    'eight.test'    => '127.8.8.8', 'zero.test' => '0.0.0.0',
    'link.test'     => '169.254.169.254', 'private.test' => '10.0.0.1',
    'mapped.test'   => '::ffff:127.0.0.1', 'six.test' => '::1',
    'local6.test'   => 'fe80::1', 'unique.test' => 'fd00::1',
    'nat.test'      => '64:ff9b::7f00:1', 'sixtofour.test' => '2002:7f00:1::',
    'shared.test'   => '100.64.0.1', 'alibaba.test' => '100.100.100.200',
    'many.test'     => '224.0.0.1', 'all.test' => '255.255.255.255',
    'compatible.test' => '::127.0.0.1',
);

my @hosts = ((sort keys %names), '127.0.0.1', '127.1.2.3', '0.0.0.0',
             '10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.0.1',
             '169.254.169.254', '[::1]',
             '[::ffff:7f00:1]', '[fd00:ec2::254]', '[fe80::1]', '[::]',
             '0x7f.0.0.1', '127.1', '0177.0.0.1');

# an address of this host, unless it is a public one

my $socket = IO::Socket::INET->new(Proto => 'udp', PeerAddr => '198.51.100.1',
                                   PeerPort => 9);

push @hosts, $socket->sockhost
    if $socket && $socket->sockhost =~ /^(?:10|192\.168|192\.0\.2)\./;

my $cache = ImageDigest::Names->new(%names)->around(sub {
    ImageDigest::Cache->start(
        more      => "image_resolver named { registry *; timeout 20s;"
                     . " registry named.test:$port ca=$tls->[0]; }\n",
        resolver  => 'registry *; timeout 20s;',
        locations => { i => 'image_digest_timeout 20s;',
                       n => 'image_digest $image resolver=named;'
                            . 'image_digest_timeout 20s;' });
});

for my $host (@hosts) {
    next if $host eq 'named.test';

    my $answer = $cache->ask('i', "$host:$port/team/app:1");

    is $answer->{error} || $answer->{body},
        'registry_not_allowed', "$host is refused";
}

is $cache->ask('i', "named.test:$port/team/app:1")->{error},
    'registry_not_allowed', 'a name by the wildcard';
is $server->connections, 0, 'no connection was made';

# one that an exact line opened is not used under `*` either

is $cache->ask('n', "named.test:$port/team/app:1")->{digest},
    digest_of('team/app:1'), 'the same name by its own line';
is $server->connections, 1, '... has a connection';
is $cache->ask('i', "named.test:$port/team/app:2")->{error},
    'registry_not_allowed', '... which is not for the wildcard';
is $server->requests(sub { $_->{path} =~ m{/2$} }), 0,
    '... and nothing was received';
like +($cache->log(qr/"127\.0\.0\.1:$port/))[0],
    qr/the address may not be asked/, 'the log says why';

done_testing;
