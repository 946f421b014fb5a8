#!/usr/bin/perl

# docs/registries.md: credentials go to a token server on the registry's own
# host, or on one that the configuration lists (built in: docker.io to
# auth.docker.io); a realm that is no http URL is not asked.  Others:
# attack_realm_host, attack_realm_http, attack_realm_loopback.

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

# one certificate for all names, and all of them here; `far` is not loopback

my @names = qw(registry.test tokens.test auth.docker.io evil.test
               auth.docker.io.evil.test eviltokens.test);
my $tls = [certificate(@names)];
my $ca = $tls->[0];
my $token = sub { return [200, {}, '{"token":"t"}'] };
my $https = ImageDigest::FaultServer->start(http => $token, tls => $tls);
my $http = ImageDigest::FaultServer->start($token);
my ($s, $p) = map { $_->port } $https, $http;

# what it is called => the realm, with %s for the port of $https and %p of
# $http; whether the registry is https; more on the line; what comes of it:
# known, anonymous or refused

my @cases = (
    ['its own host',          'https://registry.test:%s/t', 1, '', 'known'],
    ['... in upper case',     'HTTPS://REGISTRY.TEST:%s/t', 1, '', 'known'],
    ['... by http, as it is', 'http://registry.test:%p/t', 0, '', 'known'],
    ['... by https instead',  'https://registry.test:%s/t', 0, '', 'known'],
    ['one that is named',     'https://tokens.test:%s/t', 1,
                              'realm=tokens.test', 'known'],
    ['... in upper case',     'https://Tokens.Test:%s/t', 1,
                              'realm=TOKENS.test', 'known'],
    ['... of several',        'https://tokens.test:%s/t', 1,
                              'realm=a.test realm=tokens.test', 'known'],
    ['a fragment',            'https://registry.test:%s/t#@evil.test', 1, '',
                              'refused'],
    ['a relative one',        '/t', 1, '', 'refused'],
    ['without a scheme',      'registry.test:%s/t', 1, '', 'refused'],
    ['a file',                'file:///etc/passwd', 1, '', 'refused'],
    ['another scheme',        'ftp://registry.test:%p/t', 1, '', 'refused'],
    ['gopher',                'gopher://registry.test:%p/_t', 0, '',
                              'refused'],
    ['blanks',                'https://registry.test:%s/t t', 1, '',
                              'refused'],
    ['not ASCII',             "https://registry.test:%s/\xc3\xa4", 1, '',
                              'refused'],
    ['a zone',                'https://[fe80::1%%25lo]:%s/t', 1, '',
                              'refused'],
    ['none',                  '', 1, '', 'refused'],
    # the rest: of docker.io
    ['Hub\'s',                'https://auth.docker.io:%s/t', 'hub', '',
                              'known'],
);

my @registries = map {
    my $i = $_;
    my (undef, $realm, $secure) = @{ $cases[$i] };

    $realm =~ s/%([sp%])/$1 eq 's' ? $s : $1 eq 'p' ? $p : '%'/ge;

    ImageDigest::FaultServer->start(http => sub {
        my ($req) = @_;

        return challenge(qq(Bearer realm="$realm",service="case$i"))
            unless $req->{headers}{authorization};
        return answer(manifest(image_of($req)));
    }, tls => $secure ? $tls : undef);
} 0 .. $#cases;

my $dir = tempdir();
my $basic = encode_base64('ci:secret', '');
my (@references, $conf);

for my $i (0 .. $#cases) {
    my (undef, undef, $secure, $more) = @{ $cases[$i] };
    my $host = 'registry.test:' . $registries[$i]->port;
    my $line = "registry $host";

    if ($secure eq 'hub') {
        $line = "registry docker.io endpoint=https://$host";
        $host = 'docker.io';
    }

    spit("$dir/$i", encode_json({ auths => { $host => { auth => $basic } } }));

    $conf .= "image_resolver r$i { zone 1m; timeout 20s; $line $more"
             . " credentials=$dir/$i "
             . ($secure ? "ca=$ca" : "ca=$ca insecure") . "; }\n";
    push @references, "$host/library/app:1";
}

my $cache = ImageDigest::Names->new(map { $_ => '127.0.0.1' } @names)
    ->around(sub {
        ImageDigest::Cache->start(
            more      => $conf,
            locations => { map {
                ("i$_" => "image_digest \$image resolver=r$_;"
                          . 'image_digest_timeout 20s;') } 0 .. $#cases });
    });

for my $i (0 .. $#cases) {
    my ($what, undef, $secure, undef, $then) = @{ $cases[$i] };

    my ($c, $d) = map { $_->connections } $http, $https;
    my $answer = $cache->ask("i$i", $references[$i]);
    my @asked = map { $_->requests(sub {
        $_->{path} =~ /service=case$i&/ }) } $http, $https;

    $what = ($secure eq 'hub' ? 'docker.io, ' : '') . "$what: $then";

    if ($then eq 'refused') {
        is $answer->{error}, 'unauthorized', $what;
        is @asked, 0, '... and not asked';
        is $http->connections + $https->connections, $c + $d,
            '... nor connected to';
        next;
    }

    is $answer->{digest}, digest_of('library/app:1'), $what;
    is @asked, 1, '... asked once';
    is $asked[0]{headers}{authorization},
        $then eq 'known' ? "Basic $basic" : undef, '... as it should be';
    is $registries[$i]->requests(sub {
           ($_->{headers}{authorization} // '') !~ /^(?:Bearer t)?$/ }), 0,
        '... and the registry sees a token alone';
}

done_testing;
