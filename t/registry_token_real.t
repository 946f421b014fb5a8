#!/usr/bin/perl

# Bearer tokens with a real docker-registry that asks for them (`auth: token`)
# and a token server that signs what it grants: what skopeo pushed is found,
# a repository that is not granted is not.

use strict;
use warnings;

package TokenRegistry;

use parent 'ImageDigest::Registry';

use ImageDigest::Util qw(slurp spit);


sub _configure {
    my ($self) = @_;

    $self->SUPER::_configure;

    my $file = "$self->{dir}/config.yml";

    spit($file, slurp($file) . <<"END");
auth:
  token:
    realm: $self->{realm}
    service: the registry
    issuer: the issuer
    rootcertbundle: $self->{certificate}
END
}

package main;

use MIME::Base64 qw(decode_base64 encode_base64 encode_base64url);
use Mojo::JSON qw(encode_json);
use Mojo::Parameters;
use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Image;
use ImageDigest::Util qw(tempdir slurp spit run);

my $dir = tempdir();

scalar run(qw(openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=it),
           '-keyout', "$dir/key", '-out', "$dir/crt");

my ($der) = slurp("$dir/crt") =~ /CERTIFICATE-----\s(.*?)-----END/s;

$der =~ s/\s//g;

# who pushes may do all, and nobody may pull team/*

my $tokens = ImageDigest::FaultServer->start(sub {
    my ($req) = @_;

    my ($query) = $req->{path} =~ /\?(.*)/;
    my $asked = Mojo::Parameters->new($query)->to_hash;
    my ($basic) = ($req->{headers}{authorization} // '') =~ /^Basic (.*)/;
    my $user = defined $basic ? decode_base64($basic) : '';

    return [401, {}, "no\n"] unless $user =~ /^(?:|ci:secret)$/;

    my @scopes = map { ref $_ ? @$_ : $_ } $asked->{scope} // ();
    my @access = map {
        my ($type, $name, $actions) = split /:/;
        $user || $name eq 'team/app' && $actions eq 'pull'
            ? { type => $type, name => $name,
                actions => [split /,/, $actions] } : ();
    } @scopes;

    my $text = join '.', map { encode_base64url(encode_json($_)) }
        { typ => 'JWT', alg => 'RS256', x5c => [$der] },
        { iss => 'the issuer', aud => $asked->{service}, sub => $user,
          jti => "$req->{number}", iat => time, nbf => time - 60,
          exp => time + 300, access => \@access };

    spit("$dir/$$.text", $text);

    my $signed = run(qw(openssl dgst -sha256 -sign), "$dir/key",
                     "$dir/$$.text");

    return [200, {}, encode_json({ token => "$text."
                                   . encode_base64url($signed) })];
});

my $registry = TokenRegistry->start(realm => $tokens->url('/token'),
                                    certificate => "$dir/crt");
my $image = ImageDigest::Image->push($registry, 'team/app:1',
                                     creds => 'ci:secret');

$image->push($registry, "team/$_", creds => 'ci:secret')
    for 'app:2', 'other:1';

my $host = $registry->host;

spit("$dir/config.json", encode_json({ auths => { $host => {
    auth => encode_base64('ci:secret', '') } } }));

my $cache = ImageDigest::Cache->start(
    more      => join('', map { "image_resolver $_->[0] { registry $host"
                                . " insecure $_->[1]; timeout 20s; }\n" }
                          ['nobody', ''],
                          ['user', "credentials=$dir/config.json"]),
    locations => { map { ($_ => "image_digest \$image resolver=$_;"
                                . 'image_digest_timeout 20s;') }
                   qw(nobody user) });

sub asked {
    my ($who, $name) = @_;

    $registry->forget;

    my $before = () = $tokens->requests;
    my $answer = $cache->ask($who, $registry->name($name));

    return ($answer, join(' ', map { /^(\S+) .* (\d+)$/ } $registry->requests),
            (() = $tokens->requests) - $before);
}

my @cases = (
    ['nobody', 'team/app:1', 'HEAD 401 HEAD 200 GET 200', 1],
    ['nobody', 'team/app:2', 'HEAD 200', 0],
    ['nobody', 'team/other:1', 'HEAD 401 HEAD 401', 1],
    ['user', 'team/app:1', 'HEAD 401 HEAD 200 GET 200', 1],
    ['user', 'team/other:1', 'HEAD 401 HEAD 200', 1],
);

for (@cases) {
    my ($who, $name, $requests, $calls) = @$_;
    my ($answer, $got, $called) = asked($who, $name);

    if ($requests =~ /200/) {
        is $answer->{digest}, $image->digest, "$who: $name is found";

    } else {
        is $answer->{error}, 'unauthorized', "$who: $name is not granted";
    }

    is $got, $requests, "... by $requests";
    is $called, $calls, "... and $calls tokens";
}

done_testing;
