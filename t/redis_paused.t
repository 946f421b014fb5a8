#!/usr/bin/perl

# Rule 10: a Redis that is paused takes commands and does not answer: requests
# go on within its time-out, and then without waiting; when it goes on, its
# late answers are not believed, nor do its late stores displace anything.

use strict;
use warnings;

use Test::More;

use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;
use ImageDigest::Util qw(wait_until);

my $redis = ImageDigest::Redis->start;
my $origin = ImageDigest::Origin->start;
my $number = 0;

# to be paused entirely ends by itself alone

for (['CLIENT PAUSE', sub { $redis->cli(qw(CLIENT PAUSE 2500)) }, sub { }],
     ['CLIENT PAUSE WRITE', sub { $redis->cli(qw(CLIENT PAUSE 60000 WRITE)) },
      sub { $redis->cli(qw(CLIENT UNPAUSE)) }],
     ['SIGSTOP', sub { $redis->pause }, sub { $redis->resume }])
{
    my ($name, $pause, $resume) = @$_;

    subtest $name => sub {
        $number++;

        my ($known, $other) = map { $origin->name("app:$_$number") }
                                  qw(known other);

        $origin->set(version => 1);

        my ($host, $two) = map { host($redis->url . ' timeout=600ms',
                                      $origin) } 1 .. 2;

        resolve($two, $_) for $known, $other;
        wait_for_record($redis, $_) for $known, $other;
        resolve($host, $origin->name("warm:$number"));

        $pause->();
        $origin->set(version => 2);

        my $answer = resolve($host, $known);

        is $answer->{digest}, $origin->digest("app:known$number", 2),
            'it goes on';
        cmp_ok $answer->{wait}, '>=', 0.5, '... after the time-out';
        cmp_ok $answer->{wait}, '<', 1.5, '... and no more';

        $answer = resolve($host, $origin->name("new:$number"));
        is $answer->{status}, 'RESOLVED', 'and on';

        # one that answers a PING passes for one that is back

        cmp_ok $answer->{wait}, '<', $name =~ /WRITE/ ? 1.5 : 0.5,
            '... without waiting';

        # one that waits for a lookup of its own in that moment

        my @answers = $host->wait_for(map {
            $host->send('i', $origin->name("many:$number-$_")) } 1 .. 20);

        is scalar(grep { $_->{status} eq 'RESOLVED' } @answers), 20, 'many';
        is resolve($host, $known)->{status}, 'HIT', 'the zone goes on';

        is scalar(() = $host->log(qr/redis is away/)), 1, 'said once';

        $resume->();

        my $n = 0;

        wait_until {
            my $image = $origin->name("again:$number-" . ++$n);

            resolve($host, $image);
            record($redis, $image);
        } 'redis to be found', 5;

        $answer = resolve($host, $known);
        is "$answer->{status} $answer->{digest}",
            'HIT ' . $origin->digest("app:known$number", 2),
            'its late answer is nobody\'s';
        $answer = resolve($host, $other);
        is "$answer->{status} $answer->{digest}",
            'SHARED ' . $origin->digest("app:other$number", 1),
            'what it has is used again';
    };
}

done_testing;
