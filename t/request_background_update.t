#!/usr/bin/perl

# The background update of proxy_cache is made by a subrequest that never runs
# the phases where an image is resolved: it asks the store under the key of
# the request that started it, also when that one has been answered.

use strict;
use warnings;

use Test::More;

use ImageDigest::Client;
use ImageDigest::FaultServer;
use ImageDigest::Util qw(wait_until);
use ImageDigest::Waiting;

my $store = ImageDigest::FaultServer->start(sub {
    my ($req) = @_;

    return [200, {}, "$req->{path} $req->{state}{version}"];
});

my $nginx = ImageDigest::Waiting->start(
    level  => 'error',
    http   => 'proxy_cache_path @DIR@/cache keys_zone=cache:1m;',
    format => '$request_uri $image_digest_status $image_digest_key',
    server => <<"END");
location ~ ^/i/(?<image>.+?)/-/(?<artifact>.+)\$ {
    image_digest \$image;
    image_digest_key \$artifact;
    log_subrequest on;
    proxy_cache cache;
    proxy_cache_key \$image_digest_key;
    proxy_cache_valid 200 1s;
    proxy_cache_background_update on;
    proxy_cache_use_stale updating;
    add_header X-Cache \$upstream_cache_status;
    proxy_pass http://127.0.0.1:@{[ $store->port ]}/\$image_digest_key;
}
END
my $client = ImageDigest::Client->new($nginx->port);
my $path = $nginx->path('app:1', 'x');
my $key = $nginx->key('app:1', 'x');

sub get {
    $client->request('GET', $path);
    my $answer = $client->read;
    return "$answer->{headers}{'x-cache'} $answer->{body}";
}

$store->set(version => 1);
is get(), "MISS /$key 1", 'not there yet';

$store->set(version => 2);

my $stale = wait_until {
    my $answer = get();
    $answer =~ /^HIT/ ? undef : $answer;
} 'the end of its second';

is $stale, "STALE /$key 1", 'stale, and updated in the background';

wait_until { get() =~ / 2$/ } 'the update in the cache';

is_deeply { map { $_->{path} => 1 } $store->requests }, { "/$key" => 1 },
    'the store was asked for nothing else';
is_deeply { map { s/.* //r => 1 } $nginx->access_log(3) }, { $key => 1 },
    'nor does the log name anything else';
is $nginx->calls, 1, 'asked once';
is_deeply [$nginx->log(qr/asked for before/)], [], 'never too early';

done_testing;
