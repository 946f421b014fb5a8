#!/usr/bin/perl

# docs/registries.md, mirrors: each gets its share of the time, so that one
# that hangs leaves the others, and the registry itself, theirs; a worker goes
# on meanwhile.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest digest_of answer image_of);

# one that never answers, one that begins and never ends, and a good one

my $silent = ImageDigest::FaultServer->start(raw => sub {
    my ($socket) = @_;

    1 while sysread $socket, my $bytes, 65536;
});
my $endless = ImageDigest::FaultServer->start(raw => sub {
    my ($socket) = @_;

    sysread $socket, my $bytes, 65536;
    print $socket "HTTP/1.1 200 OK\r\n";
    1 while sysread $socket, $bytes, 65536;
});
my $good = ImageDigest::FaultServer->start(sub {
    return answer(manifest(image_of({
        path => $_[0]{path} =~ s/\?.*//r })));
});

my $host = '127.0.0.1:' . $good->port;
my $mirrors = join ' ', map { 'mirror=' . $_->url } $silent, $endless;
my $cache = ImageDigest::Cache->start(
    resolver  => "registry $host insecure $mirrors; timeout 3s;",
    more      => "image_resolver straight { zone 1m;"
                 . " registry $host insecure; }\n"
                 . "image_resolver none { zone 1m; timeout 1s; registry"
                 . " $host insecure endpoint=" . $silent->url
                 . " $mirrors; }\n",
    locations => {
        i => 'image_digest_timeout 20s;',
        n => 'image_digest $image resolver=none; image_digest_timeout 20s;',
        s => 'image_digest $image resolver=straight;' });

my $start = time;
my ($first, $all) = map { $cache->send($_, "$host/app:1") } qw(i n);

$cache->poll(sub { $silent->connections }, 'the first mirror to be asked');

is $cache->ask('s', "$host/app:2")->{status}, 'RESOLVED',
    'another request is answered meanwhile';
cmp_ok time - $start, '<', 1, '... at once';

is $cache->wait_for($first)->{digest}, digest_of('app:1'),
    'the registry has time left';

my $took = time - $start;

cmp_ok $took, '>=', 1.9, '... after both mirrors had theirs';
cmp_ok $took, '<', 2.9, '... and no more than that';
is $endless->connections, 2, 'each was asked, once by each resolver';

is $cache->wait_for($all)->{error}, 'timeout', 'where all hang: timeout';

like +($cache->log(qr/mirror "http:\S+" of/))[0],
    qr/timeout \(HEAD .*no answer/, 'the log says which';

done_testing;
