#!/usr/bin/perl

# Rules 5 and 6: a Redis that comes back with an old snapshot tells what was
# known then, as old as it is by now; nothing of it displaces what a zone has
# learnt since.

use strict;
use warnings;

use Test::More;

use ImageDigest::Clock;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;
use ImageDigest::Util qw(wait_until);

my $clock = ImageDigest::Clock->new;
my $redis = $clock->around(sub { ImageDigest::Redis->start });
my $origin = ImageDigest::Origin->start;
my $patient = 'image_digest_timeout 20s;';

sub new_host {
    return $clock->around(sub {
        host($redis->url, $origin, locations => {
            i  => "$patient image_digest_ttl 10m;",
            s  => "$patient image_digest_ttl 80s;",
            t0 => "$patient image_digest_ttl 0;",
        });
    });
}

my $one = new_host();
my ($image, $held) = map { $origin->name("app:$_") } qw(1 held);
my ($old, $new) = map { $origin->digest('app:1', $_) } 1 .. 2;

is resolve($one, $image)->{digest}, $old, 'what was known';
wait_for_record($redis, $image);

# and a lease of somebody who will not be there any more

$redis->cli('SET', (wait_for_record($redis, $image))[0]
                   =~ s/:image:/:lease:/r =~ s/app:1/app:held/r,
            'other/1/1-0', 'PX', 2000);
is $redis->cli('SAVE'), 'OK', 'a snapshot';

$clock->advance(50);
$origin->set(version => 2);
is resolve($one, $image, 't0')->{digest}, $new, 'the tag moves';
wait_until { my (undef, %record) = record($redis, $image);
             $record{digest} eq $new } 'the record';

$clock->advance(50);
$redis->stop;
$clock->around(sub { $redis->start });

my (undef, %record) = record($redis, $image);

is $record{digest}, $old, 'it is restored';

# it is asked about this one

wait_until { my $mark = $origin->name('mark:' . int rand 1e9);
             resolve($one, $mark); record($redis, $mark) } 'redis to be found';
is resolve($one, $image)->{digest}, $new, 'the zone goes on';

$origin->set(status => 503);

my $answer = resolve($one, $image, 't0');

is $answer->{error}, 'bad_response', 'Redis is asked, and then the registry';
$answer = resolve($one, $image);
is "$answer->{status} $answer->{digest}", "HIT $new",
    'what it told displaced nothing';
$origin->set(status => 0);

# a host that knows nothing

my $two = new_host();

$answer = resolve($two, $image);
is "$answer->{status} $answer->{digest}", "SHARED $old", 'others take it';
cmp_ok $answer->{age}, '>=', 100, 'as old as it is';
cmp_ok $answer->{age}, '<', 110, 'and no older';
is resolve(new_host(), $image, 's')->{digest}, $new,
    'but not where that is too old';

# that was stored

is resolve($two, $image)->{digest}, $old, 'until it is that, there, too';
is resolve($two, $image, 's')->{status}, 'SHARED', 'when it takes the newer';
is resolve($two, $image)->{digest}, $new, 'and keeps it';

$answer = resolve($two, $held);
is $answer->{status}, 'RESOLVED', 'an old lease';
cmp_ok $answer->{wait}, '<', 4, '... ends by itself';

done_testing;
