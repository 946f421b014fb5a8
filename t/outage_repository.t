#!/usr/bin/perl

# Rule 4, outages: who asks for images of a repository that fails does not make
# the registry count as down for others.  It is that repository which is asked
# once a second, whatever others are answered; what fails for several is of
# the registry.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Clock;
use ImageDigest::Origin;
use ImageDigest::Util qw(wait_until);

my $clock = ImageDigest::Clock->new;
my $origin = ImageDigest::Origin->start;
my $cache = $clock->around(sub {
    ImageDigest::Cache->start(
        workers   => 2,
        resolver  => "timeout 20s;\nnegative_ttl 30s;\n"
                     . 'registry ' . $origin->host . " insecure;\n",
        locations => {
            i => "image_digest_ttl 1h;\nimage_digest_timeout 20s;" });
});
my $number = 0;
# how often the origin was asked before the answer came

sub asked {
    my ($repository) = @_;

    my $calls = $origin->calls;

    $cache->ask('i', $origin->name("$repository:" . ++$number));

    return $origin->calls - $calls;
}

# ... and once, but nobody waits for that

sub probed {
    my ($repository) = @_;

    my $calls = $origin->calls;

    asked($repository);
    wait_until { $origin->calls == $calls + 1 } "$repository to be asked";
}

sub fails {
    my ($repository) = @_;

    is asked($repository), 1, "$repository is asked" for 1 .. 2;
    $clock->advance(1);
    is asked($repository), 1, 'and again';
}

$origin->set(status => 503, only => 'app/bad');
fails('app/bad');

my $host = $origin->host;
my $registry = qr/registry "\Q$host\E" does not answer/;
my $down = qr/\[error\].*$registry, 3 times in a row: /;

$cache->wait_for_log(
    qr/\[error\].*$registry for \Q$host\E\/app\/bad, 3 times in a row: /);

probed('app/bad');
is asked('app/bad'), 0, 'once a second';

for my $good ('app', 'app/good', 'app/bad/good') {
    is $cache->ask('i', $origin->name("$good:1"))->{status}, 'RESOLVED',
        "$good is answered";
}

is asked('app/bad'), 0, 'which says nothing of the other one';

$clock->advance(1.1);
probed('app/bad');
is asked('app/bad'), 0, 'and no more';
is scalar(() = $cache->log($down)), 0, 'the registry answers';

$origin->set(status => 503, only => '');
$clock->advance(1.1);
probed('app/bad');
is asked('app/other'), 1, 'another one fails';
$clock->advance(1);
is asked('app/good'), 1, 'and another';

$cache->wait_for_log($down);

probed('app');

for my $all ('app', 'app/other', 'app/good', 'app/bad') {
    is asked($all), 0, "it is the registry, with $all";
}

$origin->set(status => 0);
$clock->advance(1.1);
probed('app/other');
$cache->wait_for_log(qr/\[notice\].*registry "\Q$host\E" answers again,? /);

for my $all ('app', 'app/good') {
    is asked($all), 1, "that $all is back";
}

$clock->advance(1.1);
probed('app/bad');
$cache->wait_for_log(qr/answers again for \Q$host\E\/app\/bad/);
is asked('app/bad'), 1, 'the one that was it, too';

done_testing;
