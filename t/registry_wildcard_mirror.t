#!/usr/bin/perl

# docs/registries.md, mirrors: one that a line names may be anywhere, under `*`
# too; the registry that a client names, and what the mirror redirects to, may
# not.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest digest_of answer image_of);
use ImageDigest::Util qw(certificate);

my $tls = [certificate('127.0.0.1')];
my $inside = ImageDigest::FaultServer->start(tls => $tls, http => sub {
    return answer(manifest('inside'));
});
my $mirror = ImageDigest::FaultServer->start(tls => $tls, http => sub {
    my ($req) = @_;

    my ($path) = $req->{path} =~ /^([^?]*)/;

    return [404, {}, "no\n"] if $path =~ /none$/;
    return [302, { Location => $req->{state}{inside} . $path }]
        if $path =~ /moved$/;
    return [302, { Location => "/mirror$path" =~ s/redirect$/1/r }]
        if $path =~ /redirect$/;
    return answer(manifest(image_of({ path => $path =~ s{^/mirror}{}r })));
});

$mirror->set(inside => $inside->url('/x'));

my $cache = ImageDigest::Cache->start(
    resolver  => "registry * ca=$tls->[0] mirror=" . $mirror->url
                 . '; timeout 20s;',
    locations => { i => 'image_digest_timeout 20s;' });
my $host = '127.0.0.1:' . $inside->port;

is $cache->ask('i', "$host/app:1")->{digest}, digest_of('app:1'),
    'the mirror is asked';
is $cache->ask('i', "$host/app:redirect")->{digest}, digest_of('app:1'),
    'it may redirect to itself';

for my $tag (qw(none moved)) {
    is $cache->ask('i', "$host/app:$tag")->{error}, 'registry_not_allowed',
        "$tag: the registry itself may not be asked";
}

is $inside->connections, 0, 'nobody else inside was connected to';

done_testing;
