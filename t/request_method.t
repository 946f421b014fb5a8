#!/usr/bin/perl

# The client's original method decides whether a request is a write, also
# after error_page made a GET of it.

use strict;
use warnings;

use Test::More;

use ImageDigest::Client;
use ImageDigest::Waiting;

my $nginx = ImageDigest::Waiting->start(
    format => '$request_method $status $image_digest_write',
    server => <<'END');
location = /in {
    root @DIR@/none;
    error_page 404 405 = /on$is_args$args;
}
location = /on {
    internal;
    image_digest $arg_image;
    image_digest_writes pinned;
    proxy_pass http://127.0.0.1:@PORT2@/store;
}
location = /miss {
    image_digest $arg_image;
    image_digest_fallback miss;
    error_page 404 = /on$is_args$args;
    proxy_pass http://127.0.0.1:@PORT2@/store;
}
END
my $client = ImageDigest::Client->new($nginx->port);
my $n = 0;
my $image = $nginx->image('app:1');

for (['GET', 200, ''], ['HEAD', 200, ''], ['OPTIONS', 200, ''],
     ['PROPFIND', 200, ''], ['PUT', 200, 'dropped'], ['POST', 200, 'dropped'],
     ['DELETE', 404, 'dropped'], ['MKCOL', 404, 'dropped'],
     ['PATCH', 404, 'dropped'], ['MOVE', 405, ''], ['COPY', 405, ''],
     ['ODD', 404, 'dropped'])
{
    my ($method, $status, $write) = @$_;

    $client->request($method, "/in?image=$image", {},
                     $method =~ /^P[UOA]/ ? 'body' : ());

    my $answer = $client->read($method);
    my $then = $method eq 'HEAD' ? 'HEAD' : 'GET';

    is $answer->{status}, $status, "$method, then $then";
    is +($nginx->access_log(++$n))[-1], "$then $status $write", 'in the log';

    if ($write || $status != 200) {
        unlike $answer->{body}, qr/store/, 'the store was not asked';

    } elsif ($method ne 'HEAD') {
        like $answer->{body}, qr/store/, 'the store was asked';
    }
}

# what the module answers is no error that an error page could follow

for (['GET', 404], ['PUT', 200], ['DELETE', 404]) {
    my ($method, $status) = @$_;

    $client->request($method, '/miss?image=' . $nginx->image('none:none'));

    my $answer = $client->read;

    is $answer->{status}, $status, "$method without a digest";
    is $answer->{headers}{'cache-control'}, 'no-store', 'not to be stored';
}

done_testing;
