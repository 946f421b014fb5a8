#!/usr/bin/perl

# docs/kubernetes.md: a digest is what kubelets report for running containers
# whose spec names the reference; a container's status is joined to its spec
# by the container's name, since status.image may be another tag of the image.
# Nobody runs it: not_found.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;

use ImageDigest::Cache;
use ImageDigest::Kubernetes;

my $n = 0;
my ($hex, $id) = map { ($_, "sha256:$_") } sha256_hex('an image');
my $other = sha256('another image');

# what it is, the pods, the reference, and the digest or the reason

my @cases;

sub runs {
    my ($what, $image, $imageid, $expected, %o) = @_;

    push @cases, [
        $what, [pod('p' . ++$n, containers => [
            container('main', $o{spec} // $image, $imageid, %o)])],
        $image, $expected];
}

runs('a running container', 'a:1', "docker.io/library/a\@$id", $id);
runs('status.image is another tag', 'golang:1.22',
     "docker.io/library/golang\@$id", $id,
     image => 'docker.io/library/golang:1.22-bookworm');
push @cases, ['... which no spec names', [], 'golang:1.22-bookworm',
              'not_found'];
runs('status.image is a digest', 'a:2', "docker.io/library/a\@$id", $id,
     image => $id);
runs('its own registry', 'registry.corp:5000/team/a:1',
     "registry.corp:5000/team/a\@$id", $id);
runs('pulled from a mirror', 'a:3', "mirror.corp/hub/library/a\@$id", $id);

# the same image, spelt otherwise

runs('no tag', 'b', "docker.io/library/b\@$id", $id);
runs('a spec in full', 'c:1', "docker.io/library/c\@$id", $id,
     spec => 'docker.io/library/c:1');
runs('a spec by another name of the Hub', 'd:1', "docker.io/library/d\@$id",
     $id, spec => 'index.docker.io/d:1');
runs('latest, in full', 'e:latest', "docker.io/library/e\@$id", $id,
     spec => 'e');
runs('another tag', 'f:1', "docker.io/library/f\@$id", 'not_found',
     spec => 'f:2');
runs('another repository', 'g:1', "docker.io/library/g\@$id", 'not_found',
     spec => 'registry.corp:5000/g:1');
runs('a spec with a digest names no tag', 'h:1', "docker.io/library/h\@$id",
     'not_found', spec => "h:1\@$id");
runs('a spec that is no reference', 'i:1', $id, 'not_found', spec => 'I:1 ');

# all forms of an imageID

my %forms = (
    'docker-pullable' => ["docker-pullable://k1\@$id", $id],
    'docker'          => ["docker://$id", $id],
    'a digest'        => [$id, $id],
    'bare hex digits' => [$hex, $id],
    'nothing'         => ['', 'bad_response'],
    'a name'          => ['docker.io/library/k:1', 'bad_response'],
    'too short'       => [substr($hex, 1), 'bad_response'],
    'upper case'      => [uc $hex, 'bad_response'],
    'another algorithm' => ["md5:$hex", 'bad_response'],
);

my $form = 0;

for (sort keys %forms) {
    runs("imageID: $_", 'form:' . ++$form, @{ $forms{$_} });
}

# other kinds of containers, and states

push @cases, [
    'an init container', [pod('i1', phase => 'Pending', init => [
        container('fetch', 'init:1', $id)],
        containers => [container('main', 'x:1', '', state => 'waiting')])],
    'init:1', $id], [
    'a native sidecar', [pod('i2', init => [container('side', 'side:1', $id)],
        containers => [container('main', 'x:2', $other)])],
    'side:1', $id], [
    'an ephemeral container', [pod('i3',
        containers => [container('main', 'x:3', $other)],
        ephemeral => [container('debug', 'debug:1', $id)])],
    'debug:1', $id], [
    'one of several containers', [pod('i4', containers => [
        container('a', 'several:1', $other), container('b', 'several:2', $id),
        container('c', 'several:3', $other)])],
    'several:2', $id], [
    'one has ended', [pod('j1', containers => [
        container('main', 'ended:1', $id, state => 'terminated')])],
    'ended:1', 'not_found'], [
    'one waits', [pod('j2', phase => 'Pending', containers => [
        container('main', 'waits:1', '', state => 'waiting')])],
    'waits:1', 'not_found'], [
    'one has no status yet', [pod('j3', phase => 'Pending', containers => [
        container('main', 'new:1', '', state => 'none')])],
    'new:1', 'not_found'], [
    'one has ended, one runs', [map {
        pod("j4$_", containers => [container('main', 'update:1',
            $_ eq 'running' ? $id : $other, state => $_)])
        } qw(terminated running)],
    'update:1', $id], [
    'an init container has ended', [pod('j5',
        init => [container('fetch', 'once:1', $id, state => 'terminated')],
        containers => [container('main', 'x:5', $other)])],
    'once:1', 'not_found'], [
    'a pod that is done', [pod('j6', phase => 'Succeeded', containers => [
        container('main', 'done:1', $id)])],
    'done:1', 'not_found'], [
    'several pods agree', [map {
        pod("k$_", namespace => "ns$_", containers => [
            container('main', 'agree:1', "r$_.corp/agree\@$id")])
        } 1 .. 3],
    'agree:1', $id], [
    'nobody', [], 'nobody:1', 'not_found'];

my $k8s = ImageDigest::Kubernetes->start->pods(map { @{ $_->[1] } } @cases);
my $cache = ImageDigest::Cache->start(
    resolver  => 'engine kubernetes ' . $k8s->engine . ';',
    locations => { i => 'image_digest $image engine=kubernetes;'
                        . 'image_digest_timeout 20s;' });

for (@cases) {
    my ($what, undef, $image, $expected) = @$_;
    my ($error, $digest) = $expected =~ /^sha256:/ ? ('', $expected)
                                                   : ($expected, '');
    my $answer = $cache->ask('i', $image);

    is $answer->{error}, $error, "$what: " . ($error || 'resolved');
    is $answer->{digest}, $digest, '... digest';
}

is $cache->ask('i', 'a:1')->{status}, 'HIT', 'then it is in the zone';
is $cache->ask('i', 'a:1')->{engine}, 'kubernetes', 'the engine';

my @lists = $k8s->lists;

is @lists, @cases, 'one list for each';
is_deeply [grep { $_->{method} ne 'GET' || $_->{path} ne '/api/v1/pods'
                  || join(' ', %{ $_->{query} }) ne 'limit=100' =~ tr/=/ /r }
           @lists],
    [], 'of all pods, and current reads: no resourceVersion';

like $cache->log,
    qr/\[warn\].*nobody:1": not_found, engine "kubernetes" \(no running/,
    'a permanent failure is a warning';

done_testing;
