#!/usr/bin/perl

# `nginx -t` touches no network: no name is resolved, no connection made; and
# a Redis, a registry, a mirror, a proxy or an engine whose name has no address
# does not keep nginx from starting, reloading and serving.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use ImageDigest::Cache qw(tag_key);
use ImageDigest::FaultServer;
use ImageDigest::Names;
use ImageDigest::Util qw(spit tempdir wait_until);

# they take connections and never answer

my ($redis, $registry, $mirror, $proxy, $engine)
    = map { ImageDigest::FaultServer->start(raw => sub { sleep 60 }) } 1 .. 5;
my ($redis_port, $registry_port, $mirror_port, $proxy_port, $engine_port)
    = map { $_->port } $redis, $registry, $mirror, $proxy, $engine;
my $socket = ImageDigest::FaultServer->start(raw  => sub { sleep 60 },
                                             unix => 1);
my $path = $socket->socket;
my $token = tempdir() . '/token';

spit($token, 'token');

my $cache = ImageDigest::Cache->new(
    resolver  => <<"END",
redis     redis://127.0.0.1:$redis_port timeout=50ms;
registry  127.0.0.1:$registry_port insecure;
registry  localhost:$registry_port insecure;
registry  away.test endpoint=https://registry.invalid:5000 realm=token.invalid;
registry  mirrored.test mirror=http://127.0.0.1:$mirror_port insecure;
engine    docker unix:$path pull=never;
engine    podman tcp://127.0.0.1:$engine_port pull=never;
engine    kubernetes http://localhost:$engine_port;
engine    http "http://localhost:$engine_port/{image}";
timeout   300ms;
END
    more      => <<'END' =~ s/\@TOKEN\@/$token/gr =~ s/\@PROXY\@/$proxy_port/r,
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

image_resolver engines {
    registry    registry.invalid mirror=https://mirror.invalid/v2
                mirror=http://mirror.invalid insecure;
    proxy       http://user:password@proxy.invalid:3128;
    engine      docker tcp://docker.invalid:2375;
    engine      podman unix:@DIR@/none.sock;
    engine      kubernetes https://kubernetes.invalid token=@TOKEN@;
    engine      http "https://resolver.invalid/{image}" token=@TOKEN@;
    node        host.invalid;
}

image_resolver proxied {
    registry  registry.invalid;
    proxy     http://127.0.0.1:@PROXY@;
    timeout   300ms;
}
END
    locations => {
        i => 'image_digest_fallback tag window=off;',
        j => 'image_digest $image resolver=away; '
             . 'image_digest_fallback tag window=off;',
        k => 'image_digest $image resolver=proxied;',
        map({ ($_ => "image_digest \$image engine=$_;",
               "e$_" => "image_digest \$image engine=$_ resolver=engines;") }
            qw(docker podman kubernetes http)),
    });

# names that take their time, and then have no address

my @names = map { "$_.invalid" } qw(redis registry token mirror proxy docker
                                    kubernetes resolver);

sub with_names {
    my ($address, $code) = @_;

    return ImageDigest::Names->new(map { ($_ => $address) } @names)
                             ->around($code);
}

my $begin = time;
my ($status, $text) = with_names('- 30', sub { $cache->conf_test });

is $status, 0, 'nginx -t' or diag $text;
unlike $text, qr/\[(?:warn|error|crit|alert|emerg)\]/, 'in silence';
cmp_ok time - $begin, '<', 20, 'without asking for a name';
is $redis->connections, 0, 'Redis was not asked';
is $registry->connections, 0, 'the registry neither';
is $_->[0]->connections, 0, "nor $_->[1]" for (
    [$mirror, 'a mirror'], [$proxy, 'a proxy'], [$engine, 'an engine'],
    [$socket, 'a daemon\'s socket']);

with_names('-', sub { $cache->start });
pass 'nginx starts';

my $hex = '0123456789abcdef' x 4;

is $cache->ask('i', "app\@sha256:$hex")->{status}, 'PINNED', 'and serves';
is $registry->connections, 0, 'no registry is asked for a pinned image';

my $got = $cache->ask('j', 'registry.invalid/app:1');

is $got->{status}, 'FALLBACK', 'a registry without an address';
like $got->{error}, qr/^(?:unreachable|timeout)$/, '    is why';
is $got->{key}, tag_key('registry.invalid/app:1', resolver => 'away',
                        window => ''), '    by tag';

for my $name (qw(docker podman kubernetes http)) {
    like $cache->ask("e$name", 'registry.invalid/app:1')->{error},
        qr/^(?:unreachable|timeout)$/, "an engine without an address: $name";
}

$cache->reload;
is $cache->ask('i', "app\@sha256:$hex")->{status}, 'PINNED', 'after a reload';

# and what would have been seen

is $cache->ask('i', "127.0.0.1:$registry_port/app:1")->{error}, 'timeout',
    'an image of the registry';
is $registry->connections, 1, 'asks it';
ok wait_until { $redis->connections };

for (['i', $mirror, 'mirrored.test/app:1', 'a mirror'],
     ['k', $proxy, 'registry.invalid/app:1', 'a proxy'],
     ['docker', $socket, 'app:1', 'a daemon\'s socket'],
     ['podman', $engine, 'app:1', 'a daemon\'s port'])
{
    my ($location, $server, $image, $what) = @$_;

    like $cache->ask($location, $image)->{error},
        qr/^(?:unreachable|timeout)$/, "$what that does not answer";
    cmp_ok $server->connections, '>=', 1, '    was asked';
}

done_testing;
