#!/usr/bin/perl

# Freshness, 10: what Redis refuses is a miss.  The log says it once with
# Redis' own words and what to do, and once that it is over.

use strict;
use warnings;

use Test::More;

use ImageDigest::FakeRedis;
use ImageDigest::Origin;
use ImageDigest::Shared;
use ImageDigest::Util qw(wait_until);

my $origin = ImageDigest::Origin->start;

my %refusals = (
    'LOADING Redis is loading the dataset in memory' => 'wait for it',
    "READONLY You can't write against a read only replica."
        => 'the URL has to reach a primary',
    "OOM command not allowed when used memory > 'maxmemory'."
        => 'raise its maxmemory',
    'NOAUTH Authentication required.' => 'it wants password=',
    "NOPERM this user has no permissions to run the 'evalsha' command"
        => 'docs/redis.md has the ACL rule',
    'ERR The user executing the script can\'t run this command or subcommand'
        => 'docs/redis.md has the ACL rule',
    'MOVED 3999 10.0.0.1:6381' => 'primary of the prefix\'s slot',
    "CROSSSLOT Keys in request don't hash to the same slot" => 'hash tag',
    'MISCONF Redis is configured to save RDB snapshots' => 'cannot persist',
    'BUSY Redis is busy running a script.' => 'keeps it busy',
    "ERR unknown command 'EVALSHA'" => 'see the log of the server',
    "ERR \0 \x1b[31m" . 'x' x 4000 => 'see the log of the server',
    'NOSCRIPT No matching script.' => 'see the log of the server',
);

my $redis = ImageDigest::FakeRedis->start(sub {
    my ($command, $mode) = @_;

    my ($who, $error) = $mode =~ /^(lookups|stores) (.*)$/s
        or return miss($command);

    return (script($command) eq 'lookup') == ($who eq 'lookups')
           ? "-$error\r\n" : miss($command);
});

my ($host, $number) = (undef, 0);

sub resolves {
    my $image = 'app:' . ++$number;
    my $answer = resolve($host, $origin->name($image));

    return $answer->{status} eq 'RESOLVED'
           && $answer->{digest} eq $origin->digest($image);
}

sub found {
    my ($count) = @_;

    my $was = $redis->commands;

    wait_until { resolves(); $redis->commands >= $was + $count }
        'redis to be used', 10;
}

for my $who (qw(lookups stores)) {
    for my $error (sort keys %refusals) {
        my ($code) = $error =~ /^(.{1,20})/;

        subtest "$who: $code" =~ tr/ -~/?/cr => sub {
            my $verb = $who eq 'lookups' ? 'answer' : 'store';

            $host = host($redis->url . ' timeout=5s', $origin);
            found(2);
            $redis->mode("$who $error");

            ok resolves(), 'a miss' for 1 .. 4;
            found(4);

            my @said = $host->log(qr/\[warn\].*refuses to $verb/);

            is @said, 1, 'said once';
            like "@said", qr/: "\Q@{[substr $error, 0, 4]}\E.*", nothing/,
                'in its words';
            like "@said", qr/until it does: .*\Q$refusals{$error}\E/,
                'with what to do';
            unlike "@said", qr/[^ -~]/, 'readable';
            cmp_ok length "@said", '<', 500, 'not too long';

            $redis->mode('');
            found(4);

            if ($error !~ /^READONLY/) {
                is scalar(() = $host->log(qr/\[notice\].*\Q$verb\Es again/)),
                    1, 'its end was said once';
                is scalar(() = $host->log(qr/redis is away/)), 0,
                    'the connection was kept';
            }

            is scalar(() = $host->log(qr/refuses to|malformed/)),
                scalar @said, 'nothing else was said';
        };
    }
}

done_testing;
