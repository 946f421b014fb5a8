#!/usr/bin/perl

# Engine "docker": a daemon that is stopped is unreachable, and found again
# when it is back.

use strict;
use warnings;

use Test::More;

use ImageDigest::Alone;
use ImageDigest::Cache;
use ImageDigest::Docker;

my $docker = ImageDigest::Docker->start;
my $cache = ImageDigest::Cache->start(
    resolver  => 'engine docker ' . $docker->url . " pull=never;\n",
    locations => {
        i => 'image_digest $image engine=docker; image_digest_timeout 20s;',
        z => 'image_digest $image engine=docker; image_digest_timeout 20s;'
             . 'image_digest_ttl 0;',
    });

$docker->import('local/app:1');

my $id = $docker->inspect('local/app:1')->{Id};

is $cache->ask('i', 'local/app:1')->{digest}, $id, 'up';

$docker->stop;

my $answer = $cache->ask('z', 'local/app:1');

is $answer->{error}, 'unreachable', 'stopped';
is $answer->{status}, 'FALLBACK', '... status';
is $answer->{digest}, '', '... no digest';
is $cache->ask('i', 'local/app:1')->{status}, 'HIT', '... what is fresh';

$docker->start;
is $cache->ask('z', 'local/app:1')->{digest}, $id, 'up again';

# killed, with its socket left behind

kill KILL => $docker->{pid};
waitpid $docker->{pid}, 0;
ok -S $docker->socket, 'killed: a socket without a daemon';
is $cache->ask('z', 'local/app:1')->{error}, 'unreachable', '... unreachable';

$docker->stop;
$docker->start;
is $cache->ask('z', 'local/app:1')->{digest}, $id, '... and back';

done_testing;
