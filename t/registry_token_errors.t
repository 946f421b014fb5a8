#!/usr/bin/perl

# What a token server may answer, and what comes of it.  docs/registries.md,
# failures others had: no redirects on token calls; unbounded bodies.

use strict;
use warnings;

use Mojo::JSON qw(encode_json);
use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest digest_of answer image_of challenge);

my $elsewhere = ImageDigest::FaultServer->start(sub {
    return [200, {}, '{"token":"t"}'];
});

my @cases = (
    ['a token'            => [200, {}, '{"token":"t"}'], ''],
    ['an access_token'    => [200, {}, '{"token":"","access_token":"t"}'], ''],
    ['an odd Content-Type' => [200, { 'Content-Type' => 'text/plain' },
                               '{"token":"t"}'], ''],
    ['400'                => [400, {}, "no\n"], 'bad_response'],
    ['401'                => [401, {}, "no\n"], 'unauthorized'],
    ['401 with a challenge' => challenge('Basic realm="x"'), 'unauthorized'],
    ['403'                => [403, {}, "no\n"], 'unauthorized'],
    ['404'                => [404, {}, "no\n"], 'bad_response'],
    ['500'                => [500, {}, "no\n"], 'bad_response'],
    ['204'                => [204, {}], 'bad_response'],
    (map { ["a redirect, $_" => [$_, { Location => $elsewhere->url('/t') },
                                 "no\n"], 'bad_response'] }
         301, 302, 303, 307, 308),
    ['nothing'            => [200, {}, ''], 'bad_response'],
    ['garbage'            => [200, {}, "\0\1\2"], 'bad_response'],
    ['an array'           => [200, {}, '["t"]'], 'bad_response'],
    ['no token'           => [200, {}, '{"expires_in":5}'], 'bad_response'],
    ['a number'           => [200, {}, '{"token":7}'], 'bad_response'],
    ['an empty token'     => [200, {}, '{"token":""}'], 'bad_response'],
    ['CR LF in it'        => [200, {}, encode_json({
                                  token => "t\r\nX-Injected: 1" })],
                             'bad_response'],
    ['a NUL in it'        => [200, {}, '{"token":"t\u0000"}'], 'bad_response'],
    ['2 MiB'              => [200, {}, encode_json({
                                  token => 't', x => 'x' x (2 << 20) })],
                             'bad_response'],
    ['a deep answer'      => [200, {}, '{"token":"t","x":' . '[' x 100000
                                       . ']' x 100000 . '}'],
                             'bad_response'],
    ['it hangs up'        => undef, 'unreachable'],
    # the last: all of the registry is limited then
    ['429'                => [429, { 'Retry-After' => 5 }, "no\n"],
                             'rate_limited'],
);

my $tokens = ImageDigest::FaultServer->start(sub {
    my ($req) = @_;

    my ($n) = $req->{path} =~ /scope=repository%3Aapp(\d+)%3Apull$/;

    return $cases[$n][1];
});

my $server = ImageDigest::FaultServer->start(sub {
    my ($req) = @_;

    return challenge('Bearer realm="' . $tokens->url('/token')
                     . '",service="s"') unless $req->{headers}{authorization};
    return answer(manifest(image_of($req)));
});

my $host = '127.0.0.1:' . $server->port;
my $cache = ImageDigest::Cache->start(
    resolver  => "registry $host insecure; timeout 20s;",
    locations => { i => 'image_digest_timeout 20s;' });

my ($worker) = $cache->workers;

for my $i (0 .. $#cases) {
    my ($what, undef, $error) = @{ $cases[$i] };

    my $before = () = $server->requests;
    my $answer = $cache->ask('i', "$host/app$i:1");

    is $answer->{error}, $error, "$what: " . ($error || 'resolved');
    is $answer->{digest}, $error ? '' : digest_of("app$i:1"), '... digest';

    next unless $error;

    is +(() = $server->requests) - $before, 1, '... the registry is left';

    # libcurl asks anew where a connection that was used before has ended

    is $tokens->requests(sub { $_->{path} =~ /app$i%/ }),
        $error eq 'unreachable' ? 2 : 1, '... and the token server';
}

is $elsewhere->connections, 0, 'no redirect was followed';
is_deeply [map { [sort keys %{ $_->{headers} }] }
           $server->requests(sub { $_->{headers}{'x-injected'} })], [],
    'no header was injected';
is_deeply [$cache->workers], [$worker], 'the worker lives';

done_testing;
