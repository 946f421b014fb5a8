#!/usr/bin/perl

# All workers share the zone: what one of them learnt the others know.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Origin;
use ImageDigest::Util qw(wait_until);

my $origin = ImageDigest::Origin->start;
my $cache = ImageDigest::Cache->start(
    workers   => 3,
    listen    => "listen 127.0.0.1:\@PORT2\@ reuseport;\n",
    resolver  => 'registry ' . $origin->host . ' insecure;',
    locations => { i    => 'image_digest_ttl 1h;',
                   zero => 'image_digest_ttl 0;' });

# asks until each worker has answered

sub all {
    my ($prefix, $image) = @_;

    my (%pids, %seen);

    wait_until {
        my $answer = $cache->ask($prefix, $image, port => 2);

        $pids{ $answer->{pid} } = 1;
        $seen{"$answer->{status} $answer->{digest}"}++;

        keys %pids == 3;
    } 'all workers';

    return \%seen;
}

my $image = $origin->name('app:1');
my $digest = $origin->digest('app:1');

is $cache->ask('i', $image, port => 2)->{status}, 'RESOLVED', 'one worker';
is_deeply [keys %{ all('i', $image) }], ["HIT $digest"], 'and all know';
is $origin->calls('app:1'), 1, 'by one call';

$origin->set(version => 2);
$digest = $origin->digest('app:1');

$cache->ask('zero', $image, port => 2);
is_deeply [keys %{ all('i', $image) }], ["HIT $digest"], 'what moved, too';

$cache->ask('i', $origin->name('app:none'), port => 2);
is_deeply [keys %{ all('i', $origin->name('app:none')) }], ['FALLBACK '],
    'and failures';
is $origin->calls('app:none'), 1, 'by one call';

done_testing;
