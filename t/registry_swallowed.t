#!/usr/bin/perl

# A registry whose host swallows what is sent to it, as a firewall does: each
# call times out, and none keeps a connection of the worker.  (libcurl closes
# a socket that never got connected behind one's back.)

use strict;
use warnings;

use IO::Socket::INET;
use Test::More;

use ImageDigest::Cache;
use ImageDigest::Util qw(free_port);

my $port = free_port();
my $listener = IO::Socket::INET->new(
    LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 1, ReuseAddr => 1)
    or die "listen: $!";

# a full backlog drops what comes

my @fill = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $port, Blocking => 0) }
           1 .. 8;

my $cache = ImageDigest::Cache->start(
    resolver  => "registry 127.0.0.1:$port insecure; timeout 300ms;"
                 . ' negative_ttl 0;',
    events    => 'worker_connections 64;',
    locations => {
        i   => 'image_digest_ttl 0; image_digest_timeout 20s;'
               . 'image_digest_fallback tag window=off;',
        off => 'image_digest off; image_digest_key x;',
    });

my ($n, %errors) = (0);

for (1 .. 6) {
    $errors{$_->{error}}++ for $cache->wait_for(
        map { $cache->send('i', "127.0.0.1:$port/a:" . $n++) } 1 .. 16);
}

is_deeply \%errors, { timeout => 96 }, 'each call times out';

is $cache->ask('off', 'x')->{code}, 200, 'and the worker serves';

done_testing;
