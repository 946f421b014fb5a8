#!/usr/bin/perl

# Rule 5: an older observation never replaces a newer one of its slot, in the
# zone.  A worker that is shutting down still waits for a call; meanwhile the
# tag moves, and a new worker learns it.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Origin;

my $origin = ImageDigest::Origin->start;
my $cache = ImageDigest::Cache->start(
    resolver  => 'registry ' . $origin->host . ' insecure;',
    locations => { i    => 'image_digest_ttl 5m;',
                   zero => "image_digest_ttl 0;\nimage_digest_timeout 20s;" });

my $image = $origin->name('app:1');
my $gone = $origin->name('app:2');

# both workers have held a HEAD against a GET, so that a call is a HEAD

$cache->ask('zero', $origin->name('app:warm'));

$origin->set(hold => 'a');
my $late = $cache->send('zero', $image);
$cache->poll(sub { $origin->calls('app:1') }, 'a call');

$origin->set(hold => 'a', status => 500);
my $failed = $cache->send('zero', $gone);
$cache->poll(sub { $origin->calls('app:2') }, 'another call');

# stopped, so that its claims end and another worker may ask

my ($old) = $cache->workers;
$cache->reload;
kill STOP => $old;

$origin->set(hold => '', status => 0, version => 2);

$cache->ask('zero', $origin->name('app:warm'));
isnt $cache->ask('zero', $image)->{pid}, $old, 'another worker';
is $cache->ask('i', $image)->{digest}, $origin->digest('app:1', 2),
    'what it learns';

$origin->set(status => 404);

my $newer = $cache->ask('zero', $gone)->{error};
is $newer, 'not_found', 'and a failure';

$origin->release('a');
kill CONT => $old;

my $answer = $cache->wait_for($late);

# its waiter may use the newer one, too: that call began after it arrived

is $answer->{digest}, $origin->digest('app:1', 2), 'the old call ends';
is $answer->{pid}, $old, 'in the old worker';
is $cache->wait_for($failed)->{status}, 'FALLBACK', 'likewise the failure';

$answer = $cache->ask('i', $image);

is "$answer->{status} $answer->{digest}",
    'HIT ' . $origin->digest('app:1', 2), 'the newer one stays';
is $cache->ask('i', $gone)->{error}, 'not_found', 'of the failures, too';

done_testing;
