#!/usr/bin/perl

# docs/kubernetes.md: how the engine fails, and as what. Nothing of it is a
# digest, and the worker, the only one, serves others meanwhile.

use strict;
use warnings;

use Mojo::JSON qw(encode_json decode_json);
use Test::More;
use Time::HiRes qw(time);

use ImageDigest::Cache;
use ImageDigest::Kubernetes;

my $id = sha256('an image');
my $k8s = ImageDigest::Kubernetes->start->pods(
    pod('p', containers => [container('main', 'a:1', $id)]));
my $engine = 'engine kubernetes ' . $k8s->engine . ';';
my $cache = ImageDigest::Cache->start(
    resolver  => "$engine\ntimeout 20s;",
    more      => "image_resolver hasty {\n$engine\ntimeout 300ms;\n}\n"
                 . "image_resolver limited {\n$engine\ntimeout 20s;\n}\n",
    locations => { plain => 'image_digest off; image_digest_key x;', map {
        ($_->[0] => "image_digest \$image engine=kubernetes resolver=$_->[1];"
                    . 'image_digest_timeout 20s; image_digest_ttl 0;') }
        ['i', 'default'], ['h', 'hasty'], ['l', 'limited'] });

sub list {
    my (%o) = @_;

    return encode_json({ kind => 'PodList', apiVersion => 'v1',
                         metadata => {}, items => [], %o });
}

sub damaged {
    my ($code) = @_;
    my $pod = pod('p', containers => [container('main', 'a:1', $id)]);

    $code->() for $pod;

    return list(items => [$pod]);
}

# what it is, the answer, and the reason

for (['401', 401, '', 'unauthorized'],
     ['403', 403, '', 'unauthorized'],
     ['404', 404, '', 'bad_response'],
     ['410 on the first page', 410, '', 'bad_response'],
     ['400', 400, '', 'bad_response'],
     ['500', 500, '', 'bad_response'],
     ['503', 503, '', 'bad_response'],
     ['a list, but 201', 201, damaged(sub { }), 'bad_response'],
     ['204', 204, '', 'bad_response'],
     ['nothing', 200, '', 'bad_response'],
     ['a login page', 200, '<html>sign in</html>', 'bad_response'],
     ['half a list', 200, substr(damaged(sub { }), 0, -9), 'bad_response'],
     ['two lists', 200, damaged(sub { }) x 2, 'bad_response'],
     ['an array', 200, '[]', 'bad_response'],
     ['a pod', 200, encode_json({ kind => 'Pod', apiVersion => 'v1' }),
      'bad_response'],
     ['a list of others', 200, list(kind => 'ServiceList'), 'bad_response'],
     ['another version', 200, list(apiVersion => 'v2'), 'bad_response'],
     ['no items', 200, '{"kind":"PodList","apiVersion":"v1"}',
      'bad_response'],
     ['items of null', 200, list(items => undef), 'not_found'],
     ['an empty list', 200, list(), 'not_found'],
     ['a pod that is a string', 200, list(items => ['p']), 'bad_response'],
     ['a pod without a spec', 200, damaged(sub { delete $_->{spec} }),
      'bad_response'],
     ['a container without a name', 200,
      damaged(sub { delete $_->{spec}{containers}[0]{name} }),
      'bad_response'],
     ['two containers of a name', 200,
      damaged(sub { push @{ $_->{spec}{containers} },
                    $_->{spec}{containers}[0] }), 'bad_response'],
     ['two states of a container', 200,
      damaged(sub { push @{ $_->{status}{containerStatuses} },
                    $_->{status}{containerStatuses}[0] }), 'bad_response'],
     ['no status', 200, damaged(sub { delete $_->{status} }), 'not_found'],
     ['a member twice', 200, list() =~ s/\}$/,"items":[]}/r,
      'bad_response'],
     ['depth', 200, list(items => []) =~ s/\[\]/'[' x 1e5 . ']' x 1e5/er,
      'bad_response'],
     ['NUL in an image', 200,
      damaged(sub { $_->{spec}{containers}[0]{image} = "a:1\0" }),
      'bad_response|not_found'],
     ['another digest', 200, damaged(sub {
        $_->{status}{containerStatuses}[0]{imageID} = "sha256:../$id" }),
      'bad_response'])
{
    my ($what, $status, $body, $reason) = @$_;

    $k8s->set(status => $status, body => $body);

    my $answer = $cache->ask('i', 'a:1');

    like $answer->{error}, qr/^(?:$reason)$/, "$what: $reason";
    is $answer->{digest}, '', '... no digest';
}

$k8s->set(status => 0);
is $cache->ask('i', 'a:1')->{digest}, $id, 'when all is well, a digest';

# too many requests

$k8s->set(status => 429, headers => { 'Retry-After' => 17 });
is $cache->ask('l', 'a:1')->{error}, 'rate_limited', '429: rate_limited';

my $before = () = $k8s->lists;

is $cache->ask('l', 'a:1')->{error}, 'rate_limited', '... for a while';
is $cache->ask('l', 'ghcr.io/x/b:1')->{error}, 'rate_limited',
    '... for all images';
is +(() = $k8s->lists), $before, '... in which it is left alone';

# no answer

$k8s->set(status => 0, headers => {}, hold => 'a');

my $began = time;
my $held = $cache->send('h', 'a:1');

is $cache->ask('plain', 'x')->{code}, 200, 'others are served meanwhile';

my $answer = $cache->wait_for($held);

is $answer->{error}, 'timeout', 'a server that hangs: timeout';
cmp_ok time - $began, '<', 10, '... in time';
$k8s->release('a')->set(hold => undef);

$k8s->stop;
is $cache->ask('i', 'a:1')->{error}, 'unreachable', 'stopped: unreachable';
$k8s->start;
is $cache->ask('i', 'a:1')->{digest}, $id, 'started again: a digest';

done_testing;
