#!/usr/bin/perl

# Rule 9: a lease that a malformed answer may have given is released after the
# call, so that nobody waits for it; a refusal gives none.

use strict;
use warnings;

use Test::More;

use ImageDigest::FakeRedis;
use ImageDigest::Origin;
use ImageDigest::Shared;
use ImageDigest::Util qw(lines tempdir);

my $origin = ImageDigest::Origin->start;
my $log = tempdir() . '/log';
my $now = 1_800_000_000_000_000;
my @more = (0, 0, 'ours', 0, (undef) x 15);

$ImageDigest::FakeRedis::time = $now;

# the answers to a lookup, after the serial

my %answers = (
    'no time'        => ['ok', 0, 0, @more],
    'another word'   => ['okay', $now, 0, @more],
    'too few values' => ['ok', $now, 0, @more[0 .. 5]],
    'a floor ahead'  => ['ok', $now, 0, $now + 1, @more[1 .. $#more]],
);

my $redis = ImageDigest::FakeRedis->start(sub {
    my ($command, $mode) = @_;

    my $script = script($command);
    my @args = @$command[3 + $command->[2] .. $#$command];

    # its name, and the token of the lease

    open my $out, '>>', $log;
    print $out "$script $args[$script eq 'lookup' ? 4 : 2]\n";
    close $out;

    return miss($command) if $script ne 'lookup' || $mode eq '';
    return "-OOM no memory\r\n" if $mode eq 'refused';

    my ($word, @values) = @{ $answers{$mode} };

    return bulk($word, $args[0], @values);
});

my $host = host($redis->url, $origin);
my $number = 0;

# the tokens of a script's calls

sub tokens { return map { /^$_[0] (.+)/ ? $1 : () } lines($log) }

sub asked {
    my ($mode) = @_;

    my $before = () = tokens('lookup');

    $redis->mode($mode);
    $host->poll(sub {
        resolve($host, $origin->name('app:' . ++$number));
        $before < (() = tokens('lookup'));
    }, 'redis to be asked');

    return (tokens('lookup'))[-1];
}

asked('');

for my $mode (sort keys %answers) {
    my $token = asked($mode);

    $host->poll(sub { grep { $_ eq $token } tokens('release') }, 'its release');
    pass $mode;
}

my $token = asked('refused');
my $next = asked('');

$host->poll(sub { grep { $_ eq $next } tokens('store') }, 'a store');
is_deeply [grep { $_ eq $token } tokens('release')], [], 'refused';

done_testing;
