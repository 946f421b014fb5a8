#!/usr/bin/perl

# "Without a digest", bad input: a reference that is missing or cannot be
# parsed is answered 400 by the module, whatever the fallback and the method,
# with one line that says what is wrong; nobody is asked, the store neither.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Client;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Store;
use ImageDigest::Util qw(slurp top);

my $origin = ImageDigest::Origin->start;
my $redis = ImageDigest::Redis->start;
my $store = ImageDigest::Store->start;
my @fallbacks = ('tag', 'tag window=off', 'miss', 'error');

my $cache = ImageDigest::Cache->start(
    store     => $store,
    resolver  => 'registry ' . $origin->host . ' insecure; redis '
                 . $redis->url . ' timeout=5s;',
    more      => "image_digest_timeout 20s;\n",
    locations => {
        i => '',
        q => 'image_digest $arg_image;',
        map({ ("h$_" => "image_digest \$http_image;\n"
                        . "image_digest_fallback $fallbacks[$_];") } 0 .. 3),
    });

my $client = ImageDigest::Client->new($cache->port);
my %keys;


sub refused {
    my ($name, $method, $path, $headers, $body, $sentence) = @_;

    $client->request($method, $path, $headers, $body);

    my $answer = $client->read($method) or return fail "$name: no answer";
    my $headers_in = $answer->{headers};
    my $line = "image reference: $sentence\n";

    is_deeply {
        status  => $answer->{status},
        body    => $answer->{body},
        length  => $headers_in->{'content-length'},
        type    => $headers_in->{'content-type'},
        cache   => $headers_in->{'cache-control'},
        reason  => $headers_in->{'x-image-error'},
        outcome => $headers_in->{'x-image-status'},
        empty   => join('', map { $headers_in->{"x-image-$_"} // '' }
                            qw(digest reference pinned age write)),
        key     => $headers_in->{'x-image-key'} =~ /^[0-9a-f]{64}$/ ? 1 : 0,
    }, {
        status  => 400,
        body    => $method eq 'HEAD' ? '' : $line,
        length  => length $line,
        type    => 'text/plain',
        cache   => 'no-store',
        reason  => 'invalid_reference',
        outcome => 'INVALID',
        empty   => '',
        key     => 1,
    }, "$method $name";

    ok !$keys{ $headers_in->{'x-image-key'} }++, '    a key of its own';
}


# The sentences of docs/references.md and more, in a header.

my $doc = slurp(top() . '/docs/references.md');

my %refused = map { /^\| (?:`(.*?)`|\(nothing\)) \| (the .*|a .*|an .*) \|$/
                    ? ($1 // '', $2) : () } split /\n/, $doc;

cmp_ok scalar(keys %refused), '>=', 12, 'sentences in docs/references.md';

my $long = 'a' x 200;
my $hex = 'a' x 64;

%refused = (
    %refused,
    $hex                 => 'the reference is a bare name of 64 hex digits, '
                            . 'which is an image ID',
    'golang 1.22'        => 'the reference holds white space',
    "gol\tang"           => 'the reference holds a control character',
    "gol\x01ang"         => 'the reference holds a control character',
    "golang\x7f"         => 'the reference holds a control character',
    "gol\xc3\xa4ng"      => 'the reference holds a character that is not '
                            . 'ASCII',
    'golang;1'           => 'the repository name holds a character that is '
                            . 'not allowed',
    'golang:a/b'         => q(the registry's port is no number from 1 to )
                            . '65535',
    'golang:a+b'         => 'the tag holds a character that is not allowed',
    'golang:1:2'         => 'the tag holds a character that is not allowed',
    'golang:' . 'a' x 129 => 'the tag is longer than 128 characters',
    "a/$long/$long"      => 'the repository name is longer than 255 characters',
    'x' x 777            => 'the reference is too long',
    'x' x 7000           => 'the reference is too long',
    'a' x 256 . '.b/c'   => q(the registry's host is longer than 255 )
                            . 'characters',
    '/golang'            => 'the repository name has an empty component',
    ':1.22'              => 'the repository name is empty',
    '@sha256:' . $hex    => 'the repository name is empty',
    "golang\@sha256:\U$hex" => $refused{'golang@sha256:12'},
    "golang\@md5:$hex"   => $refused{'golang@sha256:12'},
);

for my $reference (sort keys %refused) {
    my $name = length $reference < 80 ? $reference : length($reference) . ' x';

    $name =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ge;

    refused($name, 'GET', '/h0/x/-/y', { Image => $reference }, undef,
            $refused{$reference});
}


# Every fallback and kind of method; the body of a write is read, so that the
# connection goes on.

for my $n (0 .. $#fallbacks) {
    refused("by $fallbacks[$n]", @$_, 'the tag is empty')
        for ['GET', "/h$n/x/-/y", { Image => 'golang:' }, undef],
            ['HEAD', "/h$n/x/-/y", { Image => 'golang:' }, undef],
            ['DELETE', "/h$n/x/-/y", { Image => 'golang:' }, undef],
            ['PUT', "/h$n/x/-/y", { Image => 'golang:' }, 'x' x 300_000];
}


# Missing, in an argument, and in the path.

refused('missing header', 'GET', '/h0/x/-/y', {}, undef,
        'the reference is empty');
refused('missing argument', 'GET', '/q/x/-/y', {}, undef,
        'the reference is empty');
refused('empty argument', 'GET', '/q/x/-/y?image=', {}, undef,
        'the reference is empty');
refused('an argument, which is not unescaped', 'GET',
        '/q/x/-/y?image=gol%00ang', {}, undef,
        $refused{'golang;1'});
refused('control character in the path', 'GET', '/i/gol%01ang/-/y', {}, undef,
        'the reference holds a control character');
refused('white space in the path', 'GET', '/i/gol%20ang/-/y', {}, undef,
        'the reference holds white space');


# nginx itself refuses a NUL, before any location

for my $path ('/i/gol%00ang/-/y', '/i/golang%00/-/y') {
    my $nul = ImageDigest::Client->new($cache->port);

    $nul->request('PUT', $path, {}, 'x');
    is $nul->read->{status}, 400, "NUL in the path: $path";
}

my $nul = ImageDigest::Client->new($cache->port);

$nul->request('GET', '/h0/x/-/y', { Image => "gol\0ang" });
is $nul->read->{status}, 400, 'NUL in a header';


# Nobody was asked; and what would have been seen.

is scalar(() = $store->requests), 0, 'no store access';
is $origin->connections, 0, 'no registry was asked';
is $redis->calls('hmget'), 0, 'nor Redis';

my $answer = $cache->ask('i', $origin->name('app:1'));

is $answer->{status}, 'RESOLVED', 'a valid reference';
is scalar(() = $store->requests), 1, 'asks the store';
cmp_ok $origin->connections, '>', 0, 'the registry';
cmp_ok $redis->calls('hmget'), '>', 0, 'and Redis';

done_testing;
