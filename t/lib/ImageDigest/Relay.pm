package ImageDigest::Relay;

# A way to a server that can be cut, or be silent.
#
#     my $relay = ImageDigest::Relay->start($port);      # of 127.0.0.1
#     $relay->port;
#     $relay->stop;                # connections break, new ones are refused
#     $relay->start;
#     $relay->stall;               # nothing passes, and nobody is told ...
#     $relay->go_on;               # ... until now, when it passes late
#     $relay->set(to => $other);   # where new connections go
#     $relay->reset;               # those that there are break

use strict;
use warnings;

use parent 'ImageDigest::FaultServer';

use IO::Select;
use IO::Socket::INET;
use ImageDigest::Util qw(wait_until);


sub start {
    my ($self, $port) = @_;

    # a connection's process may not have let go of the port yet

    return wait_until { eval { $self->SUPER::start } } 'the port'
        if ref $self;

    $self = $self->SUPER::start(raw => sub { _pass(@_) });

    return $self->set(to => $port);
}


sub _pass {
    my ($client, $state) = @_;

    my $server = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $state->{to}) or return;
    my $select = IO::Select->new($client, $server);

    while (1) {
        for my $from ($select->can_read) {
            sysread $from, my $bytes, 65536 or return;

            my $to = $from == $client ? $server : $client;

            while ($bytes ne '') {
                my $n = syswrite $to, $bytes or return;
                substr $bytes, 0, $n, '';
            }
        }
    }
}


# all of its processes are a group

sub stall { kill STOP => -$_[0]{pid}; return $_[0] }
sub go_on { kill CONT => -$_[0]{pid}; return $_[0] }


sub stop {
    my ($self) = @_;

    $self->go_on if $self->{pid};

    return $self->SUPER::stop;
}


sub reset { return $_[0]->stop->start }


1;
