#!/usr/bin/perl

# A Redis that does not let us in is away: said once, with what to do, and
# found when it does; never with what it was sent.

use strict;
use warnings;

use Test::More;

use ImageDigest::FakeRedis;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;
use ImageDigest::Util qw(wait_until);

my $origin = ImageDigest::Origin->start;
my $number = 0;

sub works {
    my ($host, $log) = @_;

    for (1 .. 3) {
        my $answer = resolve($host, $origin->name('app:' . ++$number));
        is $answer->{status}, 'RESOLVED', 'it works';
    }

    my $said = $host->wait_for_log(qr/\[error\].*redis is away/);

    like $said, qr/$log/, 'the reason';
    is scalar(() = $host->log(qr/redis is away/)), 1, 'said once';
    unlike $host->log, qr/opensesame/, 'without the password';
}

my $closed = ImageDigest::Redis->start(args => [qw(--requirepass secret
                                                   --databases 4)]);

$closed->cli(qw(ACL SETUSER weak on >opensesame ~* +evalsha +eval));

my @real = (
    ['password=opensesame', 'AUTH \(WRONGPASS\): check username='],
    ['username=nobody password=opensesame', 'AUTH \(WRONGPASS\)'],
    ['', 'PING \(NOAUTH\): it wants password='],
    ['?db=4 password=secret', 'SELECT \(ERR\): check the database'],
    ['?db=1 username=weak password=opensesame', 'SELECT \(NOPERM\)'],
);

for (@real) {
    my ($line, $log) = @$_;

    subtest "unix:/... $line" => sub {
        my $host = host($closed->url . ($line =~ /^\?/ ? '' : ' ') . $line,
                        $origin);
        works($host, $log);
    };
}

subtest 'a password where none is wanted' => sub {
    my $open = ImageDigest::Redis->start;

    # redis 6 and later: AUTH without a password to compare with is an error

    works(host($open->url . ' password=opensesame', $origin),
          'AUTH \(ERR\): check username=');
};

subtest 'a user who may not PING, nor run scripts' => sub {
    $closed->cli(qw(ACL SETUSER deaf on >opensesame ~*));

    my $host = host($closed->url . ' username=deaf password=opensesame',
                    $origin);

    is resolve($host, $origin->name('app:' . ++$number))->{status},
        'RESOLVED', 'it works' for 1 .. 3;
    is scalar(() = $host->log(qr/\[warn\].*refuses to answer.*ACL rule/)), 1,
        'said once';
    unlike $host->log, qr/opensesame/, 'without the password';
};

subtest 'it changes its mind' => sub {
    my $redis = ImageDigest::Redis->start(args => [qw(--requirepass wrong)]);
    my $host = host($redis->url . ' password=opensesame', $origin);

    works($host, 'AUTH');
    $redis->cli(qw(CONFIG SET requirepass opensesame));
    $redis->{auth}[1] = 'opensesame';

    wait_until {
        my $image = $origin->name('app:' . ++$number);
        resolve($host, $image);
        record($redis, $image);
    } 'redis to be found', 5;
    is scalar(() = $host->log(qr/redis is back/)), 1, 'back';
};

my %greetings = (
    '-LOADING Redis is loading' => 'PING \(LOADING\): it loads its data',
    '-DENIED Redis is running in protected mode' => 'protected mode: give it',
    '-MASTERDOWN Link with MASTER is down' => 'has to reach a primary',
    '-BUSY Redis is busy' => 'keeps it busy',
    '-ERR max number of clients reached' => 'raise its maxclients',
    '-ERR opensesame' => 'PING \(ERR\): see the log of the server',
    '*1' . "\r\n:1" => 'not the answer of a redis',
    'SSH-2.0-OpenSSH_9.2' => 'Protocol error',
    "+PONG\r\n+PONG" => 'a reply that nobody asked for',
);

for my $bytes (sort keys %greetings) {
    subtest "greeting: $bytes" =~ tr/ -~/?/cr => sub {
        my $redis = ImageDigest::FakeRedis->start(
            sub { return "$bytes\r\n" });

        $redis->mode('greet');
        works(host($redis->url, $origin), $greetings{$bytes});
    };
}

done_testing;
