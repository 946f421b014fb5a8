#!/usr/bin/perl

# One worker, and sixteen: one call for all of them, all are rung when it
# ends, and after a reload nothing of the old ones is left: no bell, no file.

use strict;
use warnings;

use List::Util qw(max);
use Test::More;

use ImageDigest::Http2;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;
use ImageDigest::Util qw(lines slurp wait_until);

my $redis = ImageDigest::Redis->start;
my $origin = ImageDigest::Origin->start;

# the inodes of the sockets that a process has

sub sockets {
    my ($pid) = @_;

    return map { (readlink // '') =~ /^socket:\[(\d+)\]$/ ? $1 : () }
           glob "/proc/$pid/fd/*";
}

sub files { return scalar(() = glob "/proc/$_[0]/fd/*") }

# those of this nginx: other tests may be running

sub bells {
    my ($host) = @_;

    my %bell = map { /(\d+) \@nginx-image-digest\.(\S+)$/ ? ($1 => $2) : () }
               lines('/proc/net/unix');

    return map { my @own = grep { defined } @bell{ sockets($_) }; [@own] }
           $host->workers, $host->workers('exiting');
}

for my $workers (1, 16) {
    my $host = host($redis->url, $origin, workers => $workers,
                    format => '$image_digest_status $image_digest_wait',
                    listen => many());
    my $lines = 0;

    for my $round (1, 2) {
        my $name = "$workers workers, " . ($round == 1 ? 'new' : 'reloaded');
        my $image = $origin->name("app:$workers-$round");
        my %clients = ImageDigest::Http2->of_workers($host->port(3),
                                                     $workers);
        my @bells = bells($host);

        is_deeply [map { scalar @$_ } @bells], [(1) x $workers],
            "$name: each has a bell";
        my %names = map { $_->[0] => 1 } @bells;
        is scalar keys %names, $workers, 'of its own';

        my $calls = $origin->calls;
        my @streams;

        $origin->set(hold => "$workers-$round");

        for my $client (map { $_->[0] } values %clients) {
            push @streams, map {
                [$client, $client->request('GET', "/many/$image/-/x")]
            } 1 .. 5;
        }

        $_->[0]->settle for values %clients;
        wait_until { $origin->calls > $calls } 'the call';
        $origin->release("$workers-$round");
        $_->[0]->read($_->[1]) for @streams;

        my @lines = many_log($host, $lines += 5 * $workers);
        my (%status, %wait);

        for (@lines[-5 * $workers .. -1]) {
            my ($status, $wait) = split;

            $status{$status}++;
            $wait{$status} = max($wait, $wait{$status} // 0);
        }

        is_deeply \%status,
            { RESOLVED => 5, $workers > 1 ? (HIT => 5 * ($workers - 1)) : () },
            'all are answered';
        is $origin->calls, $calls + 1, 'by one call';

        # were they not rung, they would look when the claim should have ended

        cmp_ok $wait{HIT} - $wait{RESOLVED}, '<', 1, 'and told at once'
            if $workers > 1;

        # nginx would linger

        $_->[0]->close for values %clients;

        my @files = sort { $a <=> $b } map { files($_) } $host->workers;

        $host->reload;
        wait_until { !(() = $host->workers('exiting')) } 'the old ones to go';
        resolve($host, $image);
        wait_until {
            max(map { files($_) } $host->workers) <= $files[-1];
        } 'no more files than before';
        pass 'no file is left over';
    }

    $host->stop;
    is_deeply [$host->log(qr/open socket/)], [], 'nothing is left';
}

done_testing;
