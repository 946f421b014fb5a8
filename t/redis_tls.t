#!/usr/bin/perl

# rediss://: TLS, and the certificate is verified: by the system's authorities
# (SSL_CERT_FILE), and for the name or the address that was written.

use strict;
use warnings;

use Test::More;

use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;
use ImageDigest::Util qw(certificate slurp spit tempdir);

my $origin = ImageDigest::Origin->start;
my @good = certificate('localhost', '127.0.0.1');
my @other = certificate('redis.example', '127.0.0.2');
my $redis = ImageDigest::Redis->start(tls => \@good,
                                      args => [qw(--requirepass secret)]);
my $elsewhere = ImageDigest::Redis->start(tls => \@other);
my $plain = ImageDigest::Redis->start;
my $number = 0;

my $both = tempdir() . '/ca.pem';

spit($both, slurp($good[0]) . slurp($other[0]));

sub with_ca {
    my ($file, $line) = @_;

    local $ENV{SSL_CERT_FILE} = $file;

    return host($line, $origin);
}

for my $name (qw(localhost 127.0.0.1)) {
    my $line = "rediss://$name:" . $redis->port . '/1 password=secret';

    subtest $line => sub {
        my ($one, $two) = map { with_ca($good[0], $line) } 1 .. 2;
        my $image = $origin->name('app:' . ++$number);

        resolve($one, $image);
        wait_for_record($redis, $image, '-n', 1);
        is resolve($two, $image)->{status}, 'SHARED', 'shared';

        # what is sent and read in pieces and at once

        my @images = map { $origin->name("app:$number-$_") } 1 .. 50;

        $one->wait_for(map { $one->send('i', $_) } @images);
        wait_for_record($redis, $_, '-n', 1) for $images[0], $images[-1];
        is scalar(grep { $_->{status} eq 'SHARED' } $two->wait_for(
            map { $two->send('i', $_) } @images)), 50, 'many at once';

        $one->stop;
        is_deeply [$_->log(qr/\[(?:warn|error|crit)\]/)], [], 'no complaint'
            for $one, $two;
    };
}

my @refused = (
    ['an unknown authority', $other[0], 'localhost', $redis,
     'certificate is not trusted'],
    ['another name', $both, 'localhost', $elsewhere, 'for another name'],
    ['another address', $both, '127.0.0.1', $elsewhere, 'for another name'],
    # Redis waits for the rest of what it is sent, Valkey closes

    ['no TLS at all', $both, 'localhost', $plain,
     '(?:no answer in time|handshake failed).* SSL handshaking'],
);

for (@refused) {
    my ($what, $ca, $name, $server, $words) = @$_;

    subtest $what => sub {
        my $calls = $server->calls('ping');
        my $host = with_ca($ca, "rediss://$name:" . $server->port
                                . ' password=secret timeout=2s');

        is resolve($host, $origin->name('app:' . ++$number))->{status},
            'RESOLVED', 'it works' for 1 .. 3;
        like $host->wait_for_log(qr/redis is away/), qr/$words/, 'refused';
        is scalar(() = $host->log(qr/redis is away/)), 1, 'said once';
        is $server->calls('ping'), $calls,
            'it was sent nothing';
    };
}

subtest 'plain text to a TLS port' => sub {
    my $host = host('redis://127.0.0.1:' . $redis->port, $origin);

    is resolve($host, $origin->name('app:' . ++$number))->{status},
        'RESOLVED', 'it works';
    $host->wait_for_log(qr/redis is away/);
};

done_testing;
