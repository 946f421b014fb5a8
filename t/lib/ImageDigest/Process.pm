package ImageDigest::Process;

# What servers of a test have in common: a process, $self->{pid}, which ends
# with the object.
#
#     $server->pause;     # no answer, though connections are taken
#     $server->resume;
#     $server->stop;      # by $self->signal; nothing if it does not run

use strict;
use warnings;

use ImageDigest::Util qw(wait_until slurp);


sub signal { return 'KILL' }


# its threads stop one by one

sub pause {
    my ($self) = @_;

    kill STOP => $self->{pid};
    wait_until { !grep { slurp($_) !~ /^State:\s+T/m }
                 glob "/proc/$self->{pid}/task/*/status" } 'all to stop';

    return $self;
}


sub resume {
    my ($self) = @_;

    kill CONT => $self->{pid};

    return $self;
}


sub stop {
    my ($self) = @_;

    ImageDigest::Util::stop($self->{pid}, $self->signal) if $self->{pid};
    delete $self->{pid};

    return $self;
}


sub DESTROY {
    my ($self) = @_;

    local ($?, $@, $!);
    $self->stop;
}


1;
