#!/usr/bin/perl

# A few KiB that decode to hundreds of MiB: nothing is ever decoded, so what
# comes encoded is no manifest, small or large.

use strict;
use warnings;

use IO::Compress::Gzip qw(gzip);
use Test::More;

use ImageDigest::Attack;
use ImageDigest::Manifest qw(manifest digest_of answer);

my $type = 'application/vnd.oci.image.manifest.v1+json';
my ($small, $bomb, $twice);

gzip(\manifest('app:small') => \$small);
gzip(\manifest('bomb', '"x":"' . 'x' x (200 << 20) . '"') => \$bomb);
gzip(\$bomb => \$twice);

my $encoded = sub {
    my ($bytes, %headers) = @_;

    return sub { answer($bytes, 'Content-Type' => $type, %headers) };
};

attack(0,
    small    => $encoded->($small, 'Content-Encoding' => 'gzip',
                           'Docker-Content-Digest' => digest_of('app:small')),
    bomb     => $encoded->($bomb, 'Content-Encoding' => 'gzip'),
    twice    => $encoded->($twice, 'Content-Encoding' => 'gzip, gzip'),
    unsaid   => $encoded->($bomb),
    transfer => $encoded->($bomb, 'Transfer-Encoding' => 'gzip',
                           'Connection' => 'close'),
);

done_testing;
