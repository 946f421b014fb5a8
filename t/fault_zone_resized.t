#!/usr/bin/perl

# The zone has another size after a reload while lookups are under way: the
# old workers finish them with the old zone, the new ones have an empty one and
# ask for themselves.  So does a resolver that is gone after the reload.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared qw(meanwhile);
use ImageDigest::Util qw(wait_until);

my $origin = ImageDigest::Origin->start;
my $registry = 'registry ' . $origin->host . " insecure;\ntimeout 20s;\n";
my $other = "image_resolver other {\n$registry\nzone 1m;\n}\n";
my $cache = ImageDigest::Cache->start(
    workers   => 2,
    resolver  => "$registry\nzone 1m;",
    more      => $other,
    locations => {
        i     => 'image_digest_timeout 20s;',
        other => 'image_digest $image resolver=other; '
                 . 'image_digest_timeout 20s;' });
my ($image, $known) = map { $origin->name($_) } 'app:1', 'app:known';

is $cache->ask('i', $known)->{status}, 'RESOLVED', 'a digest';

sub wait_for_calls {
    my ($count) = @_;

    return meanwhile { $origin->calls >= $count } "$count calls";
}

my $calls = $origin->calls;

$origin->set(hold => 'a');

my @old = map { ($cache->send('i', $image), $cache->send('other', $image)) }
          1 .. 5;

wait_for_calls($calls + 2);

# another size for the one, and the other is no more

$cache->configure(resolver  => "$registry\nzone 2m;", more => '',
                  locations => { i => 'image_digest_timeout 20s;' });
$cache->reload;

# the registry moves on

$origin->set(hold => 'b', version => 2);

my @new = map { $cache->send('i', $image) } 1 .. 5;

wait_for_calls($calls + 3);
$origin->release('b');

is scalar(grep { $_->{status} =~ /^(?:RESOLVED|HIT)$/
                 && $_->{digest} eq $origin->digest('app:1', 2) }
          $cache->wait_for(@new)), 5, 'new workers ask for themselves';
is scalar(() = $cache->workers('exiting')) > 0, 1, 'the old ones wait';

$origin->set(hold => '', version => 1);
$origin->release('a');

is scalar(grep { $_->{status} =~ /^(?:RESOLVED|HIT)$/
                 && $_->{digest} eq $origin->digest('app:1', 1) }
          $cache->wait_for(@old)), 10, 'and end with theirs';
is $cache->ask('i', $image)->{digest}, $origin->digest('app:1', 2),
    'which is not in the new zone';
wait_until { !(() = $cache->workers('exiting')) } 'the old workers to go';

# and back: that zone is gone

$cache->configure(resolver => "$registry\nzone 1m;");
$cache->reload;
is $cache->ask('i', $known)->{status}, 'RESOLVED', 'the old size, empty';

done_testing;
