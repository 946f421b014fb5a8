#!/usr/bin/perl

# docs/registries.md: redirects are followed by hand, without credentials off
# the origin, few hops, never from https to http, and to http or https alone.

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

my $tls = [certificate(qw(registry.test other.test))];

# the tag names the case: what is answered to it is in the state

my $registry = sub {
    my ($req) = @_;

    my ($case) = $req->{path} =~ m{/([a-z0-9-]+)(?:\?.*)?$};
    my $to = $req->{state}{to}{ $case // '' };

    # all asks for credentials, and what was redirected to does not

    return answer(manifest("team/app:$case"))
        if $req->{path} =~ m{^/moved/};
    return challenge('Basic realm="x"') unless $req->{headers}{authorization};
    return answer(manifest(image_of($req))) unless $to;

    my ($status, $location) = @$to;

    $location = [map { s/%n/$req->{number}/gr }
                 ref $location ? @$location : $location];

    return [$status, { Location => $location }, "moved\n"];
};

my %at = map { $_ => ImageDigest::FaultServer->start(http => $registry) }
         qw(registry other);
my %secure = map { $_ => ImageDigest::FaultServer->start(
                       http => $registry, tls => $tls) } qw(registry other);

my $url = sub {
    my ($name, $path, $secure) = @_;

    return ($secure ? "https://$name.test:" . $secure{$name}->port
                    : "http://$name.test:" . $at{$name}->port) . $path;
};

my @own = qw(registry other);
my $m = '/moved/team/app';

# name => status, Location, error, who gets the last request, with
# credentials or not; s: the registry speaks https

my %cases = (
    (map { ("to-$_" => [$_, $url->('other', "$m/to-$_"), '', 'other', 0]) }
     301, 302, 303, 307, 308),
    'relative'   => [302, "$m/relative", '', 'registry', 1],
    'no-scheme'  => [302, '//other.test:' . $at{other}->port
                          . "$m/no-scheme", '', 'other', 0],
    'query'      => [302, "$m/query?a=b#c", '', 'registry', 1],
    'same'       => [302, $url->('registry', "$m/same"), '', 'registry', 1],
    'upper'      => [302, $url->('registry', "$m/upper")
                          =~ s/registry/REGISTRY/r, '', 'registry', 1],
    'to-https'   => [302, $url->('registry', "$m/to-https", 1), '',
                     'secure', 0],
    'user'       => [302, $url->('other', "$m/user") =~ s{//}{//a:b\@}r,
                     'bad_response'],
    'file'       => [302, 'file:///etc/passwd', 'bad_response'],
    'ftp'        => [302, $url->('other', $m) =~ s/^http/ftp/r,
                     'bad_response'],
    'none'       => [302, [], 'bad_response'],
    'empty'      => [302, '', 'bad_response'],
    'two'        => [302, [$url->('other', "$m/two"),
                           $url->('registry', "$m/two")], 'bad_response'],
    'blank'      => [302, $url->('other', "$m/bl ank"), 'bad_response'],
    'long'       => [302, $url->('other', $m . '/x' x 8192), 'bad_response'],
    'unknown'    => [310, $url->('other', "$m/unknown"), 'bad_response'],
    'loop'       => [302, '/v2/team/app/manifests/loop?%n', 'bad_response'],
    's-other'    => [302, $url->('other', "$m/s-other", 1), '',
                     'other secure', 0],
    's-http'     => [302, $url->('registry', "$m/s-http"), 'bad_response'],
    's-other-http' => [302, $url->('other', "$m/s-other-http"),
                       'bad_response'],
);

$_->set(to => \%cases) for values %at, values %secure;

my $dir = tempdir();
my $basic = encode_base64('ci:secret', '');
my @hosts = map { 'registry.test:' . $_->{registry}->port } \%at, \%secure;

spit("$dir/config.json", encode_json({ auths => {
    map { $_ => { auth => $basic } } @hosts } }));

my $cache = ImageDigest::Names->new(map { ("$_.test" => '127.0.0.1') } @own)
    ->around(sub {
        ImageDigest::Cache->start(
            resolver  => join("\n", map {
                "registry $hosts[$_] credentials=$dir/config.json "
                . ($_ ? '' : 'insecure') . " ca=$tls->[0];" } 0, 1)
                . "timeout 20s;\nconnections 100;",
            locations => { i => 'image_digest_timeout 20s;'
                                . 'image_digest_ttl 0;' });
    });

# once for each registry, so that they are known to ask, and HEAD to work

$cache->ask('i', "$_/team/app:first") for @hosts;

for my $case (sort keys %cases) {
    my (undef, undef, $error, $last, $known) = @{ $cases{$case} };
    my $first = $case =~ /^s-/ ? $secure{registry} : $at{registry};
    my $answer = $cache->ask('i', ($case =~ /^s-/ ? $hosts[1] : $hosts[0])
                                  . "/team/app:$case");
    my $mine = sub { $_->{path} =~ m{/$case(?:$|\?)} };

    is $answer->{error}, $error, "$case: " . ($error || 'followed');

    my %got = ('other' => [$at{other}->requests($mine)],
               'other secure' => [$secure{other}->requests($mine)],
               'secure' => [$case =~ /^s-/ ? ()
                            : $secure{registry}->requests($mine)],
               'registry' => [$first->requests($mine)]);

    if ($error) {
        is @{ $got{registry} }, $case eq 'loop' ? 4 : 1,
            '... the registry was asked';
        is @{ $got{$_} }, 0, "... $_ was not"
            for 'other', 'other secure', 'secure';
        next;
    }

    is $answer->{digest}, digest_of("team/app:$case"), '... right';

    my $request = $got{$last}[-1];

    like $request->{path}, qr{^/moved/}, '... to the right place';
    is $request->{method}, 'HEAD', '... by the same method';
    is $request->{headers}{authorization}, $known ? "Basic $basic" : undef,
        '... ' . ($known ? 'with' : 'without') . ' credentials';
    like $request->{headers}{accept}, qr/index.*list/, '... and all types';
    unlike $request->{path}, qr/#/, '... no fragment';
}

done_testing;
