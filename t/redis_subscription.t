#!/usr/bin/perl

# Rules 9 and 10: a subscription that Redis refuses is said once, with what to
# do, and who waits for another host's call looks by itself; one that ends is
# made anew.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use ImageDigest::FakeRedis;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;
use ImageDigest::Util qw(wait_until);

my $origin = ImageDigest::Origin->start;
my $number = 0;

# Host $two waits for the call of $one: how long it does after its end.

sub waits {
    my ($one, $two) = @_;

    my $tag = 'app:' . ++$number;
    my $image = $origin->name($tag);

    $origin->set(hold => "gate-$number");

    my $first = $one->send('i', $image);

    meanwhile { $origin->calls($tag) } 'the call';

    my $second = $two->send('i', $image)->then(sub { [time, $_[0]] });

    # for longer than any look takes

    my $until = time + 0.7;

    meanwhile { time > $until } 'it to wait';
    $origin->release("gate-$number");
    $origin->set(hold => '');

    my $begin = time;
    my ($answer) = $one->wait_for($first);
    my ($late) = $two->wait_for($second);
    my ($end, $other) = @$late;

    is "$answer->{status} $other->{status}", 'RESOLVED SHARED',
        'one asks, and the other one waits for it';
    is $origin->calls($tag), 1, '... by one call';

    return $end - $begin;
}

sub subscribers {
    my ($redis) = @_;

    return $redis->cli('PUBSUB', 'SHARDNUMSUB',
                       '{image-digest:default}:news') =~ /(\d+)$/ ? $1 : 0;
}

subtest 'an ACL without the channel' => sub {
    my $redis = ImageDigest::Redis->start;

    $redis->cli(qw(ACL SETUSER deaf on >secret ~* +@all));

    my ($one, $two) = map {
        host($redis->tcp_url . ' username=deaf password=secret', $origin)
    } 1 .. 2;

    cmp_ok waits($one, $two), '<', 1.5, 'it looks by itself';

    for my $host ($one, $two) {
        my @said = $host->log(qr/\[(?:warn|error)\]/);

        is @said, 1, 'one complaint';
        like "@said", qr/redis\ tells\ no\ news:\ it\ refused\ SSUBSCRIBE
                         \ \(NOPERM\):.*ACL\ rule\ of\ docs\/redis\.md/x,
            '... with what to do';
    }

    # mended, it is heard of

    $redis->cli(qw(ACL SETUSER deaf &*));
    wait_until { subscribers($redis) == 2 } 'them to listen', 10;
    cmp_ok waits($one, $two), '<', 1.5, 'as it should be';
};

subtest 'a server that knows no SSUBSCRIBE' => sub {
    my $redis = ImageDigest::FakeRedis->start(sub {
        my ($command) = @_;

        return '-ERR unknown command `SSUBSCRIBE`, with args beginning with: '
               . "`x`\r\n" if $command->[0] eq 'SSUBSCRIBE';
        return "+OK\r\n" unless $command->[0] =~ /^EVAL/;
        return miss($command);
    })->mode('greet');
    my $host = host($redis->url, $origin);
    my $was = $redis->connections;

    wait_until { $redis->connections > $was + 4 } 'some attempts';
    is resolve($host, $origin->name('app:' . ++$number))->{status},
        'RESOLVED', 'it works' for 1 .. 3;

    my @said = $host->log(qr/\[(?:warn|error)\]/);

    is @said, 1, 'one complaint' or diag @said;
    like "@said", qr/refused SSUBSCRIBE \(ERR\): .*Redis 7 or Valkey/,
        '... with what to do';
    unlike "@said", qr/unknown command/, '... in our own words';
};

subtest 'the server ends it' => sub {
    my $redis = ImageDigest::Redis->start;
    my ($one, $two) = map { host($redis->url, $origin) } 1 .. 2;

    for (1, 2) {
        wait_until { subscribers($redis) == 2 } 'both to listen';
        cmp_ok waits($one, $two), '<', 1.5, 'it hears';
        cmp_ok $redis->cli(qw(CLIENT KILL TYPE pubsub)), '>=', 2,
            'both are ended';
    }

    cmp_ok waits($one, $two), '<', 1.5, 'nor does it miss it';
    is_deeply [map { $_->log(qr/\[(?:warn|error)\]/) } $one, $two], [],
        'nothing is said';
};

done_testing;
