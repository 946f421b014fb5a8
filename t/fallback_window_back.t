#!/usr/bin/perl

# The number of the tag key's window never goes below the highest that the
# host has used: a clock that is set back opens no window anew, across a
# reload too.  The highest one is read for as long as it would have lasted, but
# nothing is stored in it, since others come to it later; then nothing matches
# until the clock has left that window behind.

use strict;
use warnings;

use Test::More;

use POSIX qw(fmod);
use ImageDigest::Cache qw(tag_key);
use ImageDigest::Clock;
use ImageDigest::Util qw(free_port);

my $host = '127.0.0.1:' . free_port();
my $clock = ImageDigest::Clock->new;
my $cache = $clock->around(sub {
    ImageDigest::Cache->start(resolver  => "registry $host insecure;",
                              locations => { i => 'image_digest_ttl 100s;',
                                             k => 'image_digest_ttl 70s;' });
});

# the number of the window now, found among those near some time

sub number {
    my ($prefix, $length) = @_;

    my $key = $cache->ask($prefix, "$host/app:1")->{key};
    my $near = int($clock->time / $length);

    for my $d (0 .. 200) {
        for ($near + $d, $near - $d) {
            return $_ if $key eq tag_key("$host/app:1",
                                         window => "$length/$_");
        }
    }

    return;
}

# a window has just begun

$clock->advance(100.2 - fmod($clock->time, 100));

my $highest = number('i', 100);
my $other = number('k', 70);

ok $highest && $other, 'a window';

# set back by less than a second, before it: it is not used again

$clock->set(wall => $clock->{wall} - 0.5);
is number('i', 100), $highest, 'the window has begun';
is $cache->ask('i', "$host/app:1", method => 'PUT')->{write}, 'passed',
    'and is stored in';

# set ahead, it goes ahead: into the middle of a window

$clock->set(wall => $clock->{wall} + 1050 - $clock->time % 100);
cmp_ok number('i', 100), '>=', $highest + 9, 'the clock was set ahead';

my $time = $clock->time;

$highest = number('i', 100);
$other = number('k', 70);

# set back by less than a second: the highest time goes on being used

$clock->set(wall => $clock->{wall} - 0.5);
is number('i', 100), $highest, 'slewed';
is $cache->ask('i', "$host/app:1", method => 'PUT')->{write}, 'passed',
    'and stored';

for my $reload (0, 1) {
    $clock->set(wall => $clock->{wall} - 1000);
    $cache->reload if $reload;

    is number('i', 100), $highest, 'the clock was set back';
    is number('k', 70), $other, 'of another length, too';

    is $cache->ask('i', "$host/app:1", method => 'PUT')->{write}, 'dropped',
        'nothing is stored for later';
}

# the window is over, by the time that has passed

$clock->advance(100);
is number('i', 100), undef, 'nothing matches';

# the clock comes to it again

for my $before (0.5, -10) {
    $clock->advance($time - $before - $clock->time);
    is number('i', 100), undef, "... at $before seconds before it was set back";
    is $cache->ask('i', "$host/app:1", method => 'PUT')->{write}, 'dropped',
        'nor is it stored in';
}

# and it is set back once more: what is in that window is none the younger

$clock->advance($time + 10 - $clock->time);
is number('i', 100), undef, 'the window again';
$clock->set(wall => $clock->{wall} - 5);
is number('i', 100), undef, 'set back once more';

# the clock has caught up

$clock->advance(100);
cmp_ok number('i', 100), '>', $highest, 'and on it goes';
is $cache->ask('i', "$host/app:1", method => 'PUT')->{write}, 'passed',
    'and stored';

done_testing;
