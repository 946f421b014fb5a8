#!/usr/bin/perl

# A manifest of 1 GiB, with and without a Content-Length: the connection is
# closed early, and the worker stays small and answers others.

use strict;
use warnings;

use Test::More;

use ImageDigest::Attack;

my $head = "Content-Type: application/vnd.oci.image.manifest.v1+json\r\n";
my $bytes = 'x' x 65536;

attack(4,
    length  => sub { endless($_[0], $head
                     . "Content-Length: 1073741824\r\n\r\n", $bytes) },
    chunked => sub { endless($_[0], $head
                     . "Transfer-Encoding: chunked\r\n\r\n",
                     "10000\r\n$bytes\r\n") },
    chunk   => sub { endless($_[0], $head
                     . "Transfer-Encoding: chunked\r\n\r\n40000000\r\n",
                     $bytes) },
    end     => sub { endless($_[0], "$head\r\n", $bytes) },
);

done_testing;
