#!/usr/bin/perl

# Every way to write where Redis is and as whom one comes ("redis" in the
# configuration): each gets through, to the database that was written.

use strict;
use warnings;

use Test::More;

use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;
use ImageDigest::Util qw(tempdir slurp spit top);

my $origin = ImageDigest::Origin->start;
my $open = ImageDigest::Redis->start;
my $closed = ImageDigest::Redis->start(args => [qw(--requirepass secret)]);

# the rule that the documentation gives, and nothing else may be needed

my ($rule) = slurp(top() . '/docs/redis.md') =~ /^(ACL SETUSER .*)$/m;

like $rule, qr/\+evalsha/, 'the documentation has a rule';
is $closed->cli(split ' ', $rule), 'OK', 'redis takes it';
is $open->cli(split ' ', $rule), 'OK', 'also the one without a password';

my $dir = tempdir();

spit("$dir/password", "secret\n");
spit("$dir/acl", "a-long-password\r\n");

my @ways = (
    [$open, 'redis://127.0.0.1:PORT', 0],
    [$open, 'redis://localhost:PORT', 0],
    [$open, 'redis://localhost:PORT/3', 3],
    [$open, 'redis://127.0.0.1:PORT/15', 15],
    [$open, 'unix:SOCKET', 0],
    [$open, 'unix:SOCKET?db=0', 0],
    [$open, 'unix:SOCKET?db=7', 7],
    [$closed, 'redis://127.0.0.1:PORT password=secret', 0],
    [$closed, "redis://127.0.0.1:PORT/2 password_file=$dir/password", 2],
    [$closed, 'unix:SOCKET?db=5 password=secret', 5],
    [$closed, 'redis://default@localhost:PORT password=secret', 0],
    [$closed, 'unix:SOCKET username=default password=secret', 0],
    [$closed, 'redis://image-digest@127.0.0.1:PORT'
              . ' password=a-long-password', 0],
    [$closed, 'redis://127.0.0.1:PORT/9 username=image-digest'
              . " password_file=$dir/acl", 9],
    [$open, "unix:SOCKET username=image-digest password_file=$dir/acl", 0],
);

my $number = 0;

for my $way (@ways) {
    my ($redis, $line, $db) = @$way;
    my $image = $origin->name('app:' . ++$number);

    my ($port, $socket) = ($redis->port, $redis->socket);
    my $text = $line =~ s/PORT/$port/r =~ s/SOCKET/$socket/r;

    subtest $line => sub {
        my ($one, $two) = map { host($text, $origin) } 1 .. 2;

        is resolve($one, $image)->{status}, 'RESOLVED', 'asked';
        my ($key) = wait_for_record($redis, $image, '-n', $db);
        like $key, qr/^\{image-digest:default\}:image:/, "in database $db";
        is resolve($two, $image)->{status}, 'SHARED', 'shared';
        is_deeply [$_->log(qr/\[(?:warn|error|crit)\]/)], [], 'no complaint'
            for $one, $two;
    };
}

is $closed->cli('ACL', 'LOG'), '', 'the rule denied nothing';
is $open->cli('ACL', 'LOG'), '', 'in the other one, too';

done_testing;
