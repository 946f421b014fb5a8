#!/usr/bin/perl

# A challenge whose realm is on another host (CVE-2026-33540): that token
# server is asked as nobody, or not at all, whatever the secret is; names are
# compared whole, by the parser that connects.

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

my @names = qw(registry.test tokens.test evil.test eviltokens.test
               registry.test.evil.test xregistry.test auth.docker.io
               auth.docker.io.evil.test);
my $tls = [certificate(@names, '127.0.0.1')];
my $evil = ImageDigest::FaultServer->start(tls => $tls, http => sub {
    return [200, {}, '{"token":"t"}'];
});
my $port = $evil->port;

# what it is called => the realm; "asked" as nobody, or "refused"

my @cases = (
    ['another host'          => "https://evil.test:$port/t", 'asked'],
    ['a longer one'          => "https://registry.test.evil.test:$port/t",
                                'asked'],
    ['a prefix to it'        => "https://xregistry.test:$port/t", 'asked'],
    ['a named one\'s suffix' => "https://eviltokens.test:$port/t", 'asked'],
    ['Hub\'s, of another'    => "https://auth.docker.io:$port/t", 'asked'],
    ['an address'            => "https://127.0.0.1:$port/t", 'asked'],
    ['a user'                => "https://registry.test\@evil.test:$port/t",
                                'refused'],
    ['a user and password'   => "https://registry.test:443\@evil.test:$port/",
                                'refused'],
    ['a backslash'           =>
     "https://evil.test:$port\\\\\@registry.test/t", 'refused'],
    ['a fragment'            => "https://evil.test:$port#\@registry.test/t",
                                'refused'],
    ['one in the query'      => "https://evil.test:$port?\@registry.test/t",
                                'asked'],
    ['of Hub, a longer one'  => "https://auth.docker.io.evil.test:$port/t",
                                'asked'],
);

my $registry = ImageDigest::FaultServer->start(tls => $tls, http => sub {
    my ($req) = @_;

    my ($i) = $req->{path} =~ m{/case(\d+)/};

    return challenge(qq(Bearer realm="$cases[$i][1]",service="case$i"))
        unless ($req->{headers}{authorization} // '') eq 'Bearer t';
    return answer(manifest(image_of($req)));
});

# each secret in a file of its own, for the registry and for Docker Hub

my %secrets = (
    basic    => { auth => encode_base64('ci:secret', '') },
    identity => { auth => encode_base64('<token>:', ''),
                  identitytoken => 'refresh-secret' },
);
my $host = 'registry.test:' . $registry->port;
my $dir = tempdir();
my ($conf, %locations) = ('');

for my $kind (sort keys %secrets) {
    spit("$dir/$kind", encode_json({ auths => {
        $host => $secrets{$kind},
        'https://index.docker.io/v1/' => $secrets{$kind} } }));

    $conf .= "image_resolver $kind { zone 1m; timeout 20s;"
             . " registry $host ca=$tls->[0] realm=tokens.test"
             . " credentials=$dir/$kind; registry docker.io ca=$tls->[0]"
             . " endpoint=https://$host credentials=$dir/$kind; }\n";
    $locations{$kind} = "image_digest \$image resolver=$kind;"
                        . 'image_digest_timeout 20s;';
}

my $cache = ImageDigest::Names->new(map { $_ => '127.0.0.1' } @names)
    ->around(sub {
        ImageDigest::Cache->start(more => $conf, locations => \%locations);
    });

for my $kind (sort keys %secrets) {
    for my $i (0 .. $#cases) {
        my ($what, undef, $then) = @{ $cases[$i] };
        my $name = $what =~ /^of Hub/ ? 'docker.io' : $host;
        my $before = $evil->connections;
        my $answer = $cache->ask($kind, "$name/case$i/app:$kind");
        my @asked = $evil->requests(sub {
            $_->{path} =~ /service=case$i&/ });

        if ($then eq 'refused') {
            is $answer->{error}, 'unauthorized', "$kind, $what: refused";
            is $evil->connections, $before, '... and not connected to';
            next;
        }

        is $answer->{digest}, digest_of("case$i/app:$kind"),
            "$kind, $what: asked";
        is_deeply [grep { $_->{method} ne 'GET'
                          || $_->{headers}{authorization} } @asked], [],
            '... as nobody';
    }
}

is $evil->requests(sub {
    my $text = encode_json($_);
    $text =~ /secret|authorization/ || $text =~ /\Q$secrets{basic}{auth}\E/;
}), 0, 'no secret is anywhere in a request to it';
is $registry->requests(sub {
    ($_->{headers}{authorization} // '') !~ /^(?:Bearer t)?$/ }), 0,
    'nor does the registry see more than a token';

done_testing;
