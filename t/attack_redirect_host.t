#!/usr/bin/perl

# A redirect to another host, port or scheme: none of the secrets goes there,
# whatever it is, and what that host answers starts no login there.

use strict;
use warnings;

use Mojo::JSON qw(encode_json);
use MIME::Base64 qw(encode_base64);
use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest digest_of answer image_of challenge);
use ImageDigest::Names;
use ImageDigest::Util qw(certificate tempdir spit);

my @names = qw(registry.test other.test registry.test.other.test);
my $tls = [certificate(@names, '127.0.0.1')];

# the other side: a document, or a challenge of its own

my $other = ImageDigest::FaultServer->start(tls => $tls, http => sub {
    my ($req) = @_;

    return challenge('Basic realm="x"') if $req->{path} =~ m{^/basic};
    return challenge('Bearer realm="' . $req->{state}{own} . '/token"')
        if $req->{path} =~ m{^/bearer};
    return answer(manifest('moved'));
});
my $registry = ImageDigest::FaultServer->start(tls => $tls, http => sub {
    my ($req) = @_;

    my ($kind, $i) = $req->{path} =~ m{/(\w+)/case(\d+)/};
    my $state = $req->{state};

    return [200, {}, '{"token":"token-secret","expires_in":300}']
        if $req->{path} =~ m{^/token};

    return challenge($kind eq 'basic' ? 'Basic realm="x"'
        : "Bearer realm=\"https://$state->{host}/token\",service=\"x\"")
        unless $req->{headers}{authorization};
    return [307, { Location => $state->{to}[$i] . $req->{path} }]
        if $state->{to}[$i];
    return answer(manifest(image_of($req)));
});

my $port = $other->port;
my $host = 'registry.test:' . $registry->port;

# where to => what comes of it

my @cases = (
    ["https://other.test:$port",               ''],
    ["https://registry.test:$port",            ''],
    ["https://registry.test.other.test:$port", ''],
    ["https://127.0.0.1:$port",                ''],
    ["//other.test:$port",                     ''],
    ["https://other.test:$port/basic",         'unauthorized'],
    ["https://other.test:$port/bearer",        'unauthorized'],
    ["https://registry.test:$port/basic",      'unauthorized'],
    ["https://$host\@other.test:$port",        'bad_response'],
    ["http://other.test:$port",                'bad_response'],
    ["http://$host",                           'bad_response'],
);

$registry->set(host => $host, to => [map { $_->[0] } @cases]);
$other->set(own => "https://other.test:$port");

my %secrets = (
    basic    => { auth => encode_base64('ci:basic-secret', '') },
    bearer   => { auth => encode_base64('ci:basic-secret', '') },
    identity => { identitytoken => 'refresh-secret' },
    registry => { registrytoken => 'registry-secret' },
);
my $dir = tempdir();
my ($conf, %locations) = ('');

for my $kind (sort keys %secrets) {
    spit("$dir/$kind", encode_json({ auths => {
        $host => $secrets{$kind} } }));

    $conf .= "image_resolver $kind { zone 1m; timeout 20s; registry $host"
             . " ca=$tls->[0] credentials=$dir/$kind; }\n";
    $locations{$kind} = "image_digest \$image resolver=$kind;"
                        . 'image_digest_timeout 20s;';
}

my $cache = ImageDigest::Names->new(map { $_ => '127.0.0.1' } @names)
    ->around(sub {
        ImageDigest::Cache->start(more => $conf, locations => \%locations);
    });

for my $kind (sort keys %secrets) {
    for my $i (0 .. $#cases) {
        my ($to, $error) = @{ $cases[$i] };
        my $answer = $cache->ask($kind, "$host/$kind/case$i/app:1");

        is $answer->{error}, $error, "$kind, $to: " . ($error || 'followed');
        is $answer->{digest}, $error ? '' : digest_of('moved'), '... digest';
    }

    cmp_ok +(() = $registry->requests(sub {
        $_->{path} =~ m{/$kind/} && $_->{headers}{authorization} })), '>=',
        @cases, 'the registry knew who asked, each time';
}

cmp_ok +(() = $other->requests), '>=', 8 * keys %secrets,
    'the other side was asked';
is $other->requests(sub { $_->{path} =~ m{^/token} }), 0,
    '... though not for a token';
is $other->requests(sub {
    my $text = encode_json($_);
    $text =~ /authorization|secret/
        || grep { index($text, $_->{auth} // "\0") >= 0 } values %secrets;
}), 0, '... and saw no secret';

done_testing;
