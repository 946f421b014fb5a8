#!/usr/bin/perl

# References: all spellings of an image have one canonical reference and one
# key, %2F and / among them; what is another name has another key.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache qw(tag_key);
use ImageDigest::Client;
use ImageDigest::Util qw(slurp top);

# no registry may be asked, so that the key is of the reference

my $cache = ImageDigest::Cache->start(
    resolver  => 'registry none.test;',
    locations => { i => 'image_digest_fallback tag window=off;' });

my $client = ImageDigest::Client->new($cache->port);


# exactly this path: an agent might escape it in its own way

sub ask {
    my ($path) = @_;

    $client->request('GET', "/i/$path/-/x");

    my $headers = $client->read->{headers};

    return map { $headers->{"x-image-$_"} // '' } qw(reference pinned key);
}


my $hex = '0123456789abcdef' x 4;
my %spellings = (
    'docker.io/library/golang:latest' => [qw(
        golang golang:latest library/golang library%2Fgolang docker.io/golang
        docker.io/library/golang docker.io/library/golang:latest
        docker.io%2Flibrary%2Fgolang%3Alatest docker.io%2flibrary/golang
        index.docker.io/golang index.docker.io/library/golang:latest
        golang%3alatest %67olang ./golang
    )],
    'docker.io/org/app:v1' => [qw(
        org/app:v1 org%2Fapp:v1 docker.io/org/app:v1 index.docker.io/org/app:v1
    )],
    'localhost:5000/app:v1' => [qw(
        localhost:5000/app:v1 localhost%3A5000%2Fapp%3Av1
    )],
    'ghcr.io/org/team/app:v1_2.3-rc' => [qw(
        ghcr.io/org/team/app:v1_2.3-rc ghcr.io%2Forg%2Fteam%2Fapp:v1_2.3-rc
    )],
);

for my $reference (sort keys %spellings) {
    is_deeply [ask($_)],
              [$reference, '', tag_key($reference, window => '')], $_
        for @{ $spellings{$reference} };
}

# pinned ones: the key is the digest's, whatever the name

my %key;

for (qw(golang golang:1.22 ghcr.io/org/app docker.io%2Flibrary%2Fgolang)) {
    my ($reference, $pinned, $key) = ask("$_\@sha256:$hex");

    $key{$key}++;
    is $pinned, "$reference\@sha256:$hex", "$_ with a digest";
}

is keys %key, 1, 'have one key';

# names of their own

my %names;

for (qw(golang golang:Latest golang:1 org/golang library/golang/x ghcr.io/golang
        localhost/golang docker.io:443/golang Docker.io/golang registry.corp/a
        registry.corp:443/a Registry.corp/a))
{
    my ($reference, undef, $key) = ask($_);

    $names{$reference}++;
    $names{$key}++;
}

is keys %names, 24, 'other names, other keys';

# the table of docs/references.md

my @examples = map { /^\| `(\S+)` \| `(\S+)` \|$/ ? [$1, $2] : () }
               split /\n/, slurp(top() . '/docs/references.md');

cmp_ok scalar(@examples), '>=', 12, 'examples in docs/references.md';

for (@examples) {
    my ($spelling, $reference) = @$_;

    $spelling =~ s/sha256:[^0-9a-f]+$/sha256:$hex/;

    is +(ask($spelling))[0], $reference, $spelling;
}

done_testing;
