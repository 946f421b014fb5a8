#!/usr/bin/perl

# curl as a client: an artefact put and got by the path form, and every
# spelling of an image that is one image.

use strict;
use warnings;

use Test::More;

use ImageDigest::Image;
use ImageDigest::Nginx;
use ImageDigest::Registry;
use ImageDigest::Store;
use ImageDigest::Util qw(run spit slurp tempdir);

my $registry = ImageDigest::Registry->start;
my $store = ImageDigest::Store->start;
my $dir = tempdir();

my $nginx = ImageDigest::Nginx->start(
    http => 'image_resolver default { registry localhost:* insecure; }
             upstream artifacts { server ' . $store->address . '; }',
    server => <<'END');
client_max_body_size 0;

location ~ ^/i/(?<image>.+?)/-/(?<artifact>.+)$ {
    image_digest      $image;
    image_digest_key  $artifact $is_args$args;

    add_header  X-Image-Digest         $image_digest         always;
    add_header  X-Image-Digest-Status  $image_digest_status  always;
    add_header  X-Image-Digest-Key     $image_digest_key     always;

    proxy_pass  http://artifacts/$image_digest_key;
}

location /i/ {
    return  400 "no image reference in the path\n";
}
END

my $image = ImageDigest::Image->push($registry, 'team/app:1');
my $digest = $image->digest;

$registry->forget;

my $host = 'localhost:' . $registry->port;


# curl with what is given: status, body, headers by their names

sub curl {
    my ($path, @args) = @_;

    unlink "$dir/body", "$dir/headers";

    my $code = run('curl', '-sS', '-o', "$dir/body", '-D', "$dir/headers",
                   '-w', '%{http_code}', '--path-as-is', @args,
                   $nginx->url($path));
    my %headers = map { /^X-Image-Digest(\S*): (.*?)\r$/ ? ($1 => $2) : () }
                  split /\n/, slurp("$dir/headers");

    return { code => $code, body => slurp("$dir/body"),
             digest => $headers{''} // '', status => $headers{-Status} // '',
             key => $headers{-Key} // '' };
}


subtest 'put and get' => sub {
    my $bytes = join '', map { chr int rand 256 } 1 .. 300000;
    my $path = "/i/$host/team/app:1/-/out/a.o";

    spit("$dir/artifact", $bytes);

    my $miss = curl($path);

    is $miss->{code}, 404, 'nothing yet';
    is $miss->{status}, 'RESOLVED', 'by the registry';
    is $miss->{digest}, $digest, 'the digest';

    is curl($path, '-T', "$dir/artifact")->{code}, 200, 'put';

    my $hit = curl($path);

    is $hit->{code}, 200, 'got';
    is $hit->{status}, 'HIT', 'by the zone';
    is $hit->{key}, $miss->{key}, 'the same key';
    ok $hit->{body} eq $bytes, 'the same bytes';
    is curl($path, '-r', '10-19')->{body}, substr($bytes, 10, 10), 'a range';

    is_deeply [$store->requests(qr/^PUT/)], ["PUT /$hit->{key} 200 300000"],
        'the store has it by its key';
    is scalar(() = $registry->requests(qr/^HEAD /)), 1, 'one origin call';

    my $slashes = $host =~ s/:/%3A/r . '%2Fteam%2Fapp%3A1';
    my $pinned = "$host/team/app\@$digest";

    for ("/i/$slashes/-/out/a.o", "/i/$slashes/-/out%2Fa.o",
         "/i/$host%2fteam/app:1/-/out/a.o", "/i/$pinned/-/out/a.o",
         '/i/' . $pinned =~ s/\//%2F/gr =~ s/\@/%40/r . '/-/out/a.o',
         "/i/$host/team/app:other\@$digest/-/out/a.o",
         "/i/elsewhere.example/mirror\@$digest/-/out/a.o")
    {
        my $same = curl($_);
        my $name = s/[0-9a-f]{64}/.../r =~ s/$host/HOST/r;

        is "$same->{code} $same->{key}", "200 $hit->{key}", $name;
        is $same->{status}, /sha256/ ? 'PINNED' : 'HIT', 'its status';
    }

    isnt curl("$path?v=2")->{key}, $hit->{key}, 'a query has its own key';
};

subtest 'pinned put' => sub {
    my $path = "/i/golang\@$digest/-/pinned";

    is curl($path, '-d', 'text', '-X', 'PUT')->{code}, 200, 'put';
    is curl($path)->{body}, 'text', 'got';
    is curl("/i/$host/team/app:1/-/pinned")->{body}, 'text',
        'by the tag that names that digest, too';
};

subtest 'refused' => sub {
    $store->forget;

    for (['/i/Golang/-/x', qr/lower case/], ['/i/golang:1', qr/no image/],
         ['/i//-/x', qr/no image/], ['/i/a%00b/-/x', qr/./])
    {
        my ($path, $text) = @$_;
        my $answer = curl($path);

        is $answer->{code}, 400, $path;
        like $answer->{body}, $text, 'and why';
    }

    is_deeply [$store->requests], [], 'the store was not asked';
};

done_testing;
