#!/usr/bin/perl

# Redis read its clock at some moment between question and answer.  So after a
# slow answer there may be two windows that it is in, and then it acts as
# `miss`: in the later one, what is stored could be found for longer than the
# TTL.  A quick answer knows better, and a slow one after it changes nothing.

use strict;
use warnings;

use Test::More;

use POSIX qw(fmod);
use ImageDigest::Cache qw(tag_key);
use ImageDigest::Clock;
use ImageDigest::Origin;
use ImageDigest::Redis;

my $length = 10;
my $slow = 0.4;                         # a later one is asked for again
my $clock = ImageDigest::Clock->new;
my $origin = ImageDigest::Origin->start;
my $redis = $clock->around(sub { ImageDigest::Redis->start });
my $cache = $clock->around(sub {
    ImageDigest::Cache->start(
        level     => 'debug',
        resolver  => 'registry ' . $origin->host . " insecure;\n"
                     . 'redis ' . $redis->url . " timeout=20s;\n"
                     . 'timeout 20s;',
        locations => { i => "image_digest_timeout 20s;\n"
                            . "image_digest_ttl ${length}s;" });
});

my $number = 0;

sub asked { return $redis->calls('eval') + $redis->calls('evalsha') }
sub new_image { return $origin->name('app:none' . ++$number) }

# A slow answer, which comes when so many seconds of a window are over.

sub answer {
    my ($over, $method) = @_;

    $clock->advance($length - fmod($clock->time, $length) + $over - $slow);
    $redis->pause;

    my $image = new_image();
    my $before = length $cache->log;
    my $promise = $cache->send('i', $image, method => $method);

    $cache->poll(sub {
        substr($cache->log, $before)
            =~ /http request line: "$method .*image redis flush/s;
    }, 'a question');

    $clock->advance($slow);
    $redis->resume;

    return ($image, scalar $cache->wait_for($promise));
}

sub is_window {
    my ($image, $answer, $what) = @_;

    my $window = $length . '/' . int($clock->time / $length);

    is $answer->{key}, tag_key($image, window => $window), $what;
}

sub stored {
    return $cache->ask('i', $_[0], method => 'PUT', body => 'x')->{write};
}

# the worker is connected

my $before = asked();

$cache->poll(sub { $cache->ask('i', new_image()); asked() > $before },
             'redis to be asked');

for (['GET', 5], ['GET', 9.9], ['PUT', 9.9]) {
    my ($method, $over) = @$_;
    my ($image, $answer) = answer($over, 'GET');

    is_window($image, $answer, "a quick answer, then a slow one, $over");
    is stored($image), 'passed', 'and stored';

    # what was known is too old to know better: the clocks may have parted

    $clock->advance(6000);
    ($image, $answer) = answer($over, $method);

    if ($over == 5) {
        is_window($image, $answer, 'a slow one that leaves one window');
        is stored($image), 'passed', 'and stored';

    } elsif ($method eq 'GET') {
        is $answer->{code}, 404, 'a slow one that leaves two: a miss';

    } else {
        is $answer->{write}, 'dropped', '... and no write';
    }

    # it knows which of them it is

    $image = new_image();
    is_window($image, $cache->ask('i', $image), 'a quick one');
    is stored($image), 'passed', 'and stored';
}

done_testing;
