#!/usr/bin/perl

# JSON 100,000 deep, closed or not: in a manifest, in an index.

use strict;
use warnings;

use Test::More;

use ImageDigest::Attack;
use ImageDigest::Manifest qw(manifest index_of answer);

my $n = 100_000;
my $with = sub {
    my ($bytes, $text) = @_;

    return sub { answer($bytes =~ s/}$/,"x":$text}/r) };
};
my ($arrays, $objects) = ('[' x $n . ']' x $n,
                          '{"x":' x $n . '1' . '}' x $n);

attack(0,
    arrays  => $with->(manifest('it'), $arrays),
    objects => $with->(manifest('it'), $objects),
    index   => $with->(index_of(['linux/amd64', manifest('it')]), $arrays),
    open    => sub { answer(manifest('it') =~ s/}$//r
                            . ',"x":' . '{"x":' x $n) },
    alone   => sub { answer('[' x $n, 'Content-Type' =>
                     'application/vnd.oci.image.index.v1+json') },
);

done_testing;
