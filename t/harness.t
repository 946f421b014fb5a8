#!/usr/bin/perl

# The harness itself: nginx without the module, and every server that the
# other tests stand on.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Mojo::UserAgent;
use Test::More;

use ImageDigest::Client;
use ImageDigest::FaultServer;
use ImageDigest::Image;
use ImageDigest::Nginx;
use ImageDigest::Redis;
use ImageDigest::Registry;
use ImageDigest::Store;
use ImageDigest::Util qw(wait_until certificate tempdir);

my $ua = Mojo::UserAgent->new(max_connections => 0, insecure => 1);

subtest 'nginx' => sub {
    my $nginx = ImageDigest::Nginx->start(module => 0, workers => 2,
                                          server => <<'END');
location / { return 200 "one\n"; }
END

    is $ua->get($nginx->url)->res->body, "one\n", 'it answers';
    is_deeply [$nginx->access_log(1)], ['GET / 200'], 'access log';

    my @old = $nginx->workers;

    $nginx->configure(server => 'location / { return 200 "two\n"; }');
    $nginx->reload;

    is $ua->get($nginx->url)->res->body, "two\n", 'the new configuration';
    is scalar(() = $nginx->workers), 2, 'two workers';
    isnt "@old", join(' ', $nginx->workers), 'new ones';
    ok $nginx->wait_for_log(qr/reconfiguring/), 'error log';

    my $client = ImageDigest::Client->new($nginx->port);

    $client->request('GET', '/') for 1 .. 3;
    is $client->read->{body}, "two\n", "pipelined request $_" for 1 .. 3;
    ok $client->silent(0), 'no more';
    $client->send("GET / HTTP/9\r\n\r\n");
    is $client->read->{status}, 505, 'a bad one';
    ok $client->closed, 'closed';
    $client->close;

    my $pid = $nginx->pid;

    $nginx->stop;
    ok !kill(0, $pid), 'it is gone';

    my ($status, $text) = ImageDigest::Nginx->new(module => 0,
                                                  server => 'bad;')->conf_test;
    isnt $status, 0, 'a bad configuration';
    like $text, qr/unknown directive "bad"/, 'and its message';
};

subtest 'one process' => sub {
    my $nginx = ImageDigest::Nginx->start(module => 0, master => 0,
                                          server => 'return 204;');

    is $ua->get($nginx->url)->res->code, 204, 'it answers';
};

subtest 'redis' => sub {
    my $redis = ImageDigest::Redis->start;

    is $redis->cli('SET', 'a', 'b'), 'OK', 'set';
    is $redis->cli('GET', 'a'), 'b', 'get';
    is $redis->calls('get'), 1, 'calls';

    $redis->stop;
    $redis->start;
    is $redis->cli('GET', 'a'), '', 'empty after a restart';

    my $closed = ImageDigest::Redis->start(args => [qw(--requirepass x)],
                                           tls  => [certificate()]);
    is $closed->cli('PING'), 'PONG', 'with a password';
};

subtest 'registry' => sub {
    for my $users (undef, { user => 'password' }) {
        my $registry = ImageDigest::Registry->start(users => $users);
        my $image = ImageDigest::Image->push($registry, 'a/b:1');
        my $index = ImageDigest::Image->push($registry, 'a/b:2', platforms =>
            ['linux/amd64', 'linux/arm64']);

        isnt $image->digest, $index->digest, 'unlike each other';

        for my $digest ($image->digest, $index->digest,
                        $index->digest('linux/arm64'))
        {
            $registry->forget;

            my $url = Mojo::URL->new(
                $registry->url("/v2/a/b/manifests/$digest"));
            my $type = 'application/vnd.oci.image.manifest.v1+json,'
                       . 'application/vnd.oci.image.index.v1+json';

            $url->userinfo('user:password') if $users;

            my $res = $ua->get($url, { Accept => $type })->res;

            is $res->code, 200, 'a manifest';
            is 'sha256:' . sha256_hex($res->body), $digest, 'its digest';
            is scalar(() = $registry->requests(qr/manifests.* 200$/)), 1,
                'in the log';
        }

        is $ua->get($registry->url('/v2/'))->res->code, 401, 'closed'
            if $users;

        $registry->stop;
        is $ua->get($registry->url('/v2/'))->res->code, undef, 'stopped';
        $registry->start;
        is scalar(() = $registry->requests(qr/tags/)), 0, 'started again';
    }
};

subtest 'store' => sub {
    my $store = ImageDigest::Store->start(size => 3000);
    my $nginx = ImageDigest::Nginx->start(
        module => 0,
        server => 'location / { proxy_pass http://'
                  . $store->address . '; }');

    is $ua->put($nginx->url("/$_"), 'x' x 1000)->res->code, 200, "put $_"
        for 1 .. 4;
    is $ua->get($nginx->url('/1'))->res->code, 404, 'the oldest is gone';
    is $ua->get($nginx->url('/2'))->res->body, 'x' x 1000, 'the others not';
    is $store->puts, 4, 'puts';
    is $store->hits, 1, 'hits';
    is $store->misses, 1, 'misses';
    is $ua->delete($nginx->url('/2'))->res->code, 200, 'delete';
    is $ua->delete($nginx->url('/2'))->res->code, 404, 'once';
    is $ua->put($nginx->url('/5'), 'x' x 3001)->res->code, 413, 'too large';

    my $client = ImageDigest::Client->new($nginx->port);

    $client->request('PUT', '/half', { 'Content-Length' => 2000 }, 'x' x 1000);
    $client->close;
    $nginx->access_log(10);
    is $ua->get($nginx->url('/half'))->res->code, 404, 'half an upload';

    my $code = $ua->get($nginx->url('/4'), { Range => 'bytes=0-9' })->res;
    is $code->code, 206, 'a range';
    is length $code->body, 10, 'of ten bytes';
};

subtest 'fault server' => sub {
    my $server = ImageDigest::FaultServer->start(sub {
        my ($req) = @_;
        return if $req->{state}{down};
        return [200, { 'X-Number' => $req->{number} }, $req->{body}];
    });

    my $res = $ua->post($server->url('/a?b'), 'hello')->res;

    is $res->body, 'hello', 'it answers';
    is $res->headers->header('X-Number'), 1, 'the first request';
    is +($server->requests)[0]{path}, '/a?b', 'it records';

    $server->set(down => 1);
    is $ua->get($server->url)->res->code, undef, 'now it is down';
    is scalar(() = $server->requests(sub { $_->{method} eq 'GET' })), 1,
        'the second one';
    is $server->connections, 2, 'connections';
    $server->stop;
    $server->set(down => 0)->start;
    is $ua->head($server->url)->res->code, 200, 'again';

    my $tls = ImageDigest::FaultServer->start(
        http => sub { [204] }, tls => [certificate()]);
    is $ua->get($tls->url)->res->code, 204, 'TLS';

    my $raw = ImageDigest::FaultServer->start(raw => sub {
        my ($socket) = @_;
        print $socket "garbage\n";
        sleep 60;
    });
    my $client = ImageDigest::Client->new($raw->port, 2);
    is_deeply [eval { $client->read }], [], 'no answer';
    like $@, qr/no answer within 2/, 'in time';
};

subtest 'a test that dies' => sub {
    local $ENV{TMPDIR} = tempdir();

    my $out = qx{$^X -It/lib -MImageDigest::Redis -MImageDigest::Nginx -e '
        my \$r = ImageDigest::Redis->start;
        my \$n = ImageDigest::Nginx->start(module => 0, server => "");
        \$| = 1; print "\$r->{pid} \$n->{pid} ";
        kill KILL => \$\$;
    '};
    my @pids = split ' ', $out;

    is @pids, 2, 'two servers';
    ok wait_until { !grep { kill 0 => $_ } @pids } 'both end with it';

    for my $line ('2000/01/01 [alert] 1#1: bad', '2000/01/01 [emerg] 1#1: bad',
                  '2000/01/01 [notice] 1#1: process 2 exited on signal 9',
                  '==1==ERROR: AddressSanitizer: heap-use-after-free on',
                  'a.c:1:2: runtime error: signed integer overflow:',
                  '==1== Invalid read of size 1')
    {
        local $ENV{LINE} = $line;

        $out = qx{$^X -It/lib -MImageDigest::Nginx -e '
            ImageDigest::Util::spit(
                ImageDigest::Nginx->start(module => 0, server => "")->dir
                    . "/stderr", "\$ENV{LINE}\n");
        ' 2>&1};
        isnt $?, 0, "a test fails by: $line";
        like $out, qr/^# .*\Q$line\E/m, 'and says so';
    }
};

done_testing;
