#!/usr/bin/perl

# The configuration of the README: a path that names no image is a 400, never
# a default key; nobody is asked, the store neither.

use strict;
use warnings;

use Test::More;

use ImageDigest::Client;
use ImageDigest::Nginx;
use ImageDigest::Origin;
use ImageDigest::Store;
use ImageDigest::Util qw(slurp top);

my $origin = ImageDigest::Origin->start;
my $store = ImageDigest::Store->start;

# the README's two locations, as they stand there

my ($locations) = slurp(top() . '/README.md')
    =~ /^(\x20*location\ ~\ \^\/i\/ .*? ^\x20*location\ \/i\/\ [^\n]*\n)/xms;

like $locations, qr/image_digest\s+\$image.*proxy_pass/s, 'in the README';

my $nginx = ImageDigest::Nginx->start(
    http   => 'image_resolver default { registry ' . $origin->host
              . ' insecure; }'
              . 'upstream artifacts { server ' . $store->address . '; }',
    server => $locations);

my $client = ImageDigest::Client->new($nginx->port);


sub ask {
    my ($method, $path) = @_;

    $client->request($method, $path, {}, $method eq 'PUT' ? 'body' : undef);

    return $client->read;
}


for my $path ('/i/', '/i/golang', '/i/golang:1.22', '/i/-/artifact',
              '/i//-/artifact', '/i/golang/artifact', '/i/golang/-/',
              '/i/golang/-', '/i/golang%0a/-/artifact')
{
    my $answer = ask('GET', $path);

    is $answer->{status}, 400, $path;
    is $answer->{body}, "no image reference in the path\n", '    its line';
}

is ask('PUT', '/i/golang')->{status}, 400, 'a write';

is scalar(() = $store->requests), 0, 'no store access';
is $origin->connections, 0, 'no registry was asked';

# and what would have been seen

my $image = $origin->name('app:1');

is ask('GET', "/i/$image/-/artifact")->{status}, 404, 'an image, a miss';
is scalar(() = $store->requests), 1, 'asks the store';
cmp_ok $origin->connections, '>', 0, 'and the registry';

done_testing;
