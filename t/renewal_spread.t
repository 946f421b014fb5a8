#!/usr/bin/perl

# Rule 7: what was learnt together is not renewed together: each renewal is
# put off by a random part of what is left of the TTL, and no request waits.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use ImageDigest::Cache;
use ImageDigest::Clock;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(answer image_of manifest);
use ImageDigest::Util qw(lines tempdir wait_until);

my $count = 200;
my $file = tempdir() . '/times';
my $origin = ImageDigest::FaultServer->start(sub {
    my ($req) = @_;

    if ($req->{method} eq 'HEAD') {
        open my $out, '>>', $file;
        syswrite $out, time . ' ' . image_of($req) . "\n";
    }

    return answer(manifest(image_of($req)));
});
my $clock = ImageDigest::Clock->new;
my $cache = $clock->around(sub {
    ImageDigest::Cache->start(
        resolver  => 'registry 127.0.0.1:' . $origin->port . " insecure;\n"
                     . "timeout 20s; connections $count;",
        locations => { i => 'image_digest_ttl 100s;'
                            . 'image_digest_timeout 20s;' });
});

sub all {
    return $cache->wait_for(map {
        $cache->send('i', '127.0.0.1:' . $origin->port . "/app:$_")
    } 1 .. $count);
}

is scalar(grep { $_->{status} eq 'RESOLVED' } all()), $count, 'stored together';
is scalar(() = lines($file)), $count, '... by a call each';

$clock->advance(81);

my $used = time;
my @answers = all();

is scalar(grep { $_->{status} eq 'HIT' && $_->{wait} == 0 } @answers), $count,
    'used at once, past `refresh`';

wait_until { $count * 2 <= (() = lines($file)) } 'all to be renewed';

my @renewals = (lines($file))[$count .. $count * 2 - 1];
my @times = sort { $a <=> $b } map { (split)[0] - $used } @renewals;
my %images = map { (split)[1] => 1 } @renewals;
my ($early, $late) = @times[$count * 0.1, $count * 0.9];

is scalar(keys %images), $count, 'each of them once';
cmp_ok $late - $early, '>', 1, 'over more than a second';
cmp_ok $times[-1], '<', 15, 'and not for long';

# no half second had more than half of them

for my $from (map { $_ / 2 } 0 .. 2 * $times[-1]) {
    my $n = grep { $_ >= $from && $_ < $from + 0.5 } @times;

    cmp_ok $n, '<', $count / 2, "not together: $n from $from s on";
}

wait_until { !grep { $_->{status} ne 'HIT' || $_->{age} > 80 } all() }
    'all to be new';
is scalar(() = lines($file)), $count * 2, 'no other call';

done_testing;
