#!/usr/bin/perl

# With Redis the window's time is that of Redis' clock, so that all hosts have
# the same windows: the last offset known, carried by the host while Redis is
# away.  Where it was never seen, it acts as `miss`.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache qw(tag_key windows);
use ImageDigest::Clock;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Util qw(free_port wait_until);

my $origin = ImageDigest::Origin->start;
my $server = ImageDigest::Clock->new->set(wall => 12345);
my $redis = $server->around(sub { ImageDigest::Redis->start });

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
    my ($wall, $url) = @_;

    my $clock = ImageDigest::Clock->new->set(wall => $wall);
    my $cache = $clock->around(sub {
        ImageDigest::Cache->start(
            resolver  => 'registry ' . $origin->host . " insecure;\n"
                         . "redis $url timeout=10s;",
            locations => { i => 'image_digest_ttl 20s;' });
    });

    return ($clock, $cache);
}

sub is_window {
    my ($cache, $ask, $name) = @_;

    my $image = $origin->name('app:none');
    my $from = $server->time;
    my $key = $ask->('i', $image)->{key};
    my @keys = map { tag_key($image, window => $_) }
               windows(20, $from, $server->time);

    is scalar(grep { $_ eq $key } @keys), 1, $name;
}

my ($clock, $one) = host(0, $redis->url);
my ($ahead, $two) = host(777, $redis->url);

connected($_) for $one, $two;

my $image = $origin->name('app:none');

for my $cache ($one, $two) {
    my $ask = sub { $cache->ask(@_) };

    is_window($cache, $ask, "by Redis' clock");
    is_window($cache, sub { $cache->ask(@_, method => 'PUT', body => 'x') },
              'a write');
}

$redis->stop;

for (['Redis is away', 0], ['for long', 1000]) {
    my ($name, $passed) = @$_;

    $_->advance($passed) for $server, $clock, $ahead;

    for my $cache ($one, $two) {
        is_window($cache, sub { $cache->ask(@_) }, $name);
    }
}

# the host's own wall clock plays no part

$clock->set(wall => -4000);
is_window($one, sub { $one->ask(@_) }, 'the host\'s clock is set back');
$clock->set(wall => 9000);
is_window($one, sub { $one->ask(@_) }, 'or forward');

$one->reload;
is_window($one, sub { $one->ask(@_) }, 'a reload');

my ($never_clock, $never) = host(0, 'redis://127.0.0.1:' . free_port());

is $never->ask('i', $image)->{code}, 404, 'never seen: a miss';
is $never->ask('i', $image, method => 'PUT', body => 'x')->{write}, 'dropped',
    'and no write';

# another server's clock says nothing of this one's

$one->configure(resolver => 'registry ' . $origin->host . " insecure;\n"
                            . 'redis redis://127.0.0.1:' . free_port() . ';');
$one->reload;
is $one->ask('i', $image)->{code}, 404, 'another server: never seen';

done_testing;
