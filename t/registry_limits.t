#!/usr/bin/perl

# docs/registries.md: caps: a manifest 4 MiB; byte caps in the write callback,
# no content decoding, JSON depth bounded.  What is too large is left early:
# what the registry could send is asserted, and what the worker grew by.

use strict;
use warnings;

use IO::Compress::Gzip qw(gzip);
use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest digest_of sha256 answer image_of);
use ImageDigest::Util qw(wait_until slurp);

my $type = 'application/vnd.oci.image.manifest.v1+json';
my $padded = sub { manifest('large', '"x":"' . 'x' x $_[0] . '"') };
my $left = (4 << 20) - length $padded->(0);
my $fits = $padded->($left);

my ($small, $bomb);

gzip(\manifest('small') => \$small);
gzip(\$padded->(200 << 20) => \$bomb);

# writes until the other side has enough, and says how much that was

my $endless = sub {
    my ($req, $head, $bytes, $max) = @_;

    my $socket = $req->{socket};
    my $sent = 0;

    print $socket "HTTP/1.1 200 OK\r\n$head";

    while ($sent < $max) {
        my $n = syswrite $socket, $bytes or last;
        $sent += $n;
    }

    print image_of($req), " $sent\n";

    return;
};

my $document = "Content-Type: $type\r\n";
my $kib = 'x' x 65536;

# tag => what GET gives, and what comes of it

my %cases = (
    'fits'      => [sub { answer($fits) }, ''],
    'one-more'  => [sub { answer($padded->($left + 1)) }, 'bad_response'],
    'five'      => [sub { answer($padded->(5 << 20)) }, 'bad_response'],
    'length'    => [sub { $endless->($_[0], $document
                          . "Content-Length: 1073741824\r\n\r\n", $kib,
                          1 << 30) }, 'bad_response'],
    'chunked'   => [sub { $endless->($_[0], $document
                          . "Transfer-Encoding: chunked\r\n\r\n",
                          "10000\r\n$kib\r\n", 1 << 30) }, 'bad_response'],
    'until-end' => [sub { $endless->($_[0], "$document\r\n", $kib, 1 << 30) },
                    'bad_response'],
    'header'    => [sub { $endless->($_[0], '', 'X: ' . 'x' x 1000 . "\r\n",
                                     1 << 30) }, 'bad_response'],
    'one-line'  => [sub { $endless->($_[0], 'X: ', $kib, 1 << 30) },
                    'bad_response'],
    'many-lines' => [sub { $endless->($_[0], '', "X: 1\r\n", 1 << 30) },
                     'bad_response'],
    'trailer'   => [sub { $endless->($_[0], $document
                          . "Transfer-Encoding: chunked\r\n\r\n0\r\n",
                          'X: ' . 'x' x 1000 . "\r\n", 1 << 30) },
                    'bad_response'],
    'continues' => [sub { $endless->($_[0], '',
                          "\r\nHTTP/1.1 100 Continue\r\n", 1 << 30) },
                    'bad_response'],
    'gzip'      => [sub { answer($small, 'Content-Encoding' => 'gzip',
                                 'Content-Type' => $type,
                                 'Docker-Content-Digest' =>
                                 digest_of('small')) }, 'bad_response'],
    'bomb'      => [sub { answer($bomb, 'Content-Encoding' => 'gzip',
                                 'Content-Type' => $type) }, 'bad_response'],
    'deflate'   => [sub { answer($bomb, 'Transfer-Encoding' => 'gzip',
                                 'Connection' => 'close',
                                 'Content-Type' => $type) }, 'bad_response'],
    'deep'      => [sub { answer(manifest('deep', '"x":' . '[' x 100000
                                          . ']' x 100000)) }, 'bad_response'],
    'deep-open' => [sub { answer(manifest('deep') =~ s/}$//r
                                 . ',"x":' . '{"x":' x 100000) },
                    'bad_response'],
    'wide'      => [sub { answer(manifest('wide', '"x":[' . '1,' x 1000000
                                          . '1]')) }, 'bad_response'],
);

my $server = ImageDigest::FaultServer->start(sub {
    my ($req) = @_;

    my ($tag) = image_of($req) =~ /:(.*)$/;

    return [405, {}] if $req->{method} eq 'HEAD';
    return $cases{$tag} ? $cases{$tag}[0]->($req)
                        : answer(manifest(image_of($req)));
});

my $host = '127.0.0.1:' . $server->port;
my $cache = ImageDigest::Cache->start(
    resolver  => "registry $host insecure; timeout 8s;",
    locations => { i => 'image_digest_timeout 20s;' });

my ($worker) = $cache->workers;
my $memory = sub { (slurp("/proc/$worker/status") =~ /VmHWM:\s+(\d+)/)[0] };

is $cache->ask('i', "$host/app:first")->{error}, '', 'a small one';

my $before = $memory->();

for my $tag (sort keys %cases) {
    my $error = $cases{$tag}[1];
    my $answer = $cache->ask('i', "$host/app:$tag");

    like $answer->{error}, qr/^(?:$error)$/, "$tag: " . ($error || 'resolved');
    is $answer->{digest}, $error ? '' : sha256($fits), '... digest';
    is $server->requests(sub { $_->{method} eq 'GET'
                               && $_->{path} =~ m{/\Q$tag\E$} }), 1,
        '... from there';
}

# a socket's buffers take some

wait_until { 7 <= (() = $server->output =~ /\n/g) } 'all to be left';

for (split /\n/, $server->output) {
    my ($tag, $sent) = /^app:(\S+) (\d+)$/ or next;

    cmp_ok $sent, '<', 64 << 20, "$tag: left early";
}

# sanitizers keep what was freed

cmp_ok $memory->() - $before, '<', (100 << 10) * ($ENV{ASAN_OPTIONS} ? 2 : 1),
    'the worker stays small';
is_deeply [$cache->workers], [$worker], '... and lives';

done_testing;
