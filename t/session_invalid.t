#!/usr/bin/perl

# A session is 1 to 128 of A-Za-z0-9._-, else the answer is 400
# invalid_session, before any store, Redis or registry is asked; an empty one
# counts as not written.  A pinned reference is PINNED with one, too.

use strict;
use warnings;

use Mojo::Util qw(url_escape);
use Test::More;

use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;
use ImageDigest::Store;

my $redis = ImageDigest::Redis->start;
my $origin = ImageDigest::Origin->start;
my $store = ImageDigest::Store->start;

# as it is, and unescaped

my $host = host($redis->url, $origin, store => $store, locations => {
    i => 'image_digest $image session=$http_x_job;'
         . 'image_digest_timeout 20s;',
});

sub ask {
    my ($job, $image, %o) = @_;

    return $host->ask('i', $image // $origin->name('app:1'),
                      %o, headers => { 'X-Job' => $job });
}

for (['too long', 'x' x 129], ['a slash', 'a/b'], ['a space', 'a b'],
     ['UTF-8', "jo\xc3\xa9"], ['a colon', 'a:b'], ['a hash', 'a#b'],
     ['braces', '{a}'], ['a star', '*'], ['a tab', "a\tb"],
     ['quotes', '"a"'], ['long by far', 'x' x 7000])
{
    my ($name, $job) = @$_;

    for my $method (qw(GET PUT)) {
        my $answer = ask($job, undef, method => $method,
                         body => $method eq 'PUT' ? 'x' : undef);

        is "$answer->{code} $answer->{status} $answer->{error}",
            '400 INVALID invalid_session', "$name: $method";
        like $answer->{body}, qr/\Asession: [ -~]+\n\z/, '... in one line';
        like $answer->{key}, qr/^[0-9a-f]{64}$/, '... with some key';
        is $answer->{cache_control}, 'no-store', '... not to be stored';
    }
}

# a NUL, which is no header's

is $origin->calls, 0, 'no registry was asked';
is_deeply [$store->requests], [], 'nor the store';
is_deeply [grep { /session|image:/ } $redis->cli('--scan')], [], 'nor Redis';

for (['one character', 'a'], ['128 of them', 'x' x 128], ['all kinds',
     'AZaz09._-'], ['dots', '..'], ['a dash', '-'])
{
    my ($name, $job) = @$_;

    is ask($job)->{error}, '', $name;
    is ask($job)->{status}, 'SESSION', '... is one';
}

my %before = map { $_ => 1 } $redis->cli('--scan');

is ask('')->{status}, 'HIT', 'an empty one is not written';
is $host->ask('i', $origin->name('app:1'))->{status}, 'HIT', 'nor is none';
is_deeply [grep { !$before{$_} } $redis->cli('--scan')], [], 'no record of it';

my $digest = 'sha256:' . 'b' x 64;

is ask('job', $origin->name("app\@$digest"))->{status}, 'PINNED',
    'a pinned reference';
is ask('job', $origin->name("app\@$digest"))->{status}, 'PINNED',
    '... stays so';
is ask('job', $origin->name("app:1\@$digest"))->{digest}, $digest,
    '... and is what it says';
is_deeply [grep { !$before{$_} } $redis->cli('--scan')], [], 'no record of it';

done_testing;
