#!/usr/bin/perl

# docs/directives.md, registry: TLS is verified, by the authorities of ca= or
# else of the system; certificate= and key= are shown to the registry itself
# alone. Reason: tls.

use strict;
use warnings;

use IO::Socket::SSL;
use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest digest_of answer image_of);
use ImageDigest::Names;
use ImageDigest::Util qw(certificate);

my $registry = sub { return answer(manifest(image_of($_[0]))) };
my $tls = [certificate('registry.test', '127.0.0.1')];
my $other = [certificate('registry.test', '127.0.0.1')];
my $client = [certificate('client.test')];
my $server = ImageDigest::FaultServer->start(http => $registry, tls => $tls,
                                             address => '0.0.0.0');
my $plain = ImageDigest::FaultServer->start(raw => sub {
    my ($socket) = @_;

    sysread $socket, my $bytes, 1;
    print $socket "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
});


# asks for a client certificate, and says of whom it got one

my $bytes = manifest('app:1');
my $digest = digest_of('app:1');
my $mutual = ImageDigest::FaultServer->start(raw => sub {
    my ($socket) = @_;

    IO::Socket::SSL->start_SSL(
        $socket, SSL_server => 1, SSL_cert_file => $tls->[0],
        SSL_key_file => $tls->[1], SSL_ca_file => $client->[0],
        SSL_verify_mode => SSL_VERIFY_PEER|SSL_VERIFY_FAIL_IF_NO_PEER_CERT)
        or do {
            print "refused\n";

            # a reset would overtake the alert

            1 while sysread $socket, my $rest, 65536;
            return;
        };

    print 'client ', $socket->peer_certificate('commonName'), "\n";

    while (defined(my $line = <$socket>)) {
        my $head = $line =~ /^HEAD/ if $line =~ m{ HTTP/};
        next if $line ne "\r\n";
        print $socket "HTTP/1.1 200 OK\r\nContent-Length: ",
            length $bytes, "\r\nConnection: close\r\nContent-Type: ",
            "application/vnd.oci.image.manifest.v1+json\r\n\r\n$bytes";
        last;
    }
});

my %port = (server => $server->port, plain => $plain->port,
            mutual => $mutual->port);
my ($ca, $wrong, $crt, $key) = ($tls->[0], $other->[0], @$client);

# what it is called => line of the configuration, and what comes of it

my @cases = (
    ['the system\'s authorities' => 'registry.test:%server', '', 'tls'],
    ['ca= of another'  => 'registry.test:%server', "ca=$wrong", 'tls'],
    ['ca= of its own'  => 'registry.test:%server', "ca=$ca", ''],
    ['... but by another name' => 'other.test:%server', "ca=$ca", 'tls'],
    ['... by a longer name' => 'a.registry.test:%server', "ca=$ca", 'tls'],
    ['... by its address' => '127.0.0.1:%server', "ca=$ca", ''],
    ['... by another address' => '127.0.0.2:%server', "ca=$ca", 'tls'],
    ['insecure is http, not a bad certificate' => 'registry.test:%server',
     'insecure', 'unreachable|bad_response'],
    ['... which an endpoint of https is not' => 'any.test:1',
     'insecure endpoint=https://registry.test:%server', 'tls'],
    ['no TLS there'    => 'registry.test:%plain', "ca=$ca", 'tls'],
    ['no client certificate' => 'registry.test:%mutual', "ca=$ca", 'tls'],
    ['a client certificate' => 'registry.test:%mutual',
     "ca=$ca certificate=$crt key=$key", ''],
    ['of a wrong one'  => 'registry.test:%mutual',
     "ca=$ca certificate=$ca key=$tls->[1]", 'tls'],

    # again, since a connection might be used again

    ['after all that, the system\'s' => 'registry.test:%server', '', 'tls'],
    ['no client certificate, again' => 'registry.test:%mutual', "ca=$ca",
     'tls'],
);

my (@hosts, $conf);

for my $i (0 .. $#cases) {
    my ($host, $more) = map { s/%(\w+)/$port{$1}/gr } @{ $cases[$i] }[1, 2];

    push @hosts, $host;
    $conf .= "image_resolver r$i { zone 1m; timeout 20s;"
             . " registry $host $more; }\n";
}

my $cache = ImageDigest::Names->new(map { ("$_.test" => '127.0.0.1') }
                                    qw(registry other a.registry any))
    ->around(sub {
        ImageDigest::Cache->start(
            more      => $conf,
            locations => { map {
                ("i$_" => "image_digest \$image resolver=r$_;"
                          . 'image_digest_timeout 20s;') } 0 .. $#cases });
    });

for my $i (0 .. $#cases) {
    my ($what, undef, $more, $error) = @{ $cases[$i] };

    my $before = () = $server->requests;
    my $answer = $cache->ask("i$i", "$hosts[$i]/app:1");

    like $answer->{error}, qr/^(?:$error)$/, "$what: "
                                             . ($error || 'resolved');
    is $answer->{digest}, $error ? '' : $digest, '... digest';
    is +(() = $server->requests) - $before, 0, '... nothing was sent'
        if $error;
}

is $mutual->output =~ s/refused\n//gr, "client client.test\n" x 2,
    'one client certificate was right';

for my $text ('certificate is not valid for this host',
              'self-signed certificate', 'alert')
{
    like $cache->log, qr/: tls, registry .*\Q$text\E/, "the log says: $text";
}

done_testing;
