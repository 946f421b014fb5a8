#!/usr/bin/perl

# docs/registries.md: HEAD, then GET and hash where HEAD cannot tell.
# docs/registries.md: where the header is missing or HEAD is refused (405;
# Nexus answers 404; 403), GET and hash the raw body; remember per registry
# that HEAD does not work there.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest digest_of answer image_of);

my $digest = 'Docker-Content-Digest';
my $other = digest_of('other');
my %heads = (
    'without a header'     => sub { answer($_[0], $digest => undef) },
    'an empty header'      => sub { answer($_[0], $digest => '') },
    'a short digest'       => sub { answer($_[0], $digest => 'sha256:abc') },
    'an upper-case digest' => sub { answer($_[0], $digest => uc $other) },
    'an unknown algorithm' => sub { answer($_[0], $digest =>
                                           $other =~ s/256/257/r) },
    'a digest and more'    => sub { answer($_[0], $digest => "$other x") },
    'two digests'          => sub { answer($_[0], $digest => [
                                        $other, digest_of('another')]) },
    'no Content-Type'      => sub { answer($_[0], 'Content-Type' => undef) },
    'a page'               => sub { answer($_[0], $digest => $other,
                                           'Content-Type' => 'text/html') },
    'schema 1'             => sub { answer(
        $_[0], $digest => $other, 'Content-Type' =>
        'application/vnd.docker.distribution.manifest.v1+prettyjws') },
    'a 403'                => sub { [403, {}] },
    'a 404'                => sub { [404, {}] },
    'a 405'                => sub { [405, { Allow => 'GET' }] },
    'a 501'                => sub { [501, {}] },
);

my $start = sub {
    my ($head) = @_;

    my $server = ImageDigest::FaultServer->start(sub {
        my ($req) = @_;

        my $bytes = manifest(image_of($req));

        return $head->($bytes)
            if $req->{method} eq 'HEAD' && !$req->{state}{well};
        return [404, {}, "no\n"] if image_of($req) =~ /none/;
        return answer($bytes);
    });

    return $server;
};

my %servers = map { $_ => $start->($heads{$_}) } keys %heads;
my $host = sub { '127.0.0.1:' . $servers{ $_[0] }->port };
my $cache = ImageDigest::Cache->start(
    resolver  => join("\n", map { 'registry ' . $host->($_) . ' insecure;' }
                            keys %heads) . 'timeout 20s;',
    locations => { i => 'image_digest_ttl 0; image_digest_timeout 20s;' });

for my $what (sort keys %heads) {
    subtest $what => sub {
        my @asked;

        for my $image ('app:none', 'app:1', 'app:2', 'team/app:1') {
            my $before = () = $servers{$what}->requests;
            my $answer = $cache->ask('i', $host->($what) . "/$image");

            is $answer->{ $image =~ /none/ ? 'error' : 'digest' },
                $image =~ /none/ ? 'not_found' : digest_of($image), $image;

            push @asked, join ' ', map { $_->{method} } splice @{
                [$servers{$what}->requests] }, $before;
        }

        is_deeply \@asked, ['HEAD GET', 'HEAD GET', 'GET', 'GET'],
            'it is remembered once a GET has worked';
    };
}

# ... but not for ever: it is tried again, now and then

my ($server, $name) = ($servers{'a 405'}, $host->('a 405') . '/app:1');

$server->set(well => 1);

my $tries = 0;

until ($server->requests(sub { $_->{method} eq 'HEAD' }) > 2) {
    $cache->ask('i', $name);
    last if ++$tries > 300;
}

cmp_ok $tries, '<', 300, 'HEAD is tried again now and then';
cmp_ok $tries, '>', 50, '... not often';

my $before = () = $server->requests;

is $cache->ask('i', $name)->{digest}, digest_of('app:1'), 'it works by now';
is +($server->requests)[$before]{method}, 'HEAD', '... and is used again';

# where HEAD does work, a 403 of both is one of the image

my $closed = ImageDigest::FaultServer->start(sub {
    return image_of($_[0]) =~ /closed/ ? [403, {}, "no\n"]
                                       : answer(manifest(image_of($_[0])));
});

$cache->configure(resolver => 'registry 127.0.0.1:' . $closed->port
                              . ' insecure;')->reload;

my $ask = sub { $cache->ask('i', '127.0.0.1:' . $closed->port . "/$_[0]") };

is $ask->('app:closed')->{error}, 'unauthorized', 'a 403 of HEAD and GET';
is $ask->("app:$_")->{digest}, digest_of("app:$_"), 'another' for 1 .. 2;
is +($closed->requests)[-1]{method}, 'HEAD', '... is still asked by HEAD';

done_testing;
