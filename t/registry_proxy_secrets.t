#!/usr/bin/perl

# docs/directives.md, proxy: the proxy sees no Authorization of an https
# registry, and the registry no Proxy-Authorization.

use strict;
use warnings;

use Mojo::JSON qw(encode_json);
use MIME::Base64 qw(encode_base64);
use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest digest_of answer image_of challenge);
use ImageDigest::Proxy;
use ImageDigest::Util qw(certificate tempdir spit);

my $tls = [certificate(qw(registry.test tokens.test))];
my $proxy = ImageDigest::Proxy->start;

my %challenge = (basic => 'Basic realm="x"');
my $tokens = ImageDigest::FaultServer->start(tls => $tls, http => sub {
    return [200, {}, '{"token":"the-token"}'];
});

$challenge{bearer} = 'Bearer realm="https://tokens.test:' . $tokens->port
                     . '/t"';

my $serve = sub {
    my ($req) = @_;

    my ($which) = $req->{path} =~ m{/(basic|bearer)/};

    return challenge($challenge{$which})
        unless ($req->{headers}{authorization} // '') =~ /^$which/i;
    return answer(manifest(image_of($req)));
};

my $registry = ImageDigest::FaultServer->start(tls => $tls, http => $serve);
my $plain = ImageDigest::FaultServer->start($serve);
my @hosts = map { 'registry.test:' . $_->port } $registry, $plain;
my $basic = encode_base64('ci:secret', '');
my $ours = encode_base64('us:hidden', '');
my $dir = tempdir();

spit("$dir/config.json", encode_json({ auths => {
    map { $_ => { auth => $basic } } @hosts } }));

my $cache = ImageDigest::Cache->start(
    level     => 'debug',
    resolver  => "registry $hosts[0] ca=$tls->[0] realm=tokens.test"
                 . " credentials=$dir/config.json;"
                 . "registry $hosts[1] ca=$tls->[0] realm=tokens.test"
                 . " credentials=$dir/config.json insecure;"
                 . 'proxy http://us:hidden@127.0.0.1:' . $proxy->port
                 . '; timeout 20s;',
    locations => { i => 'image_digest_timeout 20s;' });

for my $host (@hosts) {
    for my $which (qw(basic bearer)) {
        is $cache->ask('i', "$host/$which/app:1")->{digest},
            digest_of("$which/app:1"), "$which at $host";
    }
}

my @connects = $proxy->asked(sub { $_->{line} =~ /^CONNECT / });
my @plain = $proxy->asked(sub { $_->{line} !~ /^CONNECT / });

cmp_ok scalar @connects, '>=', 2, 'there were tunnels';
cmp_ok scalar @plain, '>=', 4, '... and plain requests';

for (@connects) {
    is $_->{headers}{'proxy-authorization'}, "Basic $ours",
        "$_->{line}: the proxy knows us";
    unlike $_->{head}, qr/^authorization:/mi, '... without Authorization';
    unlike $_->{head}, qr/\Q$basic\E|the-token/, '... nor any secret';
}

is scalar(grep { ($_->{headers}{'proxy-authorization'} // '')
                 ne "Basic $ours" } @plain), 0, 'plain ones say it, too';

for ($registry->requests, $tokens->requests) {
    my $text = encode_json($_);

    is index($text, $ours), -1, "$_->{method} $_->{path}: nothing of it";
    unlike $text, qr/proxy-/i, '... nor anything for a proxy';
}

is_deeply [sort keys %{{ map { ($_->{headers}{authorization} // '' => 1) }
                         $registry->requests }}],
    ['', "Basic $basic", 'Bearer the-token'],
    'the registry sees whom it should';

for my $secret ($basic, $ours, 'hidden', 'the-token') {
    unlike $cache->log, qr/\Q$secret\E/, 'the log, of level debug, has none';
}

done_testing;
