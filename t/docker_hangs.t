#!/usr/bin/perl

# Engine "docker": a daemon that hangs is a timeout, and costs the only worker
# nothing: other requests are answered meanwhile. It is asked again later.

use strict;
use warnings;

use Test::More;

use ImageDigest::Alone;
use ImageDigest::Cache;
use ImageDigest::Docker;
use ImageDigest::Origin;

my $docker = ImageDigest::Docker->start;
my $origin = ImageDigest::Origin->start;
my $cache = ImageDigest::Cache->start(
    resolver  => 'engine docker ' . $docker->url . " pull=never;\n"
                 . 'registry ' . $origin->host . " insecure;\n",
    more      => "image_resolver hasty {\nzone 1m;\nengine docker "
                 . $docker->url . " pull=never;\ntimeout 1s;\n}\n",
    locations => {
        short => 'image_digest $image engine=docker resolver=default;'
                 . 'image_digest_timeout 300ms; image_digest_ttl 0;',
        hasty => 'image_digest $image engine=docker resolver=hasty;'
                 . 'image_digest_timeout 20s; image_digest_ttl 0;',
        other => 'image_digest $image resolver=default;'
                 . 'image_digest_timeout 20s; image_digest_ttl 0;',
    });

$docker->import('local/app:1');

my $id = $docker->inspect('local/app:1')->{Id};

is $cache->ask('hasty', 'local/app:1')->{digest}, $id, 'it answers';

$docker->pause;

my ($short, $hasty) = map { $cache->send($_, 'local/app:1') }
                      qw(short hasty);
my $served = 0;

for (1 .. 20) {
    my $answer = $cache->ask('other', $origin->name('app:1'));

    $served++ if $answer->{digest} eq $origin->digest('app:1')
                 && $answer->{wait} < 0.3;
}

cmp_ok $served, '>=', 18, 'others are served meanwhile, at once';

$short = $cache->wait_for($short);
is $short->{status}, 'FALLBACK', 'it hangs: the request falls back';
is $short->{error}, 'timeout', '... reason';
cmp_ok $short->{wait}, '<', 3, '... in time';
is $cache->wait_for($hasty)->{error}, 'timeout', '... so ends the call';

$docker->resume;
is $cache->ask('hasty', 'local/app:1')->{digest}, $id, 'it answers again';

done_testing;
