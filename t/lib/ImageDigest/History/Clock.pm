package ImageDigest::History::Clock;

# The wall clock of one host, which libfaketime moves while it runs.  The other
# clocks are left alone: those no administrator can set.
#
#     my $clock = ImageDigest::History::Clock->new(-3600);
#     $space->inside(sub { ... }, $clock->command);    # and other libraries
#     $clock->set(5);              # seconds ahead of the real one
#     $clock->offset;

use strict;
use warnings;

use ImageDigest::Util qw(tempdir spit);

# what nginx has to leave in its environment for it

our @variables = qw(LD_PRELOAD FAKETIME_TIMESTAMP_FILE FAKETIME_NO_CACHE
                    FAKETIME_DONT_FAKE_MONOTONIC);


sub library { return (glob '/usr/lib/*/faketime/libfaketime.so.1')[0] }


sub new {
    my ($class, $offset) = @_;

    my $self = bless { dir => tempdir() }, $class;

    return $self->set($offset // 0);
}


sub set {
    my ($self, $offset) = @_;

    # never half a file

    spit("$self->{dir}/new", sprintf "%+.3f\n", $offset);
    rename "$self->{dir}/new", "$self->{dir}/clock" or die "clock: $!";
    $self->{offset} = $offset;

    return $self;
}


sub offset { return $_[0]{offset} }


sub command {
    my ($self, @libraries) = @_;

    return ('env', "LD_PRELOAD=@{[ library(), @libraries ]}",
            "FAKETIME_TIMESTAMP_FILE=$self->{dir}/clock",
            'FAKETIME_NO_CACHE=1', 'FAKETIME_DONT_FAKE_MONOTONIC=1');
}


# What the library leaves behind of a process that is killed can be gone as soon
# as that runs.

sub tidy {
    my ($pid) = @_;

    unlink map { "/dev/shm/$_$pid" } 'faketime_shm_', 'sem.faketime_sem_';
}


1;
