#!/usr/bin/perl

# Variables: each of them, for every status, in the answer and in the access
# log; empty where the module is off.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache qw(key);
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Util qw(wait_until);

my @names = qw(digest key reference pinned status error write age wait engine
               unavailable);

my $format = join ' ', '$request_uri', map { '<$image_digest'
                             . ($_ eq 'digest' ? '' : "_$_") . '>' } @names;

my $origin = ImageDigest::Origin->start;
my $redis = ImageDigest::Redis->start;

my %conf = (
    format    => $format,
    resolver  => 'registry ' . $origin->host . ' insecure; redis '
                 . $redis->url . ' timeout=5s;',
    more      => "image_digest_timeout 20s;\n",
    locations => {
        i     => '',
        miss  => 'image_digest_fallback miss;',
        error => 'image_digest_fallback error;',
        drop  => 'image_digest_writes pinned;',
        plat  => 'image_digest $image platform=$arg_platform;',
        eng   => 'image_digest $image engine=$arg_engine;',
        off   => 'image_digest off;',
    },
);

my $cache = ImageDigest::Cache->start(%conf);
my $other = ImageDigest::Cache->start(%conf);

my $seconds = qr/^\d+\.\d{3}$/;
my $none = qr/^$/;
my $any = qr/^[0-9a-f]{64}$/;
my %logged;


# the variables that are not named are empty

sub answers {
    my ($name, $cache, $ask, %expected) = @_;

    my $got = $cache->ask(@$ask);

    # the server behind has lines of its own

    my $count = ++$logged{$cache};
    my $line = wait_until {
        my @own = grep { m{^/\w+/.*/-/} } $cache->access_log;
        @own == $count ? $own[-1] : undef;
    } 'a line of the access log';
    my %line;

    @line{@names} = $line =~ /<(.*?)>/g;

    subtest $name => sub {
        for (@names) {
            my $value = $expected{$_} // $none;

            like $got->{$_}, ref $value ? $value : qr/^\Q$value\E$/, $_;
            like $line{$_}, ref $value ? $value : qr/^\Q$value\E$/,
                "$_ in the access log";

            # ages go on, and keys of invalid requests may be made anew

            is $line{$_}, $got->{$_}, '    the same' if $_ ne 'age';
        }
    };

    return $got;
}


my $image = $origin->name('app:1');
my $digest = $origin->digest('app:1');

my %known = (
    reference => $image, digest => $digest, pinned => "$image\@$digest",
    key => key('digest', $digest, '', 'x'), engine => 'registry',
    age => $seconds, wait => $seconds);

answers('RESOLVED', $cache, ['i', $image], %known, status => 'RESOLVED');
answers('HIT', $cache, ['i', $image], %known, status => 'HIT');
answers('SHARED', $other, ['i', $image], %known, status => 'SHARED');
answers('SHARED is a HIT next', $other, ['i', $image], %known,
        status => 'HIT');
answers('a write', $cache, ['i', $image, method => 'PUT', body => 'x'], %known,
        status => 'HIT', write => 'passed');
answers('a write that is dropped', $cache,
        ['drop', $image, method => 'PUT', body => 'x'], %known,
        status => 'HIT', write => 'dropped');
is $origin->calls, 1, 'by one call in all';

my $hex = '0123456789abcdef' x 4;
my %pinned = (status => 'PINNED', age => '0.000', engine => 'registry',
              wait => $seconds, digest => "sha256:$hex",
              key => key('digest', "sha256:$hex", '', 'x'));

answers('PINNED, with a tag', $cache, ['i', "golang:1.22\@sha256:$hex"],
        %pinned, reference => 'docker.io/library/golang:1.22',
        pinned => "docker.io/library/golang:1.22\@sha256:$hex");
answers('PINNED, without', $cache, ['i', "golang\@sha256:$hex"], %pinned,
        reference => 'docker.io/library/golang',
        pinned => "docker.io/library/golang\@sha256:$hex");
answers('PINNED, a write', $cache,
        ['drop', "golang\@sha256:$hex", method => 'PUT', body => 'x'], %pinned,
        reference => 'docker.io/library/golang', write => 'passed',
        pinned => "docker.io/library/golang\@sha256:$hex");

my %fallback = (status => 'FALLBACK', unavailable => 1, wait => $seconds,
                engine => 'registry', key => $any,
                reference => $origin->name('app:none'), error => 'not_found');
my $missing = $origin->name('app:none');

answers('FALLBACK, tag', $cache, ['i', $missing], %fallback);
answers('FALLBACK, miss', $cache, ['miss', $missing], %fallback);
answers('FALLBACK, error', $cache, ['error', $missing], %fallback);
answers('FALLBACK, a write', $cache,
        ['i', $missing, method => 'PUT', body => 'x'], %fallback,
        write => 'passed');
answers('FALLBACK, a write that is dropped', $cache,
        ['miss', $missing, method => 'PUT', body => 'x'], %fallback,
        write => 'dropped');
answers('FALLBACK, not allowed', $cache, ['i', 'golang'], %fallback,
        reference => 'docker.io/library/golang:latest',
        error => 'registry_not_allowed');
answers('FALLBACK, another engine', $cache,
        ['eng', $image, artifact => 'x?engine=none'], %fallback,
        reference => $image, engine => 'none', error => 'engine_unknown');
answers('an engine that is empty', $cache,
        ['eng', $image, artifact => 'x?engine='], %known, status => 'HIT');

my %invalid = (status => 'INVALID', unavailable => 1, wait => $seconds,
               key => $any);

answers('INVALID', $cache, ['i', 'Golang'], %invalid,
        error => 'invalid_reference');
answers('INVALID, the platform', $cache, ['plat', $image], %invalid,
        error => 'invalid_platform', reference => $image);
answers('INVALID, a method', $cache, ['i', $image, method => 'COPY'],
        %invalid);

answers('off', $cache, ['off', $image]);
answers('off, a write', $cache, ['off', $image, method => 'PUT', body => 'x']);


# an age is of the observation

my $first = $cache->ask('i', $image);

wait_until { $cache->ask('i', $image)->{age} >= $first->{age} + 0.05 }
    'the age to grow';
pass 'the age grows';

done_testing;
