#!/usr/bin/perl

# Rule 11: what an engine behind a loopback address tells is of one host, and
# never enters Redis; what one behind any other address tells is for all hosts,
# and engines that are configured differently never share it.  The other
# address, 192.0.2.1, is on the loopback interface of a network of the test's
# own, so that no packet leaves it.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Socket;
use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Kubernetes;
use ImageDigest::Redis;
use ImageDigest::Util qw(run spit tempdir wait_until);

my @alone = ('unshare', $> ? '--map-root-user' : (), '--net');

unless ($ENV{IMAGE_DIGEST_ALONE}) {
    my ($status) = run(@alone, 'true');

    plan skip_all => 'no network namespace may be made here' if $status;

    $ENV{IMAGE_DIGEST_ALONE} = 1;
    exec @alone, $^X, (map { "-I$_" } @INC), $0 or die "unshare: $!";
}


# SIOCSIFFLAGS with IFF_UP, which gives it 127.0.0.1, and SIOCSIFADDR

my $up = pack 'a16 s x22', 'lo', 1;
my $address = pack 'a16 S x2 a4 x16', 'lo:1', AF_INET, inet_aton('192.0.2.1');

socket my $socket, AF_INET, SOCK_DGRAM, 0 or die "socket: $!";
ioctl $socket, 0x8914, $up or die "lo: $!";
ioctl $socket, 0x8916, $address or die "192.0.2.1: $!";

my $id = sha256('an image');
my $dir = tempdir();

spit("$dir/$_", "$_-secret\n") for qw(one two);

my $redis = ImageDigest::Redis->start;
my $server = ImageDigest::FaultServer->start(
    address => '0.0.0.0',
    http    => sub {
        my ($path) = $_[0]{path};

        return [404, {}, ''] if $path =~ /none/;
        return [401, {}, ''] if $path =~ /secret/;

        return [200, { 'Content-Type' => 'application/json' },
                qq({"digest":"$id","Id":"$id","RepoDigests":[],)
                . qq("Os":"linux","Architecture":"amd64"})];
    });
my $k8s = ImageDigest::Kubernetes->start(address => '0.0.0.0')->pods(map {
    pod("p$_", namespace => "ns$_", containers => [
        container('main', 'a:1', $id)]) } 1, 2);
my ($port, $api) = ($server->port, $k8s->port);
my $auth = 'ca=' . $k8s->ca . ' token=' . $k8s->token_file
           . ' type=kubernetes';

# engines that are shared, each of them another one

my %far = (
    http    => "\"http://192.0.2.1:$port/{image}\"",
    url     => "\"http://192.0.2.1:$port/x/{image}\" type=http",
    place   => "\"http://192.0.2.1:$port/{image}?{platform}\" type=http",
    cluster => "https://192.0.2.1:$api $auth",
    space1  => "https://192.0.2.1:$api $auth namespace=ns1",
    space2  => "https://192.0.2.1:$api $auth namespace=ns2",
    docker  => "tcp://192.0.2.1:$port pull=never",
    pulls   => "tcp://192.0.2.1:$port type=docker",
);

# ... and those that are not

my %near = (
    near1 => "\"http://127.0.0.1:$port/{image}\" type=http",
    near2 => "\"http://localhost:$port/{image}\" type=http",
    near3 => "\"http://127.8.8.8:$port/{image}\" type=http",
    near4 => "https://127.0.0.1:$api $auth",
    near5 => "tcp://127.0.0.1:$port type=docker pull=never",
);

my %all = (%far, %near);
my $common = 'redis ' . $redis->url . " timeout=10s;\nregistry *;\n"
             . join "\n", map { "engine $_ $all{$_};" } sort keys %all;
my @hosts = map {
    ImageDigest::Cache->start(
        resolver  => "$common\nnode $_;\ntimeout 20s;",
        locations => { map { ($_ => "image_digest \$image engine=$_;"
                                    . 'image_digest_timeout 20s;'
                                    . 'image_digest_fallback tag window=off;')
                           } keys %all })
    } qw(one two);

sub calls { return (() = $server->requests) + (() = $k8s->requests) }

my $records = 0;

for my $engine (sort keys %far) {
    my $before = calls();
    my $first = $hosts[0]->ask($engine, 'a:1');

    is $first->{status}, 'RESOLVED', "$engine: the first host asks";
    is $first->{digest}, $id, '... digest';
    $records++;
    wait_until { $records == (() = $redis->cli('--scan', '--pattern',
                                               '*image:*')) }
        "a record of $engine";

    my $second = $hosts[1]->ask($engine, 'a:1');

    is $second->{status}, 'SHARED', '... the second one need not';
    is $second->{key}, $first->{key}, '... with the same key';
    is calls() - $before, 1, '... one call';
}

for my $engine (sort keys %near) {
    my $before = calls();

    for my $host (@hosts) {
        my $answer = $host->ask($engine, 'a:1');

        is $answer->{status}, 'RESOLVED', "$engine: each host asks";
        is $answer->{digest}, $id, '... digest';
    }

    is calls() - $before, 2, '... two calls';
}

# a failure that is true for all hosts, and one that is not

for (['http', 'none:1', 'not_found', 1], ['http', 'secret:1',
      'unauthorized', 2], ['near1', 'none:1', 'not_found', 2])
{
    my ($engine, $image, $error, $calls) = @$_;

    my $before = calls();

    is $hosts[0]->ask($engine, $image)->{error}, $error,
        "$engine, $image: $error";
    wait_until { $redis->cli('--scan', '--pattern', "*/$image*") }
        'a record' if $calls == 1;
    is $hosts[1]->ask($engine, $image)->{error}, $error, '... both hosts';
    is calls() - $before, $calls, "... by $calls calls";
}

# hosts that do not share by digest do not share by tag

for (['http', 'none:2', 1], ['near1', 'none:2', 0]) {
    my ($engine, $image, $same) = @$_;
    my ($one, $two) = map { $_->ask($engine, $image) } @hosts;

    is $one->{status}, 'FALLBACK', "$engine: no digest";
    is $one->{key} eq $two->{key} ? 1 : 0, $same,
        '... the tag key is ' . ($same ? 'the fleet\'s' : 'the host\'s');
    is $one->{key}, ImageDigest::Cache::tag_key(
            'docker.io/library/none:2', window => '',
            engine => $same ? $engine : "$engine\@one"),
        '... as documented';
}

# nothing that is of one host

$hosts[1]->stop;
$hosts[0]->stop;

is_deeply [grep { /near|127\.|localhost/ } $redis->cli('KEYS', '*')], [],
    'no key of a local engine';
is scalar(() = $redis->cli('--scan', '--pattern', '*image:*')), $records + 2,
    'redis holds what the shared ones told';

done_testing;
