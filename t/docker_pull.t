#!/usr/bin/perl

# Engine "docker", pull=missing: an image that is absent is pulled, once,
# whichever requests, workers and platforms want it: counted in the daemon's
# event stream. One that is there is what the daemon would run, and is not
# pulled again when its tag moves.

use strict;
use warnings;

use Mojo::IOLoop;
use Mojo::Promise;
use Test::More;

use ImageDigest::Alone;
use ImageDigest::Cache;
use ImageDigest::Docker;
use ImageDigest::Image;
use ImageDigest::Layout;
use ImageDigest::Registry;

my $docker = ImageDigest::Docker->start;
my $registry = ImageDigest::Registry->start;
my $server = ImageDigest::Layout->start(ImageDigest::Image->new(
    platforms => ['linux/amd64', 'linux/arm64']));
my $host = $registry->host;
my $common = 'image_digest_timeout 20s; image_digest_ttl 0;';

my $cache = ImageDigest::Cache->start(
    workers   => 2,
    listen    => "listen 127.0.0.1:\@PORT2\@ reuseport;\n",
    resolver  => "registry $host; registry " . $server->host . ";\n"
                 . 'timeout 20s; engine docker ' . $docker->url . ';',
    locations => {
        i => "image_digest \$image engine=docker; $common",
        p => "image_digest \$image engine=docker platform=\$arg_p; $common",
        h => 'image_digest $image engine=docker; image_digest_timeout 20s;',
    });

# what nobody has yet

my $first = ImageDigest::Image->push($registry, 'app:1');
my $name = $registry->name('app:1');
my $answer = $cache->ask('h', $name);

is $answer->{digest}, $first->digest, 'absent: pulled';
is_deeply [$docker->pulls], [$name], '... once';
is $cache->ask('h', $name)->{status}, 'HIT', '... then known';

# what is there

ImageDigest::Image->push($registry, 'app:1');
is $cache->ask('i', $name)->{digest}, $first->digest,
    'its tag moves: what the daemon has';
is_deeply [$docker->pulls], [$name], '... no other pull';

# no tag is "latest", and not all of them

my $latest = ImageDigest::Image->push($registry, 'many:latest');

ImageDigest::Image->push($registry, "many:$_") for 1, 2;
is $cache->ask('i', $registry->name('many'))->{digest}, $latest->digest,
    'without a tag: latest';
is_deeply [grep { /many/ } $docker->images],
    [$registry->name('many:latest')], '... alone';
is_deeply [$docker->pulls], [$name, $registry->name('many:latest')],
    '... by one pull';

# many at once, in both workers, with and without a platform; the registry
# waits until all of them do

$server->set(hold => 'a');

my $slow = $server->name('team/app:1');
my @sent = map { $cache->send($_ % 2 ? 'i' : 'p', $slow, port => 2,
                              artifact => 'x?p=linux/amd64') } 1 .. 24;

my $pulls = Mojo::Promise->new;
my $timer = Mojo::IOLoop->recurring(0.05 => sub {
    $pulls->resolve if $server->blobs;
});

$cache->wait_for($pulls);
Mojo::IOLoop->remove($timer);
isnt $cache->ask('i', $name)->{digest}, '', 'others meanwhile';
$server->release('a');

my (%digests, %pids);

for ($cache->wait_for(@sent)) {
    $digests{ $_->{digest} }++;
    $pids{ $_->{pid} }++;
}

is_deeply \%digests, { $server->digest => 24 }, 'many at once: its digest';
is keys %pids, 2, '... in both workers';
is scalar(grep { $_ eq $slow } $docker->pulls), 1, '... one pull';
is +(() = $server->requests(sub { $_->{path} =~ m{/manifests/1$} })), 1,
    '... for which the registry was asked once';

done_testing;
