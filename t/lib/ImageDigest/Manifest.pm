package ImageDigest::Manifest;

# Documents of a registry, and the answers that a FaultServer gives of them.
#
#     my $bytes = manifest('app:1');           # like no other text's
#     my $bytes = manifest('app:1', '"a":1');  # ... and more members
#     my $bytes = index_of(['linux/amd64', $bytes], ...);
#     sha256($bytes);                          # sha256:...
#     return answer($bytes, 'Content-Type' => undef);    # without, or other
#     image_of($req);                          # app:1, of the path of $req
#     digest_of('app:1');                      # of manifest('app:1')
#     return challenge('Basic realm="x"');         # a 401

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Exporter qw(import);

our @EXPORT_OK = qw(manifest index_of sha256 answer image_of digest_of
                    challenge);

my $oci = 'application/vnd.oci.image';


sub manifest {
    my ($text, @more) = @_;

    # by hand, since the order of keys is of the digest

    return '{' . join(',', '"schemaVersion":2',
                      qq("mediaType":"$oci.manifest.v1+json"),
                      qq("config":{"mediaType":"$oci.config.v1+json",)
                      . qq("size":2,"digest":") . sha256('{}') . '"}',
                      '"layers":[]', qq("annotations":{"of":"$text"}), @more)
           . '}';
}


sub index_of {
    my (@entries) = @_;

    my $text = join ',', map {
        my ($platform, $bytes) = @$_;
        my ($os, $architecture) = split m{/}, $platform;

        qq({"mediaType":"$oci.manifest.v1+json","size":) . length($bytes)
        . qq(,"digest":") . sha256($bytes) . qq(","platform":{"os":"$os",)
        . qq("architecture":"$architecture"}});
    } @entries;

    return qq({"schemaVersion":2,"mediaType":"$oci.index.v1+json",)
           . qq("manifests":[$text]});
}


sub sha256 { return 'sha256:' . sha256_hex($_[0]) }


# the digest of the tag "app:1" where its manifest is manifest('app:1')

sub digest_of { return sha256(manifest($_[0])) }


sub answer {
    my ($bytes, %headers) = @_;

    my ($type) = $bytes =~ /"mediaType":"([^"]*)"/;

    %headers = ('Content-Type'          => $type // "$oci.manifest.v1+json",
                'Docker-Content-Digest' => sha256($bytes), %headers);
    delete @headers{ grep { !defined $headers{$_} } keys %headers };

    return [200, \%headers, $bytes];
}


sub image_of {
    my ($req) = @_;

    return $req->{path} =~ m{^/v2/(.+)/manifests/([^/?]+)$} ? "$1:$2" : '';
}


sub challenge {
    my ($text, $status) = @_;

    return [$status // 401, { 'WWW-Authenticate' => $text }, "no\n"];
}


1;
