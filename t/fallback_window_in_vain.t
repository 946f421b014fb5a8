#!/usr/bin/perl

# Whatever a host asks of Redis in vain, and whichever worker does: as long as
# Redis tells its time, it is asked for it, and the windows of tag keys have it.

use strict;
use warnings;

use Test::More;

use ImageDigest::FakeRedis;
use ImageDigest::Http2;
use ImageDigest::Origin;
use ImageDigest::Shared;
use ImageDigest::Util qw(lines slurp spit tempdir wait_until);

my $origin = ImageDigest::Origin->start;
my $image = $origin->name('app:1');

# a Redis, and how often it was asked for its time alone

sub redis {
    my ($answer) = @_;

    my $times = tempdir() . '/times';

    my $redis = ImageDigest::FakeRedis->start(sub {
        my ($command, undef, undef, $good) = @_;

        if ($command->[0] =~ /^EVAL/) {
            my $bytes = $answer->($command);

            return $$bytes if $bytes;

            if (script($command) eq 'time') {
                open my $out, '>>', $times;
                print $out "time\n";
            }
        }

        return $good // miss($command);
    });

    $redis->mode('greet');

    return ($redis, sub { return scalar(() = lines($times)) });
}

# requests without a pause do not stop it

sub goes_on {
    my ($request, $times, $what) = @_;

    my $before = $times->();

    wait_until { $request->(); $times->() >= $before + 3 } 'the time';
    pass $what;
}

{
    my ($redis, $times) = redis(sub {
        my ($command) = @_;
        return if script($command) eq 'time';
        return \bulk('what', $command->[3 + $command->[2]], 1, 0);
    });
    my $host = host($redis->url, $origin);

    goes_on(sub { resolve($host, $image, 't0') }, $times,
            'malformed answers to all else');
}

{
    # as if there was room for one client

    my $owner = tempdir() . '/owner';

    my ($redis, $times) = redis(sub {
        spit($owner, $$) unless -e $owner;
        return slurp($owner) eq $$ ? undef : \undef;
    });
    my $host = host($redis->url, $origin, workers => 2, listen => many(),
                    format => '$status');
    my %clients = ImageDigest::Http2->of_workers($host->port(3), 2);

    my ($pid) = $host->wait_for_log(qr/redis is away/) =~ /(\d+)#/;
    my $client = $clients{$pid}[0];

    goes_on(sub {
        $client->read($client->request('GET', "/many/$image/-/x?ttl=0"));
    }, $times, 'a worker that Redis has no room for');
}

done_testing;
