#!/usr/bin/perl

# Rule 11: a session of an engine that tells of one host is that host's:
# nothing of it enters Redis, it needs none, and it stays however many there
# are that Redis has.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Origin;
use ImageDigest::Redis;

my $origin = ImageDigest::Origin->start;
my $redis = ImageDigest::Redis->start;
my @engines = map {
    ImageDigest::FaultServer->start(sub {
        my $digit = $_[0]{state}{digit};
        return [200, {}, '{"digest":"sha256:' . $digit x 64 . '"}'];
    });
} 1 .. 2;

my @hosts = map {
    ImageDigest::Cache->start(
        resolver  => 'redis ' . $redis->url . " timeout=10s;\nzone 80k;\n"
                     . 'registry ' . $origin->host . " insecure;\n"
                     . 'engine local "http://127.0.0.1:' . $_->port
                     . "/?{image}\" type=http;\n",
        locations => { t0 => 'image_digest_timeout 20s; image_digest_ttl 0;'
                             . 'image_digest $image engine=local'
                             . ' session=$http_x_job;',
                       i  => 'image_digest_timeout 20s;'
                             . 'image_digest $image session=$http_x_job;' });
} @engines;

sub gets {
    my ($n, $job) = @_;

    my $answer = $hosts[$n]->ask('t0', 'app:1', headers => { 'X-Job' => $job });

    return "$answer->{status} " . substr $answer->{digest}, -1;
}

$engines[0]->set(digit => 1);
$engines[1]->set(digit => 2);

is gets(0, 'job'), 'RESOLVED 1', 'on one host';
is gets(1, 'job'), 'RESOLVED 2', 'on another one it is another one';

$_->set(digit => 3) for @engines;
is gets(0, 'job'), 'SESSION 1', 'it stays';
is gets(1, 'job'), 'SESSION 2', 'on each';
is gets(1, 'new'), 'RESOLVED 3', 'another session';

is_deeply [grep { !/:clock$/ } $redis->cli('--scan')], [],
    'nothing of it is in Redis';

# others, as many as there is room for, and more

my @answers = $hosts[0]->wait_for(map {
    $hosts[0]->send('i', $origin->name('app:1'),
                    headers => { 'X-Job' => "other-$_" }) } 1 .. 300);

is scalar(grep { $_->{error} eq '' } @answers), 300, 'many that Redis has';
is gets(0, 'job'), 'SESSION 1', 'it stays';
is gets(0, 'more'), 'RESOLVED 3', 'and there is room for another';

$redis->stop;
is gets(0, 'job'), 'SESSION 1', 'without Redis';
is gets(0, 'unseen'), 'RESOLVED 3', 'an unseen one, too';

done_testing;
