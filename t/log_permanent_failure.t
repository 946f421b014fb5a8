#!/usr/bin/perl

# Logs: a permanent failure is said once for a reference, at warn, with the
# reference, the registry, the reason and what to change.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Image;
use ImageDigest::Origin;
use ImageDigest::Registry;

my $origin = ImageDigest::Origin->start;
my $registry = ImageDigest::Registry->start;
my $host = $origin->host;

ImageDigest::Image->push($registry, 'index:1', platforms => ['linux/amd64']);

my $cache = ImageDigest::Cache->start(
    workers   => 2,
    resolver  => "registry $host insecure; registry " . $registry->host
                 . ' insecure;',
    more      => "image_digest_timeout 20s;\n",
    locations => {
        i => 'image_digest_ttl 0s;',
        j => 'image_digest_fallback miss;',
        e => 'image_digest $image engine=$image; image_digest_fallback error;',
        p => 'image_digest $image platform=linux/s390x; image_digest_ttl 0s;',
    });

my %advice = (
    not_found            => 'check the name and the tag, whether the engine '
                            . 'has or runs it, or the registry\'s retention '
                            . 'policy',
    unauthorized         => 'give the registry "credentials=FILE" that may '
                            . 'pull this repository, or the engine '
                            . '"credentials=FILE" or "token=FILE"; registries '
                            . 'answer so for a missing one, too',
    registry_not_allowed => 'add "registry HOST;" to the image_resolver block '
                            . 'if this registry may be asked, by an '
                            . 'engine\'s pull too',
    engine_unknown       => 'add an "engine" line of that name to the '
                            . 'image_resolver block, or mend "engine="',
    platform_not_found   => 'mend "platform=", or push the image for this '
                            . 'platform',
);


sub once {
    my ($reason, $location, $image, $registry) = @_;

    for (1 .. 4) {
        my $got = $cache->ask($location, $image);
        is $got->{error}, $reason, "$reason: $image";
    }

    my @lines = $cache->log(qr/"\Q$image\E": /);

    is scalar(@lines), 1, '    is said once' or diag join "\n", @lines;
    like $lines[0], qr/ \[warn\] \d+#\d+: (?:\*\d+ )?image digest: /,
        '    at warn';
    like $lines[0], qr/"\Q$image\E": \Q$reason\E, .*registry "\Q$registry\E"/,
        '    the reference, the reason and the registry';
    like $lines[0], qr/: \Q$advice{$reason}\E/, '    and what to change';
}


once('not_found', 'i', $origin->name('app:none'), $host);
once('not_found', 'i', $origin->name('app:none-other'), $host);
once('not_found', 'j', $origin->name('app:none-third'), $host);
once('registry_not_allowed', 'i', 'ghcr.io/org/app:1', 'ghcr.io');
once('registry_not_allowed', 'j', 'docker.io/library/golang:1', 'docker.io');
once('engine_unknown', 'e', $origin->name('app:1'), $host);
once('platform_not_found', 'p', $registry->name('index:1'), $registry->host);

$origin->set(status => 401, headers => { 'WWW-Authenticate' => 'Basic' });
once('unauthorized', 'i', $origin->name('app:3'), $host);

$cache->reload;
$cache->ask('i', $origin->name('app:3'));
is scalar(() = $cache->log(qr/app:3": /)), 1, 'not again after a reload';

$origin->set(status => undef);
is $cache->ask('i', $origin->name('app:3'))->{status}, 'RESOLVED',
    'a digest';
is scalar(() = $cache->log(qr/app:3": /)), 1, 'nothing more of it';

is scalar(() = $cache->log(qr/\[(?:error|crit)\]/)), 0, 'no errors';

done_testing;
