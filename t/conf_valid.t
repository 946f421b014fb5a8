#!/usr/bin/perl

# Configuration: what `nginx -t` takes, in silence; what http, server, location
# and `if` in location inherit; which resolver a location uses.

use strict;
use warnings;

use Mojo::UserAgent;
use Sys::Hostname qw(hostname);
use Test::More;

use ImageDigest::Cache qw(tag_key windows);
use ImageDigest::Nginx;
use ImageDigest::Util qw(certificate lines run spit tempdir);

my $dir = tempdir();
my ($crt, $key) = certificate('registry.test');

spit("$dir/config.json", '{"auths":{"ghcr.io":{"auth":"dXNlcjpwYXNz"}}}');
spit("$dir/empty.json", '{}');
spit("$dir/password", "pass\n");
spit("$dir/token", "token\n");


subtest 'accepted' => sub {
    my @resolver = (
        '', 'zone 50k;', 'zone 1m;', 'redis off;', 'redis redis://redis;',
        'redis redis://redis:6380/15;', 'redis redis://redis:6380/;',
        'redis redis://[::1]:6379/1;', 'redis redis://10.0.0.1;',
        'redis rediss://redis.test;',
        'redis redis://user@redis password=pass;',
        "redis redis://redis username=user password_file=$dir/password;",
        'redis redis://redis password=p@s:s/;', 'redis unix:/run/redis.sock;',
        'redis unix:/run/redis.sock?db=3 "prefix={x}:" timeout=1s;',
        'registry docker.io;', 'registry *;', "registry *;\nregistry ghcr.io;",
        'registry localhost:* insecure;', 'registry ghcr.io:5000;',
        "registry ghcr.io;\nregistry ghcr.io:443;\nregistry ghcr.io:*;",
        'registry [2001:db8::1]:5000;', 'registry GHCR.IO;',
        'registry ghcr.io endpoint=https://mirror.test:5000/;',
        'registry ghcr.io endpoint=http://mirror.test insecure;',
        'registry ghcr.io insecure endpoint=http://[::1]:5000;',
        "registry ghcr.io credentials=$dir/config.json realm=auth.ghcr.io "
        . 'realm=other.ghcr.io;',
        "registry ghcr.io credentials=$dir/empty.json;",
        "registry * credentials=$dir/config.json ca=$crt;",
        "registry ghcr.io ca=$crt certificate=$crt key=$key;",
        'retention 1s;', 'retention 30d;', 'negative_ttl 0;',
        'negative_ttl 10s;', 'refresh off;', 'refresh 1%;', 'refresh 99%;',
        'timeout 500ms;', 'connections 1;', 'pull_timeout 30m;',
        'registry ghcr.io mirror=https://a.test mirror=https://b.test:8443/c/d '
        . 'mirror=https://b.test;',
        'registry * mirror=https://10.0.0.1/;',
        'registry ghcr.io:* mirror=http://a.test insecure;',
        'proxy off;', 'proxy http://proxy:3128;', 'proxy https://proxy.test/;',
        'proxy http://user:p%40ss@proxy:3128/;', 'proxy http://user@[::1]:1;',
        'node a;', 'node Host_1.example.test;', 'node ' . 'x' x 255 . ';',
        'engine docker unix:/run/docker.sock;', 'engine docker tcp://d:2375;',
        'engine docker unix:/' . 'x' x 106 . ' pull=never;',
        "engine docker tcp://d:2376/ ca=$crt certificate=$crt key=$key "
        . "pull=distribution credentials=$dir/config.json type=docker;",
        "engine docker tcp://localhost:2375 credentials=$dir/config.json;",
        "engine docker https://d credentials=$dir/config.json pull=missing;",
        'engine podman unix:/p pull=missing;', 'engine podman http://p:1/;',
        "engine podman unix:/p credentials=$dir/empty.json pull=never;",
        "engine kubernetes https://k ca=$crt token=$dir/token namespace=ci-1;",
        'engine kubernetes http://localhost:8001/;',
        "engine k https://[2001:db8::1]:6443 type=kubernetes ca=$crt "
        . "certificate=$crt key=$key namespace=@{[ 'a' x 63 ]};",
        (map { "engine kubernetes $_ token=$dir/token;" }
         'http://127.0.0.1:8001', 'http://127.9.9.9', 'http://[::1]:8001',
         'http://[::ffff:127.0.0.1]', 'http://k.LocalHost'),
        'engine http "http://r/{image}";',
        'engine http "https://r?image={image}&platform={platform}&{x}={" '
        . "token=$dir/token ca=$crt certificate=$crt key=$key;",
        'engine my.own_1-x "http://r/{image}' . 'x' x 2032 . '" type=http;',
        "engine http unix:/d type=docker;\nengine docker \"http://r/{image}\" "
        . 'type=http;',
        "pull_timeout 1m;\nengine docker unix:/d;\nnode a;\n"
        . "engine podman unix:/p;\nproxy off;",
    );

    my @location = (
        'image_digest off;', 'image_digest golang;',
        "image_digest golang\@sha256:@{[ 'a' x 64 ]} platform=linux/arm64/v8;",
        'image_digest $arg_image engine=$arg_engine platform=$arg_os/arm;',
        'image_digest ghcr.io/$arg_name:$arg_tag engine=registry;',
        'image_digest $arg_image resolver=default;',
        'image_digest $arg_image engine=$arg_engine pod=$remote_addr;',
        'image_digest $arg_image engine=$arg_engine pod=10.0.0.1;',
        'image_digest $arg_image engine=$arg_engine pod=2001:db8::1;',
        'image_digest_ttl 0;', 'image_digest_ttl 0s;', 'image_digest_ttl 24h;',
        'image_digest_ttl 5m min=5m max=5m;', 'image_digest_ttl $http_ttl;',
        'image_digest_ttl $http_ttl max=1h min=1s;',
        'image_digest_key $uri "" constant;', 'image_digest_timeout 200ms;',
        'image_digest_fallback tag;', 'image_digest_fallback tag window=1h;',
        'image_digest_fallback tag window=off;', 'image_digest_fallback miss;',
        'image_digest_fallback error;', 'image_digest_writes any;',
        'image_digest_writes settled=1h;', 'image_digest_writes pinned;',
        'image_digest_writes settled=24h fresh=0s;',
        "if (\$arg_a) {\nimage_digest golang;\nimage_digest_ttl 1m;\n"
        . "image_digest_key a;\nimage_digest_timeout 1s;\n"
        . "image_digest_fallback miss;\nimage_digest_writes pinned;\n}",
    );

    my $nginx = ImageDigest::Nginx->new;

    for my $where (['resolver', @resolver], ['location', @location]) {
        my ($context, @good) = @$where;

        for my $good (@good) {
            my $on = $good =~ /^\s*image_digest / ? ''
                                                  : "image_digest golang;\n";
            $nginx->configure(
                http   => $context eq 'resolver'
                          ? "image_resolver default {\n$good\n}" : '',
                server => $context eq 'resolver'
                          ? $on : "location / {\n$on$good\n}");

            my ($status, $text) = $nginx->conf_test;

            ok $status == 0 && $text !~ /\[(?!info|notice)\w+\]/, $good
                or diag $text;
        }
    }
};


subtest 'engines' => sub {
    my $nginx = ImageDigest::Nginx->new(http => <<'END', server => <<'END');
image_resolver default {
    engine kubernetes https://k;
    engine docker unix:/d;
}
END
location /a { image_digest golang engine=docker; }
location /b { image_digest golang engine=kubernetes pod=$remote_addr; }
location /c { image_digest golang engine=kubernetes pod=10.0.0.1; }
location /d { image_digest golang engine=registry; }
END
    my ($status, $text) = $nginx->conf_test;

    ok $status == 0 && $text !~ /\[(?!info|notice)\w+\]/, 'by their names'
        or diag $text;
};


subtest 'a credential helper' => sub {
    spit("$dir/helped.json", '{"credHelpers":{"ghcr.io":"secret-SECRET"}}');

    for my $line ('registry ghcr.io', 'engine docker unix:/d') {
        my $nginx = ImageDigest::Nginx->new(
            http => "image_resolver default {\n"
                    . "$line credentials=$dir/helped.json; # here\n}");
        my ($status, $text) = $nginx->conf_test;
        my @conf = lines($nginx->dir . '/nginx.conf');
        my ($at) = grep { $conf[$_ - 1] =~ /# here/ } 1 .. @conf;

        is $status, 0, $line;
        is_deeply [$text =~ /\[warn\] (?:\d+#\d+: )?(.*)/g],
            ["\"$dir/helped.json\" names a credential helper, which is never "
             . 'run (docs/credentials.md): let a timer write what it says into '
             . 'the file in ' . $nginx->dir . "/nginx.conf:$at"],
            '... says once that it is never run';
        unlike $text, qr/SECRET/, '... and nothing of the file';
    }
};


my $ua = Mojo::UserAgent->new(max_connections => 0);

my $up = <<'END';
server { listen unix:@DIR@/up.sock; add_header X-Up 1; return 200; }
add_header X-Status $image_digest_status always;
add_header X-Key $image_digest_key always;
add_header X-Write $image_digest_write always;
END

# status, key, write and code

sub ask {
    my ($nginx, $path, $method, $port) = @_;

    my $url = $nginx->url($path);

    $url =~ s/:\d+/':' . $nginx->port($port)/e if $port;

    my $res = $ua->start($ua->build_tx($method // 'GET', $url))->res;

    return [$res->code,
            map { $res->headers->header("X-$_") // '' } qw(Status Key Write)];
}


# no registry may be asked: keys are of tags, and name their resolver

sub by_tag {
    my ($reference, $resolver, @rest) = @_;

    return tag_key($reference, resolver => $resolver, window => '',
                   rest => \@rest);
}


subtest 'inherited' => sub {
    my $nginx = ImageDigest::Nginx->start(
        http => $up . <<'END', server => <<'END');
image_resolver other { registry none.test; }
image_resolver default { registry none.test; }

image_digest           http:1;
image_digest_key       http;
image_digest_fallback  tag window=off;
image_digest_writes    pinned;

server {
    listen  127.0.0.1:@PORT2@;

    location / {
        proxy_pass  http://unix:@DIR@/up.sock:;
    }
}

server {
    listen        127.0.0.1:@PORT3@;
    image_digest  off;

    location / {
        proxy_pass  http://unix:@DIR@/up.sock:;
    }

    location /on {
        image_digest           on;
        image_digest_fallback  miss;
        proxy_pass             http://unix:@DIR@/up.sock:;
    }
}
END
image_digest           $arg_image;
image_digest_key       server;
proxy_set_header       Host x;

location / {
    proxy_pass  http://unix:@DIR@/up.sock:;
}

location /off {
    image_digest  off;
    proxy_pass    http://unix:@DIR@/up.sock:;

    location /off/nested {
        proxy_pass  http://unix:@DIR@/up.sock:;
    }

    location /off/on {
        image_digest  constant:$arg_tag resolver=other;
        proxy_pass    http://unix:@DIR@/up.sock:;
    }
}

location /writes {
    image_digest_writes  any;
    proxy_pass           http://unix:@DIR@/up.sock:;
}

location /if {
    image_digest_key  location;
    proxy_pass        http://unix:@DIR@/up.sock:;

    if ($arg_if = same) {
        set  $x 1;
    }

    if ($arg_if = key) {
        image_digest_key  if;
    }

    if ($arg_if = off) {
        image_digest  off;
    }

    if ($arg_if = image) {
        image_digest  if:1 platform=linux/arm;
    }

    if ($arg_if = error) {
        image_digest_fallback  error;
    }

    if ($arg_if = writes) {
        image_digest_writes  any;
    }
}
END

    my $hub = 'docker.io/library';
    my $off = [200, '', '', ''];

    my $is = sub {
        my ($name, $expected, @ask) = @_;
        is_deeply ask($nginx, @ask), $expected, $name;
    };
    my $on = sub { return [200, 'FALLBACK', by_tag(@_), ''] };

    $is->('http', $on->("$hub/http:1", 'default', 'http'), '/', 'GET', 2);
    $is->('server', $on->("$hub/a:1", 'default', 'server'), '/?image=a:1');
    $is->('server, off', $off, '/', 'GET', 3);

    my $miss = ask($nginx, '/on', 'GET', 3);

    is_deeply [@$miss[0, 1]], [404, 'FALLBACK'], 'location, under off';

    $is->('location, off', $off, '/off?image=a:1');
    $is->('nested in it', $off, '/off/nested?image=a:1');
    $is->('nested and on', $on->("$hub/constant:7", 'other', 'server'),
          '/off/on?tag=7');

    my $dropped = [200, 'FALLBACK', by_tag("$hub/a:1", 'default', 'server'),
                   'dropped'];

    $is->('writes of http', $dropped, '/?image=a:1', 'PUT');
    $is->('writes of a location', [@$dropped[0 .. 2], 'passed'],
          '/writes?image=a:1', 'PUT');

    my $location = $on->("$hub/a:1", 'default', 'location');

    $is->('location', $location, '/if?image=a:1');
    $is->('if: inherits all', $location, '/if?image=a:1&if=same');
    $is->('if: a key', $on->("$hub/a:1", 'default', 'if'),
          '/if?image=a:1&if=key');
    $is->('if: off', $off, '/if?image=a:1&if=off');
    is +ask($nginx, '/if?image=a:1&if=image')->[2],
        tag_key("$hub/if:1", platform => 'linux/arm/v7', window => '',
                rest => ['location']), 'if: another image';
    is +ask($nginx, '/if?image=a:1&if=error')->[0], 503, 'if: fallback';
    is +ask($nginx, '/if?image=a:1', 'PUT')->[3], 'dropped', 'a write';
    is +ask($nginx, '/if?image=a:1&if=writes', 'PUT')->[3], 'passed',
        'if: writes';
};


# min and max are inherited where they are not set: seen by the window

subtest 'TTL' => sub {
    my $nginx = ImageDigest::Nginx->start(
        http => $up . <<'END', server => <<'END');
image_resolver default { registry none.test; retention 3h; }
image_digest      a:1;
image_digest_key  x;
END
location /none {
    proxy_pass  http://unix:@DIR@/up.sock:;
}

location /max {
    image_digest_ttl  $arg_ttl;
    proxy_pass        http://unix:@DIR@/up.sock:;
}

location /t {
    image_digest_ttl  $arg_ttl min=10s max=1m;
    proxy_pass        http://unix:@DIR@/up.sock:;

    location /t/both {
        image_digest_ttl  $arg_ttl;
        proxy_pass        http://unix:@DIR@/up.sock:;
    }

    location /t/min {
        image_digest_ttl  $arg_ttl max=2h;
        proxy_pass        http://unix:@DIR@/up.sock:;
    }

    location /t/constant {
        image_digest_ttl  20s;
        proxy_pass        http://unix:@DIR@/up.sock:;
    }

    location /t/all {
        proxy_pass  http://unix:@DIR@/up.sock:;
    }
}
END

    for (['/none' => 300], ['/max' => 300], ['/max?ttl=9h' => 10800],
         ['/max?ttl=90s' => 90], ['/t?ttl=5s' => 10], ['/t?ttl=30s' => 30],
         ['/t?ttl=1h' => 60], ['/t?ttl=soon' => 10], ['/t?ttl=' => 60],
         ['/t/both?ttl=5s' => 10], ['/t/both?ttl=1h' => 60],
         ['/t/min?ttl=5s' => 10], ['/t/min?ttl=1h' => 3600],
         ['/t/min?ttl=3h' => 7200], ['/t/constant' => 20],
         ['/t/all?ttl=1h' => 60])
    {
        my ($path, $length) = @$_;
        my $from = time;
        my $key = ask($nginx, $path)->[2];
        my @keys = map { tag_key('docker.io/library/a:1', window => $_) }
                   windows($length, $from, time + 1);

        ok scalar(grep { $_ eq $key } @keys), "$path: $length seconds";
    }
};


subtest 'the only resolver' => sub {
    my $nginx = ImageDigest::Nginx->start(
        http => $up . <<'END', server => <<'END');
image_resolver only { registry none.test; }
image_digest_fallback tag window=off;
END
location / {
    image_digest      a:1;
    image_digest_key  x;
    proxy_pass        http://unix:@DIR@/up.sock:;
}
END

    is +ask($nginx, '/')->[2], by_tag('docker.io/library/a:1', 'only', 'x'),
        'is used';
};


# seen in the tag key of an engine that tells of one host

subtest 'node' => sub {
    my $nginx = ImageDigest::Nginx->start(
        http => $up . <<'END', server => <<'END');
image_resolver default { engine docker unix:@DIR@/none.sock pull=never; }
image_resolver named {
    engine docker unix:@DIR@/none.sock pull=never;
    node Host-1.test;
}
image_digest_fallback tag window=off;
image_digest_key x;
END
location /default {
    image_digest  a:1 engine=docker resolver=default;
    proxy_pass    http://unix:@DIR@/up.sock:;
}

location /named {
    image_digest  a:1 engine=docker resolver=named;
    proxy_pass    http://unix:@DIR@/up.sock:;
}
END

    for (['default', lc hostname()], ['named', 'Host-1.test']) {
        my ($name, $node) = @$_;

        is +ask($nginx, "/$name")->[2],
            tag_key('docker.io/library/a:1', resolver => $name, window => '',
                    engine => "docker\@$node"), "$name: $node";
    }
};


subtest 'no resolver' => sub {
    my %conf = (http => $up . "image_digest_fallback tag window=off;\n",
                server => <<'END');
listen unix:@DIR@/nginx.sock;

location / {
    image_digest      $arg_image;
    image_digest_key  x;
    proxy_pass        http://unix:@DIR@/up.sock:;
    add_header        X-Key $image_digest_key;
    add_header        X-Error $image_digest_error;
}

location /named {
    image_digest      $arg_image resolver=default;
    image_digest_key  x;
    proxy_pass        http://unix:@DIR@/up.sock:;
    add_header        X-Key $image_digest_key;
}
END
    my $nginx = ImageDigest::Nginx->start(%conf);

    is +ask($nginx, "$_?image=ghcr.io/a:1")->[2],
        by_tag('ghcr.io/a:1', 'default', 'x'), "a default for $_"
        for '/', '/named';

    # by its name alone

    $nginx->configure(server => 'location / { image_digest $arg_image '
                                . 'resolver=default; }');
    is +($nginx->conf_test)[0], 0, 'by its name alone';

    # docker.io alone may be asked: seen where there is no network to ask by

    SKIP: {
        my ($status) = run(qw(unshare -n true));

        skip 'no namespaces here', 2 if $status;

        my $binary = $ENV{NGINX_BINARY} || 'nginx';

        spit("$dir/nginx", "#!/bin/sh\nexec unshare -n $binary \"\$@\"\n");
        chmod 0755, "$dir/nginx";

        local $ENV{NGINX_BINARY} = "$dir/nginx";

        my $alone = ImageDigest::Nginx->start(%conf);
        my $url = 'http+unix://' . $alone->dir . '/nginx.sock';

        $url =~ s{(?<=//)(.*)}{$1 =~ s,/,%2F,gr}e;

        my %reason;

        for my $image (qw(golang:1.22 ghcr.io/a:1)) {
            my $tx = $ua->get("$url/?image=$image", { Host => 'x' });
            $reason{$image} = $tx->res->headers->header('X-Error');
        }

        like $reason{'golang:1.22'}, qr/^(?:unreachable|timeout)$/,
            'docker.io may be asked';
        is $reason{'ghcr.io/a:1'}, 'registry_not_allowed', 'no other';
    }
};

done_testing;
