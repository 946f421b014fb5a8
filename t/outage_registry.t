#!/usr/bin/perl

# Rule 4, outages: after three failures in a row of one registry, of the kind
# that anybody would have got, requests for whatever image of it fall back at
# once, and one call a second finds out when it is back.  T = 0 asks in any
# case, what is fresh is used, and nobody else's registry is concerned.

use strict;
use warnings;

use List::Util qw(max);
use Test::More;
use Time::HiRes qw(time);

use ImageDigest::Cache;
use ImageDigest::Clock;
use ImageDigest::Origin;
use ImageDigest::Util qw(certificate wait_until);

my $down = qr/\[error\].*registry "[\d.:]+" does not answer for \S+, \d+ times/;
my $up = qr/\[notice\].*registry "[\d.:]+" answers again/;
my $number = 0;

sub cache {
    my ($timeout, @origins) = @_;

    return ImageDigest::Cache->start(
        workers   => 2,
        listen    => "listen 127.0.0.1:\@PORT2\@ reuseport;\n",
        resolver  => "timeout $timeout;\nnegative_ttl 30s;\n"
                     . join('', map { 'registry ' . $_->host
                                      . ($_->{tls} ? ";\n" : " insecure;\n") }
                                    @origins),
        locations => {
            i    => "image_digest_ttl 1h;\nimage_digest_timeout 20s;",
            zero => "image_digest_ttl 0;\nimage_digest_timeout 20s;" });
}


for (['5xx', '20s', 'bad_response',
      sub { $_[0]->set(status => 503) }, sub { $_[0]->set(status => 0) }],
     ['refused', '20s', 'unreachable', sub { $_[0]->stop },
      sub { $_[0]->start }],
     ['no answer', '700ms', 'timeout', sub { $_[0]->set(hold => 'never') },
      sub { $_[0]->set(hold => '') }])
{
    my ($name, $timeout, $reason, $fails, $works) = @$_;

    subtest $name => sub {
        my $clock = ImageDigest::Clock->new;
        my ($origin, $other) = map { ImageDigest::Origin->start } 1 .. 2;
        my $cache = $clock->around(sub { cache($timeout, $origin, $other) });

        # each failed call is said, at error

        my $failures = sub {
            return scalar(() = $cache->log(
                qr/"\Q@{[ $origin->host ]}\E\/\S+": $reason, registry/));
        };
        my $ask = sub {
            my ($prefix, $image) = @_;
            my $answer = $cache->ask($prefix, ($image || $origin)->name(
                'app:' . ++$number));

            return "$answer->{status} $answer->{error}";
        };

        # many at once, for as many images

        my $many = sub {
            my @answers = $cache->wait_for(map {
                $cache->send('i', $origin->name('app:' . ++$number))
            } 1 .. 20);

            is scalar(grep { "$_->{status} $_->{error}" eq "FALLBACK $reason" }
                      @answers), 20, 'others fall back';

            return max(map { $_->{wait} } @answers);
        };

        is $ask->('i'), 'RESOLVED ', 'before it';

        my $fresh = $number;

        $fails->($origin);

        # all at once where it takes time

        # and over a second

        $cache->wait_for(map {
            $cache->send('i', $origin->name('app:' . ++$number))
        } 1 .. 2);
        $clock->advance(1);
        $ask->('i');
        is $failures->(), 3, 'three failures';
        is scalar(() = $cache->log($down)), 1, 'which is said';

        my $wait = $many->();

        cmp_ok $wait, '<', 0.5, 'at once' if $reason eq 'timeout';
        wait_until { $failures->() == 4 } 'one to find out';

        $clock->advance(0.9);
        $many->();
        is $failures->(), 4, 'and no other within a second';

        $clock->advance(0.2);
        $many->();
        wait_until { $failures->() == 5 } 'the next one';

        $cache->reload;
        $many->();
        is $failures->(), 5, 'one a second, after a reload, too';

        is $ask->('zero'), "FALLBACK $reason", 'T = 0 asks';
        is $failures->(), 6, 'in any case';

        is $cache->ask('i', $origin->name("app:$fresh"))->{status}, 'HIT',
            'what is fresh is used';
        is $ask->('i', $other), 'RESOLVED ', 'another registry';

        $works->($origin);
        $many->();
        is scalar(() = $cache->log($up)), 0, 'it is not asked yet';

        $clock->advance(1.1);
        is $ask->('i'), "FALLBACK $reason", 'now it is';
        $cache->wait_for_log($up);
        is $ask->('i'), 'RESOLVED ', 'it is back';
        is scalar(() = $cache->log($down)), 1, 'it was said once';
        is scalar(() = $cache->log($up)), 1, 'as was this';

        # never for longer than negative_ttl

        $fails->($origin);
        $ask->('i') for 1 .. 2;
        $clock->advance(1);
        $ask->('i');
        is scalar(() = $cache->log($down)), 2, 'away again';

        my $count = $failures->();

        $many->();
        wait_until { $failures->() > $count } 'one to find out';

        $works->($origin);
        $clock->advance(31);
        is $ask->('i'), 'RESOLVED ', 'and not for longer than negative_ttl';
        is scalar(() = $cache->log($up)), 2, 'back again';
    };
}

# nobody waits for the call that finds out, on whichever worker

subtest 'the same image' => sub {
    my $origin = ImageDigest::Origin->start;
    my $cache = cache('20s', $origin);
    my $image = $origin->name('app:same');

    $origin->set(status => 503);
    wait_until {
        $cache->ask('i', $origin->name('app:' . ++$number));
        $cache->log($down);
    } 'it to be away';

    my $calls = $origin->calls;
    my %pids;

    $origin->set(status => 0, hold => 'a');
    is $cache->ask('i', $image)->{status}, 'FALLBACK', 'the first';
    wait_until { $origin->calls > $calls } 'the call';

    wait_until {
        my $answer = $cache->ask('i', $image, port => 2);

        is $answer->{status}, 'FALLBACK', 'others, in time';
        cmp_ok $answer->{wait}, '<', 5, 'at once';
        $pids{ $answer->{pid} } = 1;
        keys %pids == 2;
    } 'both workers';

    is $origin->calls, $calls + 1, 'one call';

    my $zero = $cache->send('zero', $image);

    $origin->release('a');
    $origin->set(hold => '');
    is $cache->wait_for($zero)->{status}, 'RESOLVED', 'T = 0 waits';
    is $cache->ask('i', $image)->{status}, 'HIT', 'it is back';
};

subtest 'what is none' => sub {
    my $origin = ImageDigest::Origin->start;
    my $cache = cache('20s', $origin);
    my $ask = sub {
        my ($status) = @_;
        my $calls = $origin->calls;

        $origin->set(status => $status);

        my $error = $cache->ask('i', $origin->name('app:' . ++$number))
                    ->{error};

        is $origin->calls, $calls + 1, "$status: $error, by a call";
    };

    for my $answer (404, 401, 200, 403) {
        $ask->($_) for 503, 503, $answer;
    }

    $ask->($_) for (404) x 4, (401) x 4, (200) x 4;

    is scalar(() = $cache->log($down)), 0, 'it answers';

    wait_until { $ask->(503); $cache->log($down) } 'an outage';
    is scalar(() = $cache->log($down)), 1, 'now it does not';

    # a 404 ends it as well as a digest would

    $origin->set(status => 404);
    is $cache->ask('zero', $origin->name('app:404'))->{error}, 'not_found',
        'a 404';
    is scalar(() = $cache->log($up)), 1, 'is an answer';
};

subtest 'TLS' => sub {
    my $origin = ImageDigest::Origin->start(tls => [certificate()]);
    my $cache = cache('20s', $origin);

    wait_until {
        is $cache->ask('i', $origin->name('app:' . ++$number))->{error},
            'tls', 'tls';
        $cache->log($down);
    } 'it to be said';
    is scalar(() = $cache->log($down)), 1, 'an outage';
};

# by the machine's clock: requests all the time, calls about one a second

subtest 'in time' => sub {
    my $origin = ImageDigest::Origin->start;
    my $cache = cache('20s', $origin);
    my $ask = sub {
        return $cache->ask('i', $origin->name('app:' . ++$number))->{status};
    };

    $origin->set(status => 503);
    wait_until { $ask->(); $cache->log($down) } 'an outage';

    my ($begin, $calls, $asked) = (time, $origin->calls, 0);

    wait_until { $ask->(); $asked++; time - $begin > 3 } 'three seconds';

    $calls = $origin->calls - $calls;
    note "$calls calls for $asked requests";
    cmp_ok $calls, '>=', 2, 'some calls';
    cmp_ok $calls, '<=', 2 + time - $begin, 'about one a second';

    $origin->set(status => 0);
    $begin = time;
    wait_until { $ask->() eq 'RESOLVED' } 'it to be found';
    cmp_ok time - $begin, '<', 2.5, 'found soon after it is back';
};

done_testing;
