#!/usr/bin/perl

# A reload changes settings of a resolver while lookups are under way: the old
# workers finish theirs by the old settings, the new ones go by the new ones;
# and where these make another identity, neither uses what the other learns.

use strict;
use warnings;

use MIME::Base64 qw(decode_base64 encode_base64);
use Mojo::JSON qw(encode_json);
use Test::More;
use Time::HiRes qw(sleep time);

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest digest_of answer image_of challenge);
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;
use ImageDigest::Util qw(spit tempdir wait_until);

my $dir = tempdir();
my $redis = ImageDigest::Redis->start;
my $patient = 'image_digest_timeout 20s;';
my $number = 0;

sub start {
    my ($resolver) = @_;

    return ImageDigest::Cache->start(
        workers   => 2,
        resolver  => "timeout 20s;\n$resolver",
        locations => { i => $patient, zero => "$patient image_digest_ttl 0;" });
}

sub reload {
    my ($cache, $resolver) = @_;

    $cache->configure(resolver => "timeout 20s;\n$resolver");
    $cache->reload;
}

sub ends {
    my ($cache) = @_;

    wait_until { !(() = $cache->workers('exiting')) } 'old workers to end';
}


subtest 'another endpoint' => sub {
    my ($one, $two) = map { ImageDigest::Origin->start } 1 .. 2;
    my $line = 'registry hub.test insecure endpoint=http://';
    my $cache = start($line . $one->host . ';');
    my $image = 'hub.test/app:1';

    $two->set(version => 2);
    $one->set(hold => 'a');

    my $old = $cache->send('i', $image);

    meanwhile { $one->calls } 'a call';
    reload($cache, $line . $two->host . ';');
    is $cache->ask('i', $image)->{digest}, $two->digest('app:1'),
        'the new one is asked';
    $one->release('a');
    is $cache->wait_for($old)->{digest}, $one->digest('app:1'),
        'the old one answers';
    ends($cache);

    my $answer = $cache->ask('i', $image);

    is "$answer->{status} $answer->{digest}",
        'HIT ' . $two->digest('app:1'), 'the new one stays';
    is $one->calls . $two->calls, 11, 'a call of each';
};

subtest 'other credentials' => sub {
    my $registry = ImageDigest::FaultServer->start(sub {
        my ($req) = @_;
        my ($auth) = ($req->{headers}{authorization} // '') =~ /^Basic (\S+)/
            or return challenge('Basic realm="x"');
        my ($user) = decode_base64($auth) =~ /^(\w+):/;

        if ($user eq 'one') {
            sleep 0.01 until -e "$dir/gate-credentials";
        }

        # each user has another image by the same name

        return answer(manifest("$user:" . image_of($req)));
    });
    my $host = '127.0.0.1:' . $registry->port;

    for my $user (qw(one two)) {
        spit("$dir/$user.json", encode_json({ auths => { $host => {
            auth => encode_base64("$user:secret", '') } } }));
        chmod 0644, "$dir/$user.json";
    }

    my $line = "registry $host insecure credentials=$dir";
    my $cache = start("$line/one.json;");
    my $old = $cache->send('i', "$host/app:1");

    meanwhile { grep { $_->{headers}{authorization} } $registry->requests }
        'a call';
    reload($cache, "$line/two.json;");
    is $cache->ask('i', "$host/app:1")->{digest}, digest_of('two:app:1'),
        'as the new user';
    spit("$dir/gate-credentials", '');
    is $cache->wait_for($old)->{digest}, digest_of('one:app:1'),
        'as the old one';
    ends($cache);

    my $answer = $cache->ask('i', "$host/app:1");

    is "$answer->{status} $answer->{digest}",
        'HIT ' . digest_of('two:app:1'), 'the new one stays';
};

subtest 'bounds' => sub {
    my $origin = ImageDigest::Origin->start;
    my $registry = 'registry ' . $origin->host . ' insecure;';
    my $cache = start($registry);
    my $image = $origin->name('app:1');

    # one identity: new workers wait for the old one's call

    $origin->set(hold => 'a');

    my $old = $cache->send('i', $image);

    meanwhile { $origin->calls } 'a call';
    $cache->configure(resolver => "$registry\ntimeout 300ms;\nretention 1h;\n"
                                  . "connections 2;\nrefresh off;\n"
                                  . 'negative_ttl 5s;');
    $cache->reload;

    my $new = $cache->send('i', $image);
    my $end = time + 0.7;

    meanwhile { time > $end } 'longer than the new time-out';
    $origin->release('a');
    is $cache->wait_for($old)->{status}, 'RESOLVED',
        'the old time-out for the old call';
    is $cache->wait_for($new)->{digest}, $origin->digest('app:1'), 'shared';
    is $origin->calls, 1, 'one call';
    ends($cache);

    # and by the new bound

    $origin->set(hold => 'b');
    is $cache->ask('i', $origin->name('app:2'))->{error}, 'timeout',
        'the new time-out for the next';
};

subtest 'another prefix' => sub {
    my $origin = ImageDigest::Origin->start;
    my $registry = "\nregistry " . $origin->host . ' insecure;';
    my $url = 'redis ' . $redis->url . ' timeout=10s';
    my $cache = start("$url prefix=one:;$registry");
    my ($image, $next) = map { $origin->name("app:$_") } 1, 2;

    $origin->set(hold => 'a');

    my $old = $cache->send('i', $image);

    meanwhile { $origin->calls } 'a call';
    reload($cache, "$url prefix=two:;$registry");

    my $new = $cache->send('i', $image);

    $origin->set(hold => '');
    $origin->release('a');
    is $cache->wait_for($old)->{status}, 'RESOLVED', 'the old worker';
    is $cache->wait_for($new)->{digest}, $origin->digest('app:1'),
        'on one host they share';
    ends($cache);

    is $cache->ask('i', $next)->{status}, 'RESOLVED', 'the new one';
    wait_for_record($redis, $next);
    wait_for_record($redis, $image);

    my %prefix = map { /^(one|two):image:(\S+)#/ ? ($2 => $1) : () }
                 $redis->cli('--scan');

    is_deeply \%prefix, { $image => 'one', $next => 'two' },
        'each has stored under its own prefix';
};

subtest 'another secret' => sub {
    my $origin = ImageDigest::Origin->start;
    my $registry = "\nregistry " . $origin->host . ' insecure;';
    my $url = 'redis ' . $redis->url . " timeout=10s secret_file=$dir";

    for my $secret (qw(one two)) {
        spit("$dir/$secret.secret", "$secret " . 'x' x 40 . "\n");
        chmod 0644, "$dir/$secret.secret";
    }

    my $cache = start("$url/one.secret;$registry");
    my $other = start("$url/two.secret;$registry");
    my $image = $origin->name('app:1');

    $origin->set(hold => 'a');

    my $old = $cache->send('i', $image);

    meanwhile { $origin->calls } 'a call';
    reload($cache, "$url/two.secret;$registry");
    $origin->set(hold => '');
    $origin->release('a');
    is $cache->wait_for($old)->{status}, 'RESOLVED', 'the old worker';
    ends($cache);
    wait_for_record($redis, $image);
    $origin->set(version => 2);

    # whoever has the new one does not believe what was stored with the old

    my $answer = $other->ask('i', $image);

    is "$answer->{status} $answer->{digest}",
        'RESOLVED ' . $origin->digest('app:1', 2), 'not believed';
    is $cache->ask('zero', $origin->name('app:2'))->{status}, 'RESOLVED',
        'the new worker';
    wait_for_record($redis, $origin->name('app:2'));
    is $other->ask('i', $origin->name('app:2'))->{status}, 'SHARED',
        'is believed';
};

done_testing;
