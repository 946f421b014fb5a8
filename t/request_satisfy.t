#!/usr/bin/perl

# satisfy: with "any", one way in is enough, and whoever finds none, or not
# all with "all", does not make the module ask.

use strict;
use warnings;

use MIME::Base64 qw(encode_base64);
use Test::More;

use ImageDigest::Client;
use ImageDigest::Util qw(spit);
use ImageDigest::Waiting;

my $server = "image_digest \$arg_image;\nimage_digest_key x;\n";

for my $satisfy (qw(any all)) {
    for my $access (qw(allow deny)) {
        for my $verdict (qw(204 403)) {
            $server .= <<"END";
location = /$satisfy/$access/$verdict {
    satisfy $satisfy;
    $access all;
    auth_basic in;
    auth_basic_user_file \@DIR\@/users;
    auth_request /verdict/$verdict;
    proxy_pass http://127.0.0.1:\@PORT2\@/\$image_digest_key;
}
END
        }
    }
}

my $nginx = ImageDigest::Waiting->start(http => <<'HTTP', server => $server
server {
    listen 127.0.0.1:@PORT3@;
    access_log off;
    location / { return 204; }
    location /403 { return 403; }
}
HTTP
                                        . <<'SERVER');
location = /verdict/204 { proxy_pass http://127.0.0.1:@PORT3@/; }
location = /verdict/403 { proxy_pass http://127.0.0.1:@PORT3@/403; }
SERVER
spit($nginx->dir . '/users', "user:{PLAIN}password\n");

my $client = ImageDigest::Client->new($nginx->port);
my $n = 0;
my @let_in;

for my $satisfy (qw(any all)) {
    for my $access (qw(allow deny)) {
        for my $verdict (qw(204 403)) {
            for my $password (qw(password wrong)) {
                my $image = 'app' . ++$n . ':1';
                my $path = "/$satisfy/$access/$verdict";
                my $ways = ($access eq 'allow') + ($verdict eq '204')
                           + ($password eq 'password');

                $client->request('GET', "$path?image=" . $nginx->image($image),
                    { Authorization => 'Basic '
                                       . encode_base64("user:$password", '') });

                my $answer = $client->read;

                if ($ways >= ($satisfy eq 'any' ? 1 : 3)) {
                    push @let_in, "/v2/app$n/manifests/1";
                    is $answer->{body},
                        'GET /' . $nginx->key($image, 'x') . "\n",
                        "$path with $password: let in";

                } else {
                    like $answer->{status}, qr/^40[13]$/,
                        "$path with $password: refused";
                }
            }
        }
    }
}

is scalar(@let_in), 8, 'eight ways in';
is_deeply [map { $_->{path} } $nginx->origin->requests(
                                  sub { $_->{method} eq 'HEAD' })],
    \@let_in, 'the registry was asked for those who are let in';

done_testing;
