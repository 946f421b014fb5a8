#!/usr/bin/perl

# docs/registries.md: a registry can lie in that header for years: hold the
# first HEAD answer of each registry against a GET's hash, and one in some
# hundred after it; one that disagrees is asked by GET from then on.  On a GET
# the hash of the body is the truth: log a header that disagrees.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest digest_of answer image_of);

my $lie = digest_of('a lie');

# what HEAD and GET say of an image, by the state

my $registry = sub {
    my ($req) = @_;

    my ($method, $state) = @$req{qw(method state)};
    my $image = image_of($req);

    # moved: between HEAD and GET

    my $bytes = manifest($state->{moved} && $method eq 'GET'
                         ? "$image moved" : $image);
    my $says = $state->{$method} // '';

    return answer($bytes, $says eq 'lie' ? ('Docker-Content-Digest' => $lie)
                        : $says eq 'no' ? ('Docker-Content-Digest' => undef)
                        : ());
};

my @servers = map { ImageDigest::FaultServer->start($registry) } 1 .. 6;
my $cache = ImageDigest::Cache->start(
    resolver  => join("\n", map { "registry 127.0.0.1:$_ insecure;" }
                            map { $_->port } @servers) . 'timeout 20s;',
    locations => { i => 'image_digest_ttl 0; image_digest_timeout 20s;' });

my $server;

my $next = sub {
    $server = shift @servers;
    $server->set(@_);
};

my $asked = sub {
    my ($image, $digest, $methods, $what) = @_;

    my $before = () = $server->requests;
    my $answer = $cache->ask('i', '127.0.0.1:' . $server->port . "/$image");

    is $answer->{digest}, $digest, "$image, $what";
    is join(' ', map { $_->{method} }
                 splice @{ [$server->requests] }, $before),
        $methods, "... by $methods";
};

my $log = sub {
    my ($text) = @_;

    return scalar(() = $cache->log(qr/registry "127.0.0.1:@{[
        $server->port ]}".*$text/));
};

subtest 'HEAD lies, GET says nothing' => sub {
    $next->(HEAD => 'lie', GET => 'no');
    $asked->('app:1', digest_of('app:1'), 'HEAD GET', 'the body counts');
    $asked->("app:$_", digest_of("app:$_"), 'GET', 'HEAD is out') for 1 .. 2;
    is $log->('asked by GET from now on'), 1, 'said once';
};

subtest 'both lie' => sub {
    $next->(HEAD => 'lie', GET => 'lie');
    $asked->('app:1', digest_of('app:1'), 'HEAD GET', 'the body counts');
    $asked->("app:$_", digest_of("app:$_"), 'GET', 'HEAD is out') for 1 .. 2;
    is $log->('asked by GET from now on'), 1, 'said once';
    is $log->('the body counts'), 1, 'and that the body counts';

    # and not again for HEAD, ever

    $server->set(HEAD => '', GET => '');
    $cache->ask('i', '127.0.0.1:' . $server->port . '/app:3') for 1 .. 140;
    is $server->requests(sub { $_->{method} eq 'HEAD' }), 1,
        'it is not asked by HEAD again';
};

subtest 'HEAD lies, GET is right' => sub {
    $next->(HEAD => 'lie');
    $asked->('app:1', digest_of('app:1'), 'HEAD GET', 'the body counts');
    $asked->('app:2', digest_of('app:2'), 'HEAD GET', 'no accident');
    $asked->('app:3', digest_of('app:3'), 'GET', 'HEAD is out');
};

subtest 'a tag that moves between the two' => sub {
    $next->(moved => 1);
    $asked->('app:1', digest_of('app:1 moved'), 'HEAD GET', 'the later');
    $server->set(moved => 0);
    $asked->('app:1', digest_of('app:1'), 'HEAD GET', 'checked again');
    $asked->('app:2', digest_of('app:2'), 'HEAD', 'HEAD is right');
    is $log->('asked by GET'), 0, 'nothing is said';
};

subtest 'a wrong header on GET alone' => sub {
    $next->(HEAD => 'no', GET => 'lie');
    $asked->('app:1', digest_of('app:1'), 'HEAD GET', 'the body counts');
    $asked->('app:2', digest_of('app:2'), 'GET', 'the body counts');
    is $log->('the body counts'), 1, 'said once';
};

subtest 'a registry that begins to lie' => sub {
    $next->();
    $asked->('app:1', digest_of('app:1'), 'HEAD GET', 'checked');
    $asked->('app:2', digest_of('app:2'), 'HEAD', 'not each time');
    $server->set(HEAD => 'lie', GET => 'no');

    my $name = '127.0.0.1:' . $server->port . '/app:1';
    my $n = 0;

    1 while $cache->ask('i', $name)->{digest} eq $lie && ++$n < 500;

    cmp_ok $n, '<', 200, 'is found within some hundred HEADs';
    $asked->('app:3', digest_of('app:3'), 'GET', 'HEAD is out');
};

done_testing;
