#!/usr/bin/perl

# Rule 10: what comes on a subscription and is no news costs nothing: no
# digest, no wait, and no word in the log.

use strict;
use warnings;

use Test::More;

use ImageDigest::FakeRedis;
use ImageDigest::Origin;
use ImageDigest::Shared;

my $origin = ImageDigest::Origin->start;
my $number = 0;
my $channel = '{image-digest:default}:news';

sub message { return bulk('smessage', $channel, @_) }

my %surprises = (
    'garbage'            => "garbage\r\n",
    'a status'           => "+OK\r\n",
    'an error'           => "-ERR no\r\n",
    'an end'             => "*3\r\n\$12\r\nsunsubscribe\r\n\$1\r\nx\r\n:0\r\n",
    'a nil array'        => "*-1\r\n",
    'too much'           => "\$100000\r\n" . 'x' x 100_000 . "\r\n",
    'of another channel' => bulk('smessage', 'x', 'image ' . '0' x 64),
    'a message of two'   => bulk('smessage', $channel),
    'a plain message'    => bulk('message', $channel, 'image ' . '0' x 64),
    'a nil message'      => bulk('smessage', $channel, undef),
    'arrays in arrays'   => "*1\r\n" x 10,
);

# all of these, one after the other

my @messages = (
    '',
    "\0\xff",
    'image ' . '0' x 64,
    'image ' . 'g' x 64,
    'image 0',
    'image ' . '0' x 65,
    'invalid 1795468249482961',
    'invalid 1795468249482961 ',
    'invalid  docker.io/library/golang:1',
    'invalid -1 docker.io/library/golang:1',
    'invalid 9999999999999999999 docker.io/a/b:1',
    'invalid 9007199254740991 docker.io/a/b:1',
    'invalid 1795468249482961 ' . 'x' x 10_000,
    'tomorrow 1 2 3',
);

# and these in between, of which the host may know

push @messages, map { "image $_" } map { sprintf '%064x', $_ } 1 .. 1000;

$surprises{messages} = join '', map { message($_) } @messages;
$surprises{'a piece of one'} = substr message('x' x 100), 0, -50;

my $redis = ImageDigest::FakeRedis->start(sub {
    my ($command, $mode, $socket) = @_;

    return miss($command) if $command->[0] =~ /^EVAL/;
    return "+OK\r\n" unless $command->[0] eq 'SSUBSCRIBE';

    my ($name) = $mode =~ /^greet (.*)$/;

    return "*3\r\n" . (bulk('ssubscribe', $command->[1]) =~ s/^\S+\r\n//r)
           . ":1\r\n" . $surprises{$name};
})->mode('greet');

for my $name (sort keys %surprises) {
    $redis->mode("greet $name");

    my $host = host($redis->url, $origin);

    for (1 .. 3) {
        my $answer = resolve($host, $origin->name('app:' . ++$number));

        is "$answer->{status} $answer->{digest}",
            'RESOLVED ' . $origin->digest("app:$number"), $name;
        cmp_ok $answer->{wait}, '<', 2, '... without waiting';
    }

    is resolve($host, $origin->name("app:$number"))->{status}, 'HIT',
        '... and the zone is as it was';
    is_deeply [$host->log(qr/\[(?:warn|error)\]/)], [],
        '... and nothing is said';
}

done_testing;
