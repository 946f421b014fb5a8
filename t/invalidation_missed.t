#!/usr/bin/perl

# Rule 12: a host that did not hear of an invalidation, as it was cut off from
# Redis, finds out when it is back: what its zone had is void, which costs
# other references a look at Redis and no call.

use strict;
use warnings;

use Test::More;

use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Relay;
use ImageDigest::Shared;
use ImageDigest::Util qw(wait_until);

my $redis = ImageDigest::Redis->start;
my $relay = ImageDigest::Relay->start($redis->port);
my $origin = ImageDigest::Origin->start;
my $one = host($redis->url, $origin);
my $two = host('redis://127.0.0.1:' . $relay->port . ' timeout=1s', $origin,
               workers => 2);
my $number = 0;

sub subscribers {
    return $redis->cli('PUBSUB', 'SHARDNUMSUB',
                       '{image-digest:default}:news') =~ /(\d+)$/ ? $1 : 0;
}

# Both workers of the host listen, and store what they learn.

my $back = 0;

sub all_are_back {
    my %pids;

    meanwhile {
        my $image = $origin->name('back:' . ++$back);
        my $answer = resolve($two, $image);

        $pids{ $answer->{pid} }++ if record($redis, $image);
        keys %pids == 2 && subscribers() == 3;
    } 'all to be back';
}

all_are_back();

for (['the connections break', sub { $relay->stop; $_[0]->();
                                     $relay->start }],
     ['they are silent', sub { $relay->stall; $_[0]->();

                               # it notices by what has no answer

                               resolve($two, $origin->name('app:notice'), 't0')
                                   for 1 .. 4;
                               $relay->go_on }],
     ['the server ends them', sub { $redis->cli(qw(CLIENT KILL TYPE pubsub));
                                    $_[0]->() }])
{
    my ($name, $while) = @$_;

    subtest $name => sub {
        $number++;

        my ($image, $other) = map { $origin->name("app:$_$number") }
                                  qw(image other);
        my ($old, $new) = map { $origin->digest("app:image$number", $_) }
                              $number, $number + 1;

        $origin->set(version => $number);

        for my $host ($one, $two) {
            resolve($host, $_) for $image, $other;
        }

        is resolve($two, $image)->{digest}, $old, 'what is known';

        $origin->set(version => $number + 1);

        $while->(sub {
            invalidate($redis, $image);
            is resolve($two, $image)->{digest}, $old, 'it falls back on the TTL'
                unless $name =~ /server/;
        });

        # who is not would ask by itself

        all_are_back();

        my $calls = $origin->calls;

        wait_until { resolve($two, $image)->{digest} eq $new }
            'it to find out', 10;
        wait_until { resolve($one, $image)->{digest} eq $new }
            'the other one, too', 10;

        my @answers = $two->wait_for(map { $two->send('i', $other) } 1 .. 8);

        is scalar(grep { $_->{status} =~ /^(?:SHARED|HIT)$/
                         && $_->{digest} ne '' } @answers), 8,
            'another reference is as it was';
        is $origin->calls, $calls + 1, 'nobody was asked but of the one';
        is resolve($two, $other)->{status}, 'HIT', 'and is in the zone again';
    };
}

done_testing;
