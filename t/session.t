#!/usr/bin/perl

# Rule 13: the first digest that a session gets for an identity is that
# session's on all hosts, for the retention, although the tag moves and
# whatever the TTL.  The first answer has the status of where it came from.

use strict;
use warnings;

use Test::More;

use ImageDigest::Clock;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(index_of manifest answer sha256);
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;

my $clock = ImageDigest::Clock->new;
my $redis = $clock->around(sub { ImageDigest::Redis->start });
my $origin = ImageDigest::Origin->start;

# another engine, and a registry of images of two platforms

my $other = 'sha256:' . 'a' x 64;
my $engine = ImageDigest::FaultServer->start(sub {
    return [200, {}, qq({"digest":"$other"})];
});

my %of = map { ("linux/$_" => manifest("app of $_")) } qw(amd64 arm64);
my $index = index_of(map { [$_, $of{$_}] } sort keys %of);
my $platforms = ImageDigest::FaultServer->start(sub {
    my ($by_digest) = grep { index($_[0]{path}, sha256($_)) > 0 } values %of;

    return answer($by_digest // $index);
});

sub new_host {
    return $clock->around(sub {
        my $patient = 'image_digest_timeout 20s;';
        my $session = 'image_digest $image session=$http_x_job';

        host($redis->url, $origin, retention => '1h',
             more_resolver => 'engine other "http://127.0.0.1:'
                 . $engine->port . '/?{image}" type=http;'
                 . 'registry 127.0.0.1:' . $platforms->port . ' insecure;',
             locations => {
                 i  => "$patient $session;",
                 t0 => "$patient $session; image_digest_ttl 0;",
                 e  => "$patient $session engine=other;",
                 p  => "$patient $session platform=\$arg_platform;",
             });
    });
}

my ($one, $two) = map { new_host() } 1 .. 2;

sub ask {
    my ($host, $where, $image, $job, %o) = @_;

    $image = $origin->name($image) unless $image =~ m{/};

    return $host->ask($where, $image, %o,
                      headers => { $job eq '' ? () : ('X-Job' => $job) });
}

sub gets {
    my ($answer, $status, $digest, $name) = @_;

    is "$answer->{status} $answer->{error} $answer->{digest}",
        "$status  $digest", $name;
}

my ($first, $second) = map { $origin->digest('app:1', $_) } 1 .. 2;

gets(ask($one, 'i', 'app:1', 'job.1'), 'RESOLVED', $first, 'the first');
gets(ask($one, 'i', 'app:1', 'job.1'), 'SESSION', $first, 'then');
gets(ask($two, 't0', 'app:1', 'job.1'), 'SESSION', $first,
     'on another host, that has not asked');
is $origin->calls('app:1'), 1, 'nor does TTL 0';

$origin->set(version => 2);
$clock->advance(60);

gets(ask($two, 't0', 'app:1', 'job.2'), 'RESOLVED', $second,
     'the tag moves: another session gets the new one');
gets(ask($two, 'i', 'app:1', ''), 'HIT', $second, 'as does who has none');
gets(ask($_, 't0', 'app:1', 'job.1'), 'SESSION', $first,
     'the session keeps its digest') for $one, $two;
gets(ask($_, 't0', 'app:1', 'job.2'), 'SESSION', $second,
     'and the other one, too') for $one, $two;

gets(ask($two, 'i', 'app:1', 'job.3'), 'HIT', $second,
     'a first answer from the zone');
gets(ask($two, 'i', 'app:1', 'job.3'), 'SESSION', $second, 'then');
gets(ask(new_host(), 'i', 'app:1', 'job.4'), 'SHARED', $second,
     'a first answer from Redis');

subtest 'it is of one identity' => sub {
    gets(ask($one, 'i', 'app:2', 'job.1'), 'RESOLVED',
         $origin->digest('app:2', 2), 'another image');
    gets(ask($one, 'e', 'app:1', 'job.1'), 'RESOLVED', $other,
         'another engine');
    gets(ask($one, 'e', 'app:1', 'job.1'), 'SESSION', $other, 'then');

    my $image = '127.0.0.1:' . $platforms->port . '/app:1';

    gets(ask($one, 'i', $image, 'job.1'), 'RESOLVED', sha256($index),
         'no platform');

    for my $platform (sort keys %of) {
        my %o = (artifact => "x?platform=$platform");

        gets(ask($one, 'p', $image, 'job.1', %o), 'RESOLVED',
             sha256($of{$platform}), $platform);
        gets(ask($two, 'p', $image, 'job.1', %o), 'SESSION',
             sha256($of{$platform}), 'then');
    }

    gets(ask($one, 'i', 'app:1', 'job.1'), 'SESSION', $first, 'as it was');
};

subtest 'the age' => sub {
    for my $host ($one, new_host()) {
        my $age = ask($host, 'i', 'app:1', 'job.1')->{age};

        cmp_ok $age, '>=', 60, 'of the observation';
        cmp_ok $age, '<', 62, 'and no more';
    }
};

subtest 'the end of the retention' => sub {
    $clock->advance(3600 - 60 - 30);
    gets(ask($_, 'i', 'app:1', 'job.1'), 'SESSION', $first, 'before it')
        for $one, new_host();
    $clock->advance(60);
    gets(ask($two, 't0', 'app:1', 'job.1'), 'RESOLVED', $second, 'after it');
    gets(ask($one, 't0', 'app:1', 'job.1'), 'SESSION', $second,
         'on all hosts');
};

is_deeply [grep { $redis->cli('PTTL', $_) < 0 } $redis->cli('--scan')], [],
    'all keys expire';
is_deeply [$_->log(qr/\[(?:warn|error)\]/)], [], 'no complaint' for $one, $two;

done_testing;
