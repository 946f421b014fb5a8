#!/usr/bin/perl

# Engine "docker": how a pull fails, and as what. What a registry told the
# daemon comes as text, with a status or in a 200 that is under way.

use strict;
use warnings;

use Test::More;

use ImageDigest::Alone;
use ImageDigest::Cache;
use ImageDigest::Docker;
use ImageDigest::Image;
use ImageDigest::Layout;
use ImageDigest::Registry;
use ImageDigest::Util qw(free_port);

my $docker = ImageDigest::Docker->start;
my $registry = ImageDigest::Registry->start;
my $closed = ImageDigest::Registry->start(users => { cache => 'Secret-1' });
my $image = ImageDigest::Image->new;
my $server = ImageDigest::Layout->start($image);
my $lines = 'engine docker ' . $docker->url . ";\n"
            . "registry 127.0.0.1:*;\ntimeout 20s;\n";
my $cache = ImageDigest::Cache->start(
    resolver  => $lines,
    more      => "image_resolver limited {\n$lines}\n",
    locations => {
        i => 'image_digest $image engine=docker resolver=default;'
             . 'image_digest_timeout 20s; image_digest_ttl 0;',
        l => 'image_digest $image engine=docker resolver=limited;'
             . 'image_digest_timeout 20s; image_digest_ttl 0;',
    });

ImageDigest::Image->push($registry, 'app:1');
ImageDigest::Image->push($closed, 'app:1');

sub fails {
    my ($what, $name, $reason) = @_;

    my $answer = $cache->ask('i', $name);

    is $answer->{error}, $reason, "$what: $reason";
    is $answer->{digest}, '', '... no digest';
}


fails('no such tag', $registry->name('app:none'), 'not_found');
fails('no such repository', $registry->name('none:1'), 'not_found');
fails('no credentials', $closed->name('app:1'), 'unauthorized');
fails('nobody there', '127.0.0.1:' . free_port() . '/app:1', 'unreachable');

my $json = { 'Content-Type' => 'application/json' };

for (['a registry that says 500', 500, '', 'bad_response'],
     ['403', 403, '{"errors":[{"code":"DENIED","message":"requested access to'
      . ' the resource is denied"}]}', 'unauthorized'],
     ['401', 401, '{"errors":[{"code":"UNAUTHORIZED","message":'
      . '"authentication required"}]}', 'unauthorized'],
     ['404', 404, '{"errors":[{"code":"MANIFEST_UNKNOWN","message":'
      . '"manifest unknown"}]}', 'not_found'],
     ['a page', 200, '<html>sign in</html>', 'bad_response'])
{
    my ($what, $status, $body, $reason) = @$_;

    $server->set(status => $status, headers => $json, body => $body);
    fails($what, $server->name('app:1'), $reason);
}

# a 200 that is under way: the manifest is there, and a layer is not

$server->set(status => 0);

my ($layer) = grep { $_ ne $image->digest }
              map { "sha256:$_" } map { m{/([0-9a-f]{64})$} }
              glob "$image->{dir}/blobs/sha256/*";

rename "$image->{dir}/blobs/sha256/" . $layer =~ s/^sha256://r,
    "$image->{dir}/blobs/kept";
fails('a part of it is gone', $server->name('app:1'), 'bad_response');

rename "$image->{dir}/blobs/kept",
    "$image->{dir}/blobs/sha256/" . $layer =~ s/^sha256://r;
is $cache->ask('i', $server->name('app:1'))->{digest}, $server->digest,
    'all of it is there: a digest';

# rule 4: what wants to be left alone is, whatever T; what is there is used

$server->set(status => 429, headers => $json, body =>
    '{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your'
    . ' pull rate limit."}]}');
is $cache->ask('l', $server->name('team/app:2'))->{error}, 'rate_limited',
    '429: rate_limited';
$server->set(status => 0);

my $before = () = $server->requests;

is $cache->ask('l', $server->name('other:1'))->{error}, 'rate_limited',
    '... for all of the registry';
is +(() = $server->requests), $before, '... which is not asked';
is $cache->ask('l', $server->name('app:1'))->{digest}, $server->digest,
    '... but what the daemon has is known';
is $cache->ask('l', $registry->name('app:1'))->{error}, '',
    '... and other registries are asked';

done_testing;
