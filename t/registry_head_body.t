#!/usr/bin/perl

# A registry that sends a body after the answer to a HEAD, and keeps the
# connection: it was taken for the answer to the next request, so one image
# got the digest of another.  What a connection says unasked ends it.

use strict;
use warnings;

use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Test::More;
use Time::HiRes qw(sleep);

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest digest_of answer image_of);
use ImageDigest::Util qw(certificate wait_until);

my $tls = [certificate('127.0.0.1')];

sub text {
    my ($image) = @_;

    my ($status, $headers, $body) = @{ answer(manifest($image)) };

    return "HTTP/1.1 $status OK\r\n"
           . join('', map { "$_: $headers->{$_}\r\n" } sort keys %$headers)
           . 'Content-Length: ' . length($body) . "\r\n\r\n";
}

my $registry = sub {
    my ($req) = @_;

    my $socket = $req->{socket};
    my $image = image_of($req);

    if ($req->{method} eq 'GET' || !$req->{state}{more}) {
        return answer(manifest($image));
    }

    # at once, not when the next request acknowledges what was sent

    setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1;

    # its body is an answer of its own: of the image "other"

    my $more = text('other:1');

    if ($req->{state}{more} eq 'at once') {
        print $socket text($image) . ('x' x 20000) . $more;

    } else {
        print $socket text($image);
        sleep 0.05;
        print $socket $more x 5;
    }

    print "sent\n";
    STDOUT->flush;
    sleep 30;

    return;
};

for my $secure (0, 1) {
    for my $more ('later', 'at once') {
        my $what = ($secure ? 'https' : 'http') . ", $more";
        my $server = ImageDigest::FaultServer->start(
            http => $registry, tls => $secure ? $tls : undef);
        my $host = '127.0.0.1:' . $server->port;
        my $cache = ImageDigest::Cache->start(
            resolver  => "registry $host "
                         . ($secure ? "ca=$tls->[0]" : 'insecure')
                         . '; timeout 2s;',
            locations => { i => 'image_digest_timeout 20s;' });

        is $cache->ask('i', "$host/app:1")->{digest}, digest_of('app:1'),
            "$what: HEAD is checked";

        $server->set(more => $more);

        for my $n (2 .. 4) {
            is $cache->ask('i', "$host/app:$n")->{digest},
                digest_of("app:$n"), "... app:$n has its own digest";

            # what was sent is there, or the connection is gone

            wait_until { $n - 1 == (() = $server->output =~ /^sent$/mg) }
                'the body';
            sleep 0.02;
        }

        # the first one took two requests before it was spoken on

        is $server->connections, 3, '... each by a connection of its own';
    }
}

# where it comes after the next request, nobody can tell it from an answer;
# but a document is none

my $server = ImageDigest::FaultServer->start(sub {
    my ($req) = @_;

    my $bytes = manifest(image_of($req));
    my $n = $req->{state}{late};

    return answer($bytes) unless $n && $req->{method} eq 'HEAD';

    my $socket = $req->{socket};

    print $socket manifest('other:1') if $req->{number} > $n;
    return answer($bytes);
});
my $host = '127.0.0.1:' . $server->port;
my $cache = ImageDigest::Cache->start(
    resolver  => "registry $host insecure; timeout 20s;",
    locations => { i => 'image_digest_timeout 20s;' });

is $cache->ask('i', "$host/app:1")->{digest}, digest_of('app:1'), 'checked';
$server->set(late => 3);
is $cache->ask('i', "$host/app:2")->{digest}, digest_of('app:2'), 'well';
is $cache->ask('i', "$host/app:3")->{error}, 'bad_response',
    'the body of a HEAD before the next answer';
$server->set(late => 0);
is $cache->ask('i', "$host/app:4")->{digest}, digest_of('app:4'),
    '... ends the connection';

done_testing;
