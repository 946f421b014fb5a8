#!/usr/bin/perl

# Engine "podman", pull=missing: an image that is absent is pulled, once,
# whichever requests and workers want it; pull=never: it is not_found. The
# daemon logs in with the credentials of the image's registry, and speaks plain
# HTTP where the registry's line says "insecure".

use strict;
use warnings;

use Mojo::IOLoop;
use Mojo::JSON qw(encode_json);
use Mojo::Promise;
use Mojo::Util qw(b64_encode);
use Test::More;

use ImageDigest::Alone;
use ImageDigest::Cache;
use ImageDigest::Image;
use ImageDigest::Layout;
use ImageDigest::Podman;
use ImageDigest::Registry;
use ImageDigest::Util qw(spit tempdir wait_until);

my $podman = ImageDigest::Podman->start;
my $registry = ImageDigest::Registry->start;
my $closed = ImageDigest::Registry->start(users => { cache => 'Secret-1' });
my $secure = ImageDigest::Registry->start;
my $server = ImageDigest::Layout->start(ImageDigest::Image->new(
    platforms => ['linux/amd64', 'linux/arm64/v8']));
my $dir = tempdir();

spit("$dir/$_->[0].json", encode_json({ auths => {
    $closed->host => { auth => b64_encode("cache:$_->[1]", '') } } }))
    for ['right', 'Secret-1'], ['wrong', 'Secret-2'];

my $url = $podman->url;
my $common = 'image_digest_timeout 20s; image_digest_ttl 0;';
my $cache = ImageDigest::Cache->start(
    workers   => 2,
    listen    => "listen 127.0.0.1:\@PORT2\@ reuseport;\n",
    resolver  => join('', map { 'registry ' . $_->host . " insecure;\n" }
                              $registry, $closed, $server)
                 . 'registry ' . $secure->host . ";\ntimeout 20s;\n"
                 . "engine podman $url;\n"
                 . "engine never $url type=podman pull=never;\n"
                 . join('', map { "engine $_ $url type=podman"
                                  . " credentials=$dir/$_.json;\n" }
                                qw(right wrong)),
    locations => {
        map({ ($_ => "image_digest \$image engine=$_; $common") }
            qw(podman never right wrong)),
        p => "image_digest \$image engine=podman platform=\$arg_p; $common",
        h => 'image_digest $image engine=podman; image_digest_timeout 20s;',
    });

my $image = ImageDigest::Image->push($registry, 'app:1',
    platforms => ['linux/amd64', 'linux/arm64/v8']);
my $latest = ImageDigest::Image->push($registry, 'many:latest');
my $secret = ImageDigest::Image->push($closed, 'app:1');
my $name = $registry->name('app:1');

ImageDigest::Image->push($registry, "many:$_") for 1, 2;
ImageDigest::Image->push($secure, 'app:1');

is $cache->ask('never', $name)->{error}, 'not_found', 'pull=never';
is_deeply [$podman->pulls], [], '... does not';

is $cache->ask('h', $name)->{digest}, $image->digest, 'absent: pulled';
is_deeply [$podman->pulls(1)], [$name], '... once';
is $cache->ask('h', $name)->{status}, 'HIT', '... then known';
is $cache->ask('never', $name)->{digest}, $image->digest, '... and there';

ImageDigest::Image->push($registry, 'app:1');
is $cache->ask('podman', $name)->{digest}, $image->digest,
    'its tag moves: what Podman has';

is $cache->ask('podman', $registry->name('many'))->{digest}, $latest->digest,
    'without a tag: latest';
is_deeply [grep { /many/ } $podman->images],
    [$registry->name('many:latest')], '... alone';

# who may

is $cache->ask('podman', $closed->name('app:1'))->{error}, 'unauthorized',
    'no credentials';
is $cache->ask('wrong', $closed->name('app:1'))->{error}, 'unauthorized',
    '... wrong ones';
is $cache->ask('right', $closed->name('app:1'))->{digest}, $secret->digest,
    '... right ones';

# plain HTTP is spoken where that is written

my $answer = $cache->ask('podman', $secure->name('app:1'));

like $answer->{error}, qr/^(?:tls|bad_response)$/,
    'plain HTTP without "insecure"';
is $answer->{digest}, '', '... no digest';

# many at once, in both workers, with and without a platform; the registry
# waits until all of them do

$server->set(hold => 'a');

my $slow = $server->name('team/app:1');
my @sent = map { $cache->send($_ % 2 ? 'podman' : 'p', $slow, port => 2,
                              artifact => 'x?p=linux/amd64') } 1 .. 24;

my $pulls = Mojo::Promise->new;
my $timer = Mojo::IOLoop->recurring(0.05 => sub {
    $pulls->resolve if $server->blobs;
});

$cache->wait_for($pulls);
Mojo::IOLoop->remove($timer);
isnt $cache->ask('podman', $name)->{digest}, '', 'others meanwhile';
$server->release('a');

my (%digests, %pids);

for ($cache->wait_for(@sent)) {
    $digests{ $_->{digest} || $_->{error} }++;
    $pids{ $_->{pid} }++;
}

is_deeply \%digests, { $server->digest => 24 }, 'many at once: its digest';
is keys %pids, 2, '... in both workers';
is wait_until(sub { scalar grep { $_ eq $slow } $podman->pulls }, 'its pull'),
    1, '... one pull';
is +(() = $server->requests(sub { $_->{path} =~ m{/manifests/1$} })), 1,
    '... for which the registry was asked once';

$cache->stop;
unlike $cache->log, qr/Secret-/, 'no password in the log';

done_testing;
