#!/usr/bin/perl

# Freshness, 5 and 6: an older observation never replaces a newer one of its
# slot in Redis, and one that is stored late is an old one: it has the time
# that Redis gave before the registry was asked.

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
my $gate = 'a';

# A call by $one that the registry has taken and not answered; what it will
# answer is decided.  Its worker is stopped, so that the lease ends and another
# host may ask.  The sub lets it go on, and waits for its store.

sub hold {
    my ($image) = @_;

    my $name = ++$gate;
    my $calls = $origin->calls;
    my ($worker) = $one->workers;

    $origin->set(hold => $name);

    my $answer = $one->send('t0', $origin->name($image));

    meanwhile { $origin->calls > $calls } 'the call';
    $origin->set(hold => '');
    kill STOP => $worker;

    return sub {
        $origin->release($name);
        kill CONT => $worker;
        $answer = $one->wait_for($answer);

        # what it sends to Redis after that comes after it

        resolve($one, $origin->name("mark:$name"));

        return $answer;
    };
}


# the registry was held against a GET, and a call is a HEAD

resolve($one, $origin->name('app:0'));

sub fields { return (record($redis, $origin->name($_[0])))[1 .. 20] }


subtest 'a late digest' => sub {
    my $late = hold('app:1');

    $origin->set(version => 2);
    is resolve($two, $origin->name('app:1'), 't0')->{digest},
        $origin->digest('app:1', 2), 'it has moved';

    my ($key, %newer) = wait_for_record($redis, $origin->name('app:1'));

    is $late->()->{digest}, $origin->digest('app:1', 1),
        'the older call comes late';
    is_deeply { (record($redis, $origin->name('app:1')))[1 .. 14] }, \%newer,
        'the newer one stays';
    is resolve($three, $origin->name('app:1'))->{digest},
        $origin->digest('app:1', 2), 'and is what others take';
};

subtest 'a late digest that cuts the run' => sub {
    my $image = $origin->name('app:2');

    is resolve($two, $image, 't0')->{status}, 'RESOLVED', 'version 2';

    my (undef, %first) = wait_for_record($redis, $image);

    $origin->set(version => 1);

    my $late = hold('app:2');

    $origin->set(version => 2);
    is resolve($two, $image, 't0')->{status}, 'RESOLVED', 'version 2 again';

    my %second;

    wait_until { (undef, %second) = record($redis, $image);
                 $second{digest_at} > $first{digest_at} } 'the second one';
    is $second{digest_since}, $first{digest_at}, 'a run';

    $late->();

    my (undef, %third) = record($redis, $image);

    is $third{digest}, $second{digest}, 'the newer digest stays';
    is $third{digest_at}, $second{digest_at}, 'and its time';
    is $third{digest_since}, $second{digest_at}, 'but not its run';
};

subtest 'a late failure' => sub {
    my $image = $origin->name('app:3');

    $origin->set(status => 404);

    my $late = hold('app:3');

    is resolve($two, $image, 't0')->{error}, 'not_found', 'not found';

    my (undef, %newer) = wait_for_record($redis, $image);

    $late->();
    is_deeply { (record($redis, $image))[1 .. 12] }, \%newer,
        'the newer one stays';

    # and a digest has a slot of its own

    $late = hold('app:4');
    $origin->set(status => 0);
    $image = $origin->name('app:4');
    is resolve($two, $image, 't0')->{status}, 'RESOLVED', 'it is there';

    my (undef, %digest) = wait_for_record($redis, $image);

    is $late->()->{error}, 'not_found', 'it was not there';

    my (undef, %both) = record($redis, $image);

    is $both{failure}, 'not_found', 'the failure is in its slot';
    is $both{digest_at}, $digest{digest_at}, 'the digest in its own';
    is resolve($three, $image)->{status}, 'SHARED', 'the digest is used';
};

subtest 'a newer one' => sub {
    my $image = $origin->name('app:5');

    resolve($one, $image, 't0');

    my ($key, %first) = wait_for_record($redis, $image);
    my %second;

    resolve($two, $image, 't0');
    wait_until { (undef, %second) = record($redis, $image);
                 $second{digest_at} > $first{digest_at} } 'the second one';
    is $second{digest_since}, $first{digest_at}, 'the same one: a run';

    $origin->set(version => 3);
    resolve($one, $image, 't0');

    my %third;

    wait_until { (undef, %third) = record($redis, $image);
                 $third{digest_at} > $second{digest_at} } 'the third one';
    is $third{digest}, $origin->digest('app:5'), 'another one';
    is $third{digest_since}, $third{digest_at}, 'begins a run';
};

done_testing;
