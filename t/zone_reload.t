#!/usr/bin/perl

# The zone survives a reload, also with another number of workers, and with
# other settings: what those make another identity is not found.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Origin;

my ($origin, $mirror) = map { ImageDigest::Origin->start } 1 .. 2;
my $resolver = 'registry ' . $origin->host . ' insecure';
my $cache = ImageDigest::Cache->start(resolver  => "$resolver;",
                                      locations => { i => '' });
my $image = $origin->name('app:1');

is $cache->ask('i', $image)->{status}, 'RESOLVED', 'a digest';
is $cache->ask('i', $origin->name('app:none'))->{error}, 'not_found',
    'and a failure';

for my $workers (1, 3, 2) {
    my %old = map { $_ => 1 } $cache->workers;

    $cache->configure(workers => $workers);
    $cache->reload;

    my $answer = $cache->ask('i', $image);

    is $answer->{status}, 'HIT', "$workers workers";
    is $answer->{digest}, $origin->digest('app:1'), 'the digest';
    ok !$old{ $answer->{pid} }, 'of a new worker';
    is $cache->ask('i', $origin->name('app:none'))->{error}, 'not_found',
        'the failure';
}

is $origin->calls('app:1'), 1, 'asked once';
is $origin->calls('app:none'), 1, 'likewise';

$cache->configure(resolver => "$resolver;\nrefresh off;\nretention 1h;");
$cache->reload;
is $cache->ask('i', $image)->{status}, 'HIT', 'with other settings';

$cache->configure(resolver => "$resolver endpoint=http://"
                              . $mirror->host . ';');
$cache->reload;
is $cache->ask('i', $image)->{status}, 'RESOLVED', 'at another endpoint';
is $mirror->calls('app:1'), 1, 'that was asked';

$cache->configure(resolver => "$resolver;");
$cache->reload;
is $cache->ask('i', $image)->{status}, 'HIT', 'back again';
is $origin->calls('app:1'), 1, 'asked once all along';

done_testing;
