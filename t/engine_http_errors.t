#!/usr/bin/perl

# docs/engines.md: how the engine "http" fails, and as what. Nothing of it is
# a digest, and the worker, the only one, serves others meanwhile.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;
use Time::HiRes qw(sleep time);

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Util qw(certificate spit tempdir);

my $digest = 'sha256:' . sha256_hex('an image');
my $token = tempdir() . '/token';
my ($crt, $key) = certificate();
my ($other) = certificate('other.test');

spit($token, 'Resolver-Secret');

my $answer = sub {
    my ($req) = @_;
    my ($status, $headers, $body) = @{ $req->{state}{answer} || [] };

    sleep 60 if $req->{state}{hangs};

    if ($req->{state}{raw}) {
        print { $req->{socket} } $req->{state}{raw};
        return;
    }

    return [$status // 200, $headers || {},
            $body // qq({"digest":"$digest"})];
};

my $server = ImageDigest::FaultServer->start($answer);
my $secure = ImageDigest::FaultServer->start(http => $answer,
                                             tls => [$crt, $key]);
my $elsewhere = ImageDigest::FaultServer->start($answer);
my $url = $server->url('/{image}');
my $cache = ImageDigest::Cache->start(
    resolver  => "timeout 20s;\n"
                 . "engine http \"$url\" token=$token;\n"
                 . 'engine system "' . $secure->url('/{image}')
                 . "\" type=http;\n"
                 . 'engine other "' . $secure->url('/{image}')
                 . "\" type=http ca=$other;\n",
    more      => join('', map {
        "image_resolver $_->[0] {\nengine http \"$url\";\n"
        . "timeout $_->[1];\n}\n" } ['hasty', '300ms'], ['limited', '20s']),
    locations => { plain => 'image_digest off; image_digest_key x;', map {
        ($_->[0] => "image_digest \$image engine=$_->[1]"
                    . " resolver=$_->[2];"
                    . 'image_digest_timeout 20s; image_digest_ttl 0;') }
        ['i', 'http', 'default'], ['h', 'http', 'hasty'],
        ['l', 'http', 'limited'], ['s', 'system', 'default'],
        ['o', 'other', 'default'] });

my $location = { Location => $elsewhere->url('/a') };
my $hex = sha256_hex('an image');

# what it is, the answer, and the reason

for (['401', [401], 'unauthorized'],
     ['403', [403], 'unauthorized'],
     ['404', [404], 'not_found'],
     ['410', [410], 'bad_response'],
     ['500', [500], 'bad_response'],
     ['503', [503], 'bad_response'],
     ['201 with a digest', [201], 'bad_response'],
     ['204', [204], 'bad_response'],
     map({ ["a $_", [$_, $location], 'bad_response'] } 301, 302, 307, 308),
     ['nothing', [200, {}, ''], 'bad_response'],
     ['text', [200, {}, $digest], 'bad_response'],
     ['a login page', [200, {}, '<html>sign in</html>'], 'bad_response'],
     ['no member', [200, {}, '{"Digest":"' . $digest . '"}'],
      'bad_response'],
     ['null', [200, {}, '{"digest":null}'], 'bad_response'],
     ['a list', [200, {}, qq({"digest":["$digest"]})], 'bad_response'],
     ['a member twice', [200, {},
        qq({"digest":"$digest","digest":"$digest"})], 'bad_response'],
     ['two documents', [200, {}, qq({"digest":"$digest"}) x 2],
      'bad_response'],
     map({ ["a digest of $_->[0]", [200, {}, qq({"digest":"$_->[1]"})],
            'bad_response'] }
         ['hex alone', $hex], ['upper case', 'sha256:' . uc $hex],
         ['too few digits', 'sha256:' . substr($hex, 1)],
         ['too many', "sha256:${hex}0"], ['another algorithm', "md5:$hex"],
         ['a path', "sha256:../../$hex"], ['NUL', "sha256:$hex\\u0000"],
         ['a line', "sha256:$hex\\r\\nX: y"], ['nothing', '']),
     ['gzip', [200, { 'Content-Encoding' => 'gzip' }, "\x1f\x8b\x08"],
      'bad_response'],
     ['64 KiB and a byte', [200, {}, qq({"digest":"$digest"})
        . ' ' x (65537 - length qq({"digest":"$digest"}))], 'bad_response'],
     ['depth', [200, {}, '{"x":' . '[' x 30000 . ']' x 30000
                         . qq(,"digest":"$digest"})], 'bad_response'])
{
    my ($what, $with, $reason) = @$_;

    $server->set(answer => $with);

    my $got = $cache->ask('i', 'a:1');

    is $got->{error}, $reason, "$what: $reason";
    is $got->{digest}, '', '... no digest';
    is $got->{status}, 'FALLBACK', '... status';
}

is +(() = $elsewhere->requests), 0, 'no redirect was followed';

$server->set(answer => [200, {}, qq({"digest":"$digest"})
                        . ' ' x (65536 - length qq({"digest":"$digest"}))]);
is $cache->ask('i', 'a:1')->{digest}, $digest, '64 KiB are read';

$server->set(answer => undef);
is $cache->ask('i', 'a:1')->{digest}, $digest, 'when all is well, a digest';

# what is no HTTP

for (['no HTTP', "SSH-2.0-x\r\n"],
     ['a header without an end', "HTTP/1.1 200 OK\r\nX: " . 'x' x 200_000],
     ['a body that is cut off',
      "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"digest\":\"$digest\"}"])
{
    my ($what, $raw) = @$_;

    $server->set(raw => $raw);

    my $got = $cache->ask('i', 'a:1');

    like $got->{error}, qr/^(?:bad_response|unreachable)$/, $what;
    is $got->{digest}, '', '... no digest';
}

$server->set(raw => undef);

# TLS

for (['s', 'the system\'s authorities'], ['o', 'another authority']) {
    is $cache->ask($_->[0], 'a:1')->{error}, 'tls', "$_->[1]: tls";
}

is +(() = $secure->requests), 0, 'nothing was sent there';

# too many requests

$server->set(answer => [429, { 'Retry-After' => 17 }]);
is $cache->ask('l', 'a:1')->{error}, 'rate_limited', '429: rate_limited';

my $before = () = $server->requests;

is $cache->ask('l', 'a:1')->{error}, 'rate_limited', '... for a while';
is $cache->ask('l', 'ghcr.io/x/b:1')->{error}, 'rate_limited',
    '... for all images';
is +(() = $server->requests), $before, '... in which it is left alone';

# no answer

$server->set(answer => undef, hangs => 1);

my $began = time;
my $held = $cache->send('h', 'a:1');

is $cache->ask('plain', 'x')->{code}, 200, 'others are served meanwhile';
is $cache->wait_for($held)->{error}, 'timeout', 'one that hangs: timeout';
cmp_ok time - $began, '<', 10, '... in time';

$server->stop->set(hangs => 0);
is $cache->ask('i', 'a:1')->{error}, 'unreachable', 'stopped: unreachable';
$server->start;
is $cache->ask('i', 'a:1')->{digest}, $digest, 'started again: a digest';

$cache->stop;
unlike $cache->log, qr/Secret/, 'no token in the log';

done_testing;
