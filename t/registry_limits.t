#!/usr/bin/perl

# docs/registries.md: a manifest has 4 MiB at most, and so many values.  What
# has no end, comes encoded or is nested too deep is in attack_*.t.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest digest_of sha256 answer image_of);
use ImageDigest::Util qw(slurp sanitized);

my $type = 'application/vnd.oci.image.manifest.v1+json';
my $padded = sub { manifest('large', '"x":"' . 'x' x $_[0] . '"') };
my $left = (4 << 20) - length $padded->(0);
my $fits = $padded->($left);

# tag => what GET gives, and what comes of it

my %cases = (
    'fits'      => [sub { answer($fits) }, ''],
    'one-more'  => [sub { answer($padded->($left + 1)) }, 'bad_response'],
    'five'      => [sub { answer($padded->(5 << 20)) }, 'bad_response'],
    'wide'      => [sub { answer(manifest('wide', '"x":[' . '1,' x 1000000
                                          . '1]')) }, 'bad_response'],
);

my $server = ImageDigest::FaultServer->start(sub {
    my ($req) = @_;

    my ($tag) = image_of($req) =~ /:(.*)$/;

    return [405, {}] if $req->{method} eq 'HEAD';
    return $cases{$tag} ? $cases{$tag}[0]->($req)
                        : answer(manifest(image_of($req)));
});

my $host = '127.0.0.1:' . $server->port;
my $cache = ImageDigest::Cache->start(
    resolver  => "registry $host insecure; timeout 8s;",
    locations => { i => 'image_digest_timeout 20s;' });

my ($worker) = $cache->workers;
my $memory = sub { (slurp("/proc/$worker/status") =~ /VmHWM:\s+(\d+)/)[0] };

is $cache->ask('i', "$host/app:first")->{error}, '', 'a small one';

my $before = $memory->();

for my $tag (sort keys %cases) {
    my $error = $cases{$tag}[1];
    my $answer = $cache->ask('i', "$host/app:$tag");

    like $answer->{error}, qr/^(?:$error)$/, "$tag: " . ($error || 'resolved');
    is $answer->{digest}, $error ? '' : sha256($fits), '... digest';
    is $server->requests(sub { $_->{method} eq 'GET'
                               && $_->{path} =~ m{/\Q$tag\E$} }), 1,
        '... from there';
}

cmp_ok $memory->() - $before, '<', (100 << 10) * (sanitized() ? 2 : 1),
    'the worker stays small';
is_deeply [$cache->workers], [$worker], '... and lives';

done_testing;
