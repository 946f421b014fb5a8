#!/usr/bin/perl

# docs/registries.md, mirrors: never the registry's credentials to a mirror,
# nor to a token server that a mirror names; a mirror gets what config.json
# holds for its own host, and nothing else.

use strict;
use warnings;

use Mojo::JSON qw(encode_json);
use MIME::Base64 qw(encode_base64);
use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest digest_of answer image_of challenge);
use ImageDigest::Names;
use ImageDigest::Util qw(certificate tempdir spit);

my $basic = sub { encode_base64("$_[0]:secret", '') };

# the mirrors: all at one port, each by a name; what it is called => its
# challenge (%s: the port of the token server, %r: of the registry), whose
# credentials config.json has for it, and by which key; who is seen by the
# mirror, and by the token server

my @cases = (
    ['m0.test', 'Basic realm="x"', 'm0', '%h', 'Basic m0', []],
    ['m1.test', 'Basic realm="x"', undef, '', undef, []],
    ['m2.test', 'Basic realm="x"', 'm2', '%h/team/app', undef, []],
    ['m3.test', 'Basic realm="x"', 'm3', 'm3.test', undef, []],
    ['m4.test', 'Basic realm="x"', 'm4', 'https://%h/v2/', 'Basic m4', []],
    ['m5.test', 'Bearer realm="https://tokens.test:%s/m5"', undef, '',
     'Bearer t', ['']],
    ['m6.test', 'Bearer realm="https://tokens.test:%s/m6"', 'm6', '%h',
     'Bearer t', ['Basic m6']],
    ['m7.test', 'Bearer realm="https://other.test:%s/m7"', 'm7', '%h',
     'Bearer t', ['']],
    ['m8.test', 'Bearer realm="https://registry.test:%r/token"', undef, '',
     'Bearer t', []],
    ['m9.test', 'Bearer realm="https://m9.test:%m/v2/token"', 'm9', '%h',
     'Bearer t', []],
    ['registry.test', 'Basic realm="x"', undef, '', undef, []],
);
my %case = map { $_->[0] => $_ } @cases;

my $tls = [certificate((map { $_->[0] } @cases), 'tokens.test',
                       'other.test')];
my $token = sub { return [200, {}, '{"token":"t"}'] };
my $tokens = ImageDigest::FaultServer->start(http => $token, tls => $tls);
my ($mirror, $registry);

# a mirror lets in whoever says anything that it has asked for

$mirror = ImageDigest::FaultServer->start(tls => $tls, http => sub {
    my ($req) = @_;

    my ($name) = $req->{headers}{host} =~ /^(.*):/;
    my $image = image_of({ path => $req->{path} =~ s/\?.*//r });

    return $token->() if $req->{path} =~ m{^/v2/token};
    return answer(manifest($image)) if $req->{headers}{authorization};

    return challenge($case{$name}[1] =~ s/%(.)/$req->{state}{$1}/gr);
});
$registry = ImageDigest::FaultServer->start(tls => $tls, http => sub {
    my ($req) = @_;

    return $token->() if $req->{path} =~ m{^/token};
    return challenge('Basic realm="x"') unless $req->{headers}{authorization};
    return answer(manifest(image_of($req)));
});
$mirror->set(s => $tokens->port, r => $registry->port, m => $mirror->port);

my $host = 'registry.test:' . $registry->port;
my $dir = tempdir();
my $conf = '';

for my $case (@cases) {
    my ($name, undef, $user, $key) = @$case;
    my $authority = "$name:" . $mirror->port;

    $key =~ s/%h/$authority/;

    # its own secrets, of every form, are the registry's: they would be seen

    spit("$dir/$name.json", encode_json({ auths => {
        $host => { auth => $basic->('registry') },
        'docker.io' => { auth => $basic->('hub') },
        defined $user ? ($key => { auth => $basic->($user) }) : (),
    } }));

    $conf .= "image_resolver $name { zone 1m; timeout 20s; registry $host"
             . " ca=$tls->[0] credentials=$dir/$name.json realm=tokens.test"
             . " mirror=https://$authority; }\n";
}

my @names = ('tokens.test', 'other.test', map { $_->[0] } @cases);
my $cache = ImageDigest::Names->new(map { $_ => '127.0.0.1' } @names)
    ->around(sub {
        ImageDigest::Cache->start(
            more      => $conf,
            locations => { map {
                ($_->[0] => "image_digest \$image resolver=$_->[0];"
                            . 'image_digest_timeout 20s;') } @cases });
    });

# what a server saw, in the names of users

my $seen = sub {
    my ($server, $pick) = @_;

    my %seen = map {
        my $who = $_->{headers}{authorization} // '';
        $who =~ s/^Basic (.*)/'Basic ' . MIME::Base64::decode($1)/e;
        $who =~ s/:secret$//;
        ($who => 1);
    } $server->requests($pick);

    return [sort keys %seen];
};

for my $case (@cases) {
    my ($name, undef, undef, undef, $mirror_sees, $tokens_see) = @$case;

    is $cache->ask($name, "$host/team/app:1")->{digest},
        digest_of('team/app:1'), "$name: resolved";
    is_deeply $seen->($mirror, sub { $_->{headers}{host} =~ /^\Q$name\E:/
                                     && $_->{path} !~ /token/ }),
        ['', $mirror_sees // ()],
        '... the mirror sees ' . ($mirror_sees // 'nobody');

    my ($short) = split /[.]/, $name;

    is_deeply $seen->($tokens, sub { $_->{path} =~ m{^/\Q$short\E\?} }),
        $tokens_see, '... and a token server what it may';
}

is_deeply $seen->($mirror, sub { $_->{path} =~ m{/v2/token} }), ['Basic m9'],
    'a token server on the mirror\'s own host';
is_deeply $seen->($registry, sub { $_->{path} =~ m{^/token} }), [''],
    'the registry, as a mirror\'s token server, sees nobody';
is_deeply $seen->($registry, sub { $_->{path} !~ m{^/token} }),
    ['', 'Basic registry'], '... and by itself its own user';

for my $server ($mirror, $tokens) {
    is $server->requests(sub {
        my $text = encode_json($_);
        my @secrets = map { $basic->($_) } 'registry', 'hub';
        grep { index($text, $_) >= 0 } @secrets;
    }), 0, 'no secret of a registry is anywhere in a request to another';
}

done_testing;
