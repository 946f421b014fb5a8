#!/usr/bin/perl

# docs/directives.md, registry: `credentials` is a Docker config.json; ca=
# verifies. Basic.  A real docker-registry with htpasswd, over TLS.

use strict;
use warnings;

use Mojo::JSON qw(encode_json);
use MIME::Base64 qw(encode_base64);
use Test::More;

use ImageDigest::Cache;
use ImageDigest::Image;
use ImageDigest::Registry;
use ImageDigest::Util qw(certificate tempdir spit);

my ($crt, $key) = certificate('127.0.0.1');
my $registry = ImageDigest::Registry->start(
    tls => [$crt, $key], users => { ci => 'pass:word' });
my $image = ImageDigest::Image->push($registry, 'app:1');

$image->push($registry, 'app:2');

my $dir = tempdir();

sub credentials {
    my ($user, $password) = @_;

    my $file = "$dir/$user-$password.json";

    spit($file, encode_json({ auths => { $registry->host => {
        auth => encode_base64("$user:$password", '') } } }));

    return "credentials=$file";
}


sub resolver {
    my ($credentials) = @_;

    return 'registry ' . $registry->host . " ca=$crt $credentials;"
           . 'timeout 20s;';
}

my %o = (locations => { i => 'image_digest_ttl 0;'
                             . 'image_digest_timeout 20s;' },
         level => 'debug');
my $cache = ImageDigest::Cache->start(
    resolver => resolver(credentials('ci', 'pass:word')), %o);

my $asked = sub {
    my ($name, @requests) = @_;

    $registry->forget;

    my $answer = $cache->ask('i', $registry->name($name));

    is_deeply [$registry->requests], \@requests, "$name: @requests";

    return $answer;
};

my @first = map { "HEAD /v2/app/manifests/1 $_" } 401, 200;

is $asked->('app:1', @first, 'GET /v2/app/manifests/1 200')->{digest},
   $image->digest, 'with the right password';
is $asked->('app:2', 'HEAD /v2/app/manifests/2 200')->{digest},
   $image->digest, 'a registry that is known to ask is not made to';

my $wrong = ImageDigest::Cache->start(
    resolver => resolver(credentials('ci', 'pass')), %o);

$cache->stop;
$cache = $wrong;

is $asked->('app:1', map { "HEAD /v2/app/manifests/1 $_" } 401, 401)->{error},
   'unauthorized', 'with a wrong one';
is $asked->('app:2', 'HEAD /v2/app/manifests/2 401')->{error},
   'unauthorized', '... it is not tried over and over';

my $anonymous = ImageDigest::Cache->start(resolver => resolver(''), %o);

$cache->stop;
$cache = $anonymous;

is $asked->('app:1', 'HEAD /v2/app/manifests/1 401')->{error},
   'unauthorized', 'without one';
like +($cache->log(qr/"[^"]*app:1": unauthorized/))[0],
    qr/asked without credentials/, '... which the log says';

done_testing;
