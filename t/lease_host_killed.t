#!/usr/bin/perl

# Rule 9: a claim on a host ends by itself.  The worker that asks is killed
# with -9: a worker that waits takes over within two seconds, and the new
# worker waits for that.  One that waits is killed: nobody else notices.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use ImageDigest::Http2;
use ImageDigest::Util qw(wait_until);
use ImageDigest::Waiting;

my $nginx = ImageDigest::Waiting->start(
    workers => 2,
    allow   => qr/exited on signal 9/,
    server  => ImageDigest::Http2::listen(3) . '%usual%');

sub workers { return ImageDigest::Http2->of_workers($nginx->port(3), 2) }

sub ask {
    my ($client, $path) = @_;

    my $stream = $client->request('GET', $path);

    $client->settle;

    return sub { $client->read($stream)->{body} };
}

sub killed {
    my ($pid) = @_;

    kill KILL => $pid;
    wait_until { 2 == grep { $_ != $pid } $nginx->workers } 'a new worker';
}


subtest 'the one that asks' => sub {
    my %clients = workers();
    my ($owner, $other) = sort keys %clients;
    my ($path, $key) = ($nginx->path('app:1', 'x'), $nginx->key('app:1', 'x'));

    $nginx->hold;
    ask($clients{$owner}[0], $path);
    $nginx->wait_for_calls(1);

    my $waits = ask($clients{$other}[0], $path);

    # the next call is answered at once

    $nginx->origin->set(hold => '');
    killed($owner);

    my $begin = time;
    my %new = workers();
    my ($young) = grep { $_ != $other } keys %new;
    my $likewise = ask($new{$young}[0], $path);

    is $waits->(), "GET /$key\n", 'another one takes over';
    cmp_ok time - $begin, '<', 3, 'about two seconds later at the most';
    is $likewise->(), "GET /$key\n", 'its successor waits for that';
    is $nginx->calls, 2, 'one call more';

    # nginx would linger

    $_->[0]->close for values %clients, values %new;
};

subtest 'one that waits' => sub {
    my %clients = workers();
    my ($owner, $other) = sort keys %clients;
    my ($path, $key) = ($nginx->path('app:2', 'x'), $nginx->key('app:2', 'x'));
    my $calls = $nginx->calls;

    $nginx->hold;

    my $asks = ask($clients{$owner}[0], $path);

    $nginx->wait_for_calls($calls + 1);
    ask($clients{$other}[0], $path);
    killed($other);

    my %new = workers();
    my ($young) = grep { $_ != $owner } keys %new;
    my $waits = ask($new{$young}[0], $path);
    my $begin = time;

    $nginx->release;

    is $asks->(), "GET /$key\n", 'the one that asks goes on';
    is $waits->(), "GET /$key\n", 'so does a new one';
    cmp_ok time - $begin, '<', 1, 'which is told';
    is $nginx->calls, $calls + 1, 'one call';

    $_->[0]->close for values %clients, values %new;
};

done_testing;
