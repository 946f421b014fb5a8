#!/usr/bin/perl

# Nothing leaks: after many requests of each kind, and many reloads, nginx has
# the files, the memory, the zones, the bells and the connections to Redis that
# it had before.  LEAKS=full is ten times as long and more.

use strict;
use warnings;
no warnings 'portable';

use List::Util qw(max sum0);
use Test::More;

use ImageDigest::Http2;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;
use ImageDigest::Util qw(lines slurp wait_until sanitized);

my ($requests, $reloads) = ($ENV{LEAKS} // '') eq 'full' ? (100_000, 100)
                                                         : (5000, 20);
my $redis = ImageDigest::Redis->start;
my $origin = ImageDigest::Origin->start;
my $size = 3 * 1024 * 1024;
my $host = host($redis->url, $origin,
    workers       => 2,
    more_resolver => "zone 3m;\n",
    format        => '$image_digest_status $image_digest_error',
    listen        => many());

my $pinned = $origin->name('app@sha256:' . 'a' x 64);
my ($batches, %status) = 0;

# a hundred requests of each worker: what is known, pinned, not yet known, not
# there, TTL 0, invalid, and some that leave before they are answered

sub batch {
    my %clients = ImageDigest::Http2->of_workers($host->port(3), 2);

    for my $client (map { $_->[0] } values %clients) {
        $batches++;

        my @images = ((map { ['app:' . $_ % 10] } 1 .. 73),
                      (map { ["new:$batches-$_"] } 1, 1, 1 .. 6),
                      (map { ["app:none-$batches"] } 1 .. 3),
                      (map { ['app:zero', '?ttl=0'] } 1 .. 6));
        my @streams = map {
            my ($image, $args) = @$_;
            $client->request('GET', '/many/' . $origin->name($image) . '/-/x'
                                    . ($args // ''))
        } @images;

        push @streams, map { $client->request('GET', "/many/$_/-/x") }
                       ($pinned) x 5, 'A:B', '-';

        my @gone = map {
            $client->request('GET', '/many/' . $origin->name($_) . '/-/x')
        } "gone:$batches", 'app:zero', 'app:zero';

        $client->reset($_) for @gone;
        $client->read($_) for @streams;
    }

    $_->[0]->close for values %clients;
}

sub files { return scalar(() = glob "/proc/$_[0]/fd/*") }

sub open_files { return sum0(map { files($_) } $host->workers) }

sub memory {
    my ($pid, $what) = @_;

    return (slurp("/proc/$pid/status") =~ /^$what:\s+(\d+) kB/m)[0];
}

sub zones {
    my ($pid) = @_;

    return scalar grep { /^([0-9a-f]+)-([0-9a-f]+) rw-s/
                         && hex($2) - hex($1) == $size }
                  lines("/proc/$pid/maps");
}

# what nginx has now, once all is quiet

sub state {
    my @workers = $host->workers;
    my %bells = map { /(\d+) \@nginx-image-digest\./ ? ($1 => 1) : () }
                lines('/proc/net/unix');
    my @sockets = map { (readlink // '') =~ /^socket:\[(\d+)\]$/ ? $1 : () }
                  map { glob "/proc/$_/fd/*" } @workers;

    return {
        'files of the master' => files($host->pid),
        'zones'               => join(' ', map { zones($_) } $host->pid,
                                                             @workers),
        'bells'               => scalar(grep { $bells{$_} } @sockets),
        'clients of Redis'    => scalar(() = $redis->cli(qw(CLIENT LIST))) - 1,
    };
}

sub text {
    my ($state) = @_;

    return join "\n", map { "$_: $state->{$_}" } sort keys %$state;
}

# a connection may be a moment in closing; those to the registry are kept, as
# many as there were calls at a time

sub settles {
    my ($name, $before, $files) = @_;

    my $most = $files + 16;

    eval { wait_until { text(state()) eq text($before)
                        && open_files() <= $most } 'quiet', 10 };
    is_deeply state(), $before, $name;
    cmp_ok open_files(), '<=', $most, '... files of the workers';
}

batch() for 1 .. $requests / 500;
$host->reload;
wait_until { !(() = $host->workers('exiting')) } 'the old workers to end';

# requests: what is new to a worker it has seen then

batch() for 1 .. $requests / 500;

my ($before, $files);

wait_until {
    my $text = $before ? text($before) : '';
    text($before = state()) eq $text;
} 'quiet';
$files = open_files();

my $rss = max(map { memory($_, 'RssAnon') } $host->workers);

batch() while $batches < $requests / 100;
settles("after $requests requests", $before, $files);

my $more = max(map { memory($_, 'RssAnon') } $host->workers) - $rss;

note text($before), "\nfiles of the workers: $files\n",
     "workers: $rss kB, $more kB more";

cmp_ok $more, '<', 150, 'memory of the workers' unless sanitized();

# reloads, with requests

sub reload {
    $host->reload;
    batch();
    wait_until { !(() = $host->workers('exiting')) } 'the old workers to end';
}

reload() for 1 .. $reloads / 4;
$rss = memory($host->pid, 'RssAnon');
reload() for 1 .. $reloads - $reloads / 4;
settles("after $reloads reloads", $before, $files);
$more = memory($host->pid, 'RssAnon') - $rss;
note "the master: $rss kB, $more kB more";
cmp_ok $more, '<', 512, 'memory of the master' unless sanitized();

# each kind really was there

$status{$_}++ for map { s/ $//r } many_log($host, $batches * 94);
note explain \%status;
ok $status{$_}, $_
    for qw(HIT RESOLVED PINNED), 'FALLBACK not_found',
        'INVALID invalid_reference';

done_testing;
