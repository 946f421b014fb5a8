#!/usr/bin/perl

# secret_file=: records carry an HMAC, and what was written, altered or moved
# by whoever does not have the file is a miss; runs go on across hosts, and
# hosts without the file read all the same.  The secret is in no log.

use strict;
use warnings;

use Test::More;

use ImageDigest::Clock;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;
use ImageDigest::Util qw(spit tempdir wait_until);

my $redis = ImageDigest::Redis->start;
my $origin = ImageDigest::Origin->start;
my $dir = tempdir();
my $secret = '5ecret' x 10;
my $session = 'image_digest_timeout 20s;'
              . 'image_digest $image session=$http_x_job;';

spit("$dir/secret", "$secret\n");
spit("$dir/other", '0ther' x 10 . "\n");

sub start {
    my ($more, %o) = @_;

    my $server = delete $o{redis} // $redis;

    return host($server->url . ($more ? " secret_file=$dir/$more" : ''),
                $origin, locations => {
                    i  => 'image_digest_timeout 20s;',
                    t0 => 'image_digest_timeout 20s; image_digest_ttl 0;',
                    s  => $session,
                }, %o);
}

sub job {
    my ($host, $image, $job) = @_;

    return $host->ask('s', $image, headers => { 'X-Job' => $job });
}

my ($one, $two) = map { start('secret', level => 'debug') } 1 .. 2;
my $evil = 'sha256:' . 'e' x 64;
my $number = 0;

sub new_image { return $origin->name('app:' . ++$number) }
sub tag { return "app:$number" }

subtest 'what is right is believed' => sub {
    my $image = new_image();

    is resolve($one, $image)->{status}, 'RESOLVED', 'a digest';

    my (undef, %record) = wait_for_record($redis, $image);

    like $record{digest_mac}, qr/^[0-9a-f]{64}$/, '... with its HMAC';
    is resolve($two, $image)->{status}, 'SHARED', '... on another host';
    is resolve(start(''), $image)->{status}, 'SHARED',
        '... and on one without the file';

    is job($one, $image, 'job')->{status}, 'HIT', 'a session';
    is job($two, $image, 'job')->{status}, 'SESSION', '... on another host';

    my $none = $origin->name('app:none' . ++$number);

    is resolve($one, $none)->{error}, 'not_found', 'a failure';
    wait_for_record($redis, $none);
    $origin->set(status => 500);
    is resolve($two, $none)->{error}, 'not_found', '... on another host';
    $origin->set(status => 0);
};

# Of an image that has a record: what is done to it, with the key and the
# fields that it has.  Fields that it gives are set.

my (%spare, $spare);

$spare = new_image();
resolve($one, $spare);
(undef, %spare) = wait_for_record($redis, $spare);

for (['another digest', sub { (digest => $evil) }],
     ['a digest of another record, with its HMAC',
      sub { map { $_ => $spare{$_} }
            qw(digest digest_at digest_since digest_mac) }],
     ['a younger one', sub { (digest_at => now($redis)) }],
     ['a later since', sub { my %r = @_[1 .. $#_];
                             (digest_since => $r{digest_at} - 1) }],
     ['an earlier since', sub { my %r = @_[1 .. $#_];
                                (digest_since => $r{digest_since} - 9e6) }],
     ['no HMAC', sub { (digest_mac => undef, digest => $evil) }],
     ['an empty HMAC', sub { (digest_mac => '', digest => $evil) }],
     ['half of it', sub { my %r = @_[1 .. $#_];
                          (digest_mac => substr $r{digest_mac}, 0, 32) }],
     ['upper case', sub { my %r = @_[1 .. $#_];
                          (digest_mac => uc $r{digest_mac} =~ s/^\d+/A/r) }],
     ['zeros', sub { (digest => $evil, digest_mac => '0' x 64) }],
     ['that of a failure', sub { my %r = @_[1 .. $#_];
                                 (failure => 'not_found',
                                  failure_at => $r{digest_at},
                                  failure_mac => $r{digest_mac},
                                  digest => undef, digest_at => undef,
                                  digest_since => undef,
                                  digest_mac => undef) }],
     ['a failure', sub { (failure => 'not_found', failure_at => now($redis),
                          digest => undef, digest_at => undef,
                          digest_since => undef, digest_mac => undef) }])
{
    my ($name, $way) = @$_;

    my $image = new_image();

    resolve($one, $image);

    my ($key, %record) = wait_for_record($redis, $image);
    my $calls = $origin->calls(tag());

    poison($redis, $key, $way->($key, %record));

    my $answer = resolve($two, $image);

    is "$answer->{status} $answer->{digest}",
        'RESOLVED ' . $origin->digest(tag()), "$name: a miss";
    is $origin->calls(tag()), $calls + 1, '... so that it was asked';

    wait_until { (record($redis, $image))[0]
                 && $redis->cli('HGET', $key, 'digest') eq $answer->{digest}
                 && $redis->cli('HGET', $key, 'digest_at')
                    > ($record{digest_at}) } 'a good record';
    is resolve($one, $image, 't0')->{digest}, $answer->{digest},
        '... and all is well';
}

subtest 'a record that is moved' => sub {
    my ($from, $to) = map { new_image() } 1 .. 2;

    resolve($one, $_) for $from, $to;

    my ($from_key) = wait_for_record($redis, $from);
    my ($to_key) = wait_for_record($redis, $to);

    $redis->cli('COPY', $from_key, $to_key, 'REPLACE');
    $redis->cli('HSET', $to_key, 'reference', $to);

    my $answer = resolve($two, $to);

    is "$answer->{status} $answer->{digest}",
        'RESOLVED ' . $origin->digest(tag()), 'a miss';
};

subtest 'a failure' => sub {
    my $none = $origin->name('app:none' . ++$number);

    resolve($one, $none);

    my ($key) = wait_for_record($redis, $none);

    $redis->cli('HSET', $key, 'failure', 'platform_not_found');

    is resolve($two, $none)->{error}, 'not_found', 'a miss';
};

subtest 'a limit' => sub {
    my ($first, $second) = map { start('secret') } 1 .. 2;

    $origin->set(status => 429, headers => { 'Retry-After' => 100 });
    is resolve($first, new_image(), 't0')->{error}, 'rate_limited', 'limited';

    my ($key, %limit) = wait_for_record($redis, $origin->host);

    like $limit{mac}, qr/^[0-9a-f]{64}$/, 'it has one';
    $origin->set(status => 0);

    $redis->cli('HSET', $key, 'limited_until', $limit{limited_until} + 1);
    is resolve($second, new_image())->{status}, 'RESOLVED', 'an altered one';
    $redis->cli('HSET', $key, 'limited_until', $limit{limited_until});
    is resolve($second, new_image())->{error}, 'rate_limited',
        'the right one';
    $redis->cli('DEL', $key);
};

subtest 'a session' => sub {
    my $host = start('secret');
    my $image = new_image();
    my $n = 0;

    for (['another digest', digest => $evil], ['no HMAC', mac => undef],
         ['another time', digest_at => now($redis) - 1],
         ['zeros', mac => '0' x 64])
    {
        my ($name, %fields) = @$_;
        my $job = 'job-' . ++$n;

        is job($host, $image, $job)->{error}, '', 'a session';

        my ($key) = $redis->cli('KEYS', "*:session:$job#*");

        poison($redis, $key, %fields);

        my $answer = job($two, $image, $job);

        is "$answer->{error} $answer->{digest}", 'session_unavailable ',
            "$name: no digest";
        is job($host, $image, $job)->{status}, 'SESSION',
            '... but where it is known';
    }

    # that of another session

    $origin->set(version => 2);
    is job($host, $image, 'job-a')->{error}, '', 'a session';
    resolve($host, $image, 't0');
    is job($host, $image, 'job-b')->{digest}, $origin->digest(tag(), 2),
        'another one';

    my ($key_a) = $redis->cli('KEYS', '*:session:job-a#*');
    my ($key_b) = $redis->cli('KEYS', '*:session:job-b#*');

    $redis->cli('COPY', $key_b, $key_a, 'REPLACE');
    is job($two, $image, 'job-a')->{error}, 'session_unavailable',
        'that of another one';
    is job($two, $image, 'job-b')->{status}, 'SESSION', 'itself';
    $origin->set(version => 1);
};

subtest 'another secret, and none' => sub {
    my $third = start('other');
    my $image = new_image();

    resolve($one, $image);
    wait_for_record($redis, $image);

    is resolve($third, $image)->{status}, 'RESOLVED',
        'hosts of two secrets do not believe each other';

    $image = new_image();
    resolve(start(''), $image);
    wait_for_record($redis, $image);
    is resolve($one, $image)->{status}, 'RESOLVED', 'nor one without';
};

subtest 'runs' => sub {
    my $clock = ImageDigest::Clock->new;
    my $server = $clock->around(sub { ImageDigest::Redis->start });
    my $settled = 'image_digest_timeout 20s;'
                  . 'image_digest_writes settled=1h;';
    my $fresh = sub {
        return $clock->around(sub {
            start('secret', redis => $server, locations => {
                w => $settled, p => "$settled image_digest_ttl 0;" });
        });
    };
    my $image = new_image();
    my $put = sub {
        my ($host, $where) = @_;

        my $answer = $host->ask($where // 'w', $image, method => 'PUT',
                                body => 'x');
        return "$answer->{status} $answer->{write}";
    };
    my ($x, $y) = map { $fresh->() } 1 .. 2;

    is $put->($x), 'RESOLVED dropped', 'it is new';
    wait_for_record($server, $image);
    $clock->advance(2000);
    is $put->($y), 'RESOLVED dropped', 'another host asks';

    my (undef, %record) = wait_for_record($server, $image);
    cmp_ok $record{digest_at} - $record{digest_since}, '>=', 2000e6,
        'the run goes on';

    $clock->advance(1700);
    is $put->($x), 'RESOLVED passed', 'it is settled';
    is $put->($fresh->()), 'SHARED passed', 'for all hosts';

    $origin->set(version => 2);
    is $put->($y, 'p'), 'RESOLVED dropped', 'the tag moves';
    is $put->($fresh->()), 'SHARED dropped', 'for all hosts';
    $clock->advance(3700);
    is $put->($y), 'RESOLVED passed', 'it settles';

    # an altered since is no run

    my ($key) = wait_for_record($server, $image);

    $origin->set(version => 3);
    is $put->($y, 'p'), 'RESOLVED dropped', 'it moves again';
    wait_until { $server->cli('HGET', $key, 'digest')
                 eq $origin->digest(tag(), 3) } 'the record';
    $server->cli('HSET', $key, 'digest_since', 1_000_000_000);
    is $put->($fresh->()), 'RESOLVED dropped', 'forged for how long';
    $origin->set(version => 1);
};

for my $host ($one, $two) {
    $host->reload;
    resolve($host, new_image());
    $host->stop;
    like $host->log, qr/\[debug\].*image redis/, 'a debug log';
    unlike $host->log, qr/\Q$secret\E|5ecret5ecret/, '... without the secret';
    unlike $host->log, qr/@{[ unpack 'H*', '5ecret5ecret' ]}/, '... in hex';
}

ok !(grep { /5ecret/ } map { $redis->cli('HGETALL', $_) }
     grep { /image:/ } $redis->cli('--scan')), 'nor is it in Redis';

done_testing;
