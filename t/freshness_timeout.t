#!/usr/bin/perl

# Rule 8: after image_digest_timeout a request falls back, with "timeout";
# the origin call goes on, and its result is stored.  `timeout` bounds that.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use ImageDigest::Cache;
use ImageDigest::Clock;
use ImageDigest::Origin;

my $origin = ImageDigest::Origin->start;
my $clock = ImageDigest::Clock->new;
my $cache = $clock->around(sub {
    ImageDigest::Cache->start(
        resolver  => 'registry ' . $origin->host . " insecure;\ntimeout 20s;",
        more      => 'image_resolver brief { registry ' . $origin->host
                     . " insecure; timeout 300ms; }\n",
        locations => {
            i      => 'image_digest_timeout 200ms;',
            long   => 'image_digest_timeout 1s;',
            last   => 'image_digest_timeout 20s;',
            write  => "image_digest_timeout 200ms;\n"
                      . 'image_digest_fallback miss;',
            origin => "image_digest \$image resolver=brief;\n"
                      . 'image_digest_timeout 20s;',
        });
});

my $image = $origin->name('app:1');

is $cache->ask('last', $image)->{status}, 'RESOLVED', 'a digest';

$clock->advance(600);
$origin->set(hold => 'a', version => 2);

# nginx's timers are by its cached time, hence somewhat less

my $start = time;
my $answer = $cache->ask('i', $image);

is "$answer->{status} $answer->{error}", 'FALLBACK timeout', 'after its time';
cmp_ok time - $start, '>', 0.15, 'not before it';
is $answer->{code}, 200, 'it goes on with the tag key';
is $answer->{unavailable}, 1, 'and says that there is no digest';

$start = time;
is $cache->ask('long', $image)->{error}, 'timeout', 'another';
cmp_ok time - $start, '>', 0.95, 'each by its own time';

$answer = $cache->ask('write', $image, method => 'PUT', body => 'x');

is "$answer->{error} $answer->{write}", 'timeout dropped', 'a write';
is $origin->calls('app:1'), 2, 'one call all along';

$origin->set(hold => '', version => 3);
$origin->release('a');

# nobody waits for it, so that only the log tells

ok $cache->wait_for_log(qr/image tag moved/), 'the call ends';

$answer = $cache->ask('i', $image);

is "$answer->{status} $answer->{digest}",
    'HIT ' . $origin->digest('app:1', 2), 'it was stored';
is $origin->calls('app:1'), 2, 'nobody was asked again';

$origin->set(hold => 'b');
$start = time;
$answer = $cache->ask('origin', $image);

is "$answer->{status} $answer->{error}", 'FALLBACK timeout', 'the origin';
cmp_ok time - $start, '<', 15, 'has its own time';
is $cache->ask('origin', $image)->{error}, 'timeout', 'that is remembered';
is $origin->calls('app:1'), 3, 'and nobody asked again';

$origin->release('b');

done_testing;
