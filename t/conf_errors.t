#!/usr/bin/perl

# Configuration: what is wrong fails `nginx -t`, with the file, the line and a
# sentence that says what is right; a secret is never repeated.

use strict;
use warnings;

use Test::More;

use ImageDigest::Nginx;
use ImageDigest::Util qw(certificate lines run spit);

my $nginx = ImageDigest::Nginx->new;
my $dir = $nginx->dir;

my ($crt, $key) = certificate('registry.test');
my (undef, $other) = certificate('other.test');

scalar run(qw(openssl pkey -aes128 -passout pass:x -in), $key,
           '-out', "$dir/locked.key");

spit("$dir/empty", '');
spit("$dir/newlines", "\n\r\n");
spit("$dir/text", "neither JSON nor PEM\n");
spit("$dir/auths.json", '{"auths":[]}');
spit("$dir/auth.json", '{"auths":{"ghcr.io":{"auth":"%"}}}');
spit("$dir/twice.json", '{"auths":{},"auths":{}}');
spit("$dir/big", 'x' x (1024 * 1024 + 1));

my $long = 'x' x 200;

my $duplicate = '"<>" directive is duplicate: write it once in an '
                . '"image_resolver"';
my $again = '"<>" directive is duplicate';
my $count = 'invalid number of arguments in "<>" directive';
my $missing = 'open() "<>" failed (2: No such file or directory)';
my $file = '"<>" is no file of 1 byte to 1 MiB: write the name of one that is';
my $url = 'invalid URL of "redis": write ';
my $registry = 'in "registry": write ';
my $json = 'write a Docker config.json';
my $reference = 'write one such as "golang:1.22", or a variable';
my $platform = 'write one such as "platform=linux/amd64"';
my $retention = 'the "retention" of image resolver "default": lower it, or '
                . 'raise "retention"';

sub span {
    my ($directive) = @_;

    return "invalid \"<>\" in \"$directive\": write a time above 0 with a "
           . 'unit, such as "500ms", "30s", "5m" or "24h"';
}

sub moment {
    my ($directive) = @_;

    return "invalid time \"<>\" in \"$directive\": write a number with a unit, "
           . 'such as "500ms", "30s", "5m" or "1h"';
}


# Each group: the sentence, and what gets it.  What stands between < and > is
# repeated in the sentence.  Of several lines the last one is to blame, save
# where another ends with "# here".

my @resolver = (

    ['unknown directive "<>" in "image_resolver": write "zone", "redis", '
     . '"registry", "retention", "negative_ttl", "refresh", "timeout" or '
     . '"connections"',
     '<zones> 8m;', '<image_digest> golang;', '<include> x;'],

    ['unexpected "{"', 'zone {}'],

    ['invalid number of arguments in "<>": write one value after it',
     '<zone>;', '<zone> 8m 8m;', '<retention>;', '<negative_ttl> 1m 2m;',
     '<refresh>;', '<timeout> 1s 2s;', '<connections>;'],

    ['invalid number of arguments in "<>": write at least one value after it',
     '<redis>;', '<registry>;'],

    [$duplicate, "zone 8m;\n<zone> 8m;", "redis off;\n<redis> off;",
     "retention 1h;\n<retention> 1h;", "negative_ttl 1m;\n<negative_ttl> 1m;",
     "refresh off;\n<refresh> off;", "timeout 1s;\n<timeout> 1s;",
     "connections 1;\n<connections> 1;"],

    ['invalid "<>" in "zone": write a size such as "8m"',
     'zone <big>;', 'zone <8x>;', 'zone <-8m>;'],
    ['zone "<>" is too small: write at least "50k"',
     'zone <0>;', 'zone <1>;', 'zone <8k>;'],

    ['invalid "<>" in "redis": write "redis off;" alone',
     'redis off <prefix=x>;'],
    [$url . '"redis://host:port/db", "rediss://host:port/db" or '
     . '"unix:/path?db=N"',
     'redis "";', 'redis on;', 'redis 127.0.0.1:6379;', 'redis redis://;',
     'redis rediss://;', 'redis http://redis;', 'redis redis://redis:0;',
     'redis redis://redis:65536;', 'redis redis://redis:x;',
     'redis redis://a_b;', 'redis redis://[::1;', 'redis redis://[::x];',
     'redis redis://::1;', 'redis unix:/path?;', 'redis unix:/path?db=;',
     'redis unix:/path?password=SECRET;', 'redis http://user:SECRET@redis;',
     'redis REDIS://:SECRET@redis;', 'redis redis://redis:6379:SECRET;'],
    [$url . 'the number of a database',
     'redis redis://redis/x;', 'redis redis://redis/-1;',
     'redis redis://redis/65536;', 'redis unix:/path?db=x;',
     'redis redis://redis/0?password=SECRET;'],
    [$url . 'an absolute path that fits a socket',
     'redis unix:;', 'redis unix:path;', "redis unix:/$long;"],
    [$url . 'the user alone before "@", and "password=" or "password_file=" '
     . 'after the URL',
     'redis redis://@redis;', 'redis redis://:SECRET@redis;',
     'redis redis://user:SECRET@redis;', 'redis rediss://user:SECRET@redis;'],
    [$url . '"password=" or "password_file=" with the user',
     'redis redis://user@redis;', 'redis redis://redis username=user;'],
    ['invalid "<>" in "redis": write the user once, here or in the URL',
     'redis redis://user@redis <username=user> password=SECRET;',
     'redis unix:/path username=user <username=user> password=SECRET;'],
    ['invalid or duplicate parameter of "redis": write "username=", one of '
     . '"password=" and "password_file=", "prefix=" and "timeout=", each once '
     . 'and with a value',
     map { "redis redis://redis $_;" }
     'username=', 'password=', 'prefix=', 'prefix=a prefix=b',
     'timeout=1s timeout=1s', 'password=SECRET password=SECRET',
     "password=SECRET password_file=$dir/text",
     "password_file=$dir/text password=SECRET", 'passwd=SECRET',
     'PASSWORD=SECRET', 'SECRET'],
    [$missing, "redis redis://redis password_file=<$dir/none>;"],
    [$file, "redis redis://redis password_file=<$dir/empty>;"],
    ['invalid "<>" in "redis": write a file that holds a password',
     "redis redis://redis <password_file=$dir/newlines>;"],
    ['invalid "<>" in "redis": write a time such as "timeout=200ms"',
     map { "redis redis://redis <timeout=$_>;" } '', '0', 'soon', '-1s'],

    ["invalid \"<>\" $registry" . 'a host as references name it, such as '
     . '"ghcr.io", "registry.example.com:5000", "localhost:*" or "*"',
     map { "registry $_;" }
     '"<>"', '<https://ghcr.io>', '<ghcr.io/org>', '<ghcr.io:>', '<ghcr.io:0>',
     '<ghcr.io:0443>', '<ghcr.io:65536>', '<ghcr.io:x>', '<a..b>',
     '<*.ghcr.io>', '<**>', '<*:*>', '<-a>', '<2001:db8::1>', '<[::x]>', '<[>',
     '<:5000>', '<user@ghcr.io>'],
    ["invalid \"<>\" $registry\"docker.io\"", 'registry <index.docker.io>;'],
    ['duplicate registry "<>": write each registry once',
     "registry ghcr.io;\nregistry <ghcr.io> insecure;",
     "registry ghcr.io:5000;\nregistry <ghcr.io:5000>;",
     "registry ghcr.io:*;\nregistry <ghcr.io:*>;",
     "registry *;\nregistry <*>;"],
    ["invalid \"<>\" $registry" . 'a registry by its name with "insecure" or '
     . 'a client certificate, which "*" would show to everyone',
     'registry <*> insecure;', "registry <*> certificate=$crt key=$key;",
     "registry <*> certificate=$crt;", "registry <*> key=$key;"],
    ["invalid \"<>\" ${registry}one registry by its name with \"endpoint=\"",
     'registry <*> endpoint=https://ghcr.io;',
     'registry <ghcr.io:*> endpoint=https://ghcr.io;'],
    ["invalid \"endpoint=\" $registry" . 'a URL of scheme, host and port '
     . 'alone, such as "endpoint=https://registry.example.com:5000"',
     map { "registry ghcr.io endpoint=$_;" }
     '', 'ghcr.io', '//ghcr.io', 'https://', 'https:///', 'ftp://ghcr.io',
     'https://ghcr.io/v2', 'https://ghcr.io?a', 'https://ghcr.io:0',
     'https://ghcr.io:', 'https://user:SECRET@ghcr.io'],
    ["invalid \"<>\" $registry" . 'an https URL, or "insecure" with it to '
     . 'allow plain http', 'registry ghcr.io endpoint=<http://ghcr.io>;'],
    ["invalid \"<>\" $registry\"endpoint=URL\", \"credentials=FILE\", "
     . '"ca=FILE", "certificate=FILE" and "key=FILE", "realm=HOST" or '
     . '"insecure"',
     map { "registry ghcr.io $_;" }
     '<secure>', '<Insecure>', '<password=>SECRET',
     'endpoint=https://a <endpoint=>https://b', "ca=$crt <ca=>$crt",
     "certificate=$crt <certificate=>$crt", "key=$key <key=>$key"],
    [$missing, map { "registry ghcr.io $_=<$dir/none>;" }
     qw(credentials ca certificate key)],
    [$file,
     (map { "registry ghcr.io credentials=<$_>;" } "$dir/empty", "$dir/big",
      $dir),
     "registry ghcr.io ca=<$dir/empty>;"],
    ["invalid credentials in \"<>\", is no JSON object, or holds a name "
     . "twice: $json",
     map { "registry ghcr.io credentials=<$dir/$_>;" } qw(text twice.json)],
    ["invalid credentials in \"<>\", has \"auths\" that is no object: $json",
     "registry ghcr.io credentials=<$dir/auths.json>;"],
    ["invalid credentials in \"<>\", has an \"auth\" that is not base64: "
     . $json, "registry ghcr.io credentials=<$dir/auth.json>;"],
    ["invalid \"<>\" ${registry}a file with a certificate in PEM",
     map { "registry ghcr.io <$_>;" }
     "ca=$dir/text", "ca=$key", "certificate=$key"],
    ["invalid \"<>\" ${registry}a file with a private key in PEM, without a "
     . 'pass phrase', map { "registry ghcr.io <key=$_>;" }
     "$dir/text", $crt, "$dir/locked.key"],
    ["invalid \"<>\" ${registry}both \"certificate=FILE\" and \"key=FILE\", "
     . 'or neither', "registry <ghcr.io> certificate=$crt;",
     "registry <ghcr.io> key=$key;"],
    ["invalid \"<>\" ${registry}the \"key=FILE\" that belongs to its "
     . '"certificate=FILE"',
     "registry <ghcr.io> certificate=$crt key=$other;"],
    ["invalid \"<>\" ${registry}the host of a token server, without scheme "
     . 'and port', map { "registry ghcr.io <realm=$_>;" }
     '', 'https://auth.ghcr.io', 'auth.ghcr.io:443'],

    (map { my $directive = $_;
           [span($directive), map { "$directive <$_>;" } qw(x 1x -1h 1h1h)] }
     qw(retention negative_ttl timeout)),
    [span('retention'), 'retention <0>;'],
    [span('timeout'), 'timeout <0>;'],
    ['invalid "<>" in "refresh": write "off" or a part of the TTL from "1%" '
     . 'to "99%"', map { "refresh <$_>;" } qw(on 80 % 0% 100% -1% 8s)],
    ['invalid "<>" in "connections": write a number of at least 1',
     map { "connections <$_>;" } qw(0 -1 x 1.5), '9' x 30],
);

my @http = (

    [$count, '<image_resolver> { }', '<image_resolver> a b { }'],
    ['directive "image_resolver" has no opening "{"', 'image_resolver a;'],
    ['invalid "<>" in "image_resolver": write a name of letters, digits, ".", '
     . '"_" and "-"', 'image_resolver "<>" { }', 'image_resolver <a/b> { }',
     'image_resolver <a:b> { }', 'image_resolver <a$b> { }'],
    ['duplicate image resolver "<>": give each a name of its own',
     "image_resolver a { }\nimage_resolver <a> { }",
     "image_resolver default { }\nimage_resolver <default> { }"],
);

my @server = (

    ['"<>" directive is not allowed here', '<image_resolver> a { }',
     'if ($arg_a) { <image_digest> golang; }',
     'location / { limit_except GET { <image_digest> golang; } }'],

    [$count, '<image_digest>;', '<image_digest_ttl>;',
     '<image_digest_ttl> 5m min=1m max=9m 9m;', '<image_digest_key>;',
     '<image_digest_timeout>;', '<image_digest_timeout> 1s 2s;',
     '<image_digest_fallback>;', '<image_digest_fallback> tag window=1m off;',
     '<image_digest_writes>;', '<image_digest_writes> settled=1h fresh=1s 1;'],

    [$again, map({ "$_;\n<$1>$2;" if /^(\S+)(.*)/ }
     'image_digest off', 'image_digest golang', 'image_digest_ttl 5m',
     'image_digest_key a', 'image_digest_timeout 1s',
     'image_digest_fallback tag', 'image_digest_writes any')],

    ['"image_digest" directive has an empty reference: write a variable, such '
     . 'as "image_digest $image;", or "image_digest off;"', 'image_digest "";'],
    ["invalid image reference \"<>\", the repository name must be lower case: "
     . $reference, 'image_digest <Golang>;',
     'location / { if ($arg_a) { image_digest <Golang>; } }'],
    ["invalid image reference \"<>\", the tag is empty: $reference",
     'image_digest <golang:>;'],
    ["invalid image reference \"<>\", the reference must be without a scheme "
     . "and its \"//\": $reference", 'image_digest <https://ghcr.io/a>;'],
    ['invalid image reference "<>", the digest is neither "sha256:" and 64 '
     . "nor \"sha512:\" and 128 lower-case hex digits: $reference",
     'image_digest <golang@sha256:12>;'],
    ['invalid "<>" in "image_digest": write "image_digest off;" alone',
     'image_digest off <platform=linux/amd64>;'],
    ['invalid parameter "<>" of "image_digest": write "resolver=NAME", '
     . '"engine=NAME" or "platform=OS/ARCH"',
     map { "image_digest golang <$_>;" } 'platforms=linux/amd64', 'golang',
     'off'],
    ['duplicate parameter "<>": write it once',
     map { "image_digest golang $_ <$_>;" } 'resolver=default',
     'engine=registry', 'engine=$arg_engine', 'platform=linux/amd64'],
    ['invalid "<>": write the name of an "image_resolver", without variables',
     map { "image_digest golang <$_>;" } 'resolver=', 'resolver=$host'],
    ['unknown engine "<>": write "engine=registry"',
     map { "image_digest golang engine=<$_>;" } '', 'docker', 'Registry'],
    ["invalid platform \"<>\", the platform is empty: $platform",
     'image_digest golang platform=<>;'],
    ["invalid platform \"<>\", the platform must be OS/ARCH or "
     . "OS/ARCH/VARIANT: $platform",
     map { "image_digest golang platform=<$_>;" } 'linux', 'linux/arm/v7/x'],
    ["invalid platform \"<>\", a part of the platform is empty: $platform",
     map { "image_digest golang platform=<$_>;" } 'linux/', '/amd64'],
    ["invalid platform \"<>\", the platform holds a character that is not "
     . "allowed: $platform", 'image_digest golang "platform=<linux/ amd64>";'],
    ["invalid platform \"<>\", the platform is longer than 64 bytes: $platform",
     'image_digest golang platform=<linux/' . 'x' x 59 . '>;'],

    ['unknown image resolver "<>": write "image_resolver <> { ... }" in '
     . '"http"', 'image_digest golang resolver=<none>;',
     "image_digest golang resolver=<none>; # here\nlocation / { }"],

    [moment('image_digest_ttl'),
     'image_digest_ttl <x>;', 'image_digest_ttl <-1s>;',
     'image_digest_ttl "<>";', 'image_digest_ttl 5m min=<x>;',
     'image_digest_ttl 5m max=<>;', 'image_digest_ttl $arg_ttl max=<$arg_a>;'],
    ['invalid or duplicate parameter "<>" of "image_digest_ttl": write '
     . '"min=TIME" and "max=TIME", each once',
     map { "image_digest_ttl 5m $_;" } '<mid=1m>', 'min=1m <min=1m>',
     'max=9m <max=9m>', '<1m>'],
    ['"image_digest_ttl <>" is outside its own "min" and "max": write a TTL '
     . 'between them', 'image_digest_ttl <5m> min=10m;',
     'image_digest_ttl <5m> max=1m;'],
    ['"image_digest_ttl" has a "min" above its "max": lower "min=" or raise '
     . '"max=", one of which may be inherited,',
     "image_digest golang;\nimage_digest_ttl \$arg_ttl min=2m max=1m;",
     "image_digest golang;\nimage_digest_ttl \$arg_ttl max=1m;\n"
     . "location / {\nimage_digest_ttl \$arg_ttl min=2m; # here\n}"],
    ["\"image_digest_ttl\" is above $retention",
     "image_digest golang;\nimage_digest_ttl 25h;",
     "image_digest_ttl 25h; # here\nlocation / {\nimage_digest golang;\n}",
     "image_digest_ttl 25h; # here\nlocation / {\nif (\$arg_a) {\n"
     . "image_digest golang;\n}\n}"],

    ['"image_digest_key" directive has no part that could ever be other than '
     . 'empty: write what names the artefact, such as "image_digest_key $uri;"',
     'image_digest_key "";', 'image_digest_key "" "";'],

    [moment('image_digest_timeout'), 'image_digest_timeout <x>;',
     'image_digest_timeout <-1s>;', 'image_digest_timeout <$arg_timeout>;',
     'image_digest_timeout "<>";'],

    ['invalid value "<>" of "image_digest_fallback": write "tag", "miss" or '
     . '"error"', 'image_digest_fallback <none>;',
     'image_digest_fallback "<>";', 'image_digest_fallback <window=1m> tag;'],
    ['invalid parameter "<>" of "image_digest_fallback": write "window=TIME" '
     . 'or "window=off", and that with "tag" alone',
     map { "image_digest_fallback $_;" } 'tag <off>', 'miss <window=1m>',
     'error <window=off>'],
    [moment('image_digest_fallback'),
     map { "image_digest_fallback tag window=<$_>;" } '', 'x', 'OFF'],

    ['invalid value "<>" of "image_digest_writes": write "any", '
     . '"settled=TIME" or "pinned"', map { "image_digest_writes <$_>;" }
     'none', 'settled', 'fresh=5s', 'all'],
    ['invalid parameter "<>" of "image_digest_writes": write "fresh=TIME", '
     . 'and that with "settled=TIME" alone',
     map { "image_digest_writes $_;" } 'settled=1h <fast=5s>',
     'any <fresh=5s>', 'pinned <fresh=5s>'],
    [moment('image_digest_writes'), map { "image_digest_writes $_;" }
     'settled=<>', 'settled=<x>', 'settled=1h fresh=<x>'],
    ["\"image_digest_writes\" has a \"settled\" time above $retention",
     "image_digest golang;\nimage_digest_writes settled=25h;",
     "image_digest_writes settled=25h; # here\nlocation / {\n"
     . "image_digest golang;\n}"],
);


sub check {
    my ($sentence, $bad, $http, $server) = (@_, '');

    my ($arg) = $bad =~ /<(.*?)>/;

    my $marked = "$http$server" =~ /# here/;

    for ($http, $server) {
        s/<(.*?)>/$1/;
        $_ .= ' # here' unless $marked || $_ eq '';
    }

    $sentence =~ s/<>/$arg/g if defined $arg;

    $nginx->configure(http => $http, server => $server);

    my ($status, $text) = $nginx->conf_test;
    my @lines = lines("$dir/nginx.conf");
    my ($line) = grep { $lines[$_ - 1] =~ /# here/ } 1 .. @lines;
    my ($said) = $text =~ /\[emerg\] (?:\d+#\d+: )?(.*)/;

    # all at once: the exit status, the sentence, the file and the line

    is "$status: " . ($said // $text),
        "1: $sentence in $dir/nginx.conf:$line", $bad;

    fail "a secret is repeated: $bad" if $text =~ /SECRET/;
}


for (@resolver) {
    my ($sentence, @bad) = @$_;

    for my $bad (@bad) {
        check($sentence, $bad, "image_resolver default {\n$bad # here\n}");
    }
}

for (@http) {
    my ($sentence, @bad) = @$_;

    check($sentence, $_, $_) for @bad;
}

for (@server) {
    my ($sentence, @bad) = @$_;

    check($sentence, $_, '', $_) for @bad;
}


# what takes more than one block

my $ambiguous = '"image_digest" has several image resolvers to choose from and '
                . 'none is named "default": add "resolver=NAME"';
my $two = "image_resolver a { }\nimage_resolver b { }";

check($ambiguous, 'ambiguous', $two, 'image_digest golang; # here');
check($ambiguous, 'ambiguous in a location', $two,
      "location / {\nimage_digest \$arg_image platform=linux/amd64; # here\n}");
check('unknown image resolver "<>": write "image_resolver <> { ... }" in '
      . '"http"', 'no <default> among several', $two,
      'image_digest golang resolver=default; # here');
check('"image_digest_ttl" is above the "retention" of image resolver "a": '
      . 'lower it, or raise "retention"', 'a retention of its own',
      "image_resolver a { retention 1m; }\nimage_digest_ttl 2m; # here",
      'location / { image_digest golang; }');

done_testing;
