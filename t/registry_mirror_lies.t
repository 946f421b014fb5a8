#!/usr/bin/perl

# docs/registries.md, mirrors: what a mirror does is not held against the
# registry: that its HEADs are wrong, that it wants to be left alone, or what
# it says of a body that is none.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest digest_of sha256 answer image_of);

my $image = sub { image_of({ path => $_[0]{path} =~ s/\?.*//r }) };

my $mirror = ImageDigest::FaultServer->start(sub {
    my ($req) = @_;

    my $name = $image->($req);

    for ($req->{state}{how}) {
        return answer(manifest($name), 'Docker-Content-Digest' =>
                      sha256('x')) if /head/;
        return [429, { 'Retry-After' => 300 }, "no\n"] if /limit/;
        return [200, { 'Content-Type' => 'text/html',
                       'Docker-Content-Digest' => sha256('x') }, "<html>\n"]
            if /page/;
        return [200, { 'Content-Type' => 'application/json',
                       'Docker-Content-Digest' => 'sha256:../..' }, '{}']
            if /junk/;
    }

    return [404, {}, "no\n"];
});
my $registry = ImageDigest::FaultServer->start(sub {
    return answer(manifest("real $_[0]{path}"));
});

my $host = '127.0.0.1:' . $registry->port;
my $cache = ImageDigest::Cache->start(
    resolver  => "registry $host insecure mirror=" . $mirror->url
                 . "; timeout 20s;",
    locations => { i => 'image_digest_timeout 20s;' });

my $real = sub { sha256(manifest("real /v2/app/manifests/$_[0]")) };
my $methods = sub {
    my ($server, $tag) = @_;

    return join ' ', map { $_->{method} }
                     $server->requests(sub { $_->{path} =~ m{/$tag(?:\?|$)} });
};

# the registry itself: its HEADs are right

$mirror->set(how => 'none');

is $cache->ask('i', "$host/app:$_")->{digest}, $real->($_), "by itself: $_"
    for 'a1', 'a2';
is $methods->($registry, 'a2'), 'HEAD', '... whose HEAD is believed by now';

# a mirror whose HEAD is wrong, in the same words on a GET: it is asked by GET

$mirror->set(how => 'head');

is $cache->ask('i', "$host/app:$_")->{digest}, digest_of("app:$_"),
    "the body counts: $_" for 'b1', 'b2';
is $methods->($mirror, 'b2'), 'GET', '... which the mirror is asked for';
is scalar(() = $cache->log(qr/mirror "\S+" answers HEAD with a digest/)), 1,
    'the log says which host lies';

$mirror->set(how => 'none');

is $cache->ask('i', "$host/app:c1")->{digest}, $real->('c1'),
    'the registry again';
is $methods->($registry, 'c1'), 'HEAD', '... by HEAD as before';

for my $how (qw(page junk limit)) {
    $mirror->set(how => $how);

    is $cache->ask('i', "$host/app:$how$_")->{digest}, $real->("$how$_"),
        "a mirror that gives a $how: the registry, $_" for 1, 2;
    is $methods->($registry, "${how}2"), 'HEAD', '... by HEAD';
}

is $methods->($mirror, 'limit2'), 'GET', 'a limit of a mirror limits nobody';

done_testing;
