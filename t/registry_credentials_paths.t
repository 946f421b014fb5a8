#!/usr/bin/perl

# docs/credentials.md: keys with a path are for a part of a registry, by whole
# components, the longest first; what counts is the image that is asked for.

use strict;
use warnings;

use Mojo::JSON qw(encode_json);
use MIME::Base64 qw(encode_base64);
use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest digest_of answer image_of challenge);
use ImageDigest::Util qw(tempdir spit);

my $registry = ImageDigest::FaultServer->start(sub {
    my ($req) = @_;

    return challenge('Basic realm="x"') unless $req->{headers}{authorization};
    return answer(manifest(image_of($req)));
});

my $host = '127.0.0.1:' . $registry->port;
my $auth = sub { return { auth => encode_base64("$_[0]:secret", '') } };
my $dir = tempdir();

spit("$dir/all.json", encode_json({ auths => {
    $host                => $auth->('all'),
    "$host/team"         => $auth->('team'),
    "$host/team/app"     => $auth->('app'),
    "$host/team/empty"   => { },
    "$host/one/two"      => $auth->('two'),
} }));
spit("$dir/part.json", encode_json({ auths => {
    "$host/team/app" => $auth->('app') } }));

my $cache = ImageDigest::Cache->start(
    resolver  => "registry $host insecure credentials=$dir/all.json;"
                 . 'timeout 20s;',
    more      => 'image_resolver part { zone 1m; timeout 20s;'
                 . " registry $host insecure credentials=$dir/part.json; }\n",
    locations => { all  => 'image_digest_timeout 20s;',
                   part => 'image_digest $image resolver=part;'
                           . 'image_digest_timeout 20s;' });

for (['all', 'team/app',        'app'],
     ['all', 'team/app/more',   'app'],
     ['all', 'team/apps',       'team'],
     ['all', 'team/empty',      'team'],
     ['all', 'team',            'team'],
     ['all', 'teams/app',       'all'],
     ['all', 'tea',             'all'],
     ['all', 'one',             'all'],
     ['all', 'one/two',         'two'],
     ['all', 'one/twofold',     'all'],
     ['all', 'x/team/app',      'all'],
     ['part', 'team/app',       'app'],
     ['part', 'team/app/x/y',   'app'],
     ['part', 'team',           undef],
     ['part', 'team/app2',      undef],
     ['part', 'team/ap',        undef],
     ['part', 'other',          undef])
{
    my ($prefix, $path, $user) = @$_;

    my $before = () = $registry->requests;
    my $answer = $cache->ask($prefix, "$host/$path:$prefix");
    my @new = splice @{ [$registry->requests] }, $before;
    my %sent = map { ($_->{headers}{authorization} // '' => 1) } @new;
    my @sent = map { MIME::Base64::decode(s/^Basic //r) }
               grep { $_ ne '' } sort keys %sent;

    is_deeply \@sent, [defined $user ? "$user:secret" : ()],
        "$prefix, $path: " . ($user // 'nobody');
    is $answer->{error}, defined $user ? '' : 'unauthorized', '... resolved';
}

done_testing;
