#!/usr/bin/perl

# A header without end, in one line and in many, before and after the body.

use strict;
use warnings;

use Test::More;

use ImageDigest::Attack;

my $line = 'X: ' . 'x' x 1000 . "\r\n";
my $chunked = 'Content-Type: application/vnd.oci.image.manifest.v1+json'
              . "\r\nTransfer-Encoding: chunked\r\n\r\n";

attack(5,
    lines     => sub { endless($_[0], '', $line) },
    short     => sub { endless($_[0], '', "X: 1\r\n" x 1000) },
    one       => sub { endless($_[0], 'X: ', 'x' x 65536) },
    trailer   => sub { endless($_[0], "${chunked}0\r\n", $line) },
    continues => sub { endless($_[0], '',
                               "\r\nHTTP/1.1 100 Continue\r\n" x 100) },
);

done_testing;
