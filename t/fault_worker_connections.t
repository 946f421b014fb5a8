#!/usr/bin/perl

# A worker has run out of connections, and Redis and a bell have some of them:
# requests are answered, with a digest or without, or turned away by nginx
# itself.  No [alert] is the module's, and afterwards all is well, sharing
# included.

use strict;
use warnings;

use Test::More;

use ImageDigest::Client;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;
use ImageDigest::Util qw(spit wait_until);

my $redis = ImageDigest::Redis->start;
my $origin = ImageDigest::Origin->start;
my $other = host($redis->url, $origin);

# at the start a worker has its sockets that listen, its channel, a bell, and
# two for Redis

for my $connections (12, 24) {
    my $host = host($redis->url, $origin,
        workers => 2,
        events  => "worker_connections $connections;",
        allow   => qr/ $connections worker_connections are not enough/,
        listen  => <<'END');
location ~ ^/file/(?<image>.+?)/-/(?<artifact>.+)$ {
    image_digest $image;
    image_digest_key $artifact;
    image_digest_timeout 3s;
    alias @DIR@/file;
}
END
    my ($n, $turned, %status) = (0, 0);
    my $ask = sub {
        my ($client, $image) = @_;

        $client->request('GET', "/file/$image/-/x",
                         { Connection => 'close' });
    };
    my @clients = map { ImageDigest::Client->new($host->port, 10) }
                  1 .. 3 * $connections;

    spit($host->dir . '/file', "artefact\n");
    $origin->set(hold => "gate-$connections");
    $ask->($_, $origin->name('app' . ++$n . ":$connections")) for @clients;
    wait_until { $host->log(qr/worker_connections are not enough/) }
        'connections to be used up';
    $origin->set(hold => '');
    $origin->release("gate-$connections");

    for my $client (@clients) {
        my $answer = eval { $client->read };

        $answer ? $status{ "$answer->{status} "
                           . ($answer->{headers}{'x-image-status'} // '')
                           . ' '
                           . ($answer->{headers}{'x-image-error'} // '') }++
                : $turned++;
        $client->close;
    }

    note explain { turned => $turned, %status };
    cmp_ok scalar @clients - $turned, '>', 0, "$connections: some were heard";
    delete @status{ '200 RESOLVED ', '200 HIT ', map { "200 FALLBACK $_" }
                    qw(overloaded timeout unreachable) };
    is_deeply \%status, {}, 'and are answered';

    # all is well again, once nginx has let go of those that it has turned away

    my $image = $origin->name("after:$connections");

    wait_until {
        my $client = ImageDigest::Client->new($host->port, 10);

        $ask->($client, $image);
        ((eval { $client->read } || {})->{headers}{'x-image-status'} // '')
            eq 'RESOLVED';
    } 'a digest';
    wait_for_record($redis, $image);
    is resolve($other, $image)->{status}, 'SHARED', 'what it learns is shared';

    $image = $origin->name("theirs:$connections");
    resolve($other, $image);
    wait_for_record($redis, $image);

    my $client = ImageDigest::Client->new($host->port, 10);

    $ask->($client, $image);
    is $client->read->{headers}{'x-image-status'}, 'SHARED',
        'and it shares what others learn';
    $host->stop;
    is_deeply [$host->log(qr/\[alert\].*(?:redis|image (?:digest|lookup))/)],
        [], 'no alert is the module\'s';
}

done_testing;
