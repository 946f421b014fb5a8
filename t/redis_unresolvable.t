#!/usr/bin/perl

# A Redis whose host has no address, or none that can be reached, does not
# stop nginx from starting, and costs sharing only.

use strict;
use warnings;

use Test::More;

use ImageDigest::Origin;
use ImageDigest::Shared;

my $origin = ImageDigest::Origin->start;

for my $url (qw(redis://no.such.host.invalid
                rediss://no.such.host.invalid:6380/2
                unix:/no/such/directory/redis.sock
                redis://127.0.0.1:1
                redis://[::1]:1))
{
    subtest $url => sub {
        my $host = host($url, $origin);
        my ($status, $text) = $host->conf_test;

        is $status, 0, 'nginx -t' or diag $text;

        is resolve($host, $origin->name("app:$_"))->{status},
            'RESOLVED', 'it works' for 1 .. 3;

        $host->wait_for_log(qr/\[error\].*redis is away, nothing is shared/);
        is scalar(() = $host->log(qr/redis is away/)), 1, 'said once';
        is scalar(() = $host->log(qr/\[crit\]/)),
            $url =~ /^unix/ ? 1 : 0, 'with the path that is not there';
    };
}

done_testing;
