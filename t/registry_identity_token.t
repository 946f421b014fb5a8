#!/usr/bin/perl

# docs/registries.md: identity (refresh) tokens: POST with
# grant_type=refresh_token, client_id, service, scope; on 400/401/404/405 fall
# back to GET.  `registrytoken` of a config.json is sent as it is.

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

my $identity = 'id +&=%/\\"token';

my $tokens = ImageDigest::FaultServer->start(sub {
    my ($req) = @_;

    my $refused = $req->{state}{refused};

    return [$refused, {}, "no\n"] if $refused && $req->{method} eq 'POST';
    return [200, {}, '{"access_token":"fresh","refresh_token":"new"}'];
});

my $server = ImageDigest::FaultServer->start(sub {
    my ($req) = @_;

    my $sent = $req->{headers}{authorization} // '';

    return answer(manifest(image_of($req)))
        if $sent eq 'Bearer fresh' || $sent eq 'Bearer ready';
    return challenge('Bearer realm="' . $tokens->url('/token')
                     . '",service="a b&c"');
});

my $host = '127.0.0.1:' . $server->port;
my $dir = tempdir();
my $cache;

my $with = sub {
    spit("$dir/config.json", encode_json({ auths => { $host => {@_} } }));

    my $old = $cache;
    $cache = ImageDigest::Cache->start(
        resolver  => "registry $host insecure credentials=$dir/config.json;"
                     . 'timeout 20s;',
        locations => { i => 'image_digest_timeout 20s;' });
    $old->stop if $old;
};

my $asked = sub {
    my ($image) = @_;

    my $before = () = $tokens->requests;

    is $cache->ask('i', "$host/$image")->{digest}, digest_of($image), $image;

    return splice @{ [$tokens->requests] }, $before;
};

$with->(identitytoken => $identity,
        auth => encode_base64('<token>:', ''));

my %form = (grant_type => 'refresh_token', client_id => 'nginx-image-digest',
            service => 'a b&c', scope => 'repository:app:pull',
            refresh_token => $identity);
my ($post, @more) = $asked->('app:1');

is @more, 0, 'one request';
is $post->{method}, 'POST', 'by POST';
is $post->{path}, '/token', '... with nothing in the URL';
is $post->{headers}{'content-type'}, 'application/x-www-form-urlencoded',
    '... a form';
is $post->{headers}{authorization}, undef, '... without Basic';
is_deeply +Mojo::Parameters->new($post->{body})->to_hash, \%form,
    '... of these fields';

for my $status (400, 401, 404, 405) {
    $tokens->set(refused => $status);

    my ($first, $get, @more) = $asked->("app$status:1");

    is @more, 0, "POST is answered $status: two requests";
    is $first->{method}, 'POST', '... by POST';
    is $get->{method}, 'GET', '... then by GET';
    is $get->{headers}{authorization},
        'Basic ' . encode_base64("<token>:$identity", ''),
        '... where it is the password';
    unlike $get->{path}, qr/id|token=/, '... and not in the URL';
}

for my $status (403, 500) {
    $tokens->set(refused => $status);

    my $before = () = $tokens->requests;

    is $cache->ask('i', "$host/app$status:1")->{error},
        $status == 500 ? 'bad_response' : 'unauthorized',
        "POST is answered $status";
    is +(() = $tokens->requests) - $before, 1, '... no GET';
}

$with->(registrytoken => 'ready');
is scalar(() = $asked->('app:2')), 0, 'a registry token needs no other';
is_deeply [map { $_->{headers}{authorization} }
           ($server->requests(sub { $_->{path} =~ m{/2$} }))[0]],
    ['Bearer ready'], '... it is sent at once';

$with->(registrytoken => 'stale');
is $cache->ask('i', "$host/app:3")->{error}, 'unauthorized', 'a stale one';
is $server->requests(sub { $_->{path} =~ m{/3$} }), 1, '... is sent once';

done_testing;
