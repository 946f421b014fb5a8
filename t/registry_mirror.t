#!/usr/bin/perl

# docs/registries.md, mirrors: asked first, in order, with ?ns=; a mirror's 404
# or failure goes on to the next, and then to the registry itself.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Image;
use ImageDigest::Manifest qw(manifest digest_of answer image_of);
use ImageDigest::Registry;

# the first mirror has what the state says, the second one and the registry
# are real

my $first = ImageDigest::FaultServer->start(sub {
    my ($req) = @_;

    my $image = image_of({ path => $req->{path} =~ s/\?.*//r });

    return [$req->{state}{status} // 404, {}, "no\n"]
        unless $image =~ /:first$/;
    return answer(manifest($image));
});

my ($second, $registry) = map { ImageDigest::Registry->start } 1, 2;
my ($there, $here) = map { ImageDigest::Image->push($_, 'app:second') }
                     $second, $registry;
my $alone = ImageDigest::Image->push($registry, 'app:alone');
my $more = ImageDigest::Image->push($registry, 'app:more');

$_->forget for $second, $registry;

my $mirrors = 'mirror=http://127.0.0.1:' . $first->port . '/ mirror='
              . $second->url;
my $cache = ImageDigest::Cache->start(
    resolver  => 'registry ' . $registry->host . " insecure $mirrors;"
                 . 'registry docker.io ' . "insecure $mirrors endpoint="
                 . $registry->url . ";\ntimeout 20s;",
    locations => { i => 'image_digest_timeout 20s; image_digest_ttl 0;' });

my $ask = sub { $cache->ask('i', $registry->name("app:$_[0]")) };
my $seen = 0;
my $asked = sub {
    my @all = $first->requests;
    my @new = splice @all, $seen;

    $seen += @new;

    my @counts = map { scalar(() = $_->requests) } $second, $registry;

    $_->forget for $second, $registry;

    return (scalar @new, @counts);
};

# HEAD and GET, since a first HEAD is held against a GET

is $ask->('first')->{digest}, digest_of('app:first'), 'the first mirror';
is_deeply [$asked->()], [2, 0, 0], '... and nobody else is asked';

is $ask->('second')->{digest}, $there->digest, 'a 404: the second one';
is_deeply [$asked->()], [1, 2, 0], '... and not the registry';

is $ask->('alone')->{digest}, $alone->digest, 'two: the registry itself';

my $ns = '127.0.0.1%3A' . $registry->port;

is_deeply [map { "$_->{method} $_->{path}" } ($first->requests)[0 .. 2]],
    ["HEAD /v2/app/manifests/first?ns=$ns",
     "GET /v2/app/manifests/first?ns=$ns",
     "HEAD /v2/app/manifests/second?ns=$ns"], 'a mirror is told whose it is';
is_deeply [grep { /ns=/ } $registry->requests], [], '... the registry is not';

$cache->ask('i', 'docker.io/team/app:first');
like +($first->requests)[-1]{path}, qr{/team/app/.*\?ns=docker\.io$},
    '... and so for Docker Hub';

is scalar(() = $cache->log(qr/\[warn\]/)), 0, 'a 404 is no failure of it';

$asked->();
$first->set(status => 503);

is $ask->('second')->{digest}, $there->digest, 'a failure: the second one';
is_deeply [($asked->())[2]], [0], '... and not the registry';

$second->stop;

is $ask->('second')->{digest}, $here->digest,
    'one that is down: the registry';
is $ask->('more')->{digest}, $more->digest, '... again';
is $ask->('none')->{error}, 'not_found', 'what none of them has';

my @said = $cache->log(qr/\[warn\].*mirror /);

is @said, 2, 'the log says of each mirror that it fails, once in a minute';
like $said[0], qr/mirror "http:\S+" of registry "\S+": bad_response .*503/,
    '... and why';
like $said[1], qr/: unreachable /, '... for the other one, too';

done_testing;
