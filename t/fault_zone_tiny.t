#!/usr/bin/perl

# The smallest zone that nginx -t allows, and a flood of references by all
# workers: all are answered, each with its own digest or, where there is no
# room for its claim, without one; and afterwards all is well.

use strict;
use warnings;

use Test::More;

use ImageDigest::Http2;
use ImageDigest::Nginx;
use ImageDigest::Origin;
use ImageDigest::Shared;
use ImageDigest::Util qw(wait_until);

my $origin = ImageDigest::Origin->start;

my (undef, $text) = ImageDigest::Nginx->new(
    http => "image_resolver default { zone 8k; }\n")->conf_test;
my ($least) = $text =~ /too small: write at least "(\d+k)"/
    or die "what is the least zone?\n$text";

note $least;

my $host = host('off', $origin,
    workers       => 3,
    more_resolver => "zone $least;\n",
    format        => '$uri $status $image_digest_status '
                     . '$image_digest_error $image_digest',
    listen        => many());
my %clients = ImageDigest::Http2->of_workers($host->port(3), 3);
my @clients = map { $_->[0] } values %clients;
my ($n, %all) = 0;

for my $round (1 .. 4) {
    my @streams;

    # the calls of one take long, so that there is no room for more claims

    $origin->set(hold => $round == 2 ? 'a' : '');

    my $calls = $origin->calls;

    for my $client (@clients) {
        push @streams, map {
            my $image = $origin->name('app:' . $n++ % 250 . "-$round");
            [$client, $client->request('GET', "/many/$image/-/x")];
        } 1 .. 120;
    }

    if ($round == 2) {
        $_->settle for @clients;
        $calls = wait_until { my $more = $origin->calls - $calls;
                              $more >= 20 && $more } 'calls';
        $origin->release('a');
    }

    is scalar(grep { $_->[0]->read($_->[1])->{status} == 200 } @streams),
        360, 'all are answered';
}

for (many_log($host, 1440)) {
    my ($tag, $status) = m{/(app:[\d-]+)/-/x (200 .*)$} or die $_;
    my $digest = $origin->digest($tag);

    $status =~ s/ \Q$digest\E$/ right/;
    $all{$status}++;
}

note explain \%all;

my $overloaded = delete $all{'200 FALLBACK overloaded '};

is_deeply [sort grep { !/^200 (?:RESOLVED|HIT)  right$/ } keys %all], [],
    'each has its own digest, or none';
cmp_ok $overloaded, '>', 0, 'some have found no room';
cmp_ok $overloaded, '<', 1400, 'others have';

for my $tag (map { "after:$_" } 1 .. 5) {
    is resolve($host, $origin->name($tag))->{digest}, $origin->digest($tag),
        'all is well again';
}

# nginx would linger

$_->close for @clients;

done_testing;
