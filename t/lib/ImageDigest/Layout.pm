package ImageDigest::Layout;

# A registry on a FaultServer from which engines can pull: every tag of every
# repository is the one image that it has, but for what a test says.
#
#     my $server = ImageDigest::Layout->start(ImageDigest::Image->new);
#     $server->name('app:1');              # 127.0.0.1:PORT/app:1
#     $server->digest;                     # what all tags name
#     $server->set(hold => 'a');           # layers and such wait ...
#     $server->release('a');               # ... for this
#     $server->set(status => 429, headers => {}, body => '');
#     $server->blobs;                      # requests for layers and such

use strict;
use warnings;

use parent 'ImageDigest::FaultServer';

use Mojo::JSON qw(decode_json);
use Socket qw(MSG_PEEK);
use Time::HiRes qw(sleep);
use ImageDigest::Util qw(tempdir spit slurp);


sub start {
    my ($self, $image) = @_;

    return $self->SUPER::start unless $image;

    my $gates = tempdir();
    my $top = $image->digest;
    my $blob = sub { slurp("$image->{dir}/blobs/" . $_[0] =~ s{:}{/}r) };

    my $class = $self;

    $self = $class->SUPER::start(http => sub {
        my ($req) = @_;
        my $state = $req->{state};

        return [200, { 'Docker-Distribution-API-Version' => 'registry/2.0' },
                '{}'] if $req->{path} eq '/v2/';

        return [$state->{status}, $state->{headers} || {},
                $state->{body} // ''] if $state->{status};

        my ($kind, $what) = $req->{path} =~ m{/(manifests|blobs)/([^/?]+)$}
            or return [404, {}, ''];

        if ($kind eq 'blobs') {
            if (my $gate = $state->{hold}) {
                sleep 0.01 until -e "$gates/$gate";
            }

            my $bytes = $blob->($what);

            return $bytes ne '' ? [200, {}, $bytes]
                : [404, { 'Content-Type' => 'application/json' },
                   '{"errors":[{"code":"BLOB_UNKNOWN","message":"x"}]}'];
        }

        my $digest = $what =~ /:/ ? $what : $top;
        my $bytes = $blob->($digest);

        return [200, { 'Content-Type' => decode_json($bytes)->{mediaType},
                       'Docker-Content-Digest' => $digest }, $bytes];
    });

    @$self{qw(gates top)} = ($gates, $top);

    return $self;
}


# An engine tries TLS first, and would wait for long: none is spoken here.

sub _connection {
    my ($self, $socket) = @_;

    my $first = '';

    recv $socket, $first, 1, MSG_PEEK;

    return if $first eq "\x16";
    return $self->SUPER::_connection($socket);
}


sub host   { return "127.0.0.1:$_[0]{port}" }
sub name   { return $_[0]->host . "/$_[1]" }
sub digest { return $_[0]{top} }


sub release {
    my ($self, $gate) = @_;

    spit("$self->{gates}/$gate", '');

    return $self;
}


sub blobs { return $_[0]->requests(sub { $_->{path} =~ m{/blobs/} }) }


1;
