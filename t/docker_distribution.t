#!/usr/bin/perl

# Engine "docker", pull=distribution: for an image that the daemon does not
# have, it asks the registry, and nothing is pulled.

use strict;
use warnings;

use Mojo::JSON qw(encode_json);
use Mojo::Util qw(b64_encode);
use Test::More;

use ImageDigest::Alone;
use ImageDigest::Cache;
use ImageDigest::Docker;
use ImageDigest::Image;
use ImageDigest::Registry;
use ImageDigest::Util qw(spit tempdir);

my $docker = ImageDigest::Docker->start;
my $registry = ImageDigest::Registry->start;
my $closed = ImageDigest::Registry->start(users => { cache => 'Secret-1' });
my $outside = ImageDigest::Registry->start;
my $dir = tempdir();

spit("$dir/$_->[0].json", encode_json({ auths => {
    $closed->host => { auth => b64_encode("cache:$_->[1]", '') } } }))
    for ['right', 'Secret-1'], ['wrong', 'Secret-2'];

my $engine = $docker->url . ' type=docker pull=distribution';
my $cache = ImageDigest::Cache->start(
    resolver  => "timeout 20s;\n"
                 . join('', map { 'registry ' . $_->host . ";\n" }
                                $registry, $closed)
                 . "engine none $engine;\n"
                 . join('', map {
                       "engine $_ $engine credentials=$dir/$_.json;\n" }
                       qw(right wrong)),
    locations => {
        map({ ($_ => "image_digest \$image engine=$_; image_digest_ttl 0;"
                     . 'image_digest_timeout 20s;') } qw(none right wrong)),
        p => 'image_digest $image engine=none platform=$arg_p;'
             . 'image_digest_ttl 0; image_digest_timeout 20s;',
    });

my $single = ImageDigest::Image->push($registry, 'app:1');
my $index = ImageDigest::Image->push($registry, 'app:2',
    platforms => ['linux/amd64', 'linux/arm64/v8']);
my $secret = ImageDigest::Image->push($closed, 'app:1');
my $elsewhere = ImageDigest::Image->push($outside, 'app:1');

$outside->forget;

sub ask {
    my ($engine, $image, $platform) = @_;

    my $answer = $cache->ask($platform ? 'p' : $engine, $image,
                             artifact => 'x?p=' . ($platform // ''));

    return $answer->{error} || $answer->{digest};
}

is ask('none', $registry->name('app:1')), $single->digest, 'a manifest';
is ask('none', $registry->name('app:2')), $index->digest, 'an index';
is ask('none', $registry->name('app:2'), 'linux/arm64'), $index->digest,
    '... one of its platforms';
is ask('none', $registry->name('app:2'), 'linux/s390x'), 'platform_not_found',
    '... not one of them';
is ask('none', $registry->name('app:none')), 'not_found', 'no such tag';
is ask('none', $registry->name('none:1')), 'not_found', 'no such repository';
is ask('none', $outside->name('app:1')), 'registry_not_allowed',
    'a registry without a line';
is_deeply [$outside->requests], [], '... is not asked';

is ask('right', $closed->name('app:1')), $secret->digest, 'credentials';
is ask('wrong', $closed->name('app:1')), 'unauthorized', '... wrong ones';
is ask('none', $closed->name('app:1')), 'unauthorized', '... none';

is_deeply [$docker->images], [], 'the daemon has no image';
is_deeply [$docker->pulls], [], '... nothing was pulled';

# what the daemon has is what it would run

$docker->pull($registry->name('app:1'));
ImageDigest::Image->push($registry, 'app:1');
$registry->forget;
is ask('none', $registry->name('app:1')), $single->digest, 'what it has';
is_deeply [$registry->requests], [], '... the registry was not asked';

$registry->stop;
is ask('none', $registry->name('app:2')), 'unreachable', 'no registry';

$cache->stop;
unlike $cache->log, qr/Secret-/, 'no password in the log';

done_testing;
