#!/usr/bin/perl

# nginx is upgraded (USR2, WINCH, QUIT to the old master) while requests wait
# and a call is under way: all are answered.  The new nginx has a zone of its
# own, which is empty, and Redis has what the old one had learnt.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Client;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;
use ImageDigest::Util qw(wait_until run slurp);

plan skip_all => 'what is upgraded would be valgrind' if $ENV{VALGRIND};

# nginx starts its successor by the name that it was started by, and looks for
# it in no PATH

my $binary = $ENV{NGINX_BINARY} || 'nginx';

($ENV{NGINX_BINARY}) = grep { -x } map { "$_/$binary" } split /:/, $ENV{PATH}
    if $binary !~ m{/};

my $redis = ImageDigest::Redis->start;
my $origin = ImageDigest::Origin->start;

sub gone {
    my ($pid) = @_;

    return slurp("/proc/$pid/stat") =~ /^\d+ \(.*\) [^Z]/ ? 0 : 1;
}

sub workers {
    my ($master, $title) = @_;

    return grep { slurp("/proc/$_/cmdline") =~ $title }
           split ' ', slurp("/proc/$master/task/$master/children");
}

# A daemon, since a master whose parent is still there takes no USR2: so none
# of them is our child.

my @masters;

END {
    my $status = $?;

    for my $pid (grep { !gone($_) } @masters) {
        kill QUIT => $pid;
        eval { wait_until { gone($pid) } 'the new nginx to end', 5; 1 }
            or kill KILL => $pid;
    }

    $? = $status;
}

for my $shared ('off', $redis->url) {
    my $name = $shared eq 'off' ? 'no Redis' : 'with Redis';
    my $host = ImageDigest::Cache->new(
        workers   => 2,
        main      => "env ASAN_OPTIONS;\n",
        resolver  => "redis $shared"
                     . ($shared eq 'off' ? '' : ' timeout=10s')
                     . ";\ntimeout 20s;\n"
                     . 'registry ' . $origin->host . ' insecure;',
        locations => { i => 'image_digest_timeout 20s;' });
    my $file = $host->dir . '/nginx.pid';

    scalar run($host->_command);
    wait_until { slurp($file) =~ /^\d+$/m } 'nginx to start';

    my ($old) = slurp($file) =~ /^(\d+)$/m;

    push @masters, $old;
    my $tag = $shared eq 'off' ? 1 : 2;
    my $known = $origin->name("known:$tag");
    my $image = $origin->name("app:$tag");

    is resolve($host, $known)->{status}, 'RESOLVED', "$name: a digest";

    my $calls = $origin->calls;

    $origin->set(hold => "old-$tag");

    my @clients = map { ImageDigest::Client->new($host->port) } 1 .. 6;

    $_->request('GET', "/i/$image/-/x") for @clients;
    wait_until { $origin->calls > $calls } 'the call';

    kill USR2 => $old;
    wait_until { -e "$file.oldbin" && slurp($file) =~ /^\d+$/m }
        'the new master';

    my ($new) = slurp($file) =~ /^(\d+)$/m;

    push @masters, $new;
    wait_until { 2 == workers($new, qr/^nginx: worker process\0*$/) }
        'its workers';
    isnt $new, $old, 'a new master';

    kill WINCH => $old;
    wait_until { !workers($old, qr/^nginx: worker process\0*$/) }
        'the old workers to serve no longer';
    ok $_->silent(0), 'they wait' for @clients;

    is $host->ask('i', $known)->{status}, 'SHARED',
        'what was known is not in the new zone, but in Redis'
        unless $shared eq 'off';

    # the same image in the new one: with Redis it waits for the old one's
    # call, else there is one more

    my $client = ImageDigest::Client->new($host->port);

    $client->request('GET', "/i/$image/-/x");

    if ($shared eq 'off') {
        wait_until { $origin->calls >= $calls + 2 } 'its own call';

    } else {
        ok $client->silent(0.3), 'it waits, too';
        is $origin->calls, $calls + 1, 'for the one call';
    }

    $origin->set(hold => '');
    $origin->release("old-$tag");

    my $digest = $origin->digest("app:$tag");
    my @answers = map { $_->read } @clients, $client;

    is scalar(grep { ($_->{headers}{'x-image-digest'} // '') eq $digest }
              @answers), 7, 'all are answered';
    is $answers[-1]{headers}{'x-image-status'},
        $shared eq 'off' ? 'RESOLVED' : 'SHARED', 'in the new one';

    # nginx would linger

    $_->close for @clients, $client;

    kill QUIT => $old;
    wait_until { gone($old) } 'the old nginx to end';
    is resolve($host, $image)->{status}, 'HIT', 'the new one goes on';

    kill QUIT => $new;
    wait_until { gone($new) } 'the new nginx to end';
    $host->check;
}

done_testing;
