#!/usr/bin/perl

# docs/credentials.md: the exact key, then keys whose host equals the
# registry's.  What reached the registry is asserted.

use strict;
use warnings;

use Mojo::JSON qw(encode_json);
use MIME::Base64 qw(encode_base64);
use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest digest_of answer image_of challenge);
use ImageDigest::Util qw(tempdir spit);

my $server = ImageDigest::FaultServer->start(sub {
    my ($req) = @_;

    return challenge('Basic realm="x"') unless $req->{headers}{authorization};
    return answer(manifest(image_of($req)));
});

my $port = $server->port;
my $host = "127.0.0.1:$port";
my $basic = sub { encode_base64("$_[0]:secret", '') };
my $auth = sub { return { auth => $basic->($_[0]) } };

# what it is called => auths, and whose credentials are sent (undef: nobody's)

my @cases = (
    ['exact'             => { $host => $auth->('a') }, 'a'],
    ['exact before URL'  => { "https://$host/v1/" => $auth->('b'),
                              $host => $auth->('a') }, 'a'],
    ['a URL'             => { "https://$host/v1/" => $auth->('a') }, 'a'],
    ['a URL alone'       => { "http://$host" => $auth->('a') }, 'a'],
    ['with an API path'  => { "$host/v2/" => $auth->('a') }, 'a'],
    ['user and password' => { $host => { username => 'a',
                                         password => 'secret' } }, 'a'],
    ['without padding'   => { $host => { auth =>
                              $basic->('a') =~ s/=+$//r } }, 'a'],
    ['a trailing NUL'    => { $host => { auth =>
                              encode_base64("a:secret\0\0", '') } }, 'a'],
    ['none'              => { }, undef],
    ['the helper\'s {}'  => { $host => { } }, undef],
    ['without the port'  => { '127.0.0.1' => $auth->('a') }, undef],
    ['another port'      => { '127.0.0.1:1' => $auth->('a') }, undef],
    ['a wildcard'        => { '*' => $auth->('a') }, undef],
);

my $dir = tempdir();
my $n = 0;

my @conf = map {
    my $file = "$dir/" . $n++;

    spit($file, encode_json({ auths => $_->[1], credHelpers => { x => 'y' } }));

    "registry $host insecure credentials=$file;";
} @cases;

# a resolver for each

my $cache = ImageDigest::Cache->start(
    more      => join('', map { "image_resolver r$_ { $conf[$_] timeout 20s;"
                                . " zone 1m; }\n" } 0 .. $#conf),
    locations => { map { ("i$_" => "image_digest \$image resolver=r$_;"
                                   . 'image_digest_timeout 20s;') }
                   0 .. $#conf });

for my $i (0 .. $#cases) {
    my ($what, undef, $user) = @{ $cases[$i] };

    my $before = () = $server->requests;
    my $answer = $cache->ask("i$i", "$host/app:1");
    my %sent = map { ($_->{headers}{authorization} // '') => 1 }
               splice @{ [$server->requests] }, $before;

    my @sent = grep { $_ ne '' } sort keys %sent;

    is_deeply \@sent, [$user ? 'Basic ' . $basic->($user) : ()],
        "$what: " . ($user ? 'sent' : 'nothing is sent');
    is $answer->{error}, $user ? '' : 'unauthorized', '... and what it gives';
}

done_testing;
