#!/usr/bin/perl

# image_digest_writes settled=: since when a digest is the tag's is known to
# all hosts by Redis, survives a host, and is lost with the record: then it
# settles anew, on all hosts.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Clock;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Util qw(wait_until);

my $origin = ImageDigest::Origin->start;
my $clock = ImageDigest::Clock->new;
my $redis = $clock->around(sub { ImageDigest::Redis->start });
my $image = $origin->name('app:1');

# the worker is connected once something was asked of Redis

sub connected {
    my ($cache) = @_;

    my $asked = sub { $redis->calls('eval') + $redis->calls('evalsha') };
    my $before = $asked->();
    my $n = 0;

    wait_until {
        $cache->ask('i', $origin->name('warm:' . ++$n));
        $asked->() > $before;
    } 'redis to be asked';

    return $cache;
}

sub host {
    return connected($clock->around(sub {
        ImageDigest::Cache->start(
            resolver  => 'registry ' . $origin->host
                         . " insecure;\nrefresh off;\nredis "
                         . $redis->url . ' timeout=10s;',
            locations => { i => "image_digest_ttl 10m;\n"
                                . 'image_digest_writes settled=1h;' });
    }));
}

sub put {
    my ($host) = @_;

    my $answer = $host->ask('i', $image, method => 'PUT', body => 'x');

    return "$answer->{status} $answer->{write}";
}

my $one = host();

is put($one), 'RESOLVED dropped', 'one host';
$clock->advance(3601);
is put($one), 'RESOLVED passed', 'settled';

my $two = host();

is put($two), 'SHARED passed', 'a second host knows since when';
is $origin->calls('app:1'), 2, 'and asks nobody';

$one->stop;
$clock->advance(10);

my $three = host();

is put($three), 'RESOLVED passed', 'a third, by a call of its own';
is put($two), 'SHARED passed', 'the second takes that';

# the second host sees the tag move, and settle again; the third, meanwhile,
# still holds the old digest

$origin->set(version => 2);
$clock->advance(10);
is put($two), 'RESOLVED dropped', 'the tag moves';
is put($three), 'SHARED dropped', 'for all hosts';
$clock->advance(3601);
is put($three), 'RESOLVED passed', 'it settles';
is put($two), 'SHARED passed', 'for all hosts';

# there and back, seen by another host alone

$clock->advance(10);
$origin->set(version => 1);
is put($two), 'RESOLVED dropped', 'there';
$clock->advance(10);
$origin->set(version => 2);
is put($two), 'RESOLVED dropped', 'and back';
is put($three), 'SHARED dropped', 'a host that saw none of it';

$clock->advance(3601);
is put($two), 'RESOLVED passed', 'settled';
is put($three), 'SHARED passed', 'on both';

my @records = grep { m{:image:.*/app:1#} } $redis->cli('KEYS', '*');

is scalar(@records), 1, 'one record';
$redis->cli('DEL', $records[0]);
$clock->advance(10);

is put(host()), 'RESOLVED dropped', 'a lost record: not known since when';
is put($two), 'SHARED dropped', 'on the other hosts, too';

$clock->advance(3601);
put($two);
$redis->cli('DEL', $records[0]);
$clock->advance(10);

is put($two), 'RESOLVED dropped', 'nor where the host itself finds it lost';
is put($three), 'SHARED dropped', 'which all hear of';

done_testing;
