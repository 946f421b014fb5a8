package ImageDigest::Store;

# The artefact store, t/run/store, of the test's own.
#
#     my $store = ImageDigest::Store->start;
#     proxy_pass http://unix:@{[ $store->socket ]}:/$image_digest_key  or
#     server @{[ $store->address ]};
#     $store->requests(qr/^PUT/);             # "METHOD PATH STATUS BYTES"

use strict;
use warnings;

use parent 'ImageDigest::Process';

use ImageDigest::Util qw(wait_until tempdir slurp lines top spawn alive);


sub start {
    my ($self, %o) = @_;

    $self = bless { %o, dir => tempdir(), seen => 0 }, $self
        unless ref $self;

    my $address = $self->address;

    unlink $self->socket;

    # the workers of nginx may be another user

    my $umask = umask 0;

    $self->{pid} = spawn("$self->{dir}/output", $^X, top() . '/t/run/store',
                         '--listen', $address, '--dir', "$self->{dir}/data",
                         '--log', "$self->{dir}/log",
                         $self->{size} ? ('--size', $self->{size}) : ());
    umask $umask;

    wait_until {
        alive($self->{pid}) or die "the store does not start:\n"
                                   . slurp("$self->{dir}/output");
        -S $self->socket;
    } 'the store to start';

    return $self;
}


sub socket  { return "$_[0]{dir}/store.sock" }
sub address { return 'unix:' . $_[0]->socket }


# The requests so far, or since `forget`, that match.

sub requests {
    my ($self, $re) = @_;

    my @all = lines("$self->{dir}/log");

    return grep { !$re || /$re/ } splice @all, $self->{seen};
}


sub hits   { return scalar(() = $_[0]->requests(qr/^GET \S+ 200 /)) }
sub misses { return scalar(() = $_[0]->requests(qr/^GET \S+ 404 /)) }
sub puts   { return scalar(() = $_[0]->requests(qr/^PUT \S+ 200 /)) }


# `requests` starts from here.

sub forget {
    my ($self) = @_;

    $self->{seen} = () = lines("$self->{dir}/log");

    return $self;
}


1;
