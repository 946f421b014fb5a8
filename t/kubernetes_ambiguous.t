#!/usr/bin/perl

# docs/kubernetes.md: where kubelets disagree about a reference there is no
# digest, but the reason "ambiguous".

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Kubernetes;

my ($old, $new) = map { sha256($_) } qw(old new);

sub runs {
    my ($name, $image, $id, %o) = @_;

    return pod($name, containers => [container('main', $image, $id, %o)]);
}

my @cases = (
    ['two pods', [runs('a1', 'a:1', $old), runs('a2', 'a:1', $new)],
     'a:1', 'ambiguous'],
    ['two containers of a pod', [pod('b', containers => [
        container('x', 'b:1', $old), container('y', 'b:1', $new)])],
     'b:1', 'ambiguous'],
    ['an init container', [pod('c1', init => [container('x', 'c:1', $old)]),
                           runs('c2', 'c:1', $new)],
     'c:1', 'ambiguous'],
    ['an ephemeral one', [
        pod('d1', ephemeral => [container('x', 'd:1', $old)]),
        runs('d2', 'd:1', $new)],
     'd:1', 'ambiguous'],
    ['spelt otherwise', [runs('e1', 'e', $old),
                         runs('e2', 'docker.io/library/e:latest', $new)],
     'e:latest', 'ambiguous'],
    ['in two namespaces', [map {
        pod($_, namespace => $_, containers => [
            container('main', 'f:1', sha256($_))]) } qw(ci prod)],
     'f:1', 'ambiguous'],
    ['an index and a platform of it', [
        runs('g1', 'g:1', "docker.io/library/g\@$old"),
        runs('g2', 'g:1', "docker-pullable://g\@$new")],
     'g:1', 'ambiguous'],
    ['the first and the last of three', [
        runs('h1', 'h:1', $old), runs('h2', 'h:1', $old),
        runs('h3', 'h:1', $new)],
     'h:1', 'ambiguous'],
    ['one, and one that is no digest', [
        runs('i1', 'i:1', $old), runs('i2', 'i:1', 'unknown')],
     'i:1', 'bad_response'],
    ['one that has ended does not count', [
        runs('j1', 'j:1', $old, state => 'terminated'),
        runs('j2', 'j:1', $new)],
     'j:1', ''],
    ['another tag does not count', [
        runs('k1', 'k:1', $old), runs('k2', 'k:2', $new)],
     'k:2', ''],
);

my $k8s = ImageDigest::Kubernetes->start->pods(map { @{ $_->[1] } } @cases);
my $cache = ImageDigest::Cache->start(
    resolver  => 'engine kubernetes ' . $k8s->engine . ';',
    locations => { i => 'image_digest $image engine=kubernetes;'
                        . 'image_digest_timeout 20s; image_digest_ttl 0;' });

for (@cases) {
    my ($what, undef, $image, $error) = @$_;
    my $answer = $cache->ask('i', $image);

    is $answer->{error}, $error, "$what: " . ($error || 'resolved');
    is $answer->{digest}, $error ? '' : $new, '... digest';
    is $answer->{status}, $error ? 'FALLBACK' : 'RESOLVED', '... status';
}

# a rolling update ends

$k8s->pods(runs('a2', 'a:1', $new));

my $answer = $cache->ask('i', 'a:1');

is $answer->{digest}, $new, 'once they agree there is a digest';
is $answer->{error}, '', '... and no error';

like $cache->log,
    qr/library\/a:1": ambiguous, engine "kubernetes" \(running containers/,
    'the log says so';

done_testing;
