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

spit("$dir/token", "token\n");
spit("$dir/blanks", " \n");
spit("$dir/two", "token token\n");
spit("$dir/empty", '');
spit("$dir/newlines", "\n\r\n");
spit("$dir/text", "neither JSON nor PEM\n");
spit("$dir/short", 'x' x 31 . "\n");
spit("$dir/auths.json", '{"auths":[]}');
spit("$dir/auth.json", '{"auths":{"ghcr.io":{"auth":"%"}}}');
spit("$dir/twice.json", '{"auths":{},"auths":{}}');
spit("$dir/config.json", '{"auths":{}}');
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
my $engines = '"docker", "podman", "kubernetes" or "http"';
my $daemon = 'write "unix:/path", "tcp://host:port" or "https://host:port"';
my $api = 'write "https://host:port", without a path';
my $template = 'write "http://host/path?image={image}&platform={platform}", in '
               . 'quotes, with "https:" or "http:", with "{image}" after the '
               . 'host, without a user, a fragment or blanks, and of at most '
               . '2048 bytes';
my $secure = '"ca=" or "certificate=", or none of them';
my $https = 'write an https URL';
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
     . '"registry", "engine", "retention", "negative_ttl", "refresh", '
     . '"timeout", "pull_timeout", "connections", "proxy" or "node"',
     '<zones> 8m;', '<image_digest> golang;', '<include> x;'],

    ['unexpected "{"', 'zone {}'],

    ['invalid number of arguments in "<>": write one value after it',
     '<zone>;', '<zone> 8m 8m;', '<retention>;', '<negative_ttl> 1m 2m;',
     '<refresh>;', '<timeout> 1s 2s;', '<pull_timeout>;', '<connections>;',
     '<proxy>;', '<proxy> http://a http://b;', '<node> a b;'],

    ['invalid number of arguments in "<>": write at least one value after it',
     '<redis>;', '<registry>;', '<engine>;'],

    [$duplicate, "zone 8m;\n<zone> 8m;", "redis off;\n<redis> off;",
     "retention 1h;\n<retention> 1h;", "negative_ttl 1m;\n<negative_ttl> 1m;",
     "refresh off;\n<refresh> off;", "timeout 1s;\n<timeout> 1s;",
     "pull_timeout 1s;\n<pull_timeout> 1s;",
     "connections 1;\n<connections> 1;", "proxy off;\n<proxy> off;",
     "node a;\n<node> a;"],

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
     . '"password=" and "password_file=", "secret_file=", "prefix=" and '
     . '"timeout=", each once '
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
    [$missing, "redis redis://redis secret_file=<$dir/none>;"],
    [$file, "redis redis://redis secret_file=<$dir/empty>;"],
    ['invalid "<>" in "redis": write a file that holds at least 32 bytes, '
     . 'such as "openssl rand -hex 32" prints',
     map { "redis redis://redis <secret_file=$dir/$_>;" }
     'newlines', 'text', 'short'],
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
     . '"ca=FILE", "certificate=FILE" and "key=FILE", "realm=HOST", '
     . '"mirror=URL" or "insecure"',
     map { "registry ghcr.io $_;" }
     '<secure>', '<Insecure>', '<password=>SECRET',
     'endpoint=https://a <endpoint=>https://b', "ca=$crt <ca=>$crt",
     "certificate=$crt <certificate=>$crt", "key=$key <key=>$key",
     "credentials=$dir/config.json <credentials=>$dir/config.json"],
    [$missing, map { "registry ghcr.io $_=<$dir/none>;" }
     qw(ca certificate key)],
    [$file, map { "registry ghcr.io ca=<$_>;" } "$dir/empty", "$dir/big",
     $dir],
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
    ["invalid \"mirror=\" $registry" . 'a URL of scheme, host, port and path '
     . 'alone, such as "mirror=https://mirror.example.com"',
     map { "registry ghcr.io mirror=$_;" }
     '', 'mirror.test', '//mirror.test', 'https://', 'https:///v2',
     'ftp://mirror.test', 'https://mirror.test?ns=a',
     'https://mirror.test/a?ns=a', '"https://mirror.test/#a"',
     '"https://mirror.test/a b"', '"https://mirror.test/\\\\a"',
     'https://mirror.test:0', 'https://mirror.test:65536',
     'https://mirror.test:', 'https://mirror.test:/a', 'https://127.1',
     'https://0x7f.1', 'https://2130706433', 'https://1.2.3.4.5',
     'https://user:SECRET@mirror.test', 'https://SECRET@mirror.test/a'],
    ["invalid \"<>\" $registry" . 'an https URL, or "insecure" with it to '
     . 'allow plain http', 'registry ghcr.io mirror=<http://mirror.test/a>;',
     'registry * mirror=https://a.test mirror=<http://b.test>/;'],
    ['duplicate mirror "<>": write each mirror of a registry once',
     map { "registry ghcr.io mirror=https://a.test mirror=https://b.test/c/ "
           . "$_;" } 'mirror=<https://a.test>', 'mirror=<https://a.test>/',
     'mirror=<https://b.test/c>'],

    ['invalid number of arguments in "engine": write a name and a URL after '
     . 'it', 'engine docker;', 'engine unix:/run/docker.sock;'],
    ['invalid "<>" in "engine": write a name of 1 to 255 letters, digits, '
     . '".", "_" and "-"', map { "engine $_ unix:/d type=docker;" }
     '"<>"', '<a/b>', '<a@b>', '<a:b>', '<$arg_a>', '<' . 'x' x 256 . '>'],
    ['invalid "<>" in "engine": write another name, since this one is built '
     . 'in', 'engine <registry> https://ghcr.io;',
     'engine <registry> unix:/d type=docker;'],
    ['duplicate engine "<>": give each a name of its own',
     "engine docker unix:/d;\nengine <docker> unix:/e;",
     "engine a unix:/d type=docker;\nengine <a> https://k type=kubernetes;"],
    ["engine \"<>\" has no type: write \"type=\" with $engines, or one of "
     . 'them as its name', 'engine <moby> unix:/d;', 'engine <Docker> unix:/d;',
     'engine <k8s> https://k pull=never;'],
    ["invalid \"<>\" in \"engine\": write \"type=\" with $engines",
     map { "engine docker unix:/d <type=$_>;" } '', 'registry', 'Docker',
     'dockerd', '$arg_a'],
    ['invalid "<>" in "engine": write "type=TYPE", "pull=missing", '
     . '"pull=never" or "pull=distribution", "credentials=FILE", "ca=FILE", '
     . '"certificate=FILE" and "key=FILE", "token=FILE" or "namespace=NAME", '
     . 'each once',
     (map { "engine docker tcp://localhost:1 $_;" } '<insecure>', '<never>',
      '<password=>SECRET', '<Token=>SECRET', 'type=docker <type=>docker',
      'pull=never <pull=>never',
      "credentials=$dir/config.json <credentials=>$dir/config.json",
      "ca=$crt <ca=>$crt", "certificate=$crt <certificate=>$crt",
      "key=$key <key=>$key", '<mirror=>https://SECRET@mirror.test'),
     (map { "engine kubernetes https://k $_;" }
      "token=$dir/token <token=>$dir/token", 'namespace=a <namespace=>b')],

    ["invalid URL of engine \"<>\": $daemon",
     map({ "engine <docker> $_;" } '""', 'docker', '/run/docker.sock',
         'udp://d:1', 'tcp://', 'tcp://d', 'tcp://d:', 'tcp://d:0',
         'tcp://d:65536', 'tcp://d:x', 'tcp://d:1/v1', 'tcp://d:1?a',
         'tcp://127.1:2375', 'tcp://user:SECRET@d:1', 'https://d/v1',
         'https://d:1?a', 'http://user:SECRET@d:1', 'https://', 'TCP://d:1',
         '"http://d/{image}"'),
     'engine <podman> ssh://user:SECRET@host;'],
    ['invalid URL of engine "<>": write "unix:" with an absolute path that '
     . 'fits a socket', 'engine <docker> unix:;',
     'engine <docker> unix:docker.sock;', 'engine <podman> unix:/' . 'x' x 107
     . ';', 'engine <docker> unix:docker.sock pull=never;'],
    ["invalid URL of engine \"<>\": $api",
     map { "engine <kubernetes> $_;" } '""', 'kubernetes', 'unix:/run/k.sock',
     'tcp://k:443', 'https://k/api', 'https://k//', 'https://k:0',
     'https://k?a', '"https://k/#a"', 'https://user:SECRET@k',
     'https://SECRET@k/', '"https://k/{image}"'],
    ["invalid URL of engine \"<>\": $template",
     map { "engine <http> $_;" } '""', '{image}' =~ s/(.*)/"$1"/r,
     'http://r/', '"http://r/{Image}"', '"http://r/{platform}"',
     '"http://r/ {image}"', '"http://r/{image}#{platform}"',
     '"http://{image}/"', '"http://r.{image}/{image}"',
     '"http://r:{image}/{image}"', '"http{image}://r/"',
     '"http://r:0/{image}"', '"http:///{image}"', '"http:/r/{image}"',
     '"r/{image}"', '"ftp://r/{image}"', '"unix:/r/{image}"',
     '"tcp://r:1/{image}"', '"http://127.1/{image}"',
     '"http://user:SECRET@r/{image}"', '"https://SECRET@r?{image}"',
     '"http://r' . "\xc3\xa9" . '/{image}"',
     '"http://r/{image}' . 'x' x 2033 . '"'],
    ["invalid URL of engine \"<>\": write a \"tcp:\" or \"https:\" URL with "
     . $secure, map({ "engine <docker> unix:/d $_;" } "ca=$crt",
                    "certificate=$crt key=$key"),
     "engine <podman> http://p:1 ca=$crt;"],
    ["invalid URL of engine \"<>\": $https with $secure",
     "engine <kubernetes> http://k ca=$crt;",
     "engine <http> \"http://r/{image}\" certificate=$crt key=$key;",
     "engine <kubernetes> http://localhost ca=$crt;"],
    ["invalid URL of engine \"<>\": $https: \"token=\" must not be sent in the "
     . 'clear', map({ "engine <kubernetes> $_ token=$dir/token;" }
                    'http://k', 'http://10.1.2.3', 'http://[2001:db8::1]:80/',
                    'http://localhost.test', 'http://notlocalhost',
                    'http://128.0.0.1', 'http://[::ffff:10.0.0.1]',
                    'http://127.0.0.1.test'),
     "engine <http> \"http://r/127.0.0.1/{image}\" token=$dir/token;",
     "engine <http> \"http://r?localhost/{image}\" token=$dir/token;"],
    ["invalid URL of engine \"<>\": $https, or \"tcp:\" with \"ca=\": "
     . '"credentials=" must not be sent in the clear',
     map { "engine <docker> $_ credentials=$dir/config.json;" }
     'tcp://d:2375', 'http://d:2375', 'tcp://10.1.2.3:2375'],

    (map {
        my ($flag, $types, @bad) = @$_;

        map { my ($type, $line) = @$_;
              ["\"$flag\" is nothing to an engine of type \"$type\": write it "
               . "with type $types alone", $line] } @bad
     } ['pull=', '"docker" or "podman"',
        ['kubernetes', 'engine kubernetes https://k pull=never;'],
        ['http', 'engine docker "http://r/{image}" type=http pull=never;']],
       ['credentials=', '"docker" or "podman"',
        ['kubernetes', "engine k https://k credentials=$dir/config.json "
                       . 'type=kubernetes;'],
        ['http', "engine http \"http://r/{image}\" credentials=SECRET;"]],
       ['token=', '"kubernetes" or "http"',
        ['docker', 'engine docker unix:/d token=SECRET;'],
        ['podman', 'engine podman unix:/d token=SECRET;']],
       ['namespace=', '"kubernetes"',
        ['docker', 'engine docker unix:/d namespace=a;'],
        ['http', 'engine http "http://r/{image}" namespace=a;']]),

    ['invalid "<>" in "engine": write "pull=missing", "pull=never" or '
     . '"pull=distribution"', map { "engine docker unix:/d <pull=$_>;" }
     '', 'always', 'Never', 'off'],
    ['invalid "<>" in "engine": write "pull=missing" or "pull=never": its API '
     . 'has no "distribution"', 'engine podman unix:/p <pull=distribution>;',
     'engine podman unix:/p <pull=always>;'],
    ['invalid "<>" in "engine": write "namespace=" with 1 to 63 lower-case '
     . 'letters, digits and "-", not first or last',
     map { "engine kubernetes https://k <namespace=$_>;" }
     '', 'A', 'a.b', 'a_b', '-a', 'a-', 'a/b', 'a?b', '..', 'x' x 64],
    ['invalid "<>" in "engine": write both "certificate=FILE" and '
     . '"key=FILE", or neither',
     "engine <docker> tcp://d:1 certificate=$crt;",
     "engine <kubernetes> https://k key=$key;"],
    ['invalid "<>" in "engine": write the "key=FILE" that belongs to its '
     . '"certificate=FILE"',
     "engine <docker> tcp://d:1 certificate=$crt key=$other;"],
    ['invalid "<>" in "engine": write a file with a certificate in PEM',
     "engine docker tcp://d:1 <ca=$key>;"],
    [$missing, "engine docker tcp://d:1 ca=<$dir/none>;"],

    ['invalid URL of "proxy": write "off", or "http://host:port" or '
     . '"https://host:port", with "user:password@" before the host if it wants '
     . 'them, percent-encoded',
     map { "proxy $_;" } '""', 'on', 'proxy:3128', 'http://', 'https:///',
     'socks5://proxy:1080', 'http://proxy:0', 'http://proxy:x',
     'http://proxy/path', 'http://proxy:3128/a', 'http://proxy?a',
     '"http://proxy#a"', 'http://127.1:3128', 'http://@proxy',
     'http://:SECRET@proxy', 'http://user:SE@CRET@proxy',
     'http://user:SECRET/@proxy', '"http://user:SECRET @proxy"',
     'ftp://user:SECRET@proxy', 'user:SECRET@proxy:3128',
     'http://user:SECRET@proxy/path', 'http://user:SECRET@'],
    ['invalid "<>" in "node": write a name of 1 to 255 letters, digits, ".", '
     . '"_" and "-"', map { "node $_;" } '"<>"', '<a/b>', '<a@b>',
     '<$hostname>', '"<a b>"', '<' . 'x' x 256 . '>'],

    (map { my $directive = $_;
           [span($directive), map { "$directive <$_>;" } qw(x 1x -1h 1h1h)] }
     qw(retention negative_ttl timeout pull_timeout)),
    [span('retention'), 'retention <0>;'],
    [span('timeout'), 'timeout <0>;'],
    [span('pull_timeout'), 'pull_timeout <0>;'],
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
     . '"engine=NAME", "platform=OS/ARCH", "pod=ADDRESS" or "session=ID"',
     map { "image_digest golang <$_>;" } 'platforms=linux/amd64', 'golang',
     'off'],
    ['duplicate parameter "<>": write it once',
     map { "image_digest golang $_ <$_>;" } 'resolver=default',
     'engine=registry', 'engine=$arg_engine', 'platform=linux/amd64',
     'pod=10.0.0.1', 'pod=$remote_addr', 'session=job', 'session=$arg_job'],
    ['invalid "<>": write the name of an "image_resolver", without variables',
     map { "image_digest golang <$_>;" } 'resolver=', 'resolver=$host'],
    ['invalid "<>": write "engine=registry", or the name of another engine',
     'image_digest golang <engine=>;'],
    ['unknown engine "<>": write "registry", or a line "engine <> URL" in '
     . 'image resolver "default",',
     (map { "image_digest golang engine=<$_>;" } 'docker', 'Registry'),
     "location / {\nif (\$arg_a) {\nimage_digest golang engine=<k8s> "
     . "pod=\$remote_addr; # here\n}\n}"],
    ['invalid "<>": write an IP address, or a variable such as '
     . '"pod=$remote_addr"', map { "image_digest golang <pod=$_>;" }
     '', 'localhost', '10.0.0', '10.0.0.256', '10.0.0.1:80', '[::1]', '::x',
     '1' x 60],
    ['"pod=" is nothing to the engine "registry": write "engine=" with one of '
     . 'type "kubernetes", or no "pod=",',
     'image_digest golang pod=10.0.0.1;',
     'image_digest $arg_image pod=$remote_addr engine=registry;'],
    ['invalid "<>": write 1 to 128 letters, digits, ".", "_" and "-", or a '
     . 'variable such as "session=$http_x_job"',
     map { "image_digest golang <session=$_>;" } '', 'a/b', 'a:b', 'a+b',
     'x' x 129],
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


# files with secrets: what is wrong with one is said before

my $invalid = 'invalid file "<>", ';
my $gone = 'open() "<>" failed (2: No such file or directory)';
my $json = 'write a Docker config.json';
my $bearer = 'write a bearer token in one line';
my $no_json = 'is no JSON object, or holds a name twice';
my $size = 'it is no file of 1 byte to 1 MiB';
my $visible = 'it holds no token of visible ASCII';

for my $line ('registry ghcr.io', 'engine docker unix:/d') {
    file("$line credentials=<$dir/$_->[0]>", $json, $_->[1]) for (
        ['none', $gone],
        map({ [$_, $invalid . "$size: $json"] } '', 'empty', 'big'),
        map({ [$_, $invalid . "$no_json: $json"] } 'text', 'twice.json'),
        ['auths.json', $invalid . "has \"auths\" that is no object: $json"],
        ['auth.json', $invalid . "has an \"auth\" that is not base64: $json"],
    );
}

for my $line ('engine kubernetes https://k',
              'engine http "https://r/{image}"')
{
    file("$line token=<$dir/$_->[0]>", $bearer, $_->[1]) for (
        ['none', $gone],
        map({ [$_, $invalid . "$size: $bearer"] } '', 'empty', 'big'),
        map({ [$_, $invalid . "$visible: $bearer"] } 'blanks', 'two'),
    );
}

sub file {
    my ($bad, $instead, $why) = @_;

    my ($name) = $bad =~ /<(.*?)>/;
    my ($directive) = $bad =~ /^(\w+)/;

    $bad =~ s/<(.*?)>/$1/;
    $why =~ s/<>/$name/;

    my ($arg) = $bad =~ /(\w+=\Q$name\E)$/;

    $nginx->configure(
        http => "image_resolver default {\n$bad; # here\n}", server => '');

    my ($status, $text) = $nginx->conf_test;
    my @lines = lines("$dir/nginx.conf");
    my ($line) = grep { $lines[$_ - 1] =~ /# here/ } 1 .. @lines;

    is_deeply [$status, $text =~ /\[emerg\] (?:\d+#\d+: )?(.*)/g],
        [1, $why, "invalid \"$arg\" in \"$directive\": $instead in "
                  . "$dir/nginx.conf:$line"], $bad or diag $text;
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

my $engine_lines = join "\n", 'engine docker unix:/d;',
                               'engine k8s https://k type=kubernetes;';

check('unknown engine "<>": write "registry", "docker" or "k8s", or a line '
      . '"engine <> URL" in image resolver "a",', 'no <podman> among several',
      "image_resolver a {\n$engine_lines\n}\n"
      . 'image_resolver b { engine podman unix:/p; }',
      'image_digest golang resolver=a engine=podman; # here');
check('"pod=" is nothing to the engine "<>": write "engine=" with one of type '
      . '"kubernetes", or no "pod=",', 'pod= of an engine <docker>',
      "image_resolver a {\n$engine_lines\n}",
      'image_digest golang pod=$remote_addr engine=docker; # here');

# a sentence stays short, and ends with the line, however many there are

my $name = 'x' x 60;

check("unknown engine \"<>\": write \"registry\", "
      . join(', ', map { "\"$name$_\"" } 100 .. 106) . ', ..., or a line '
      . '"engine <> URL" in image resolver "default",', 'one of <many>',
      "image_resolver default {\n"
      . join("\n", map { "engine $name$_ unix:/d type=docker;" } 100 .. 199)
      . "\n}", 'image_digest golang engine=many; # here');

done_testing;
