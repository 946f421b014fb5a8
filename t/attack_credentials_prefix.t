#!/usr/bin/perl

# A config.json whose keys are prefixes, suffixes or parts of a registry's
# name, or of an image's: they are for somebody else, and are not sent.

use strict;
use warnings;

use Mojo::JSON qw(encode_json);
use MIME::Base64 qw(encode_base64);
use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest digest_of answer image_of challenge);
use ImageDigest::Names;
use ImageDigest::Util qw(tempdir spit);

my $server = ImageDigest::FaultServer->start(sub {
    my ($req) = @_;

    return challenge('Basic realm="x"') unless $req->{headers}{authorization};
    return answer(manifest(image_of($req)));
});

my $port = $server->port;
my $host = "registry.corp.test:$port";
my @keys = (
    'registry.corp.test', "registry.corp.test:${port}0",
    'registry.corp.test:' . substr($port, 0, -1), 'registry.corp.test:1',
    'registry', 'registry.', 'registry.corp', "corp.test:$port",
    ".corp.test:$port", "egistry.corp.test:$port",
    "xregistry.corp.test:$port", "x.$host", "$host.evil.test",
    "registry.corp.test.evil.test:$port",
    "https://$host.evil.test/", "https://$host\@evil.test/",
    "https://evil.test/$host", "https://evil.test/?$host",
    "https://evil.test/#$host", "evil.test/$host", "//$host/x", "*.corp.test",
    '*', "*:$port", "$host/tea", "$host/team/ap", "$host/team/app/more",
    "$host/team/app:1", "$host/app", "$host/TEAM/app", "$host/team//app",
    "$host//team/app", "$host/./team", "$host/x/../team", "$host/team%2fapp",
    '', '/', ':', "$host,x", " $host", "$host ", "$host\\x",
    "$host;x", "$host?", "$host#",
);

# all at once, each with a name that tells it: whose is sent, if any is

my $dir = tempdir();
my $file = sub {
    my ($name, @more) = @_;
    my $i = 0;

    spit("$dir/$name", encode_json({ auths => {
        (map { $_ => { auth => encode_base64('k' . $i++ . ':secret', '') } }
         @keys), @more } }));

    return "$dir/$name";
};

my $none = $file->('none');
my $own = $file->('own', $host => { auth => encode_base64('own:x', '') });
my $cache = ImageDigest::Names->new('registry.corp.test' => '127.0.0.1')
    ->around(sub {
        ImageDigest::Cache->start(
            more      => "image_resolver none { zone 1m; timeout 20s;"
                         . " registry $host insecure credentials=$none; }\n"
                         . "image_resolver own { zone 1m; timeout 20s;"
                         . " registry $host insecure credentials=$own; }\n",
            locations => { map { ($_ => "image_digest \$image resolver=$_;"
                                        . 'image_digest_timeout 20s;') }
                           qw(none own) });
    });

my $sent = sub {
    my %who;

    for ($server->requests) {
        my ($basic) = ($_->{headers}{authorization} // '') =~ /^Basic (.*)/
            or next;
        my ($user) = split /:/, MIME::Base64::decode($basic);

        $who{ $user =~ /^k(\d+)/ ? $keys[$1] : $user } = 1;
    }

    return [sort keys %who];
};

is $cache->ask('none', "$host/team/app:1")->{error}, 'unauthorized',
    scalar(@keys) . ' keys, none of them the registry\'s';
is_deeply $sent->(), [], '... and nothing was sent';

is $cache->ask('own', "$host/team/app:1")->{digest}, digest_of('team/app:1'),
    'and one that is';
is_deeply $sent->(), ['own'], '... which alone was sent';

done_testing;
