#!/usr/bin/perl

# docs/directives.md: after image_digest_timeout a request falls back;
# `timeout` bounds one call, token and redirects included.  Reason: timeout.
# The worker, the only one, answers others meanwhile.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest digest_of answer image_of challenge);
use ImageDigest::Util qw(certificate wait_until);

my $drip = sub {
    my ($socket, $text, @again) = @_;

    for (split(//, $text), (@again) x 3000) {
        print $socket $_ or last;
        sleep 0.05;
    }

    return;
};

my $ok = "HTTP/1.1 200 OK\r\n";
my $type = 'Content-Type: application/vnd.oci.image.manifest.v1+json';

# in a registry's words, by the tag

my %http = (
    hangs        => sub { sleep 60; return },
    drips        => sub { $drip->($_[0]{socket}, $ok, "X: 1\r\n") },
    'slow-line'  => sub { $drip->($_[0]{socket}, $ok . 'X: ', 'x') },
    body         => sub { print { $_[0]{socket} } "$ok$type\r\n"
                              . "Content-Length: 9999\r\n\r\n";
                          $drip->($_[0]{socket}, '{', ' ') },
    chunks       => sub { print { $_[0]{socket} } "$ok$type\r\n"
                              . "Transfer-Encoding: chunked\r\n\r\n";
                          $drip->($_[0]{socket}, '', "1\r\n \r\n") },
    continues    => sub { $drip->($_[0]{socket}, '',
                                  "HTTP/1.1 100 Continue\r\n\r\n") },
    redirects    => sub { sleep 0.8;
                          [302, { Location => '/v2/app/manifests/redirects' },
                           ''] },
    token        => sub { challenge('Bearer realm="http://127.0.0.1:'
                          . "$_[0]{state}{port}/v2/app/manifests/hangs\"") },
);

my $server = ImageDigest::FaultServer->start(sub {
    my ($req) = @_;

    my ($tag) = $req->{path} =~ m{manifests/([a-z-]+)};

    return [405, {}] if $req->{method} eq 'HEAD' && $tag =~ /body|chunks/;
    return $http{$tag} ? $http{$tag}->($req)
                       : answer(manifest(image_of($req)));
});
$server->set(port => $server->port);

my $mute = ImageDigest::FaultServer->start(raw => sub { sleep 60 });
my ($host, $silent) = map { '127.0.0.1:' . $_->port } $server, $mute;
my $cache = ImageDigest::Cache->start(
    resolver  => "registry $host insecure; registry $silent; timeout 2s;",
    locations => { i => 'image_digest_timeout 100ms;',
                   l => 'image_digest_timeout 20s; image_digest_ttl 0;' },
    listen    => 'location = /ok { return 200 $pid; }');

# the GETs of the slow bodies come after a HEAD that is refused

is $cache->ask('l', "$host/app:first")->{error}, '', 'a quick one';

my @names = ((map { "$host/app:$_" } sort keys %http), "$silent/app:1");

# all at once, and each falls back in time

my @answers = $cache->wait_for(map { $cache->send('i', $_) } @names);

for my $i (0 .. $#names) {
    is "$answers[$i]{status} $answers[$i]{error}", 'FALLBACK timeout',
        "$names[$i] falls back";
    cmp_ok $answers[$i]{wait}, '<', 1.5, '... in time';
}

# each is still asked, and the worker answers; then each call ends

my @slow = map { $cache->send('l', $_) } @names;

wait_until { $mute->connections } 'the TLS handshake that hangs';

for my $n (1 .. 10) {
    my $began = time;
    my ($res) = $cache->wait_for(
        $cache->ua->get_p($cache->url('/ok'))->then(sub {
            return $_[0]->res }));

    is $res->code, 200, "another request is answered, $n";
    cmp_ok time - $began, '<', 1, '... at once';
}

@answers = $cache->wait_for(@slow);

for my $i (0 .. $#names) {
    is "$answers[$i]{status} $answers[$i]{error}", 'FALLBACK timeout',
        "$names[$i] ends";
    cmp_ok $answers[$i]{wait}, '<', 5, '... in time';
    ok +(() = $cache->log(qr/"\Q$names[$i]\E": timeout/)), '... and is logged';
}

ok $server->requests(sub { $_->{path} =~ /redirects/ }) < 20,
    'redirects are in the time';
is $cache->ask('l', "$host/app:last")->{error}, '', 'the registry is well';

done_testing;
