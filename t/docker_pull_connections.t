#!/usr/bin/perl

# `connections`: it is clients who choose what is pulled, so that pulls, and
# what waits for one, leave room for all others: half of the calls are pulls
# at most, and who waits is none of them.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::FakeDaemon;
use ImageDigest::Origin;
use ImageDigest::Util qw(spit tempdir wait_until);

my $dir = tempdir();
my $daemon = ImageDigest::FakeDaemon->start(on => sub {
    my ($req, $what) = @_;

    return if $what ne 'pull';

    wait_until { !-e "$dir/hang" } 'the pull to go on', 60;
    return [200, {}, qq({"status":"Pulled"}\r\n)];
});

spit("$dir/hang", '');

my $origin = ImageDigest::Origin->start;
my $digest = sha256('an image');
my $common = 'image_digest_timeout 20s;';
my $cache = ImageDigest::Cache->start(
    resolver  => "registry docker.io;\nconnections 4; timeout 20s;\n"
                 . 'registry ' . $origin->host . " insecure;\n"
                 . 'engine docker ' . $daemon->url . ";\n",
    locations => {
        docker   => 'image_digest $image engine=docker platform=$arg_p;'
                    . $common,
        registry => "image_digest \$image; $common image_digest_ttl 0;",
    });

# one that is sent, when the daemon was asked for it

my @sent;

sub begin {
    my ($image, $platform) = @_;

    my $before = () = $daemon->asked('inspect');

    push @sent, $cache->send('docker', $image, artifact => "x?p=$platform");
    $cache->poll(sub { $before < (() = $daemon->asked('inspect')) },
                 'the daemon to be asked');
}

sub pulls { return scalar(() = $daemon->asked('pull')) }

sub is_free {
    my ($name) = @_;

    is $cache->ask('registry', $origin->name('app:1'))->{error}, '',
        "$name: a registry is asked";
}

begin('a', 'linux/amd64');
$cache->poll(sub { pulls() == 1 }, 'a pull');

# with these there would be four calls

begin('a', "linux/$_") for qw(arm64 386 s390x);
is_free('many who wait');
is pulls(), 1, '... for one pull';

begin('b', 'linux/amd64');
$cache->poll(sub { pulls() == 2 }, 'another pull');
is_free('half of the calls are pulls');

for my $image (qw(c d e)) {
    is $cache->ask('docker', $image, artifact => 'x?p=linux/amd64')->{error},
        'overloaded', "$image: no third pull";
}

is pulls(), 2, '... was begun';
is_free('and then');

# once they end

$daemon->set(inspect => [200, image_json(Id => $digest)]);
unlink "$dir/hang";

is_deeply [map { $_->{error} || $_->{digest} } $cache->wait_for(@sent)],
    [$digest, ('platform_not_found') x 3, $digest], 'all have an answer';

spit("$dir/hang", '');
$daemon->set(inspect => undef);
begin('c', 'linux/amd64');
$cache->poll(sub { pulls() == 3 }, 'room again');
$daemon->set(inspect => [200, image_json(Id => $digest)]);
unlink "$dir/hang";
is $cache->wait_for($sent[-1])->{digest}, $digest, 'there is room again';

done_testing;
