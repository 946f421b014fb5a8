#!/usr/bin/perl

# image_digest_key: each argument is a part of its own, an empty one too; if
# all are empty the answer is 400; without the directive it is the URI with its
# arguments.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache qw(key);
use ImageDigest::Store;

my $store = ImageDigest::Store->start;
my $digest = 'sha256:' . '0123456789abcdef' x 4;
my $image = "app\@$digest";

my $cache = ImageDigest::Cache->start(
    store     => $store,
    resolver  => 'registry none.test;',
    locations => {
        p => 'image_digest_key $arg_a $arg_b;',
        o => 'image_digest_key $arg_a$arg_b;',
        d => 'image_digest_key $uri$is_args$args;',
        e => 'image_digest_key $arg_a $arg_b;'
             . 'image_digest_fallback error;',
    });


sub ask {
    my ($prefix, $query, $method) = @_;

    return $cache->ask($prefix, $image, artifact => "x?$query",
                       method => $method // 'GET');
}


is ask('p', 'a=a&b=bc')->{key}, key('digest', $digest, '', 'a', 'bc'),
    'two parts';
is ask('p', 'a=ab&b=c')->{key}, key('digest', $digest, '', 'ab', 'c'),
    'are not two others';
is ask('o', 'a=ab&b=c')->{key}, key('digest', $digest, '', 'abc'),
    'and no one part';
is ask('p', 'a=a')->{key}, key('digest', $digest, '', 'a', ''),
    'an empty part is a part';
is ask('p', 'b=a')->{key}, key('digest', $digest, '', '', 'a'), 'in its place';

is ask('d', 'a=1')->{key},
    key('digest', $digest, '', "/d/$image/-/x?a=1"), 'an explicit default';

$store->forget;

for my $method (qw(GET PUT)) {
    for my $prefix (qw(p o e)) {
        my $got = ask($prefix, 'c=1', $method);

        is $got->{code}, 400, "$method, all are empty: 400";
        is $got->{body}, "cache key: every part of it is empty\n", '    why';
        is $got->{error}, 'empty_key', '    the reason';
        is $got->{status}, 'INVALID', '    the status';
        is $got->{cache_control}, 'no-store', '    not to be stored';
        like $got->{key}, qr/^[0-9a-f]{64}$/, '    a key';
        isnt $got->{key}, key('digest', $digest, '', ('') x ($prefix ne 'o'),
                              ''), '    that is not of empty parts';
        isnt $got->{key}, ask($prefix, 'c=1', $method)->{key},
            '    never the same';
    }
}

is scalar(() = $store->requests), 0, 'no store access';


# the default, and inheritance, by a configuration without the directive

my $plain = ImageDigest::Nginx->start(http => <<'END', server => <<'END');
image_resolver default { registry none.test; }
server { listen unix:@DIR@/up.sock; return 204; }
END
image_digest  $arg_image;
add_header    X-Key $image_digest_key always;

location / {
    proxy_pass  http://unix:@DIR@/up.sock:;
}

location /inherit {
    image_digest_key  $arg_a "";

    location /inherit/a {
        proxy_pass  http://unix:@DIR@/up.sock:;
    }

    location /inherit/b {
        image_digest_key  b;
        proxy_pass        http://unix:@DIR@/up.sock:;
    }
}
END

sub plain {
    my ($path) = @_;

    return $cache->ua->get($plain->url($path))->res->headers->header('X-Key');
}

is plain("/u?image=$image"), key('digest', $digest, '', "/u?image=$image"),
    'the default: URI and arguments';
isnt plain("/u?image=$image"), plain("/v?image=$image"), 'the URI counts';
is plain("/inherit/a?a=1&image=$image"), key('digest', $digest, '', '1', ''),
    'inherited';
is plain("/inherit/b?a=1&image=$image"), key('digest', $digest, '', 'b'),
    'replaced as a whole';

done_testing;
