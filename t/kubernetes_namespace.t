#!/usr/bin/perl

# docs/kubernetes.md: namespace= asks for the pods of one namespace, which
# needs a Role there alone; without it those of all namespaces count.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Kubernetes;

my ($ci, $prod) = map { sha256($_) } qw(ci prod);

sub runs {
    my ($namespace, $image, $id, @o) = @_;

    return pod('p', namespace => $namespace, @o,
               containers => [container('main', $image, $id)]);
}

my $k8s = ImageDigest::Kubernetes->start->pods(
    runs('ci', 'a:1', $ci, ip => '10.1.0.1'),
    runs('prod', 'a:1', $prod, ip => '10.1.0.2'),
    runs('prod', 'b:1', $prod), runs('ci-2', 'c:1', $prod));
my $engine = $k8s->engine;
my $cache = ImageDigest::Cache->start(
    resolver  => "engine all $engine type=kubernetes;\n"
                 . "engine ci $engine type=kubernetes namespace=ci;\n"
                 . "engine prod $engine type=kubernetes namespace=prod;",
    locations => { map { ($_ => "image_digest \$image engine=$_"
                                . ' pod=$http_x_pod;'
                                . 'image_digest_timeout 20s;') }
                   qw(all ci prod) });

for (['ci',   'a:1', $ci,   ''],
     ['prod', 'a:1', $prod, ''],
     ['all',  'a:1', '',    'ambiguous'],
     ['ci',   'b:1', '',    'not_found'],
     ['prod', 'b:1', $prod, ''],
     ['all',  'b:1', $prod, ''],
     ['ci',   'c:1', '',    'not_found'])
{
    my ($name, $image, $digest, $error) = @$_;
    my $answer = $cache->ask($name, $image);

    is $answer->{digest}, $digest, "$name, $image: digest";
    is $answer->{error}, $error, '... error';
    is +($k8s->lists)[-1]{path},
        $name eq 'all' ? '/api/v1/pods' : "/api/v1/namespaces/$name/pods",
        '... what was asked';
}

# a pod of another namespace is none

for (['ci',   '10.1.0.1', $ci],
     ['prod', '10.1.0.1', ''],
     ['all',  '10.1.0.1', $ci])
{
    my ($name, $ip, $digest) = @$_;

    is $cache->ask($name, 'a:1', headers => { 'X-Pod' => $ip })->{digest},
        $digest, "$name: the pod at $ip";
}

# with rights in one namespace alone

$k8s->set(allowed => 'ci');

for (['ci',   'd:1', 'not_found'],
     ['prod', 'd:1', 'unauthorized'],
     ['all',  'd:1', 'unauthorized'])
{
    my ($name, $image, $error) = @$_;

    is $cache->ask($name, $image)->{error}, $error,
        "a Role in ci: $name: $error";
}

like $cache->log, qr/unauthorized, engine "all" \(403: it may not list pods/,
    'the log says why';

done_testing;
