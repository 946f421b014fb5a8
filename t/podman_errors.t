#!/usr/bin/perl

# Engine "podman": how it fails, and as what: the registry that it asks, the
# registry that it may not ask, and itself, stopped or hanging.

use strict;
use warnings;

use Test::More;

use ImageDigest::Alone;
use ImageDigest::Cache;
use ImageDigest::Image;
use ImageDigest::Layout;
use ImageDigest::Origin;
use ImageDigest::Podman;
use ImageDigest::Registry;
use ImageDigest::Util qw(free_port);

my $podman = ImageDigest::Podman->start;
my $registry = ImageDigest::Registry->start;
my $closed = ImageDigest::Registry->start(users => { cache => 'Secret-1' });
my $outside = ImageDigest::Registry->start;
my $server = ImageDigest::Layout->start(ImageDigest::Image->new);
my $origin = ImageDigest::Origin->start;
my $nobody = free_port();
my $lines = join('', map { 'registry ' . $_->host . " insecure;\n" }
                         $registry, $closed, $server, $origin)
            . "registry 127.0.0.1:$nobody insecure;\n"
            . 'engine podman ' . $podman->url . ";\n";
my $cache = ImageDigest::Cache->start(
    resolver  => "$lines timeout 20s;\n",
    more      => join('', map {
        my ($name, $more) = @$_;
        "image_resolver $name {\n$lines $more\n}\n"; }
        ['hasty', 'timeout 1s;'], ['limited', 'timeout 20s;'],
        ['short', 'timeout 20s; pull_timeout 1s;']),
    locations => {
        map({ ($_ => "image_digest \$image engine=podman resolver=$_;"
                     . 'image_digest_timeout 20s; image_digest_ttl 0;') }
            qw(default hasty limited short)),
        other => 'image_digest $image resolver=default; image_digest_ttl 0;',
    });

my $image = ImageDigest::Image->push($registry, 'app:1');

ImageDigest::Image->push($_, 'app:1') for $closed, $outside;
$outside->forget;

sub fails {
    my ($what, $name, $reason, $location) = @_;

    my $answer = $cache->ask($location // 'default', $name);

    is $answer->{error}, $reason, "$what: $reason";
    is $answer->{digest}, '', '... no digest';
}


fails('no such tag', $registry->name('app:none'), 'not_found');
fails('no such repository', $registry->name('none:1'), 'not_found');
fails('no credentials', $closed->name('app:1'), 'unauthorized');
fails('nobody there', "127.0.0.1:$nobody/app:1", 'unreachable');
fails('no line', $outside->name('app:1'), 'registry_not_allowed');
is_deeply [$outside->requests], [], '... it is not asked';

$podman->pull($outside->name('app:1'));
isnt $cache->ask('default', $outside->name('app:1'))->{digest}, '',
    '... but what Podman has is known';

my $json = { 'Content-Type' => 'application/json' };

for (['a registry that says 500', 500, '', 'bad_response'],
     ['404', 404, '{"errors":[{"code":"MANIFEST_UNKNOWN","message":'
      . '"manifest unknown"}]}', 'not_found'],
     ['403', 403, '{"errors":[{"code":"DENIED","message":"requested access to'
      . ' the resource is denied"}]}', 'unauthorized'])
{
    my ($what, $status, $body, $reason) = @$_;

    $server->set(status => $status, headers => $json, body => $body);
    fails($what, $server->name('app:1'), $reason);
}

# it tries again by itself, as soon as it may

$server->set(status => 429, headers => { %$json, 'Retry-After' => 0 }, body =>
    '{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your'
    . ' pull rate limit."}]}');
fails('429', $server->name('app:1'), 'rate_limited', 'limited');
$server->set(status => 0);

my $before = () = $server->requests;

fails('... for all of it', $server->name('app:2'), 'rate_limited', 'limited');
is +(() = $server->requests), $before, '... it is not asked';

# a pull that takes too long

$server->set(hold => 'a');
fails('pull_timeout', $server->name('app:1'), 'timeout', 'short');
$server->release('a');

is $cache->ask('default', $registry->name('app:1'))->{digest},
    $image->digest, 'when all is well, a digest';

# itself

$podman->pause;

my $held = $cache->send('hasty', $registry->name('app:1'));

is $cache->ask('other', $origin->name('app:1'))->{digest},
    $origin->digest('app:1'), 'others are served meanwhile';
is $cache->wait_for($held)->{error}, 'timeout', 'it hangs: timeout';
$podman->resume;

$podman->stop;
fails('stopped', $registry->name('app:1'), 'unreachable');
$podman->start;
is $cache->ask('default', $registry->name('app:1'))->{digest},
    $image->digest, 'started again: a digest';

done_testing;
