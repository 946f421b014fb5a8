package ImageDigest::Image;

# A tiny OCI image like no other, pushed by skopeo.
#
#     my $image = ImageDigest::Image->push($registry, 'app:1');
#     $image->digest;                          # what the tag names
#
#     my $index = ImageDigest::Image->push(
#         $registry, 'app:2', platforms => ['linux/amd64', 'linux/arm64/v8']);
#     $index->digest;                          # the index
#     $index->digest('linux/arm64/v8');        # one manifest in it
#
#     $image->push($registry, 'app:latest');   # the same one by another tag

use strict;
use warnings;

use Archive::Tar;
use Digest::SHA qw(sha256_hex);
use IO::Compress::Gzip qw(gzip);
use Mojo::JSON qw(encode_json);
use ImageDigest::Util qw(tempdir spit run);

my $oci = 'application/vnd.oci.image';
my $serial = 0;


sub new {
    my ($class, %o) = @_;

    my $self = bless { %o, dir => tempdir(), digests => {} }, $class;

    mkdir "$self->{dir}/blobs";
    mkdir "$self->{dir}/blobs/sha256";

    my @platforms = @{ $self->{platforms} || ['linux/amd64'] };
    my @manifests = map { $self->_manifest($_) } @platforms;
    my $top = $manifests[0];

    if ($self->{platforms}) {
        $top = $self->_json("$oci.index.v1+json", {
            schemaVersion => 2,
            mediaType     => "$oci.index.v1+json",
            manifests     => \@manifests,
        });
    }

    $self->{digest} = $top->{digest};

    spit("$self->{dir}/oci-layout", '{"imageLayoutVersion":"1.0.0"}');
    spit("$self->{dir}/index.json", encode_json({
        schemaVersion => 2,
        manifests     => [{
            mediaType => $top->{mediaType}, digest => $top->{digest},
            size      => $top->{size},
            annotations => { 'org.opencontainers.image.ref.name' => 'it' },
        }],
    }));

    return $self;
}


sub _blob {
    my ($self, $type, $bytes) = @_;

    my $hex = sha256_hex($bytes);

    spit("$self->{dir}/blobs/sha256/$hex", $bytes);

    return { mediaType => $type, digest => "sha256:$hex",
             size => length $bytes };
}


sub _json {
    my ($self, $type, $value) = @_;

    return $self->_blob($type, encode_json($value));
}


sub _manifest {
    my ($self, $platform) = @_;

    my ($os, $architecture, $variant) = split m{/}, $platform;
    my %platform = (os => $os, architecture => $architecture,
                    defined $variant ? (variant => $variant) : ());

    my $tar = Archive::Tar->new;

    $tar->add_data('unique', join ' ', $platform, $$, time, ++$serial, rand);

    my $bytes = $tar->write;
    my $layer;

    gzip(\$bytes => \$layer, -Minimal => 1) or die 'gzip';

    my $manifest = $self->_json("$oci.manifest.v1+json", {
        schemaVersion => 2,
        mediaType     => "$oci.manifest.v1+json",
        config        => $self->_json("$oci.config.v1+json", {
            %platform,
            config => {},
            rootfs => { type     => 'layers',
                        diff_ids => ['sha256:' . sha256_hex($bytes)] },
        }),
        layers        => [$self->_blob("$oci.layer.v1.tar+gzip", $layer)],
    });

    $manifest->{platform} = \%platform;
    $self->{digests}{$platform} = $manifest->{digest};

    return $manifest;
}


sub digest {
    my ($self, $platform) = @_;

    return $self->{digest} unless defined $platform;
    return $self->{digests}{$platform} // die "no $platform in this image\n";
}


sub push {
    my ($self, $registry, $name, %o) = @_;

    my $creds = delete $o{creds};

    $self = $self->new(%o) unless ref $self;

    if (!$creds && $registry->{users}) {
        my ($user) = sort keys %{ $registry->{users} };
        $creds = "$user:$registry->{users}{$user}";
    }

    scalar run('skopeo', '--insecure-policy', 'copy', '--all',
               '--preserve-digests', '--dest-tls-verify=false',
               $creds ? ('--dest-creds', $creds) : (),
               "oci:$self->{dir}:it", 'docker://' . $registry->name($name));

    return $self;
}


1;
