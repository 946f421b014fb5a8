#!/usr/bin/perl

# Rule 4, outages of an engine: after three failures in a row requests for
# whatever image fall back at once, and one call a second finds out when it is
# back.  Another engine, and the registries, are not concerned.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;

use ImageDigest::Cache;
use ImageDigest::Clock;
use ImageDigest::FaultServer;
use ImageDigest::Origin;
use ImageDigest::Util qw(wait_until);

my $clock = ImageDigest::Clock->new;
my $origin = ImageDigest::Origin->start;
my ($engine, $other) = map {
    ImageDigest::FaultServer->start(sub {
        my ($req) = @_;
        my $status = $req->{state}{status} || 200;

        return [$status, {}, '{"digest":"sha256:' . sha256_hex('x') . '"}'];
    });
} 1 .. 2;
my $cache = $clock->around(sub {
    return ImageDigest::Cache->start(
        resolver  => 'registry ' . $origin->host . " insecure;\n"
                     . "timeout 20s;\nnegative_ttl 30s;\n"
                     . 'engine one "' . $engine->url('/{image}')
                     . "\" type=http;\n"
                     . 'engine two "' . $other->url('/{image}')
                     . "\" type=http;\n",
        locations => { map {
            my ($prefix, $name, $ttl) = @$_;
            ($prefix => "image_digest \$image engine=$name;"
                        . "image_digest_timeout 20s; image_digest_ttl $ttl;")
        } ['i', 'one', '1h'], ['zero', 'one', 0], ['other', 'two', '1h'],
          ['r', 'registry', '1h'] });
});
my $number = 0;

sub ask {
    my ($prefix, $image) = @_;
    my $answer = $cache->ask($prefix, $image // 'app:' . ++$number);

    return "$answer->{status} $answer->{error}";
}

sub calls { return scalar(() = $engine->requests) }

sub downs {
    return scalar(() = $cache->log(
        qr/\[error\].*engine "one" does not answer for \S+, 3 times in a row/));
}

sub ups {
    return scalar(() = $cache->log(
        qr/\[notice\].*engine "one" answers again/));
}

is ask('i', 'fresh:1'), 'RESOLVED ', 'before it';

$engine->set(status => 503);
ask('i') for 1 .. 2;
$engine->set(status => 404);
is ask('i'), 'FALLBACK not_found', 'a 404 is an answer';
$engine->set(status => 503);
ask('i') for 1 .. 2;
is downs(), 0, 'so these are two in a row';
$clock->advance(1);
ask('i');
is downs(), 1, 'three';
is calls(), 7, 'by calls';

is ask('i'), 'FALLBACK bad_response', 'others fall back' for 1 .. 10;
wait_until { calls() == 8 } 'one to find out';

$clock->advance(0.9);
is ask('i'), 'FALLBACK bad_response', 'at once' for 1 .. 10;
is calls(), 8, 'without a call';
$clock->advance(0.2);
ask('i') for 1 .. 10;
wait_until { calls() == 9 } 'the next one';

is ask('i', 'fresh:1'), 'HIT ', 'what is fresh is used';
is ask('other'), 'RESOLVED ', 'another engine';
is ask('r', $origin->name('app:1')), 'RESOLVED ', 'a registry';
is ask('zero'), 'FALLBACK bad_response', 'T = 0 asks';
is calls(), 10, 'in any case';

$engine->stop;
$clock->advance(1.1);
is ask('i'), 'FALLBACK bad_response', 'it is gone';
$cache->wait_for_log(qr/: unreachable, engine "one"/);
is ask('i'), 'FALLBACK unreachable', 'the last failure is told';

$engine->set(status => 0);
$engine->start;
$clock->advance(1.1);
ask('i');
wait_until { ups() } 'it to be found';
is ask('i'), 'RESOLVED ', 'it is back';
is downs() . ups(), 11, 'each said once';

# never for longer than negative_ttl

$engine->set(status => 503);
ask('zero') for 1 .. 2;
$clock->advance(1);
ask('zero');
is downs(), 2, 'away again';
$engine->set(status => 0);
$clock->advance(31);
is ask('i'), 'RESOLVED ', 'not for longer than negative_ttl';

done_testing;
