#!/usr/bin/perl

# `make run`: what it prints can be pasted, and Ctrl-C leaves nothing behind.
# Its registry is docker-registry on loopback, which its configuration allows.

use strict;
use warnings;

use Test::More;

use ImageDigest::Image;
use ImageDigest::Leftovers qw(files processes);
use ImageDigest::Registry;
use ImageDigest::Util qw(wait_until free_port run spawn alive slurp tempdir
                         top);

my $registry = ImageDigest::Registry->start;
my $image = ImageDigest::Image->push($registry, 'team/app:1');
my $reference = 'localhost:' . $registry->port . '/team/app:1';
my $digest = $image->digest;


# t/run/serve on a port, with a directory of its own for temporary files: once
# it has said how to use it, or has ended

sub serve {
    my ($port) = @_;

    my $out = tempdir() . '/out';

    local $ENV{PORT} = $port;
    local $ENV{TMPDIR} = tempdir();

    my $self = { dir => $ENV{TMPDIR}, out => $out,
                 pid => spawn($out, top() . '/t/run/serve') };

    wait_until { !alive($self->{pid}) || slurp($out) =~ m{error\.log\n\n} }
        't/run/serve to start';

    return $self;
}


sub interrupt {
    my ($self, $signal) = @_;

    ok ImageDigest::Util::stop($self->{pid}, $signal), "it ends on $signal";

    is_deeply [processes($self->{dir})], [], 'no processes are left';
    is_deeply [files($self->{dir})], [], 'no files are left';
}


my $port = free_port();
my $run = serve($port);

subtest 'what it prints' => sub {
    my $text = slurp($run->{out});
    my ($put, $get) = $text =~ /^    (.*\| curl .*)\n    (curl .*)\n/m;

    ok alive($run->{pid}), 'it serves' or diag $text;
    like $text, qr{^The cache is at http://127\.0\.0\.1:$port/i/}m, 'where';
    ok $get, 'two lines to paste' or return;

    for ($put, $get) {
        like $_, qr{http://127\.0\.0\.1:$port/i/golang:1\.22/-/}, 'this port';

        # offline, the image is one on loopback

        s{golang:1\.22}{$reference};
    }

    is run('sh', '-c', $put), '', 'put';

    my $answer = run('sh', '-c', "$get -sS");

    like $answer, qr{^HTTP/1.1 200 OK\r$}m, 'got';
    like $answer, qr/\r\n\r\nhello\n\z/, 'what was put';
    like $answer, qr/^X-Image-Digest: $digest\r$/m, 'its digest';
    like $answer, qr/^X-Image-Digest-Status: HIT\r$/m, 'the status';
    is scalar(() = $registry->requests(qr/^HEAD .*manifests/)), 1,
        'one origin call';

    like run('sh', '-c', "$get-not -sS"), qr/^HTTP\S+ 404 /, 'another: a miss';
    like run('sh', '-c', $get =~ s{team/app:1}{team\@$digest}r . ' -sS'),
        qr/^X-Image-Digest-Status: PINNED\r\n.*^hello\n/ms, 'pinned';
    like run('curl', '-sSi', "http://127.0.0.1:$port/i//-/x"),
        qr/^HTTP\S+ 400 .*no image/s, 'an empty reference';
    like run('curl', '-sSi', "http://127.0.0.1:$port/i/No:1/-/x"),
        qr/^HTTP\S+ 400 .*lower case/s, 'a malformed one';
    like run('curl', '-sSi', "http://127.0.0.1:$port/i/other.example/a/-/x"),
        qr/^X-Image-Digest-Error: registry_not_allowed\r$/m, 'a forbidden one';

    for ($text =~ m{^    (/\S+)$}mg) {
        ok -s, s{.*/}{}r . ' is there';
    }
};

subtest 'several at a time' => sub {
    my $other = serve(free_port());

    ok alive($other->{pid}), 'another port' or diag slurp($other->{out});
    interrupt($other, 'TERM');

    my $taken = serve($port);

    ok !alive($taken->{pid}), 'the same port: it ends';
    is slurp($taken->{out}), "127.0.0.1:$port is taken: choose another one, "
                             . "make run PORT=8081\n", 'and says why';
    is_deeply [processes($taken->{dir})], [], 'without processes';
    is_deeply [files($taken->{dir})], [], 'and files';

    like slurp(serve('http')->{out}), qr/^PORT=http is not a port$/, 'no port';
};

subtest 'its end' => sub {
    cmp_ok scalar(() = processes($run->{dir})), '>=', 6, 'it still runs';
    cmp_ok scalar(() = files($run->{dir})), '>=', 6, 'with files';

    interrupt($run, 'INT');
    unlike slurp($run->{out}), qr/alert|emerg|ended/, 'quietly';

    my ($status) = run('curl', '-sS', "http://127.0.0.1:$port/");

    is $status, 7, 'the port is free';
};

subtest 'a server of it dies' => sub {
    my $broken = serve(free_port());
    my ($redis) = map { /^(\d+) redis-server/ ? $1 : () }
                  processes($broken->{dir});

    kill TERM => $redis;
    ok wait_until { !alive($broken->{pid}) } 'it ends';
    like slurp($broken->{out}), qr/^one of the servers has ended$/m,
        'and says so';
    is_deeply [processes($broken->{dir})], [], 'no processes are left';
    is_deeply [files($broken->{dir})], [], 'no files are left';
};

done_testing;
