#!/usr/bin/perl

# The tag key's window is the smaller of `window` and T; its number changes
# with time, on the host's clock without Redis.  Under one second nothing
# could match, so it acts as `miss`; so does T = 0.  `window=off` is for good.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache qw(tag_key windows);
use ImageDigest::Clock;
use ImageDigest::Util qw(free_port wait_until);

my $host = '127.0.0.1:' . free_port();
my $clock = ImageDigest::Clock->new;
my $cache = $clock->around(sub {
    ImageDigest::Cache->start(
        resolver  => "registry $host insecure;",
        locations => {
            ttl    => "image_digest_ttl \$http_ttl;\n",
            window => "image_digest_ttl \$http_ttl;\n"
                      . 'image_digest_fallback tag window=100s;',
            brief  => "image_digest_ttl \$http_ttl;\n"
                      . 'image_digest_fallback tag window=900ms;',
            off    => "image_digest_ttl \$http_ttl;\n"
                      . 'image_digest_fallback tag window=off;',
        });
});

# The length of the window, 0: as `miss`, undef: off.

for ([ttl => '5m', 300], [ttl => '90s', 90], [ttl => '1s', 1],
     [ttl => '1999ms', 1], [ttl => '999ms', 0], [ttl => '0', 0],
     [window => '5m', 100], [window => '30s', 30], [window => '1999ms', 1],
     [window => '900ms', 0], [window => '0', 0], [window => 'soon', 0],
     [brief => '5m', 0], [off => '5m', undef], [off => '0', undef])
{
    my ($prefix, $ttl, $length) = @$_;
    my $name = "$prefix, T $ttl";
    my %last;

    for my $passed (0, $length || 600, ($length || 600) * 3) {
        $clock->advance($passed);

        my $from = $clock->time;
        my $answer = $cache->ask($prefix, "$host/app:1",
                                 headers => { TTL => $ttl });
        my $put = $cache->ask($prefix, "$host/app:1", headers =>
                              { TTL => $ttl }, method => 'PUT', body => 'x');

        if (defined $length && $length == 0) {
            is $answer->{code}, 404, "$name: a miss";
            is $answer->{cache_control}, 'no-store', 'by the module';
            is $put->{write}, 'dropped', 'no write';
            like $answer->{key}, qr/^[0-9a-f]{64}$/, 'a key';
            isnt $answer->{key}, $put->{key}, 'at random';
            next;
        }

        my @windows = defined $length ? windows($length, $from, $clock->time)
                                      : '';

        for ($answer, $put) {
            my $key = $_->{key};

            is scalar(grep { $key eq tag_key("$host/app:1", window => $_) }
                           @windows), 1, "$name, later by $passed";
        }

        if (defined $length) {
            is $last{ $answer->{key} }, undef, 'another window';
            $last{ $answer->{key} } = 1;
        }
    }
}

# and by itself

$cache = ImageDigest::Cache->start(
    resolver  => "registry $host insecure;",
    locations => { i => 'image_digest_ttl 1s;' });

my %keys;

wait_until {
    $keys{ $cache->ask('i', "$host/app:1")->{key} } = 1;
    keys %keys == 3;
} 'three windows', 10;

pass 'it changes as time goes';

done_testing;
