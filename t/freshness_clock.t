#!/usr/bin/perl

# Rule 6, on a host: ages are by the boot-time clock, and never less than the
# wall clock says.  A record from the future is void and replaceable.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Clock;
use ImageDigest::Origin;

my $origin = ImageDigest::Origin->start;
my $clock = ImageDigest::Clock->new;
my $cache = $clock->around(sub {
    ImageDigest::Cache->start(
        resolver  => 'registry ' . $origin->host . " insecure;\nrefresh off;",
        locations => { i => 'image_digest_ttl 5m;' });
});

my $n = 0;

for (['nothing',                              0,    0, 'HIT'],
     ['the machine was suspended',            0,  600, 'RESOLVED'],
     ['the boot-time clock alone',            0,  290, 'HIT'],
     ['the wall clock was set forward',     600,    0, 'RESOLVED'],
     ['the wall clock was set back',      -3600,    0, 'HIT'],
     ['... which makes nothing younger',  -3600,  600, 'RESOLVED'],
     ['a record from the future',             0, -600, 'RESOLVED'],
     ['... whatever the wall clock says',   100, -600, 'RESOLVED'])
{
    my ($name, $wall, $boot, $status) = @$_;

    my $image = $origin->name('app:' . ++$n);

    $clock->set(wall => 0, boot => 0);
    is $cache->ask('i', $image)->{status}, 'RESOLVED', "$name: at first";
    $clock->set(wall => $wall, boot => $boot);
    is $cache->ask('i', $image)->{status}, $status, "$name: then";
    is $cache->ask('i', $image)->{status}, 'HIT', "$name: replaced";
}

done_testing;
