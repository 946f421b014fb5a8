#!/usr/bin/perl

# Rule 7: what was learnt together, and is used together, is not renewed
# together: each renewal is put off by a random part of what is left of the
# TTL, and no request waits.

use strict;
use warnings;

use List::Util qw(sum);
use Test::More;
use Time::HiRes qw(time);

use ImageDigest::Cache;
use ImageDigest::Client;
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
                     . "timeout 60s; connections $count;",
        listen    => <<'END',
keepalive_requests 10000;
location ~ ^/i/(?<image>.+?)/-/(?<artifact>.+)$ {
    image_digest $image;
    image_digest_ttl 100s;
    image_digest_timeout 60s;
    empty_gif;
}
END
        locations => {});
});

# all in one piece, so that they come to nginx at once

sub all {
    my $client = ImageDigest::Client->new($cache->port, 60);

    $client->send(join '', map {
        'GET /i/127.0.0.1:' . $origin->port . "/app:$_/-/x HTTP/1.1\r\n"
        . "Host: x\r\n\r\n" } 1 .. $count);

    return map { $client->read->{headers} } 1 .. $count;
}

is scalar(grep { $_->{'x-image-status'} eq 'RESOLVED' } all()), $count,
    'stored together';
is scalar(() = lines($file)), $count, '... by a call each';

$clock->advance(81);

my @answers = all();

is scalar(grep { $_->{'x-image-status'} eq 'HIT' && $_->{'x-image-wait'} == 0 }
          @answers), $count, 'used at once, past `refresh`';

wait_until { $count * 2 <= (() = lines($file)) } 'all to be renewed', 60;

my @renewals = (lines($file))[$count .. $count * 2 - 1];
my @times = sort { $a <=> $b } map { (split)[0] } @renewals;
my @order = map { /app:(\d+)$/ } @renewals;
my %images = map { $_ => 1 } @order;

is scalar(keys %images), $count, 'each of them once';
cmp_ok $times[$count * 0.9] - $times[$count * 0.1], '>', 1,
    'over more than a second';

# A busy machine does the same to what is renewed together; but then it comes
# in the order in which it was used (this would be 1), or nearly so.

my $squares = sum map { ($order[$_] - $_ - 1) ** 2 } 0 .. $#order;
my $correlation = 1 - 6 * $squares / ($count * ($count ** 2 - 1));

cmp_ok $correlation, '<', 0.6, 'in an order of its own';

wait_until {
    !grep { $_->{'x-image-status'} ne 'HIT' || $_->{'x-image-age'} > 80 } all()
} 'all to be new', 60;
is scalar(() = lines($file)), $count * 2, 'no other call';

done_testing;
