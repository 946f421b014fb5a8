#!/usr/bin/perl

# A reload that changes by whose clock a host's windows are: the time of
# another Redis is to be seen first; where it is behind, it is as if the clock
# was set back.  A reload that fails changes nothing.

use strict;
use warnings;

use Test::More;

use POSIX qw(fmod);
use ImageDigest::Clock;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Window;

my $length = 100;
my $origin = ImageDigest::Origin->start;
my ($clock, $before) = map { ImageDigest::Clock->new } 1 .. 2;
my ($redis, $other) = map { $_->around(sub { ImageDigest::Redis->start }) }
                      $clock, $before;

sub later { $_->advance($_[0]) for $clock, $before; return }

$before->set(wall => $clock->{wall} - 5 * $length);
later(10 + $length - fmod($clock->time, $length));

my $now = int($clock->time / $length);
my $host = ImageDigest::Window->start($clock, $origin, $redis, $length,
                                      allow => qr/bind\(\) to 192\.0\.2\.1/);

is_deeply [$host->ask], [$now, 'passed'], 'a window';

$host->use($other);
$host->cache->configure(more => 'server { listen 192.0.2.1:1; }');
kill HUP => $host->cache->pid;
$host->cache->wait_for_log(qr/\[emerg\] .* bind/);
is_deeply [$host->ask($redis)], [$now, 'passed'], 'a reload that failed';
$host->cache->configure(more => '');

$host->use($other);
$host->cache->reload;
is_deeply [$host->ask], [$now, 'dropped'],
    'one that is behind: what is there is found, but nothing is stored';
later($length);
is_deeply [$host->ask], [undef, 'dropped'], 'for as long as it would have been';

# and back again

$host->use($redis);
$host->cache->reload;
is_deeply [$host->ask], [$now + 1, 'passed'], 'one that is ahead';

# to none, and this host's own clock is ahead, and behind

$clock->set(wall => $clock->{wall} + 2 * $length);
$host->use;
$host->cache->reload;
is_deeply [$host->know], [$now + 3, 'passed'], 'no Redis, and a clock ahead';

$host->use($other);
$host->cache->reload;
is_deeply [$host->ask], [$now + 3, 'dropped'], 'a Redis that is behind';

later(7 * $length);
is_deeply [$host->ask], [undef, 'dropped'], 'it comes to that window';
later($length);
is_deeply [$host->ask], [$now + 4, 'passed'], 'and leaves it behind';

$clock->set(wall => $clock->{wall} - 12 * $length);
$host->use;
$host->cache->reload;
is_deeply [$host->know], [$now + 4, 'dropped'], 'no Redis, and a clock behind';

done_testing;
