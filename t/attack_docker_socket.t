#!/usr/bin/perl

# Attack: a Docker socket that never answers, in any of the ways to do so. A
# request falls back in its time, and the only worker answers others meanwhile.

use strict;
use warnings;

use IO::Socket::UNIX;
use Socket;
use Test::More;
use Time::HiRes qw(sleep);

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Origin;
use ImageDigest::Util qw(tempdir wait_until);

my $dir = tempdir();
my $origin = ImageDigest::Origin->start;

# nobody accepts: there is room in the queue, or there is none

my @listen = map {
    IO::Socket::UNIX->new(Local => "$dir/$_->[0]", Listen => $_->[1])
        or die "$_->[0]: $!";
} ['room', 128], ['full', 1];

my @full;

while (@full < 16) {
    my $socket = IO::Socket::UNIX->new(Type => SOCK_STREAM);

    socket $socket, AF_UNIX, SOCK_STREAM, 0 or die "socket: $!";
    $socket->blocking(0);
    connect $socket, pack_sockaddr_un("$dir/full") or last;
    push @full, $socket;
}

# somebody does, and never comes to an end

my %raw = (
    silent => sub { sleep 60 },
    drips  => sub { my $s = shift; print $s "HTTP/1.1 200 OK\r\n";
                    while (print $s "X: y\r\n") { sleep 0.2 } },
    body   => sub { my $s = shift; print $s "HTTP/1.1 200 OK\r\n"
                    . "Content-Length: 100000\r\n\r\n";
                    while (print $s ' ') { sleep 0.1 } },
    chunks => sub { my $s = shift; print $s "HTTP/1.1 200 OK\r\n"
                    . "Transfer-Encoding: chunked\r\n\r\n";
                    while (print $s "1\r\n \r\n") { sleep 0.1 } },
    early  => sub { my $s = shift; while (print $s "HTTP/1.1 100 Continue"
                    . "\r\n\r\n") { sleep 0.1 } },
);
my %servers = map {
    my $raw = $raw{$_};
    ($_ => ImageDigest::FaultServer->start(unix => 1, raw => sub {
        local $SIG{PIPE} = 'IGNORE';
        $raw->(@_);
    }))
} keys %raw;
my %sockets = (room => "$dir/room", full => "$dir/full",
               map { ($_ => $servers{$_}->socket) } keys %servers);

my $cache = ImageDigest::Cache->start(
    resolver  => 'registry ' . $origin->host . " insecure;\ntimeout 3s;\n"
                 . "negative_ttl 1s;\n"
                 . join('', map { "engine $_ unix:$sockets{$_} type=docker;\n" }
                            sort keys %sockets),
    locations => {
        map({ ($_ => "image_digest \$image engine=$_;"
                     . 'image_digest_timeout 400ms; image_digest_ttl 0;'
                     . 'image_digest_fallback tag window=off;') }
            sort keys %sockets),
        other => 'image_digest $image; image_digest_timeout 20s;'
                 . 'image_digest_ttl 0;',
        known => 'image_digest $image; image_digest_timeout 20s;',
    });

my $pinned = 'app@' . $origin->digest('app:1');
my ($worker) = $cache->workers;

is $cache->ask('known', $origin->name('app:1'))->{error}, '', 'others, before';

my %sent;

for my $engine (sort keys %sockets) {
    $sent{$engine} = [map { $cache->send($engine, "app:$_") } 1 .. 3];
}

# while they wait

my @waits;

for (1 .. 8) {
    push @waits, map { $_->{digest} ? $_->{wait} : 'none' }
                 $cache->ask('other', $origin->name("app:$_")),
                 $cache->ask('known', $origin->name('app:1')),
                 $cache->ask('silent', $pinned);
}

is_deeply [grep { $_ eq 'none' || $_ > 0.3 } @waits], [],
    'others are answered meanwhile, at once';

for my $engine (sort keys %sockets) {
    for my $answer ($cache->wait_for(@{ $sent{$engine} })) {
        is $answer->{status}, 'FALLBACK', "$engine: falls back";
        is $answer->{digest}, '', '... no digest';
        cmp_ok $answer->{wait}, '<', 2, '... in its time';
        like $answer->{error}, qr/^(?:timeout|unreachable|bad_response)$/,
            "... $answer->{error}";
        is $answer->{code}, 200, '... and is answered';
    }
}

# the calls end, too

$cache->poll(sub {
    my @open = grep { m{^socket:} } map { readlink($_) // () }
               glob "/proc/$worker/fd/*";
    @open < 20;
}, 'the calls to end');

is_deeply [$cache->workers], [$worker], 'the worker lives';

done_testing;
