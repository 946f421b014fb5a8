#!/usr/bin/perl

# `nginx -t` touches no network: no name is resolved, no connection made; and
# a Redis or a registry whose name has no address does not keep nginx from
# starting, reloading and serving.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use ImageDigest::Cache qw(tag_key);
use ImageDigest::FaultServer;
use ImageDigest::Util qw(wait_until);

# they take connections and never answer

my ($redis, $registry) = map { ImageDigest::FaultServer->start(
                                   raw => sub { sleep 60 }) } 1 .. 2;
my ($redis_port, $registry_port) = ($redis->port, $registry->port);

my $cache = ImageDigest::Cache->new(
    resolver  => <<"END",
redis     redis://127.0.0.1:$redis_port timeout=50ms;
registry  127.0.0.1:$registry_port insecure;
registry  localhost:$registry_port insecure;
registry  away.test endpoint=https://registry.invalid:5000 realm=token.invalid;
timeout   300ms;
END
    more      => <<'END',
image_resolver away {
    redis     redis://redis.invalid/3;
    registry  registry.invalid;
    timeout   300ms;
}

image_resolver tls {
    redis     rediss://user@redis.invalid:6380 password=x;
    registry  registry.invalid;
}

image_resolver socket {
    redis     unix:@DIR@/none.sock;
    registry  *;
}
END
    locations => {
        i => 'image_digest_fallback tag window=off;',
        j => 'image_digest $image resolver=away; '
             . 'image_digest_fallback tag window=off;',
    });

my $begin = time;
my ($status, $text) = $cache->conf_test;

is $status, 0, 'nginx -t' or diag $text;
unlike $text, qr/\[(?:warn|error|crit|alert|emerg)\]/, 'in silence';
cmp_ok time - $begin, '<', 5, 'without waiting for a name';
is $redis->connections, 0, 'Redis was not asked';
is $registry->connections, 0, 'the registry neither';

$cache->start;
pass 'nginx starts';

my $hex = '0123456789abcdef' x 4;

is $cache->ask('i', "app\@sha256:$hex")->{status}, 'PINNED', 'and serves';
is $registry->connections, 0, 'no registry is asked for a pinned image';

my $got = $cache->ask('j', 'registry.invalid/app:1');

is $got->{status}, 'FALLBACK', 'a registry without an address';
like $got->{error}, qr/^(?:unreachable|timeout)$/, '    is why';
is $got->{key}, tag_key('registry.invalid/app:1', resolver => 'away',
                        window => ''), '    by tag';

$cache->reload;
is $cache->ask('i', "app\@sha256:$hex")->{status}, 'PINNED', 'after a reload';

# and what would have been seen

is $cache->ask('i', "127.0.0.1:$registry_port/app:1")->{error}, 'timeout',
    'an image of the registry';
is $registry->connections, 1, 'asks it';
ok wait_until { $redis->connections };

done_testing;
