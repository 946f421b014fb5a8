package ImageDigest::Origin;

# A registry without storage, on a FaultServer: every tag exists, and is what
# the test says.  A tag that begins with "none" does not exist.
#
#     my $origin = ImageDigest::Origin->start;
#     $origin->name('app:1');              # 127.0.0.1:PORT/app:1
#     $origin->digest('app:1');            # what it names now
#     $origin->set(version => 2);          # all tags move
#     $origin->set(status => 503, headers => { 'Retry-After' => 7 });
#     $origin->set(only => 'app');         # ... for that repository alone
#     $origin->set(hold => 'a');           # calls from now on wait ...
#     $origin->release('a');               # ... for this
#     $origin->calls('app:1');             # calls so far: their HEADs
#
# What a held call is answered was decided when it came.

use strict;
use warnings;

use parent 'ImageDigest::FaultServer';

use Digest::SHA qw(sha256_hex);
use Mojo::JSON qw(encode_json);
use Time::HiRes qw(sleep);
use ImageDigest::Util qw(tempdir spit);

my $oci = 'application/vnd.oci.image';


sub start {
    my ($self, @o) = @_;

    return $self->SUPER::start(@o) if ref $self;

    my $gates = tempdir();
    my $class = $self;

    $self = $class->SUPER::start(http => sub { _answer($gates, @_) }, @o);
    $self->{gates} = $gates;

    return $self;
}


sub host { return "127.0.0.1:$_[0]{port}" }
sub name { return $_[0]->host . "/$_[1]" }


sub _manifest {
    my ($name, $tag, $version) = @_;

    # by hand, since the order of keys is of the digest

    return qq({"schemaVersion":2,"mediaType":"$oci.manifest.v1+json",)
           . qq("config":{"mediaType":"$oci.config.v1+json","size":2,)
           . qq("digest":"sha256:) . sha256_hex('{}') . qq("},"layers":[],)
           . qq("annotations":{"of":"$name:$tag:$version"}});
}


sub digest {
    my ($self, $image, $version) = @_;

    my ($name, $tag) = $image =~ /^(.*):(.*)$/;

    return 'sha256:' . sha256_hex(_manifest(
        $name, $tag, $version // $self->{state}{version} // 1));
}


sub _answer {
    my ($gates, $req) = @_;

    my $state = $req->{state};

    if (my $gate = $state->{hold}) {
        sleep 0.01 until -e "$gates/$gate";
    }

    my ($name, $tag) = $req->{path} =~ m{^/v2/(.*)/manifests/(.*)$};

    return [$state->{status}, $state->{headers} || {}, "no\n"]
        if $state->{status}
           && (!$state->{only} || $state->{only} eq ($name // ''));

    return [404, {}, "no\n"] if !defined $name;

    return [404, {}, "no\n"] if $tag =~ /^none/;

    my $text = _manifest($name, $tag, $state->{version} // 1);

    return [200, { 'Content-Type' => "$oci.manifest.v1+json",
                   'Docker-Content-Digest' => 'sha256:' . sha256_hex($text) },
            $text];
}


sub release {
    my ($self, $gate) = @_;

    spit("$self->{gates}/$gate", '');

    return $self;
}


sub calls {
    my ($self, $image) = @_;

    my ($name, $tag) = ($image // '') =~ /^(.*):(.*)$/;

    return scalar(() = $self->requests(sub {
        $_->{method} eq 'HEAD'
            && (!$image || $_->{path} eq "/v2/$name/manifests/$tag");
    }));
}


1;
