#!/usr/bin/perl

# docs/registries.md, who sees what: a client certificate is for the registry
# itself alone: not for what it redirects to, nor for token servers and
# mirrors on other hosts.  All of them ask for one here.

use strict;
use warnings;

use IO::Socket::SSL;
use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest digest_of);
use ImageDigest::Names;
use ImageDigest::Util qw(certificate);

my @hosts = qw(registry mirror other tokens);
my $tls = [certificate(map { "$_.test" } @hosts)];
my $client = [certificate('client.test')];
my $type = 'application/vnd.oci.image.manifest.v1+json';

# says of each request, by its Host, whose certificate came with it

my $server = sub {
    my ($answer) = @_;

    return ImageDigest::FaultServer->start(raw => sub {
        my ($socket, $state) = @_;

        IO::Socket::SSL->start_SSL(
            $socket, SSL_server => 1, SSL_cert_file => $tls->[0],
            SSL_key_file => $tls->[1], SSL_ca_file => $client->[0],
            SSL_verify_mode => SSL_VERIFY_PEER) or die "TLS\n";

        my $head = '';

        while (defined(my $line = <$socket>)) {
            last if $line eq "\r\n";
            $head .= $line;
        }

        my ($method, $path) = split / /, $head;
        my $token = $head =~ /^authorization: bearer t\r$/mi;

        print "$path ", $socket->peer_certificate('commonName') // '', "\n";

        my ($status, $header, $body) = $answer->($path, $token, $state);

        $body = '' if $method eq 'HEAD';
        print $socket "HTTP/1.1 $status S\r\n$header\r\nContent-Length: "
            . length($body) . "\r\nConnection: close\r\n\r\n$body";
    });
};

my $document = sub { return (200, "Content-Type: $type", manifest('it')) };
my $other = $server->($document);
my $mirror = $server->(sub { return (404, 'X: 1', "no\n") });
my $tokens = $server->(sub { return (200, 'X: 1', '{"token":"t"}') });
my $registry = $server->(sub {
    my ($path, $token, $state) = @_;

    return (302, "Location: https://other.test:$state->{other}/moved", '')
        if $path =~ /moved/;
    return (401, 'WWW-Authenticate: Bearer realm="https://tokens.test:'
                 . $state->{tokens} . '/t"', "no\n")
        if $path =~ /token/ && !$token;
    return $document->();
});

$registry->set(other => $other->port, tokens => $tokens->port);

my $host = 'registry.test:' . $registry->port;
my $cache = ImageDigest::Names->new(map { ("$_.test" => '127.0.0.1') } @hosts)
    ->around(sub {
        ImageDigest::Cache->start(
            resolver  => "registry $host ca=$tls->[0] certificate=$client->[0]"
                         . " key=$client->[1] realm=tokens.test"
                         . ' mirror=https://mirror.test:' . $mirror->port
                         . '; timeout 20s;',
            locations => { i => 'image_digest_timeout 20s;' });
    });

for my $tag (qw(plain moved token)) {
    is $cache->ask('i', "$host/app:$tag")->{digest}, digest_of('it'),
        "$tag: resolved";
}

my $seen = sub {
    my @lines = split /\n/, $_[0]->output;

    return (scalar @lines, scalar grep { / client\.test$/ } @lines);
};

my ($asked, $known) = $seen->($registry);

cmp_ok $asked, '>=', 4, 'the registry was asked';
is $known, $asked, '... always with the certificate';

for (['what it redirects to', $other], ['the token server', $tokens],
     ['the mirror', $mirror])
{
    my ($what, $which) = @$_;

    ($asked, $known) = $seen->($which);

    cmp_ok $asked, '>=', 1, "$what was asked";
    is $known, 0, '... never with it';
}

done_testing;
