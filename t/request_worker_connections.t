#!/usr/bin/perl

# A worker that has run out of connections: requests that wait for a lookup,
# or cannot begin one, are answered without a digest in their time, no [alert]
# is the module's, and afterwards all is well again.

use strict;
use warnings;

use Test::More;

use ImageDigest::Client;
use ImageDigest::Util qw(spit);
use ImageDigest::Waiting;

my $nginx = ImageDigest::Waiting->start(
    events => 'worker_connections 24;',
    allow  => qr/ worker_connections are not enough while accepting /,
    server => <<'END');
image_digest_timeout 2s;
location ~ ^/i/(?<image>.+?)/-/(?<artifact>.+)$ {
    image_digest $image;
    add_header X-Status "$image_digest_status $image_digest_error";
    alias @DIR@/file;
}
END
spit($nginx->dir . '/file', "artefact\n");

my @clients = map { ImageDigest::Client->new($nginx->port, 10) } 1 .. 40;
my $answers = 0;
my %status;

$nginx->hold;

for my $n (0 .. $#clients) {
    $clients[$n]->request('GET', $nginx->path("app$n:1", 'x'),
                          { Connection => 'close' });
}

for my $client (@clients) {
    my $answer = eval { $client->read } or next;

    $answers++;
    is $answer->{body}, "artefact\n", 'answered';
    $status{ $answer->{headers}{'x-status'} }++;
}

note explain \%status;

cmp_ok $answers, '>=', 10, 'all but those that nginx itself turned away';
is_deeply [grep { !/^FALLBACK (?:overloaded|timeout|unreachable)$/ }
           keys %status], [], 'without a digest';

$nginx->release;

for my $n (0, 1, 50) {
    my $client = ImageDigest::Client->new($nginx->port);

    $client->request('GET', $nginx->path("new$n:1", 'x'));
    is $client->read->{headers}{'x-status'}, 'RESOLVED ', 'all is well again';
}

done_testing;
