#!/usr/bin/perl

# docs/registries.md: a token is used until shortly before it expires, by the
# clock (ECR Public answers 400 without a challenge when it has); expires_in
# is 60 by default and at the least.  A lesser grant still answers 200: bound
# the retries.

use strict;
use warnings;

use Mojo::JSON qw(encode_json);
use Test::More;

use ImageDigest::Cache;
use ImageDigest::Clock;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest digest_of answer image_of challenge);

my $tokens = ImageDigest::FaultServer->start(sub {
    my ($req) = @_;

    return [200, {}, encode_json({ token => "t$req->{number}",
                                   %{ $req->{state}{more} || {} } })];
});

my $realm = 'Bearer realm="' . $tokens->url('/token') . '",service="s"';
my $server = ImageDigest::FaultServer->start(sub {
    my ($req) = @_;

    my ($number) = ($req->{headers}{authorization} // '') =~ /^Bearer t(\d+)$/;
    my $state = $req->{state};

    return challenge($realm) unless $number;

    if ($state->{revoked} && $number <= $state->{revoked}) {
        return [400, {}, "no\n"] if $state->{ecr};
        return challenge("$realm,error=\"invalid_token\"");
    }

    return challenge("$realm,error=\"insufficient_scope\"")
        if $state->{lesser};
    return answer(manifest(image_of($req)));
});

my $host = '127.0.0.1:' . $server->port;
my $clock = ImageDigest::Clock->new;
my $cache = $clock->around(sub {
    ImageDigest::Cache->start(
        resolver  => "registry $host insecure; timeout 20s; negative_ttl 1s;",
        locations => { i => 'image_digest_ttl 0; image_digest_timeout 20s;' })
});

my $n = 0;

# asks for app:1, and tells how many requests both servers got

my $asked = sub {
    my ($error, $registry, $token, $what) = @_;

    my ($r, $t) = map { scalar(() = $_->requests) } $server, $tokens;
    my $answer = $cache->ask('i', "$host/app:1");

    is $answer->{error}, $error, "$what: " . ($error || 'resolved');
    is $answer->{digest}, digest_of('app:1'), '... right' unless $error;
    is +(() = $server->requests) - $r, $registry, "... registry: $registry";
    is +(() = $tokens->requests) - $t, $token, "... token server: $token";
};

$asked->('', 3, 1, 'at first');
$asked->('', 1, 0, 'again');

$clock->advance(40);
$asked->('', 1, 0, 'after 40 seconds');
$clock->advance(21);
$asked->('', 2, 1, 'after a minute, by default');

for (['300 seconds'       => 300,   200, 301],
     ['less than 60'      => 1,     40,  61],
     ['nonsense'          => 'x',   40,  61],
     ['a negative number' => -5,    40,  61],
     ['a huge number'     => 1e300, 20 * 3600, 25 * 3600])
{
    my ($what, $seconds, $used, $not) = @$_;

    # the last one is still there

    $clock->advance(26 * 3600);
    $tokens->set(more => { expires_in => $seconds });
    $asked->('', 2, 1, "expires_in of $what");
    $clock->advance($used);
    $asked->('', 1, 0, "$what, after $used seconds");
    $clock->advance($not - $used);
    $asked->('', 2, 1, "$what, after $not seconds");
}

my $last = sub { return scalar(() = $tokens->requests) };

$tokens->set(more => { expires_in => 3600 });
$clock->advance(26 * 3600);
$asked->('', 2, 1, 'a long one');

$server->set(revoked => $last->());
$asked->('', 2, 1, 'revoked');
$asked->('', 1, 0, 'the new one');

$server->set(revoked => $last->(), ecr => 1);
$asked->('', 3, 1, 'revoked, answered by 400');
$asked->('', 1, 0, 'the new one');

$server->set(revoked => 1e9, ecr => 0);
$asked->('unauthorized', 2, 1, 'no token is good');
$asked->('unauthorized', 2, 1, 'still');
$server->set(ecr => 1);
$asked->('bad_response', 2, 1, 'no token is good, answered by 400');
$server->set(revoked => 0, lesser => 1);
$clock->advance(26 * 3600);
$asked->('unauthorized', 2, 1, 'a lesser grant');
$server->set(lesser => 0);
$asked->('', 2, 1, 'well again');

done_testing;
