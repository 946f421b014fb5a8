#!/usr/bin/perl

# Rule 3: T = 0 uses no earlier observation.  It waits out a call that began
# before it, and shares one new call with all who wait likewise; what it
# learns is stored for the others.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Origin;

my $origin = ImageDigest::Origin->start;
my $cache = ImageDigest::Cache->start(
    resolver  => 'registry ' . $origin->host . ' insecure;',
    locations => { i    => "image_digest_timeout 20s;",
                   zero => "image_digest_ttl 0;\nimage_digest_timeout 20s;" });

my $image = $origin->name('app:1');
my $old = $origin->digest('app:1', 1);
my $new = $origin->digest('app:1', 2);

$cache->ask('i', $origin->name('app:warm'));

is $cache->ask('zero', $image)->{status}, 'RESOLVED', 'the first';
is $cache->ask('zero', $image)->{status}, 'RESOLVED', 'each time anew';
is $origin->calls('app:1'), 2, 'two calls';
is $cache->ask('i', $image)->{status}, 'HIT', 'stored for the others';

# a call under way, that was answered before the tag moved

$origin->set(hold => 'a');
my $first = $cache->send('zero', $image);
$cache->poll(sub { $origin->calls('app:1') == 3 }, 'a call');

$origin->set(version => 2, hold => 'b');

my @late = map { $cache->send('zero', $image, artifact => $_) } 1 .. 40;
my $reader = $cache->send('i', $image);

# all have come once the reader, who is last, has its answer from the zone

is $cache->wait_for($reader)->{status}, 'HIT', 'a reader does not wait';
is $cache->wait_for($cache->send('i', $image))->{status}, 'HIT', 'nor this';
is $origin->calls('app:1'), 3, 'nobody else is asked meanwhile';

$origin->release('a');

is $cache->wait_for($first)->{digest}, $old, 'who asked before has the old';

$cache->poll(sub { $origin->calls('app:1') > 3 }, 'the next call');
$origin->release('b');

my @answers = $cache->wait_for(@late);

is scalar(grep { $_->{digest} eq $new && $_->{status} eq 'RESOLVED' }
               @answers), 40, 'who came later has the new one';
is $origin->calls('app:1'), 4, 'by one call for all of them';
is $cache->ask('i', $image)->{digest}, $new, 'stored';

done_testing;
