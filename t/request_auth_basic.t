#!/usr/bin/perl

# Nobody who is not let in by auth_basic makes the module ask, in the location
# or on its error page.

use strict;
use warnings;

use MIME::Base64 qw(encode_base64);
use Test::More;

use ImageDigest::Client;
use ImageDigest::Util qw(spit);
use ImageDigest::Waiting;

my $nginx = ImageDigest::Waiting->start(server => <<'END');
auth_basic_user_file @DIR@/users;
image_digest $arg_image;
image_digest_key x;

location = /in {
    auth_basic in;
    proxy_pass http://127.0.0.1:@PORT2@/$image_digest_key;
}
location = /page {
    auth_basic in;
    error_page 401 /refused?$args;
    proxy_pass http://127.0.0.1:@PORT2@/$image_digest_key;
}
location = /ok {
    auth_basic in;
    error_page 401 =200 @refused;
    proxy_pass http://127.0.0.1:@PORT2@/$image_digest_key;
}
location = /recursive {
    auth_basic in;
    recursive_error_pages on;
    error_page 401 = /recursive2?$args;
    proxy_pass http://127.0.0.1:@PORT2@/$image_digest_key;
}
location = /recursive2 {
    allow all;
    error_page 404 = @refused;
    root @DIR@/none;
}
location = /refused {
    proxy_pass http://127.0.0.1:@PORT2@/refused$image_digest;
}
location @refused {
    proxy_pass http://127.0.0.1:@PORT2@/refused$image_digest;
}
END
spit($nginx->dir . '/users', "user:{PLAIN}password\n");

my $good = { Authorization => 'Basic ' . encode_base64('user:password', '') };
my $bad = { Authorization => 'Basic ' . encode_base64('user:x', '') };
my $client = ImageDigest::Client->new($nginx->port);
my $n = 0;
my @let_in;

for my $path (qw(/in /page /ok /recursive)) {
    for my $headers (undef, $bad, $good) {
        for my $method (qw(GET PUT)) {
            my $image = 'app' . ++$n . ':1';

            $client->request($method, "$path?image=" . $nginx->image($image),
                             $headers, $method eq 'PUT' ? 'body' : ());

            my $answer = $client->read;
            my $name = "$method $path";

            if ($headers && $headers == $good) {
                push @let_in, "/v2/app$n/manifests/1";
                is $answer->{body},
                    "$method /" . $nginx->key($image, 'x') . "\n", $name;
                next;
            }

            is $answer->{status}, $path =~ /in|page/ ? 401 : 200,
                "$name, not let in";
            like $answer->{body}, qr{ /refused$}, 'its page'
                if $path ne '/in';
        }
    }
}

is_deeply [map { $_->{path} } $nginx->origin->requests(
                                  sub { $_->{method} eq 'HEAD' })],
    \@let_in, 'the registry was asked for those who are let in';

done_testing;
