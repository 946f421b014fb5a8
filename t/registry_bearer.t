#!/usr/bin/perl

# docs/registries.md: the scope is computed by ourselves; GET on the realm
# with service and scope, Basic credentials if there are any; `token` or
# `access_token`; a token is cached by realm, service, scope and credential.

use strict;
use warnings;

use Mojo::JSON qw(encode_json);
use Mojo::Parameters;
use MIME::Base64 qw(encode_base64);
use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest digest_of answer image_of challenge);
use ImageDigest::Util qw(tempdir spit);

# a token says its number, so that it can be told which one was sent

my $tokens = ImageDigest::FaultServer->start(sub {
    my ($req) = @_;

    my $name = $req->{path} =~ m{^/access} ? 'access_token' : 'token';

    return [200, { 'Content-Type' => 'application/json' },
            encode_json({ $name => "t$req->{number}", expires_in => 300 })];
});

my $token = $tokens->url('/token');
my %challenges = (
    plain       => qq(Bearer realm="$token",service="one"),
    'case'      => qq(bEARER SERVICE="one" , Realm="$token"),
    escapes     => qq(Bearer realm="$token",service="a \\"b\\" & c=d+%"),
    placeholder => qq(Bearer realm="$token",service="one",)
                   . qq(scope="repository:user/image:pull",error=""),
    nothing     => qq(Bearer realm="$token"),
    query       => qq(Bearer realm="$token?a=b&c",service="one"),
    access      => 'Bearer realm="' . $tokens->url('/access')
                   . '",service="one"',
    both        => [qq(Basic realm="x", Bearer realm="$token",service="one"),
                    'Negotiate'],
    lines       => ['Negotiate', 'Basic realm="x"',
                    qq(Bearer realm="$token",service="one")],
);

my %servers = map {
    my $header = $challenges{$_};

    $_ => ImageDigest::FaultServer->start(sub {
        my ($req) = @_;

        return challenge($header)
            unless ($req->{headers}{authorization} // '') =~ /^Bearer t\d+$/;
        return answer(manifest(image_of($req)));
    });
} sort keys %challenges;

my $host = sub { '127.0.0.1:' . $servers{ $_[0] }->port };
my $dir = tempdir();

spit("$dir/config.json", encode_json({ auths => {
    map { $host->($_) => { auth => encode_base64('ci:pass:word', '') } }
    keys %servers } }));

my $registries = sub {
    return join "\n", map { 'registry ' . $host->($_) . " insecure $_[0];" }
                      sort keys %servers;
};

my $cache = ImageDigest::Cache->start(
    resolver  => $registries->('') . 'timeout 20s;',
    more      => 'image_resolver known {'
                 . $registries->("credentials=$dir/config.json")
                 . 'timeout 20s; }',
    locations => { i => 'image_digest_ttl 0; image_digest_timeout 20s;',
                   k => 'image_digest $image resolver=known;'
                        . 'image_digest_ttl 0; image_digest_timeout 20s;' });

# what has reached both since the last time

my %seen;

my $new = sub {
    my ($server) = @_;

    my @all = $server->requests;
    my @new = splice @{ [@all] }, $seen{$server} // 0;

    $seen{$server} = @all;

    return @new;
};

my $sent = sub {
    return map { "$_->{method} " . ($_->{headers}{authorization} // '-') }
           $new->($servers{ $_[0] });
};

my %services = (escapes => 'a "b" & c=d+%', nothing => undef);

for my $what (sort keys %servers) {
    subtest $what => sub {
        my $ask = sub { $cache->ask($_[0], $host->($what) . "/$_[1]") };

        is $ask->('i', 'team/app:1')->{digest}, digest_of('team/app:1'),
            'anonymous';

        my @asked = $new->($tokens);

        is @asked, 1, 'one token';
        is $asked[0]{method}, 'GET', '... by GET';
        is $asked[0]{headers}{authorization}, undef, '... of nobody';

        my ($path, $query) = split /\?/, $asked[0]{path}, 2;

        is $path, $what eq 'access' ? '/access' : '/token', '... of the realm';
        $query =~ s/^a=b&c&// or fail 'its query' if $what eq 'query';
        is_deeply +Mojo::Parameters->new($query)->to_hash,
            { exists $services{$what}
              ? defined $services{$what} ? (service => $services{$what}) : ()
              : (service => 'one'),
              scope => 'repository:team/app:pull' },
            '... for the service and our scope';

        my $t = "Bearer t$asked[0]{number}";

        is_deeply [$sent->($what)], ['HEAD -', "HEAD $t", "GET $t"],
            'it was sent';

        is $ask->('i', 'team/app:2')->{digest}, digest_of('team/app:2'),
            'another tag';
        is_deeply [$sent->($what)], ["HEAD $t"], '... by the same token';
        is $new->($tokens), 0, '... without the token server';

        return if $what ne 'plain';

        is $ask->('i', 'team/other:1')->{digest}, digest_of('team/other:1'),
            'another repository';
        ($path) = map { $_->{path} } $new->($tokens);
        like $path, qr/scope=repository%3Ateam%2Fother%3Apull$/,
            '... has a token of its own';
        $sent->($what);

        is $ask->('k', 'team/app:1')->{digest}, digest_of('team/app:1'),
            'with credentials';
        @asked = $new->($tokens);
        is @asked, 1, '... a token of their own';
        is $asked[0]{headers}{authorization},
            'Basic ' . encode_base64('ci:pass:word', ''), '... asked by Basic';
        unlike $asked[0]{path}, qr/pass/, '... not in the URL';
        unlike join(' ', $sent->($what)), qr/Basic/,
            '... which the registry does not see';
    };
}

done_testing;
