#!/usr/bin/perl

# Rule 6: what Redis' own clock says of the time of day is nobody's business;
# ahead is only a jump, which makes what it has older.  When it is set right
# again the log says what to do, and then all is as before: invalidations too.

use strict;
use warnings;

use Test::More;

use ImageDigest::Clock;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;
use ImageDigest::Util qw(run slurp spit tempdir top wait_until);

my $origin = ImageDigest::Origin->start;
my $hour = 3600;
my $number = 0;

sub new_host {
    my ($redis) = @_;

    return host($redis->url, $origin, more_resolver => 'refresh off;',
                locations => {
        i  => 'image_digest_timeout 20s; image_digest_ttl 1h;',
        t0 => 'image_digest_timeout 20s; image_digest_ttl 0;',
    });
}

sub new_image { return $origin->name('app:' . ++$number) }

for my $off (-500 * $hour, -5 * $hour, 7 * $hour, 500 * $hour) {
    subtest "off by $off seconds" => sub {
        my $clock = ImageDigest::Clock->new->set(wall => $off);
        my $redis = $clock->around(sub { ImageDigest::Redis->start });
        my ($one, $two) = map { new_host($redis) } 1 .. 2;
        my $image = new_image();

        is resolve($one, $image)->{status}, 'RESOLVED', 'it is asked';
        wait_for_record($redis, $image);
        $clock->advance(1000);

        my $answer = resolve($two, $image);

        is $answer->{status}, 'SHARED', 'and shared';
        cmp_ok $answer->{age}, '>=', 1000, '... not younger than it is';
        cmp_ok $answer->{age}, '<', 1001, '... nor older';

        $clock->advance(2601);
        is resolve(new_host($redis), $image)->{status}, 'RESOLVED',
            'to the TTL';
        is_deeply [map { $_->log(qr/\[(?:warn|error)\]/) } $one, $two], [],
            'no complaint';
    };
}

subtest 'it jumps ahead, and back' => sub {
    my $clock = ImageDigest::Clock->new;
    my $redis = $clock->around(sub { ImageDigest::Redis->start });
    my ($one, $two) = map { new_host($redis) } 1 .. 2;
    my $image = new_image();

    resolve($one, $image);
    wait_for_record($redis, $image);

    $clock->set(wall => 3 * $hour);

    is resolve($two, $image)->{status}, 'RESOLVED', 'what it has is older';
    is resolve($one, $image)->{status}, 'HIT', 'not what a zone has';

    # an invalidation at that time of the future

    $origin->set(version => 2);
    invalidate($redis, $image);

    for my $host ($one, $two) {
        wait_until { resolve($host, $image)->{digest}
                     eq $origin->digest("app:$number") } 'it to be heard', 5;
    }

    $clock->set(wall => 60);
    is resolve($one, new_image())->{status}, 'RESOLVED', 'it is set right';
    like +($one->log(qr/\[warn\].*clock of redis/))[0], qr/is 107\d\d\.\d{3} /,
        'which looks behind, and is said';

    # what the docs say, by a redis-cli of ours

    my ($mend) = slurp(top() . '/docs/redis.md') =~ /^(redis-cli --scan .*)$/m;
    my $dir = tempdir();
    my $socket = $redis->socket;

    spit("$dir/redis-cli", "#!/bin/sh\n"
                           . "PATH=\${PATH#*:} exec redis-cli -s $socket"
                           . ' "$@"' . "\n");
    chmod 0755, "$dir/redis-cli";

    {
        local $ENV{PATH} = "$dir:$ENV{PATH}";
        scalar run('sh', '-c', $mend);
    }

    is_deeply [$redis->cli('--scan')], [], 'all is deleted';

    my $new = new_image();

    is resolve($one, $new)->{status}, 'RESOLVED', 'then';
    wait_for_record($redis, $new);
    is resolve($two, $new)->{status}, 'SHARED', '... it is used at once';
    is resolve($one, new_image())->{status}, 'RESOLVED', '... for all';
    is scalar(() = $one->log(qr/\[notice\].*has caught up/)), 1, '... is said';

    # at a time before the other one's

    for my $version (3 .. 5) {
        $origin->set(version => $version);
        invalidate($redis, $image);

        my ($tag) = $image =~ m{([^/]+)$};

        for my $host ($one, $two) {
            wait_until { resolve($host, $image)->{digest}
                         eq $origin->digest($tag) } 'it to be heard', 5;
        }
    }

    pass 'invalidations are heard';
};

done_testing;
