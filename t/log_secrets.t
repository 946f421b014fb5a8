#!/usr/bin/perl

# Logs: no password, no token and nothing that they could be read from at any
# level, debug among them; neither where they are right nor where not.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Mojo::JSON qw(encode_json);
use Mojo::Util qw(b64_encode);
use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Image;
use ImageDigest::Redis;
use ImageDigest::Registry;
use ImageDigest::Util qw(spit tempdir);

my $dir = tempdir();

my $type = 'application/vnd.oci.image.manifest.v1+json';
my $manifest = encode_json({
    schemaVersion => 2, mediaType => $type, layers => [],
    config => { mediaType => 'application/vnd.oci.image.config.v1+json',
                size => 2, digest => 'sha256:' . sha256_hex('{}') },
});

my %secrets = (
    basic   => 'Basic-Secret-1',
    wrong   => 'Wrong-Secret-2',
    account => 'Account-Secret-3',
    bearer  => 'Bearer-Secret-4',
    redis   => 'Redis-Secret-5',
    refused => 'Refused-Secret-6',
    refresh => 'Identity-Secret-7',
);


sub auth { return b64_encode("user-name:$_[0]", '') }


# a registry with Basic authentication

my $basic = ImageDigest::Registry->start(
    users => { 'user-name' => $secrets{basic} });

ImageDigest::Image->push($basic, 'app:1');

# and one with Bearer tokens

my $bearer = ImageDigest::FaultServer->start(sub {
    my ($req) = @_;
    my $given = $req->{headers}{authorization} // '';

    return [200, { 'Content-Type' => 'application/json' },
            encode_json({ token => $secrets{bearer}, expires_in => 300 })]
        if $req->{path} =~ m{^/token}
           && $given eq 'Basic ' . auth($secrets{account});

    return [401, {}, "no\n"] if $req->{path} =~ m{^/token};

    return [401, { 'WWW-Authenticate' => qq(Bearer realm="http://)
                   . "$req->{headers}{host}/token\",service=\"test\"" }, "no\n"]
        unless $given eq "Bearer $secrets{bearer}";

    return [200, { 'Content-Type' => $type, 'Docker-Content-Digest' =>
                       'sha256:' . sha256_hex($manifest) }, $manifest];
});

my $bearer_host = '127.0.0.1:' . $bearer->port;

spit("$dir/right.json", encode_json({ auths => {
    $basic->host => { auth => auth($secrets{basic}) },
    $bearer_host => { auth => auth($secrets{account}) },
} }));
spit("$dir/wrong.json", encode_json({ auths => {
    $basic->host => { username => 'user-name', password => $secrets{wrong} },
    $bearer_host => { auth => auth($secrets{wrong}) },
} }));
spit("$dir/identity.json", encode_json({ auths => {
    $bearer_host => { auth => b64_encode('<token>:', ''),
                      identitytoken => $secrets{refresh} },
} }));
spit("$dir/password", "$secrets{redis}\n");

my $redis = ImageDigest::Redis->start(
    args => ['--requirepass', $secrets{redis}]);

sub registries {
    my ($file) = @_;

    return join '', map { "registry $_ insecure credentials=$dir/$file;\n" }
                    @_ > 1 ? $bearer_host : ($basic->host, $bearer_host);
}

my $cache = ImageDigest::Cache->start(
    level     => 'debug',
    resolver  => registries('right.json')
                 . 'redis ' . $redis->url
                 . " password_file=$dir/password timeout=5s;",
    more      => "image_resolver wrong {\n" . registries('wrong.json')
                 . 'redis ' . $redis->tcp_url
                 . " password=$secrets{refused} timeout=5s;\n}\n"
                 . "image_resolver identity {\n"
                 . registries('identity.json', 1) . "}\n",
    locations => {
        i => 'image_digest_ttl $arg_ttl; image_digest_timeout 10s;',
        w => 'image_digest $image resolver=wrong; image_digest_timeout 10s;',
        t => 'image_digest $image resolver=identity; image_digest_timeout 10s;',
    });

for (qw(1h 0s)) {
    is $cache->ask('i', $basic->name('app:1'), artifact => "x?ttl=$_")
        ->{status}, 'RESOLVED', 'Basic';
    is $cache->ask('i', "$bearer_host/app:1", artifact => "x?ttl=$_")
        ->{status}, 'RESOLVED', 'Bearer';
}

is $cache->ask('w', $basic->name('app:1'))->{error}, 'unauthorized',
    'a wrong password';
is $cache->ask('w', "$bearer_host/app:1")->{error}, 'unauthorized',
    'one that the token server refuses';
is $cache->ask('t', "$bearer_host/app:1")->{error}, 'unauthorized',
    'an identity token that it refuses';

cmp_ok $redis->calls('evalsha') + $redis->calls('eval'), '>', 0,
    'Redis takes the password';
ok $cache->wait_for_log(qr/redis.*refused AUTH/), 'and refuses another';

my $log = $cache->log;

cmp_ok scalar(() = $log =~ /\[debug\]/g), '>', 100, 'a log at debug';
like $log, qr/\Q$bearer_host\E/, 'that has the registry';
like +join("\n", map { $_->{path} } $bearer->requests), qr{^/token}m,
    'and the token server was asked';

for my $name (sort keys %secrets) {
    my $secret = $secrets{$name};

    # base64 of the same at any offset

    my @coded = map { substr b64_encode('x' x $_ . $secret, ''), 4, 12 } 0 .. 2;

    is scalar(grep { index($log, $_) >= 0 } $secret, auth($secret), @coded), 0,
        "no $name";
}

unlike $log, qr/Authorization: (?!\*)\S/i, 'no such header';

$cache->stop;
unlike $cache->log, qr/-Secret-\d/, 'nothing at the end';

done_testing;
