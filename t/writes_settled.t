#!/usr/bin/perl

# image_digest_writes settled=TIME drops a write unless its digest had been
# the tag's for TIME at the begin of the call that saw it; a tag that moves is
# dropped again; without a digest it is dropped.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use ImageDigest::Cache;
use ImageDigest::Clock;
use ImageDigest::Image;
use ImageDigest::Origin;
use ImageDigest::Registry;
use ImageDigest::Util qw(wait_until);

my $origin = ImageDigest::Origin->start;
my $clock = ImageDigest::Clock->new;
my $cache = $clock->around(sub {
    ImageDigest::Cache->start(
        resolver  => 'registry ' . $origin->host
                     . " insecure;\nrefresh off;\nnegative_ttl 1s;",
        locations => { i => "image_digest_ttl 10m;\n"
                            . 'image_digest_writes settled=1h;' });
});

my $image = $origin->name('app:1');
my $write = sub {
    my $answer = $cache->ask('i', $image, method => $_[0] // 'PUT',
                             body => 'x');
    return "$answer->{code} $answer->{write}";
};

subtest 'to the second' => sub {
    is $write->(), '200 dropped', 'new';
    is $cache->ask('i', $image)->{code}, 200, 'a read goes on';
    is $write->('DELETE'), '404 dropped', 'others';

    $clock->advance(3597);
    is $write->(), '200 dropped', 'nearly settled';

    # a call within TIME does not tell of TIME, though it has passed by now

    $clock->advance(4);
    is $write->(), '200 dropped', 'by the call of before';
    $clock->advance(9);
    is $write->(), '200 passed', 'settled';
    is $write->('DELETE'), '200 passed', 'others';

    $origin->set(version => 2);
    $clock->advance(6);
    is $write->(), '200 dropped', 'it has moved';
    $clock->advance(3000);
    is $write->(), '200 dropped', 'and was not there for so long';
    $clock->advance(601);
    is $write->(), '200 passed', 'settled again';

    # there and back, which is no unbroken run

    $origin->set(version => 1);
    $clock->advance(6);
    is $write->(), '200 dropped', 'moved';
    $origin->set(version => 2);
    $clock->advance(6);
    is $write->(), '200 dropped', 'and back';
    $clock->advance(3601);
    is $write->(), '200 passed', 'settled once more';
};

subtest 'no digest' => sub {
    $clock->advance(6);
    $origin->set(status => 500);
    is $write->(), '200 dropped', 'a call fails';

    my $answer = $cache->ask('i', $image);
    is "$answer->{status} $answer->{code}", 'HIT 200', 'a read has one';

    $clock->advance(6);
    $origin->set(status => 0);
    is $write->(), '200 passed', 'a failure does not break the run';
};

subtest 'as time goes' => sub {
    my $registry = ImageDigest::Registry->start;

    ImageDigest::Image->push($registry, 'app:1');

    my $cache = ImageDigest::Cache->start(
        resolver  => 'registry ' . $registry->host . ' insecure;',
        locations => { i => 'image_digest_writes settled=1500ms fresh=200ms;'
        });
    my $write = sub {
        return $cache->ask('i', $registry->name('app:1'), method => 'PUT',
                           body => 'x')->{write};
    };

    my $start = time;

    is $write->(), 'dropped', 'new';
    wait_until { $write->() eq 'passed' } 'it to settle';
    cmp_ok time - $start, '>=', 1.5, 'not before TIME';

    ImageDigest::Image->push($registry, 'app:1');
    ok wait_until { $write->() eq 'dropped' } 'the move to be seen';
    $start = time;
    wait_until { $write->() eq 'passed' } 'it to settle again';
    cmp_ok time - $start, '>=', 0.5, 'not at once';
};

done_testing;
