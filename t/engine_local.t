#!/usr/bin/perl

# Rule 11: an engine behind a unix socket tells of one host. Neither its
# digests nor its failures or limits ever enter Redis, and its tag key holds
# NAME@NODE, so that hosts do not share by tag what they do not share by
# digest.

use strict;
use warnings;

use POSIX ();
use Test::More;

use ImageDigest::Cache qw(tag_key);
use ImageDigest::FakeDaemon;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared qw(record wait_for_record);
use ImageDigest::Util qw(tempdir);

my $redis = ImageDigest::Redis->start;
my $origin = ImageDigest::Origin->start;
my @daemons = map { ImageDigest::FakeDaemon->start } 1, 2;
my @digests = map { sha256($_) } 'of one', 'of two';
my %engines = (
    docker => 'pull=missing', podman => 'pull=missing',
    never  => 'type=docker pull=never',
    asks   => 'type=docker pull=distribution',
);

# two hosts, each with a daemon of its own at the same URL, so that nothing
# else keeps apart what they know

my $dir = tempdir();

sub host {
    my ($daemon, @node) = @_;

    unlink "$dir/socket";
    symlink $daemon->socket, "$dir/socket" or die "symlink: $!";

    return ImageDigest::Cache->start(
        resolver  => 'redis ' . $redis->url . " timeout=10s;\n"
                     . "registry docker.io; timeout 20s;\n"
                     . 'registry ' . $origin->host . " insecure;\n"
                     . join('', map {
                           "engine $_ unix:$dir/socket $engines{$_};\n" }
                           sort keys %engines)
                     . join('', @node),
        locations => { map { ($_ => "image_digest \$image engine=$_;"
                                    . 'image_digest_timeout 20s;'
                                    . 'image_digest_fallback tag window=off;')
                           } 'registry', sort keys %engines });
}


sub local_keys {
    return grep { !/\Q@{[ $origin->host ]}\E/ && /(?:image|registry):/ }
           $redis->cli('KEYS', '*');
}


for my $i (0, 1) {
    my $daemon = $daemons[$i];
    my $node = $i ? 'two.build.example' : 'one.build.example';
    my $host = host($daemon, "node $node;\n");

    # Redis does work

    my $name = $origin->name('app:1');
    my $answer = $host->ask('registry', $name);

    is $answer->{status}, $i ? 'SHARED' : 'RESOLVED',
        "$node: the registry's, though at a loopback address";
    wait_for_record($redis, $name);

    # digests

    $daemon->set(inspect => [200, image_json(Id => $digests[$i])]);

    for my $engine (sort keys %engines) {
        my $answer = $host->ask($engine, 'a:1');

        is $answer->{status}, 'RESOLVED', "$node, $engine: asked";
        is $answer->{digest}, $digests[$i], '... its own';
        is $host->ask($engine, 'a:1')->{status}, 'HIT', '... then known';
    }

    is_deeply [local_keys()], [], "$node: no digest in Redis";

    # failures, of the daemon and of the registry that it asks

    my $missing = [200, '{"error":"manifest unknown"}'];

    $daemon->set(inspect => undef, pull => $missing);

    for my $engine (sort keys %engines) {
        my $answer = $host->ask($engine, 'none:1');

        is $answer->{error}, 'not_found', "$node, $engine: not_found";
        is $answer->{key}, tag_key('docker.io/library/none:1', window => '',
                                   engine => "$engine\@$node"),
            '... the tag key is the host\'s';
    }

    $daemon->set(pull => [200, '{"error":"no matching manifest for linux/x"}']);
    is $host->ask('docker', 'none:2')->{error}, 'platform_not_found',
        "$node: platform_not_found";

    $daemon->set(pull => [200, '{"error":"toomanyrequests: a limit"}']);
    is $host->ask('docker', 'none:3')->{error}, 'rate_limited',
        "$node: rate_limited";

    $daemon->stop;
    is $host->ask('never', 'none:4')->{error}, 'unreachable',
        "$node: unreachable";

    is_deeply [local_keys()], [], "$node: no failure in Redis";

    # the registry is not: its limit was the daemon's

    $answer = $host->ask('registry', $origin->name('app:none'));
    is $answer->{key}, tag_key($origin->name('app:none'), window => ''),
        "$node, registry: the tag key is the fleet's";

    $host->stop;
}

ok +(record($redis, $origin->name('app:none')))[0], 'the registry\'s is shared';

# without `node`

$daemons[0]->start;

my $host = host($daemons[0]);
my $answer = $host->ask('never', 'none:5');

is $answer->{error}, 'not_found', 'without a node: not_found';
is $answer->{key}, tag_key('docker.io/library/none:5', window => '',
                           engine => 'never@' . (POSIX::uname())[1]),
    '... the host\'s name';

$host->stop;
is_deeply [local_keys()], [], 'nothing of it in Redis';

done_testing;
