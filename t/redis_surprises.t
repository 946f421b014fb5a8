#!/usr/bin/perl

# Freshness, 10: any surprise in Redis' answers is a miss, said once and not
# once a request, and the server is found again when it has come to its
# senses.

use strict;
use warnings;

use Test::More;

use ImageDigest::FakeRedis;
use ImageDigest::Origin;
use ImageDigest::Shared;
use ImageDigest::Util qw(wait_until);

my $origin = ImageDigest::Origin->start;

# the mode, what it answers, and what the log has: of the connection, which is
# then given up, or of the answer

my @surprises = (
    ['closes', undef, 'closed the connection|the connection broke'],
    ['garbage', "garbage\r\n", 'Protocol error'],
    ['nul bytes', "\0\0\0\0\r\n", 'Protocol error'],
    ['HTTP', "HTTP/1.1 400 Bad Request\r\n\r\n", 'Protocol error'],
    ['a bad length', "\$abc\r\n", 'Bad|Protocol error'],
    ['a negative length', "\$-7\r\n", 'length out of range'],
    ['a bad integer', ":12x\r\n", 'Bad|Protocol error'],
    ['a huge array', "*1000000000\r\n", 'too many values'],
    ['a huger array', "*9999999999999999999\r\n",
        'Bad|too many values'],
    ['many values', '*29' . "\r\n" . "\$1\r\nx\r\n" x 29, 'too many values'],
    ['a huge bulk', "\$1000000000\r\n" . 'x' x 200_000, 'too large a reply'],
    ['a large bulk', "\$13000\r\n" . 'x' x 13000 . "\r\n",
        'too large a reply'],
    ['large bulks', "*3\r\n" . ("\$5000\r\n" . 'x' x 5000 . "\r\n") x 3,
        'too large a reply'],
    ['an endless line', '+' . 'x' x 200_000, 'too large a reply'],
    ['arrays in arrays', "*1\r\n" x 20 . ":1\r\n", 'an array in an array'],
    ['an empty array', "*0\r\n", 'malformed answer'],
    ['a nil array', "*-1\r\n", 'malformed answer'],
    ['a nil', "\$-1\r\n", 'malformed answer'],
    ['a status', "+OK\r\n", 'malformed answer'],
    ['an integer', ":7\r\n", 'malformed answer'],
    ['an array of errors', "*3\r\n" . "-ERR x\r\n" x 3, 'malformed answer'],
    ['two words', bulk('ok', 1), 'malformed answer'],
    ["another's answer", bulk('ok', 999_999, 1_700_000_000_000_000, 0, 0,
                              0, 'ours', 0, (undef) x 15),
        'a reply to another question'],
    ['RESP3', "%1\r\n+a\r\n:1\r\n", 'Protocol error|another protocol'],
    ['a RESP3 null', "_\r\n", 'Bad|Protocol error|malformed answer'],
);

my %answers = map { $_->[0] => $_->[1] } @surprises;
my $redis = ImageDigest::FakeRedis->start(sub {
    my ($command, $mode) = @_;
    return exists $answers{$mode} ? $answers{$mode} : miss($command);
});

my $host = host($redis->url . ' timeout=5s', $origin);
my $number = 0;

sub resolves {
    my $image = 'app:' . ++$number;
    my $answer = resolve($host, $origin->name($image));

    return $answer->{status} eq 'RESOLVED'
           && $answer->{digest} eq $origin->digest($image)
           && $answer->{wait} < 4;
}

# lookups and stores are answered

sub found {
    my $was = $redis->commands;

    wait_until { resolves(); $redis->commands > $was } 'redis to be used', 10;
}

for (@surprises) {
    my ($name, undef, $words) = @$_;

    subtest $name => sub {
        $host = host($redis->url . ' timeout=5s', $origin);
        found();
        $redis->mode($name);

        ok resolves(), 'a miss' for 1 .. 5;

        $redis->mode('');
        found();

        my @said = $host->log(
            qr/redis is away|malformed answer|refuses to/);

        is @said, 1, 'said once';
        like "@said", qr/$words/, 'with the reason';
    };
}

done_testing;
