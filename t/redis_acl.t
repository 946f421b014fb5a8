#!/usr/bin/perl

# The rule of docs/redis.md ("Access") is enough for all there is: lookups,
# leases, stores, limits, sessions, news, and invalidations by somebody else;
# nothing is denied.

use strict;
use warnings;

use Test::More;

use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;
use ImageDigest::Util qw(slurp spit tempdir top wait_until);

my $origin = ImageDigest::Origin->start;
my ($rule) = slurp(top() . '/docs/redis.md') =~ /^(ACL SETUSER .*)$/m;
my $dir = tempdir();
my $patient = 'image_digest_timeout 20s;';
my %locations = (
    i  => $patient,
    t0 => "$patient image_digest_ttl 0;",
    s  => "$patient image_digest \$image session=\$http_x_job;",
);

spit("$dir/secret", 'x' x 64 . "\n");

# by the rule as it is, on a server of its own each

for my $more ('', "secret_file=$dir/secret") {
    subtest $more ? 'with a secret' : 'without one' => sub {
        my $redis = ImageDigest::Redis->start;

        is $redis->cli(split ' ', $rule), 'OK', 'the rule';

        my ($one, $two) = map {
            host($redis->tcp_url . ' username=image-digest'
                 . " password=a-long-password $more", $origin,
                 locations => \%locations)
        } 1 .. 2;

        wait_until { $redis->cli('PUBSUB', 'SHARDNUMSUB',
                     '{image-digest:default}:news') =~ /2$/ } 'both to listen';

        my $tag = $more ? 'app:b' : 'app:a';
        my $image = $origin->name($tag);

        $origin->set(version => 1, hold => "gate$more" =~ tr/a-z//cdr);

        my $first = $one->send('i', $image);

        meanwhile { $origin->calls($tag) } 'the call';

        # the lease is renewed meanwhile

        my $renewed = sub { $redis->calls('evalsha') + $redis->calls('eval') };
        my $was = $renewed->();
        my $second = $two->send('i', $image);

        meanwhile { $renewed->() > $was + 2 } 'it to be renewed';
        $origin->release("gate$more" =~ tr/a-z//cdr);
        $origin->set(hold => '');

        my @answers = $one->wait_for($first, $second);

        is join(' ', map { $_->{status} } @answers), 'RESOLVED SHARED',
            'lease, store, news and lookup';

        my $job = { 'X-Job' => 'job' };

        is $one->ask('s', $image, headers => $job)->{status}, 'HIT',
            'a session';
        is $two->ask('s', $image, headers => $job)->{status}, 'SESSION',
            '... shared';

        is resolve($one, $origin->name('app:none'))->{error}, 'not_found',
            'a failure';
        wait_for_record($redis, $origin->name('app:none'));

        # as the default user

        $origin->set(version => 2);
        invalidate($redis, $image);

        for my $host ($one, $two) {
            wait_until { resolve($host, $image)->{digest}
                         eq $origin->digest($tag, 2) } 'it to be heard of', 5;
        }

        is $two->ask('s', $image, headers => $job)->{status}, 'SESSION',
            '... but by sessions';

        # a call whose outcome is nobody's is given up

        $origin->set(status => 500);
        is resolve($two, $origin->name('app:bad'))->{error}, 'bad_response',
            'a lease that is released';
        wait_until { !grep { /:lease:/ } $redis->cli('--scan') } 'its end';

        $redis->cli(qw(SCRIPT FLUSH));
        $redis->cli(qw(CLIENT KILL TYPE pubsub));
        $origin->set(status => 429, headers => { 'Retry-After' => 60 });
        is resolve($two, $origin->name('app:limit'), 't0')->{error},
            'rate_limited', 'a limit';
        wait_for_record($redis, $origin->host);
        $origin->set(status => 0);
        is resolve($one, $origin->name('app:limit'), 't0')->{error},
            'rate_limited', '... shared';

        is $redis->cli('ACL', 'LOG'), '', 'nothing was denied';
        is_deeply [grep { !/not_found|bad_response|rate_limited/ }
                   map { $_->log(qr/\[(?:warn|error)\]/) } $one, $two], [],
            'no complaint';
    };
}

done_testing;
