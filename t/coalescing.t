#!/usr/bin/perl

# A thousand requests at once for one reference that nobody knows yet: one
# call of all workers of the host (rule 9), and all are answered by it, those
# with TTL 0 that came before it began included.

use strict;
use warnings;

use Test::More;

use ImageDigest::Http2;
use ImageDigest::Util qw(spit);
use ImageDigest::Waiting;

my $nginx = ImageDigest::Waiting->start(
    workers => 2,
    format  => '$pid $status $image_digest_status $image_digest_key',
    server  => <<'END');
listen 127.0.0.1:@PORT3@ http2 reuseport;
location = /pid { access_log off; return 200 $pid; }
location ~ ^/i/(?<image>.+?)/-/(?<artifact>.+)$ {
    image_digest $image;
    image_digest_ttl $arg_ttl;
    image_digest_key $artifact;
    alias @DIR@/file;
}
END
spit($nginx->dir . '/file', "artefact\n");

# five of each worker

my (@clients, %of);

while (@clients < 10) {
    my $client = ImageDigest::Http2->new($nginx->port(3));
    my $pid = $client->read($client->request('GET', '/pid'))->{body};

    ++$of{$pid} <= 5 ? push @clients, $client : $client->close;
}

my $lines = 0;

sub flood {
    my ($path) = @_;

    my @streams;

    for my $client (@clients) {
        push @streams, map { [$client, $client->request('GET', $path)] }
                       1 .. 100;
    }

    # now all of them are suspended

    $_->settle for @clients;

    return @streams;
}

sub check {
    my ($name, $image, @streams) = @_;

    is scalar(grep {
        my ($client, $stream) = @$_;
        my $answer = $client->read($stream);
        $answer->{status} == 200 && $answer->{body} eq "artefact\n";
    } @streams), 1000, "$name: all are answered";

    $lines += 1000;

    my $key = $nginx->key($image, 'x');
    my @lines = $nginx->access_log($lines);
    my (%pids, $others);

    for (@lines[-1000 .. -1]) {
        /^(\d+) 200 (?:RESOLVED|HIT) \Q$key\E$/ ? $pids{$1}++ : $others++;
    }

    is $others, undef, "$name: by the lookup";

    is scalar keys %pids, 2, "$name: in both workers";
}

$nginx->hold;

my $path = $nginx->path('app:1', 'x');
my @streams = flood($path);

$nginx->wait_for_calls(1);
$nginx->release;

check('cold', 'app:1', @streams);

is $nginx->calls, 1, 'one call';

# TTL 0: what began before they came is not for them, and then one for all

my $calls = $nginx->calls;

$path = $nginx->path('app:2', 'x') . '?ttl=0';
$nginx->hold;

my ($first) = $clients[0]->request('GET', $path);

$nginx->wait_for_calls($calls + 1);
@streams = flood($path);
$nginx->release;
$clients[0]->read($first);
$lines++;
check('TTL 0', 'app:2', @streams);

is $nginx->calls - $calls, 2, 'another one for those who came later';

# nginx would linger

$_->close for @clients;

done_testing;
