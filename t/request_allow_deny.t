#!/usr/bin/perl

# Nobody who is not let in by allow and deny, by limit_except, by limit_req or
# by "return 403" makes the module ask, in the location or on its error page.

use strict;
use warnings;

use Test::More;

use ImageDigest::Client;
use ImageDigest::Origin;
use ImageDigest::Waiting;

my $origin = ImageDigest::Origin->start;
my $nginx = ImageDigest::Waiting->start(
    origin => $origin,
    http => 'limit_req_zone $remote_addr zone=one:1m rate=1r/m;',
    server => <<'END' =~ s/IMAGE/$origin->name('sub:1')/er);
image_digest $arg_image;
image_digest_key x;

location = /in {
    allow 127.0.0.1;
    deny all;
    proxy_pass http://127.0.0.1:@PORT2@/$image_digest_key;
}
location = /denied {
    deny all;
    proxy_pass http://127.0.0.1:@PORT2@/$image_digest_key;
}
location = /page {
    deny all;
    error_page 403 /refused?$args;
    proxy_pass http://127.0.0.1:@PORT2@/$image_digest_key;
}
location = /ok {
    deny all;
    error_page 403 =200 @refused;
    proxy_pass http://127.0.0.1:@PORT2@/$image_digest_key;
}
location = /ssi {
    deny all;
    error_page 403 =200 /refused/ssi?$args;
    proxy_pass http://127.0.0.1:@PORT2@/$image_digest_key;
}
location = /return {
    if ($arg_image) { return 403; }
    error_page 403 /refused?$args;
}
location = /except {
    limit_except GET { deny all; }
    error_page 403 =200 @refused;
    proxy_pass http://127.0.0.1:@PORT2@/$image_digest_key;
}
location = /rate {
    limit_req zone=one;
    error_page 503 = @refused;
    proxy_pass http://127.0.0.1:@PORT2@/$image_digest_key;
}
location = /refused {
    proxy_pass http://127.0.0.1:@PORT2@/refused$image_digest;
}
location @refused {
    proxy_pass http://127.0.0.1:@PORT2@/refused$image_digest;
}
location = /refused/sub {
    image_digest IMAGE;
    proxy_pass http://127.0.0.1:@PORT2@/sub$image_digest;
}
location = /refused/ssi {
    add_before_body /refused/sub;
    addition_types *;
    proxy_pass http://127.0.0.1:@PORT2@/refused$image_digest;
}
END
my $client = ImageDigest::Client->new($nginx->port);
my $n = 0;
my @let_in;

for (['GET', '/in', 1], ['PUT', '/in', 1], ['GET', '/denied', 403],
     ['PUT', '/denied', 403], ['GET', '/page', 403], ['PUT', '/page', 403],
     ['GET', '/ok', 200], ['PUT', '/ok', 200], ['GET', '/ssi', 200],
     ['GET', '/return', 403], ['GET', '/except', 1], ['PUT', '/except', 200],
     ['GET', '/rate', 1], ['GET', '/rate', 200], ['GET', '/in', 1])
{
    my ($method, $path, $status) = @$_;
    my $image = 'app' . ++$n . ':1';

    $client->request($method, "$path?image=" . $nginx->image($image), {},
                     $method eq 'PUT' ? 'body' : ());

    my $answer = $client->read;

    if ($status == 1) {
        push @let_in, "/v2/app$n/manifests/1";
        is $answer->{body}, "$method /" . $nginx->key($image, 'x') . "\n",
            "$method $path";
        next;
    }

    is $answer->{status}, $status, "$method $path, not let in";
    like $answer->{body}, qr{ /refused$}m, 'its page' if $path ne '/denied';
    like $answer->{body}, qr{^GET /sub$}m, 'a subrequest of it'
        if $path eq '/ssi';
}

is_deeply [map { $_->{path} } $nginx->origin->requests(
                                  sub { $_->{method} eq 'HEAD' })],
    \@let_in, 'the registry was asked for those who are let in';

is_deeply [$nginx->log(qr/asked for before/)], [],
    'who is refused makes no [error]';

done_testing;
