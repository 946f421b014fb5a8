#!/usr/bin/perl

# The rule above all others: an artefact that was stored in one outage is not
# found in the next, when the tag has moved between them; nor is one that was
# stored without a digest found with one, or the other way round.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Clock;
use ImageDigest::Image;
use ImageDigest::Registry;
use ImageDigest::Store;

my $registry = ImageDigest::Registry->start;
my $store = ImageDigest::Store->start;
my $clock = ImageDigest::Clock->new;
my $cache = $clock->around(sub {
    ImageDigest::Cache->start(
        store     => $store,
        resolver  => 'registry ' . $registry->host
                     . " insecure;\nnegative_ttl 1s;",
        locations => { i => 'image_digest_ttl 60s;' });
});

my $image = $registry->name('app:1');
my $get = sub {
    my $answer = $cache->ask('i', $image);
    return "$answer->{status} $answer->{code}"
           . ($answer->{code} == 200 ? " $answer->{body}" : '');
};
my $put = sub {
    return $cache->ask('i', $image, method => 'PUT', body => $_[0])->{code};
};

# in the middle of a window

sub middle { $clock->advance(60 - ($clock->time - 30) % 60) }

my $old = ImageDigest::Image->push($registry, 'app:1');

is $put->('of the old digest'), 200, 'stored';
is $get->(), 'HIT 200 of the old digest', 'found';

$registry->stop;
middle();
$clock->advance(120);

is $get->(), 'FALLBACK 404', 'an outage: not what a digest has';
is $put->('of the first outage'), 200, 'stored';
is $get->(), 'FALLBACK 200 of the first outage', 'found in the same window';

$clock->advance(20);
is $get->(), 'FALLBACK 200 of the first outage', 'still the same window';

$clock->advance(60);
is $get->(), 'FALLBACK 404', 'not in the next one';

$registry->start;
my $new = ImageDigest::Image->push($registry, 'app:1');
$clock->advance(10);

is $get->(), 'RESOLVED 404', 'with a digest: nothing of before';
is $put->('of the new digest'), 200, 'stored';
is $get->(), 'HIT 200 of the new digest', 'found';

$registry->stop;
$clock->advance(120);

is $get->(), 'FALLBACK 404', 'the next outage: nothing of the last';

$registry->start;
$old->push($registry, 'app:1');
$clock->advance(10);

is $get->(), 'RESOLVED 200 of the old digest', 'a tag that moved back';

done_testing;
