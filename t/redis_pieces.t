#!/usr/bin/perl

# Bytes of Redis come as they come: one by one is an answer like any other; so
# slowly that it is not whole within "timeout" is none; and those that nobody
# asked for end the connection, before they are taken for another's.

use strict;
use warnings;

use IO::Select;
use IO::Socket::UNIX;
use Socket ();
use Test::More;
use Time::HiRes qw(sleep);

use ImageDigest::FakeRedis;
use ImageDigest::FaultServer;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;

my $origin = ImageDigest::Origin->start;

subtest 'byte by byte' => sub {
    my $redis = ImageDigest::Redis->start;

    # to a real one and back, one byte a time

    my $proxy = ImageDigest::FaultServer->start(raw => sub {
        my ($client) = @_;
        my $server = IO::Socket::UNIX->new(Peer => $redis->socket) or return;
        my $select = IO::Select->new($client, $server);

        setsockopt $client, Socket::IPPROTO_TCP(), Socket::TCP_NODELAY(), 1;

        while (1) {
            for my $from ($select->can_read) {
                sysread $from, my $byte, 1 or return;
                syswrite $from == $client ? $server : $client, $byte;
            }
        }
    });

    my $slow = host('redis://127.0.0.1:' . $proxy->port . '/1', $origin);
    my $host = host($redis->url . '?db=1', $origin);

    my @images = map { $origin->name("app:$_") } 1 .. 10;
    my @all = $slow->wait_for(map { $slow->send('i', $_) } @images);

    is scalar(grep { $_->{status} eq 'RESOLVED' } @all), 10, 'resolved';
    wait_for_record($redis, $_, '-n', 1) for @images;

    @all = $host->wait_for(map { $host->send('i', $_) } @images);
    is scalar(grep { $_->{status} eq 'SHARED' } @all), 10, 'and stored';

    my $other = host('redis://127.0.0.1:' . $proxy->port . '/1', $origin);

    @all = $other->wait_for(map { $other->send('i', $_) } @images);
    is scalar(grep { $_->{status} eq 'SHARED' } @all), 10, 'and read';
    is_deeply [$_->log(qr/\[(?:warn|error)\]/)], [], 'no complaint'
        for $slow, $other;
};

subtest 'drop by drop' => sub {
    my $redis = ImageDigest::FakeRedis->start(sub {
        my ($command, $mode, $socket) = @_;

        return miss($command) unless $mode;

        for my $byte (split //, miss($command)) {
            print $socket $byte or return;
            sleep 0.05;
        }

        return '';
    });

    my $host = host($redis->url . ' timeout=700ms', $origin);

    $redis->mode('slow');

    my $answer = resolve($host, $origin->name('app:20'));

    is $answer->{status}, 'RESOLVED', 'it goes on';
    cmp_ok $answer->{wait}, '<', 1.8, 'within the time-out';
    cmp_ok $answer->{wait}, '>', 0.69, 'and not before';
    is scalar(() = $host->log(qr/redis is away.*no answer in time/)), 1,
        'said once';
};

subtest 'an endless one' => sub {
    my $redis = ImageDigest::FakeRedis->start(sub {
        my ($command, $mode, $socket) = @_;

        print $socket '*28' . "\r\n";
        1 while print $socket "\$300\r\n", 'x' x 300, "\r\n";

        return;
    });

    my $host = host($redis->url . ' timeout=5s', $origin);

    is resolve($host, $origin->name("app:$_"))->{status}, 'RESOLVED',
        'it goes on' for 21 .. 23;
    is scalar(() = $host->log(qr/redis is away/)), 1, 'said once'
        or diag $host->log;
};

subtest 'a reply too many' => sub {
    my $other = 'sha256:' . '0' x 64;
    my $wrong = sub {
        my ($command, $image) = @_;
        return miss($command, 1, $image, '', $other,
                    (map { sprintf '%.0f', (time - 60) * 1e6 } 1 .. 2));
    };

    my $redis = ImageDigest::FakeRedis->start(sub {
        my ($command, $mode, $socket) = @_;

        my ($when, $image) = $mode =~ /^(\w+) (.*)$/ or return miss($command);

        # with the answer, or after it, or both in one piece

        return miss($command) . $wrong->($command, $image)
            if $when eq 'with';

        print $socket miss($command);
        sleep 0.1;
        return $wrong->($command, $image);
    });

    for my $when (qw(with after)) {
        my $host = host($redis->url, $origin);
        my $image = $origin->name("app:$when");

        $redis->mode('');
        resolve($host, $origin->name("app:before-$when"));
        $redis->mode("$when $image");
        resolve($host, $origin->name("app:early-$when"));
        like $host->wait_for_log(qr/redis is away/),
            qr/a reply (?:that nobody asked for|to another question)/,
            "it was noticed ($when)";

        my $answer = resolve($host, $image);

        is $answer->{status}, 'RESOLVED', 'it is not believed';
        is $answer->{digest}, $origin->digest("app:$when"), 'the right one';
        is scalar(() = $host->log(qr/redis is away/)), 1, 'said once'
        or diag $host->log;
    }

    # one that comes while another is waited for has another's number

    $redis->mode('');

    my $host = host($redis->url, $origin);
    my $image = $origin->name('app:late');

    resolve($host, $origin->name('app:before'));
    $redis->mode("with $image");
    my @answers = $host->wait_for($host->send('i', $origin->name('app:x')),
                                  $host->send('i', $image));

    is $_->{status}, 'RESOLVED', 'not believed' for @answers;
    is $answers[1]{digest}, $origin->digest('app:late'), 'the right one';
};

done_testing;
