#!/usr/bin/perl

# docs/directives.md, proxy: registries, their mirrors, token servers and what
# they redirect to are asked through the proxy, which looks their names up.
# The proxy's own failures are the registry's: unreachable.  The environment
# does not count.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest digest_of answer image_of challenge);
use ImageDigest::Names;
use ImageDigest::Util qw(certificate free_port tempdir spit slurp spawn alive
                         wait_until);

my @names = qw(registry.test mirror.test tokens.test other.test plain.test);
my $tls = [certificate(@names)];

# tinyproxy alone knows the names

my $dir = tempdir();
my $port = free_port();

spit("$dir/conf", <<"END");
Port $port
Listen 127.0.0.1
Timeout 60
LogFile "$dir/log"
LogLevel Connect
MaxClients 100
BasicAuth ci p4ss-w0rd
END

my $proxy = ImageDigest::Names->new(map { $_ => '127.0.0.1' } @names)
    ->around(sub { spawn("$dir/out", 'tinyproxy', '-d', '-c', "$dir/conf") });

wait_until {
    alive($proxy) or die "tinyproxy does not start:\n" . slurp("$dir/out");
    IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port);
} 'tinyproxy to start';

my $tokens = ImageDigest::FaultServer->start(tls => $tls, http => sub {
    return [200, {}, '{"token":"t"}'];
});
my $other = ImageDigest::FaultServer->start(tls => $tls, http => sub {
    return answer(manifest('moved'));
});
my $mirror = ImageDigest::FaultServer->start(tls => $tls, http => sub {
    return [404, {}, "no\n"];
});

my $serve = sub {
    my ($req) = @_;

    return challenge('Bearer realm="https://tokens.test:'
                     . $tokens->port . '/t"')
        unless $req->{headers}{authorization};
    return [302, { Location => 'https://other.test:' . $other->port . '/m' }]
        if $req->{path} =~ /moved/;
    return answer(manifest(image_of($req)));
};
my $registry = ImageDigest::FaultServer->start(tls => $tls, http => $serve);
my $plain = ImageDigest::FaultServer->start($serve);

my ($host, $http) = ('registry.test:' . $registry->port,
                     'plain.test:' . $plain->port);
my $nobody = ImageDigest::FaultServer->start(sub { [503, {}, "no\n"] });
my $lines = "registry $host ca=$tls->[0] mirror=https://mirror.test:"
            . $mirror->port . ";\n"
            . "registry $http insecure ca=$tls->[0];\ntimeout 20s;\n";

my $cache = do {
    local @ENV{qw(http_proxy https_proxy HTTPS_PROXY ALL_PROXY)}
        = ($nobody->url) x 4;
    local @ENV{qw(no_proxy NO_PROXY)} = ('*') x 2;

    # "-": no such name

    ImageDigest::Names->new(map { $_ => '-' } @names)->around(sub {
        ImageDigest::Cache->start(
            main      => join("\n", map { "env $_;" } qw(http_proxy
                              https_proxy HTTPS_PROXY ALL_PROXY no_proxy
                              NO_PROXY)),
            resolver  => $lines . "proxy http://ci:p4ss-w0rd\@127.0.0.1:"
                         . "$port;",
            more      => "image_resolver off { zone 1m; $lines proxy off; }\n"
                         . "image_resolver wrong { zone 1m; $lines"
                         . " proxy http://ci:wrong\@127.0.0.1:$port; }\n",
            locations => {
                i     => 'image_digest_timeout 20s;',
                off   => 'image_digest $image resolver=off;'
                         . 'image_digest_timeout 20s;',
                wrong => 'image_digest $image resolver=wrong;'
                         . 'image_digest_timeout 20s;',
            });
    });
};

is $cache->ask('i', "$host/app:1")->{digest}, digest_of('app:1'), 'by https';
is $cache->ask('i', "$host/app:moved")->{digest}, digest_of('moved'),
    'with a redirect';
is $cache->ask('i', "$http/app:1")->{digest}, digest_of('app:1'), 'by http';

for (['the registry', $registry, $host], ['the mirror', $mirror],
     ['the token server', $tokens], ['what is redirected to', $other],
     ['a registry of http', $plain])
{
    my ($what, $server) = @$_;

    cmp_ok +(() = $server->requests), '>=', 1, "$what was asked";
}

my $log = slurp("$dir/log");

for my $name (@names) {
    like $log, qr/(?:CONNECT |http:\/\/)\Q$name\E:/,
        "$name through the proxy";
}

is $cache->ask('off', "$host/app:1")->{error}, 'unreachable',
    'without one the names are not known';
is $cache->ask('wrong', "$host/app:1")->{error}, 'unreachable',
    'the proxy refuses';
is $nobody->connections, 0, 'the environment names nobody';

my $before = () = $registry->requests;

ImageDigest::Util::stop($proxy);

is $cache->ask('i', "$host/app:2")->{error}, 'unreachable',
    'the proxy is down';
is +(() = $registry->requests), $before, '... and nothing goes past it';

unlike $cache->log, qr{p4ss|ci:wrong}, 'the log has no password';

done_testing;
