#!/usr/bin/perl

# A challenge whose realm is plain http, of a registry that is not: nobody is
# asked, neither the registry's own host nor one that the configuration names.

use strict;
use warnings;

use Mojo::JSON qw(encode_json);
use MIME::Base64 qw(encode_base64);
use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest answer image_of challenge);
use ImageDigest::Names;
use ImageDigest::Util qw(certificate tempdir spit);

my @names = qw(registry.test tokens.test evil.test auth.docker.io);
my $tls = [certificate(@names)];
my $plain = ImageDigest::FaultServer->start(sub {
    return [200, {}, '{"token":"t"}'];
});

my $registry = ImageDigest::FaultServer->start(tls => $tls, http => sub {
    my ($req) = @_;

    my ($name) = $req->{path} =~ m{^/v2/([^/]+)/};

    return challenge(qq(Bearer realm="http://$name:) . $plain->port
                     . '/t",service="x"')
        unless $req->{headers}{authorization};
    return answer(manifest(image_of($req)));
});

my $host = 'registry.test:' . $registry->port;
my $dir = tempdir();
my $basic = encode_base64('ci:secret', '');

spit("$dir/config.json", encode_json({ auths => {
    map { $_ => { auth => $basic } } $host, 'docker.io' } }));

my $cache = ImageDigest::Names->new(map { $_ => '127.0.0.1' } @names)
    ->around(sub {
        ImageDigest::Cache->start(
            resolver  => "registry $host ca=$tls->[0] realm=tokens.test"
                         . " credentials=$dir/config.json;"
                         . "registry docker.io ca=$tls->[0]"
                         . " endpoint=https://$host realm=auth.docker.io"
                         . " credentials=$dir/config.json; timeout 20s;",
            locations => { i => 'image_digest_timeout 20s;' });
    });

for my $domain ($host, 'docker.io') {
    for my $name (@names) {
        is $cache->ask('i', "$domain/$name/app:1")->{error},
            'unauthorized', "$domain: $name by http";
    }
}

is $plain->connections, 0, 'nobody was connected to';
is $registry->requests(sub { $_->{headers}{authorization} }), 0,
    'nor did the registry see a secret';

done_testing;
