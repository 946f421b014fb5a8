#!/usr/bin/perl

# Engine "podman" on a user's own socket: a rootless Podman resolves and pulls
# as the system's does.

use strict;
use warnings;

use Test::More;

use ImageDigest::Alone;
use ImageDigest::Cache;
use ImageDigest::Image;
use ImageDigest::Podman;
use ImageDigest::Registry;
use ImageDigest::Util qw(run);

my $user = $> ? undef : 'nobody';
my @as = $user ? (qw(setpriv --reuid nobody --regid nogroup --clear-groups))
               : ();
my ($status) = run(@as, qw(unshare --user --map-root-user --mount true));

plan skip_all => 'no user namespace may be made here' if $status;

my $podman = ImageDigest::Podman->start(user => $user);
my $registry = ImageDigest::Registry->start;
my $image = ImageDigest::Image->push($registry, 'app:1',
    platforms => ['linux/amd64', 'linux/arm64/v8']);
my $name = $registry->name('app:1');
my $cache = ImageDigest::Cache->start(
    resolver  => 'registry ' . $registry->host . " insecure;\n"
                 . 'engine podman ' . $podman->url . ";\ntimeout 20s;\n",
    locations => { i => 'image_digest $image engine=podman;'
                        . 'image_digest_timeout 20s; image_digest_ttl 0;' });

isnt +(stat $podman->socket)[4], 0, 'the socket is of no root' if $user;
is $cache->ask('i', $name)->{digest}, $image->digest, 'absent: pulled';
is_deeply [$podman->pulls(1)], [$name], '... once';
is $cache->ask('i', $name)->{digest}, $image->digest, 'there: what it has';
is $cache->ask('i', $registry->name('app:none'))->{error}, 'not_found',
    'no such tag';
$podman->import('localhost/own:1');
is $cache->ask('i', 'localhost/own:1')->{digest},
    $podman->inspect('localhost/own:1')->{Digest}, 'one of its own';

$podman->stop;
is $cache->ask('i', $name)->{error}, 'unreachable', 'stopped: unreachable';
$podman->start;
is $cache->ask('i', $name)->{digest}, $image->digest, 'started: a digest';

done_testing;
