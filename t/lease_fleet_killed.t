#!/usr/bin/perl

# Rule 9: a lease ends by itself.  The worker that asks for all hosts is
# killed with -9: about two seconds later another host asks, or a new worker of
# that one, and the others share its answer.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;
use ImageDigest::Util qw(wait_until);

my $redis = ImageDigest::Redis->start;
my $origin = ImageDigest::Origin->start;
my ($one, $two) = map {
    host($redis->url, $origin, allow => qr/exited on signal 9/)
} 1 .. 2;
my $image = $origin->name('app:1');

sub lease {
    my ($key) = grep { /lease:\Q$image\E#/ } $redis->cli('--scan') or return;

    return ($key, $redis->cli('GET', $key), $redis->cli('PTTL', $key));
}

$origin->set(hold => 'a');
$one->send('i', $image)->catch(sub { });
meanwhile { $origin->calls } 'the call';

my ($pid) = $one->workers;
my $waits = $two->send('i', $image);
my ($key, $owner) = lease();

like $owner, qr{/$pid/}, 'the lease names its owner';

# renewed for as long as the owner lives

my $begin = time;

meanwhile { time - $begin > 2.5 } 'more than the time of a lease';

my (undef, $same, $left) = lease();

is $same, $owner, 'it is still its owner\'s';
cmp_ok $left, '<=', 2000, 'for two seconds at the most';
is $origin->calls, 1, 'nobody else has asked';

# the next call is answered at once

$origin->set(hold => '');
kill KILL => $pid;
$begin = time;
wait_until { grep { $_ != $pid } $one->workers } 'a new worker';

my $likewise = $one->send('i', $image);
my @answers = ($one->wait_for($likewise), $two->wait_for($waits));

is join(' ', sort map { $_->{status} } @answers), 'RESOLVED SHARED',
    'one that waits takes over, and the other shares it';
is $_->{digest}, $origin->digest('app:1'), 'the digest' for @answers;
cmp_ok time - $begin, '>', 1, 'not before the lease has ended';
cmp_ok time - $begin, '<', 3.5, 'but soon after that';
is $origin->calls, 2, 'one call more';
wait_until { !lease() } 'the lease to end';

done_testing;
