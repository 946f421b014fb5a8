#!/usr/bin/perl

# Freshness, 10: a record that does not validate is a miss, said once, and is
# replaced when the registry was asked; the connection is kept.

use strict;
use warnings;

use Test::More;

use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;
use ImageDigest::Util qw(wait_until);

my $redis = ImageDigest::Redis->start;
my $origin = ImageDigest::Origin->start;
my ($one, $two, $three) = map { host($redis->url, $origin) } 1 .. 3;

my $zero = '0' x 64;
my $hour = 3600 * 1_000_000;
my $now = now($redis);
my $long = 'x' x 20_000;

# what is wrong, and a sub of the key or fields that are set

my @records = (
    ['no version', version => undef],
    ['a later version', version => 2],
    ['an empty version', version => ''],
    ['a long version', version => $long],
    ['no reference', reference => undef],
    ['another reference', reference => 'docker.io/library/golang:1.22'],
    ['a reference with a tail', reference => sub { "$_[0]\nx" }],
    ['a long reference', reference => $long],
    ['no platform', platform => undef],
    ['another platform', platform => 'linux/amd64'],
    ['no digest', digest => undef],
    ['an empty digest', digest => ''],
    ['a digest of another form', digest => $zero],
    ['a short digest', digest => 'sha256:' . '0' x 63],
    ['a longer digest', digest => "sha256:${zero}0"],
    ['upper case', digest => 'sha256:' . 'A' x 64],
    ['another algorithm', digest => "sha999:$zero"],
    ['a line in it', digest => "sha256:\n" . '0' x 63],
    ['a long digest', digest => "sha256:$zero$long"],
    ['no digest_at', digest_at => undef],
    ['an empty digest_at', digest_at => ''],
    ['digest_at 0', digest_at => 0],
    ['digest_at below 0', digest_at => -1],
    ['digest_at in words', digest_at => 'now'],
    ['digest_at with a sign', digest_at => "+$now"],
    ['digest_at with a fraction', digest_at => "$now.5"],
    ['digest_at with an exponent', digest_at => '1e15'],
    ['digest_at in hex', digest_at => sprintf '%#x', $now],
    ['digest_at with a space', digest_at => " $now"],
    ['digest_at too large', digest_at => '9' x 18],
    ['digest_at too large for any', digest_at => '9' x 40],
    ['a long digest_at', digest_at => "0$long"],
    ['no digest_since', digest_since => undef],
    ['digest_since 0', digest_since => 0],
    ['digest_since in words', digest_since => 'ever'],
    ['digest_since after digest_at', digest_since => $now + $hour],
    ['digest_since with a sign', digest_since => -1],
    ['long fields', sub { poison($redis, $_[0], map { $_ => 'x' x 640 }
        qw(version reference platform digest digest_at digest_since failure
           failure_at)) }],
    ['a string', sub { $redis->cli('DEL', $_[0]);
                       $redis->cli('SET', $_[0], 'x') }],
    ['a list', sub { $redis->cli('DEL', $_[0]);
                     $redis->cli('RPUSH', $_[0], 'x') }],
    ['a set', sub { $redis->cli('DEL', $_[0]);
                    $redis->cli('SADD', $_[0], 'x') }],
    ['a stream', sub { $redis->cli('DEL', $_[0]);
                       $redis->cli('XADD', $_[0], '*', 'a', 'b') }],
);

my $number = 0;

for (@records) {
    my ($name, @how) = @$_;

    subtest $name => sub {
        my $tag = 'app:' . ++$number;
        my $image = $origin->name($tag);

        resolve($one, $image);

        my ($key, %good) = wait_for_record($redis, $image);

        # another digest than the registry's: it would be seen if it was used

        $redis->cli('HSET', $key, 'digest', "sha256:$zero");

        if (ref $how[0]) {
            $how[0]->($key);

        } else {
            $how[1] = $how[1]->($image) if ref $how[1];
            poison($redis, $key, @how);
        }

        my $answer = resolve($two, $image);

        is $answer->{status}, 'RESOLVED', 'a miss';
        is $answer->{digest}, $origin->digest($tag), 'the right digest';
        is $answer->{error}, '', 'and no error';

        my %record;

        wait_until {
            $redis->cli('TYPE', $key) eq 'hash' or return 0;
            (undef, %record) = record($redis, $image);
            ($record{digest} // '') eq $answer->{digest};
        } 'a good record';

        cmp_ok $record{digest_at}, '>', $good{digest_at}, 'replaced';
        delete @record{qw(digest_at digest_since)};
        delete @good{qw(digest_at digest_since)};
        is_deeply \%record, \%good, 'by a good one';
        is resolve($three, $image)->{status}, 'SHARED', 'that is shared';
    };
}

is scalar(() = $two->log(qr/\[warn\].*malformed record of "/)), 1, 'said once';
is_deeply [grep { !/malformed record of "/ }
           $two->log(qr/\[(?:warn|error)\]/)], [], 'and nothing else';
is_deeply [$_->log(qr/\[(?:warn|error)\]/)], [], 'nor by others'
    for $one, $three;

subtest 'failures' => sub {
    for (['no failure', failure => undef],
         ['a failure of one host', failure => 'unauthorized'],
         ['rate_limited', failure => 'rate_limited'],
         ['no reason', failure => 'because'],
         ['an empty reason', failure => ''],
         ['no failure_at', failure_at => undef],
         ['failure_at in words', failure_at => 'now'])
    {
        my ($name, @how) = @$_;
        my $image = $origin->name('app:none' . ++$number);

        $image =~ s/app:none/app:f/;
        $origin->set(status => 404);
        resolve($one, $image);
        $origin->set(status => 0);

        my ($key, %good) = wait_for_record($redis, $image);

        poison($redis, $key, @how);

        is resolve($two, $image)->{status}, 'RESOLVED', "$name: a miss";

        # a digest that is good is used all the same

        poison($redis, $key, @how);
        is resolve($three, $image)->{status}, 'SHARED', 'the digest is used'
            if wait_until { $redis->cli('HEXISTS', $key, 'digest') };
    }
};

subtest 'a rate limit' => sub {
    my $key;

    $origin->set(status => 429, headers => { 'Retry-After' => 60 });
    resolve(host($redis->url, $origin), $origin->name('app:limited'));
    $origin->set(status => 0);

    ($key) = wait_for_record($redis, $origin->host);

    my ($at, $until) = ('limited_at', 'limited_until');

    for (['no version', version => undef],
         ['another registry', registry => 'docker.io'],
         ['a long registry', registry => $long],
         ['no end', $until => undef],
         ['an end in words', $until => 'tomorrow'],
         ['an end before the begin', $until => 5],
         ['an end far away', $until => $now + 48 * $hour],
         ['no begin', $at => undef])
    {
        my ($name, @how) = @$_;
        my %was = (version => 1, registry => $origin->host, $at => now($redis),
                   $until => now($redis) + 60_000_000);

        poison($redis, $key, %was, @how);
        is resolve($two, $origin->name('app:' . ++$number))->{status},
            'RESOLVED', "$name: a miss";
    }

    my %was = (version => 1, registry => $origin->host, $at => now($redis),
               $until => now($redis) + 60_000_000);

    poison($redis, $key, %was);
    is resolve($two, $origin->name('app:' . ++$number))->{error},
        'rate_limited', 'but a good one counts';
    $redis->cli('DEL', $key);
};

subtest 'what is no harm' => sub {
    for (['more fields', owner => 'x', digest_size => $long],
         ['another engine', engine => undef],
         ['SHA-512', digest => 'sha512:' . '0' x 128])
    {
        my ($name, @how) = @$_;
        my $fresh = host($redis->url, $origin);
        my $image = $origin->name('app:' . ++$number);

        resolve(host($redis->url, $origin), $image, 't0');

        my ($key) = record($redis, $image);

        ($key) = wait_for_record($redis, $image) unless $key;
        poison($redis, $key, @how);
        is resolve($fresh, $image)->{status}, 'SHARED', $name;
    }
};

subtest 'the words' => sub {
    for (['version', version => 7], ['digest', digest => 'x'],
         ['digest_at', digest_at => 'x'], ['reference', reference => 'x'])
    {
        my ($what, @how) = @$_;
        my $image = $origin->name('app:1');
        my $fresh = host($redis->url, $origin);
        my ($key) = record($redis, $image);

        poison($redis, $key, @how);
        resolve($fresh, $image);
        like +($fresh->log(qr/\[warn\]/))[0],
            qr/malformed\ record\ of\ "\Q$image\E"\ in\ redis\ ".*",
               \ it\ counts\ as\ a\ miss:\ $what$/x, $what;
        wait_until { $redis->cli('HGET', $key, 'digest_at') =~ /^\d+$/
                     && $redis->cli('HGET', $key, 'version') eq '1'
                     && $redis->cli('HGET', $key, 'reference') eq $image
                     && $redis->cli('HGET', $key, 'digest') =~ /^sha256/ };
    }
};

done_testing;
