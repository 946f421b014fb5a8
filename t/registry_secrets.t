#!/usr/bin/perl

# docs/registries.md: authorization, tokens and query strings of token calls
# and redirects are logged at no level, debug included; nor are they shown to
# a client.

use strict;
use warnings;

use Mojo::JSON qw(encode_json);
use MIME::Base64 qw(encode_base64);
use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest digest_of answer image_of challenge);
use ImageDigest::Util qw(tempdir spit slurp);

my %secret = (
    password => 'PASS-W0RD-SECRET', identity => 'ID-T0KEN-SECRET',
    registry => 'REG-T0KEN-SECRET', token => 'BEARER-T0KEN-SECRET',
    refresh  => 'REFRESH-T0KEN-SECRET', realm => 'REALM-QUERY-SECRET',
    signed   => 'SIGNED-URL-SECRET', bad => 'BAD-T0KEN-SECRET',
);

# the service tells the token server how to fail

my $tokens = ImageDigest::FaultServer->start(sub {
    my ($req) = @_;

    my $how = "$req->{path} $req->{body}";

    return [503, {}, "$secret{token}\n"] if $how =~ /service=fails/;
    return [200, {}, "{\"token\":\"$secret{bad}\n\"}"] if $how =~ /=garbage/;
    return [302, { Location => "/x?$secret{signed}" }] if $how =~ /=moves/;
    return if $how =~ /=cut/;
    return [200, {}, encode_json({ token => $secret{token},
                                   refresh_token => $secret{refresh} })];
});

my $server = ImageDigest::FaultServer->start(sub {
    my ($req) = @_;

    my ($tag) = $req->{path} =~ m{/([a-z0-9-]+)(?:\?|$)};
    my $sent = $req->{headers}{authorization} // '';
    my $service = $tag =~ /^(fails|garbage|moves|cut)$/ ? $tag : 'well';

    return [302, { Location => "/v2/app/manifests/$tag?$secret{signed}" }]
        if $tag =~ /^to/ && $req->{path} !~ /\?/;
    return [302, { Location => "http://$secret{signed}\@x/?$secret{signed}" }]
        if $tag =~ /^user/;
    return [500, {}, "no\n"] if $tag eq 'to-nowhere';
    return challenge("Basic realm=\"$secret{realm}\"")
        if $tag eq 'basic' && $sent !~ /^Basic/;
    return answer(manifest(image_of($req)))
        if $sent && $sent !~ /$secret{registry}/
           && $tag !~ /^refused|^$service/;
    return challenge('Bearer realm="' . $tokens->url('/t') . '?'
                     . "$secret{realm}\",service=\"$service\"");
});

my $host = '127.0.0.1:' . $server->port;
my $dir = tempdir();
my %with = (
    user     => { auth => encode_base64("ci:$secret{password}", '') },
    identity => { identitytoken => $secret{identity} },
    registry => { registrytoken => $secret{registry} },
);

spit("$dir/$_", encode_json({ auths => { $host => $with{$_} } }))
    for keys %with;

my $cache = ImageDigest::Cache->start(
    level     => 'debug',
    more      => join('', map {
        "image_resolver $_ { registry $host insecure credentials=$dir/$_;"
        . " timeout 20s; zone 1m; }\n" } sort keys %with),
    locations => { map { ($_ => "image_digest \$image resolver=$_;"
                                . 'image_digest_timeout 20s;') }
                   keys %with });

my $shown = '';

for my $who (sort keys %with) {
    for my $tag (qw(1 2 basic to-1 to-nowhere user-1 refused fails garbage
                    moves cut))
    {
        my $answer = $cache->ask($who, "$host/$tag/app:$tag");

        $shown .= join ' ', map { $_ // '' } %$answer;

        is $answer->{error}, '', "$who: resolved"
            if $who ne 'registry' && $tag =~ /^\d/;
    }
}

# all of them were in use

my $seen = join '', map { slurp("$_->{dir}/requests") } $server, $tokens;

$seen .= join '', map { s/^Basic //r =~ /^[\w+\/=]+$/
                        ? MIME::Base64::decode_base64(s/^Basic //r) : '' }
         map { $_->{headers}{authorization} // () } $server->requests,
                                                    $tokens->requests;

like $seen, qr/\Q$secret{$_}\E/, "$_ was sent"
    for qw(password identity registry token realm signed);

$cache->stop;

my $log = $cache->log . join '', $cache->access_log;

like $log, qr/\[debug\].*image fetch/, 'the log is at level debug';

for my $what (sort keys %secret) {
    my $text = $secret{$what};

    ok index($log, $text) < 0, "$what is not in the log";
    ok index($log, encode_base64("ci:$text", '')) < 0, '... nor in base64';
    ok index($log, encode_base64(":$text", '')) < 0, '... nor so';
    ok index($shown, $text) < 0, '... nor shown to a client';
}

ok index($log, 'Bearer ') < 0, 'no Authorization is in the log';
unlike $log, qr/scope=|refresh_token=/, 'no query of a token call';

done_testing;
