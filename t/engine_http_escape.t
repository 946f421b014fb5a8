#!/usr/bin/perl

# Engines, http: {image} and {platform} are escaped, so whatever a client
# writes stays one value at its place in the URL: no other path, no other
# parameter, no other header, no other host.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Mojo::Util qw(url_escape);
use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;

my $digest = 'sha256:' . sha256_hex('an image');
my $server = ImageDigest::FaultServer->start(sub {
    [200, {}, qq({"digest":"$digest"})];
});

my %urls = (
    query => '/d?image={image}&platform={platform}&end',
    path  => '/v1/{image}/of/{platform}/end',
    twice => '/{image}/{image}?{platform}={platform}',
    none  => '/{image}/{tag}/{platform',
);

my $cache = ImageDigest::Cache->start(
    resolver  => join("\n", map { "engine $_ \"" . $server->url($urls{$_})
                                  . '" type=http;' } sort keys %urls),
    locations => {
        map({ ($_ => "image_digest \$image engine=$_;"
                     . 'image_digest_timeout 20s; image_digest_ttl 0;') }
            sort keys %urls),
        p => 'image_digest $image engine=query platform=$arg_platform;'
             . 'image_digest_timeout 20s; image_digest_ttl 0;',
        h => 'image_digest $http_x_image engine=query;'
             . 'image_digest_timeout 20s; image_digest_ttl 0;',
        e => 'image_digest $image engine=$http_x_engine;'
             . 'image_digest_timeout 20s; image_digest_ttl 0;' });

my $image = 'registry.corp:5000/team/a_b.c-d:v1.0_x-Y';
my $escaped = 'registry.corp%3A5000%2Fteam%2Fa_b.c-d%3Av1.0_x-Y';


# what the server received for a request, or for none

sub received {
    my @o = @_;
    my $before = () = $server->requests;
    my $answer = $cache->ask(@o);
    my @requests = $server->requests;

    return ($answer, map { $_->{path} } @requests[$before .. $#requests]);
}


for (['query', "/d?image=$escaped&platform=&end"],
     ['path',  "/v1/$escaped/of//end"],
     ['twice', "/$escaped/$escaped?="],
     ['none',  qr{^/\Q$escaped\E/(?:\{|%7B)tag(?:\}|%7D)/(?:\{|%7B)platform$}])
{
    my ($location, $path) = @$_;
    my ($answer, @paths) = received($location, $image);

    is @paths, 1, "$location: one request";
    ref $path ? like($paths[0], $path, '... its path')
              : is($paths[0], $path, '... its path');
    is $answer->{digest}, $digest, '... resolved';
}

is +(received('p', $image, artifact => 'x?platform=linux/arm/v6'))[1],
    "/d?image=$escaped&platform=linux%2Farm%2Fv6&end", 'a platform';

# what is no reference, and no platform, never gets there

for my $bad ('..', '../admin:1', 'a/../b:1', 'a:1?x=1', 'a:1#x', 'a:1&image=b',
             'a:1 HTTP/1.1', "a:1\r\nX-Injected: 1", "a:1\0", 'a%2f..:1',
             '{image}', '{platform}:1', 'http://evil.test/a:1',
             'user@evil.test/a:1', 'a:1/', "a:\x{e4}", 'a' x 5000)
{
    my ($answer, @paths) = received('h', 'x', headers => {
        'X-Image' => url_escape($bad, '^\x21-\x7e') });
    my $shown = substr $bad =~ s/[^ -~]/?/gr, 0, 40;

    is $answer->{code}, 400, "\"$shown\" is answered 400";
    is_deeply \@paths, [], '... and nobody is asked';
}

# the same as bytes, out of a path

for my $bad ("a:1\rX-Injected: 1", 'a:1 HTTP/1.1', "a:\xe4", 'a:1&image=b',
             'a:1#x', 'a:1"', '{image}')
{
    my ($answer, @paths) = received('query', url_escape($bad, '^A-Za-z0-9'));
    my $shown = $bad =~ s/[^ -~]/?/gr;

    is $answer->{code}, 400, "\"$shown\" in a path is answered 400";
    is_deeply \@paths, [], '... and nobody is asked';
}

for my $bad ('linux', 'linux/', '/amd64', 'linux/amd64/v1/x', 'a&b/c',
             'linux/../x', 'a%26b/c', 'linux/amd64%0d%0aX-Injected:1',
             '{image}/x')
{
    my ($answer, @paths) = received('p', $image,
                                    artifact => "x?platform=$bad");

    is $answer->{code}, 400, "platform=$bad is answered 400";
    is_deeply \@paths, [], '... and nobody is asked';
}

# a client that chooses the engine

for my $engine ('unknown', 'Query', 'query ', 'quer', 'queryx', '../query',
                'registry@node')
{
    my ($answer, @paths) = received('e', $image,
                                    headers => { 'X-Engine' => "$engine" });

    next if $answer->{engine} eq 'query';      # a blank at its end is no part

    is $answer->{error}, 'engine_unknown', "engine \"$engine\" is unknown";
    is_deeply \@paths, [], '... and nobody is asked';
}

is_deeply [grep { exists $_->{headers}{'x-injected'}
                  || $_->{headers}{host} ne '127.0.0.1:' . $server->port }
           $server->requests],
    [], 'no header is a client\'s';

done_testing;
