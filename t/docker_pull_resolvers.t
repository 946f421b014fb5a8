#!/usr/bin/perl

# An image is pulled once at a time on a host: also where two resolvers have
# the daemon, by other names and for other platforms.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::FakeDaemon;
use ImageDigest::Util qw(spit tempdir wait_until);

my $dir = tempdir();
my $daemon = ImageDigest::FakeDaemon->start(on => sub {
    my ($req, $what) = @_;

    return if $what ne 'pull';

    wait_until { !-e "$dir/hang" } 'the pull to go on', 60;
    return [200, {}, qq({"status":"Pulled"}\r\n)];
});

spit("$dir/hang", '');

my $digest = sha256('an image');
my $url = $daemon->url;
my $cache = ImageDigest::Cache->start(
    resolver  => "registry docker.io; timeout 20s; engine docker $url;\n",
    more      => "image_resolver two {\nzone 1m; registry docker.io;\n"
                 . "timeout 20s; engine second $url type=docker;\n}\n",
    locations => {
        one => 'image_digest $image resolver=default engine=docker;'
               . 'image_digest_timeout 20s;',
        two => 'image_digest $image resolver=two engine=second'
               . ' platform=linux/amd64; image_digest_timeout 20s;',
    });

my $one = $cache->send('one', 'a:1');

$cache->poll(sub { $daemon->asked('pull') }, 'a pull');

my $two = $cache->send('two', 'a:1');
my $other = $cache->send('two', 'b:1');

# it has asked for the other image after this one, and pulls that

$cache->poll(sub { 3 <= (() = $daemon->asked('inspect')) }, 'all to ask');
$cache->poll(sub { 2 <= (() = $daemon->asked('pull')) }, 'another pull');
is_deeply [sort map { $_->{path} =~ /fromImage=([^&]*)/ }
           $daemon->asked('pull')],
    ['docker.io%2Flibrary%2Fa', 'docker.io%2Flibrary%2Fb'],
    'a pull for each image';

$daemon->set(inspect => [200, image_json(Id => $digest)]);
unlink "$dir/hang";

is $_->{digest}, $digest, 'all have its digest'
    for $cache->wait_for($one, $two, $other);
is +(() = $daemon->asked('pull')), 2, 'no further pull';

done_testing;
