#!/usr/bin/perl

# Engine "docker", credentials=: the daemon gets the entry of the image's
# registry, and no other, as X-Registry-Auth; it logs in with it. Nothing of it
# is logged.

use strict;
use warnings;

use Mojo::JSON qw(decode_json encode_json);
use Mojo::Util qw(b64_decode b64_encode);
use Test::More;

use ImageDigest::Alone;
use ImageDigest::Cache;
use ImageDigest::Docker;
use ImageDigest::FakeDaemon;
use ImageDigest::Image;
use ImageDigest::Registry;
use ImageDigest::Util qw(spit tempdir wait_until);

my $docker = ImageDigest::Docker->start;
my $fake = ImageDigest::FakeDaemon->start;
my $registry = ImageDigest::Registry->start(users => { cache => 'Secret-1' });
my $image = ImageDigest::Image->push($registry, 'app:1');
my $dir = tempdir();
my $name = $registry->name('app:1');

# text that is no letter or digit in base64

my $odd = "Secret-\x{fb}\x{ff}\x{fe}???>>>~~~";

sub auth { return { auth => b64_encode($_[0], '') } }

spit("$dir/right.json", encode_json({ auths => {
    $registry->host => auth('cache:Secret-1') } }));
spit("$dir/wrong.json", encode_json({ auths => {
    $registry->host => auth('cache:Secret-2') } }));
spit("$dir/many.json", encode_json({ auths => {
    'a.test'                      => auth('user-a:Secret-a'),
    'b.test:5000'                 => auth('user-b:Secret-b:with:colons'),
    'https://index.docker.io/v1/' => auth('user-hub:Secret-hub'),
    'id.test'                     => { identitytoken => 'Secret-identity' },
    'token.test'                  => { registrytoken => 'Secret-token' },
    'odd.test'                    => { username => 'user-odd',
                                       password => $odd },
    'empty.test'                  => {},
    'path.test/team'              => auth('user-team:Secret-team') } }));

my $cache = ImageDigest::Cache->start(
    level     => 'debug',
    resolver  => "registry *;\nregistry 127.0.0.1:*;\ntimeout 20s;\n"
                 . join('', map { 'engine ' . $_ . ' ' . $docker->url
                                  . " type=docker credentials=$dir/$_.json;\n"
                                } qw(right wrong))
                 . 'engine none ' . $docker->url . " type=docker;\n"
                 . 'engine many ' . $fake->url
                 . " type=docker credentials=$dir/many.json;\n"
                 . 'engine asks ' . $fake->url
                 . " type=docker credentials=$dir/many.json"
                 . " pull=distribution;\n",
    locations => { map { ($_ => "image_digest \$image engine=$_;"
                                . 'image_digest_timeout 20s;'
                                . 'image_digest_ttl 0;') }
                   qw(right wrong none many asks) });

# the real one

is $cache->ask('none', $name)->{error}, 'unauthorized', 'none';
is $cache->ask('wrong', $name)->{error}, 'unauthorized', 'wrong ones';
is $cache->ask('right', $name)->{digest}, $image->digest, 'right ones';
is_deeply [$docker->pulls], [$name], '... pulled';
$docker->remove($name);

# the file is read again

spit("$dir/wrong.new", encode_json({ auths => {
    $registry->host => auth('cache:Secret-1') } }));
rename "$dir/wrong.new", "$dir/wrong.json";
ok wait_until(sub { $cache->ask('wrong', $name)->{digest} eq $image->digest },
              'the new file'), 'wrong ones that were mended';

# what a daemon is told

my $hub = 'https://index.docker.io/v1/';

for (['a.test/app:1', { username => 'user-a', password => 'Secret-a',
                        serveraddress => 'a.test' }],
     ['b.test:5000/app:1', { username => 'user-b',
                             password => 'Secret-b:with:colons',
                             serveraddress => 'b.test:5000' }],
     ['golang:1.22', { username => 'user-hub', password => 'Secret-hub',
                       serveraddress => $hub }],
     ['id.test/app:1', { identitytoken => 'Secret-identity',
                         serveraddress => 'id.test' }],
     ['token.test/app:1', { registrytoken => 'Secret-token',
                            serveraddress => 'token.test' }],
     ['odd.test/app:1', { username => 'user-odd', password => $odd,
                          serveraddress => 'odd.test' }],
     ['path.test/team/app:1', { username => 'user-team',
                                password => 'Secret-team',
                                serveraddress => 'path.test' }],
     ['path.test/teams/app:1', undef], ['path.test/app:1', undef],
     ['empty.test/app:1', undef], ['c.test/app:1', undef],
     ['b.test/app:1', undef], ['a.test:5000/app:1', undef],
     ['a.test.evil.test/app:1', undef])
{
    my ($reference, $auth) = @$_;

    for my $engine (qw(many asks)) {
        my $before = () = $fake->requests;

        $cache->ask($engine, $reference);

        my @requests = $fake->requests;
        my @sent = map { $_->{headers}{'x-registry-auth'} // () }
                   splice @requests, $before;
        my @read = map { decode_json(b64_decode(tr{-_}{+/}r)) } @sent;

        is_deeply \@read, [$auth // ()], "$engine, $reference: "
                                         . ($auth ? 'its own' : 'none');
        unlike $_, qr{[^\w=-]}, '... for URLs' for @sent;
    }
}

# an inspect asks nobody

is_deeply [grep { $_->{headers}{'x-registry-auth'} } $fake->asked('inspect')],
    [], 'not for an inspect';

$cache->stop;
unlike $cache->log, qr/Secret/, 'no password in the log';
unlike $cache->log, qr/\Q@{[ b64_encode('Secret-a', '') =~ s{=+$}{}r ]}\E/,
    '... in no other form';

done_testing;
