package ImageDigest::History::Checker;

# Holds a recorded history against the contract.  Pure: it reads events (Log.pm
# says where from, docs below say what they are) and tells what is wrong.
#
#     my $result = ImageDigest::History::Checker->new($events)->check;
#     $result->{violations};      # [{ rule, what, events => [...] }, ...]
#     $result->{counts};          # { name => number }
#
# Events, by `ev`; start and end are seconds, by the clients' one clock:
#
#     run      seed; timeout, call, settled, fresh: the configuration of all
#              hosts; unix: what a right clock says at 0; repository of the tags
#     move     tag, digest, ok: it was sent at start, made by end
#     pull     job, tag, digest: what the job found that its tag names
#     job      job, class, policy, fallback, tag, digest, session
#     request  n, job, host, method, artifact, reference (tag or pinned), ttl,
#              code (0: no answer), status, digest, key, error, write, wait;
#              clock: the host's wall clock;
#              put: the n of the PUT whose body was received, found: the digest
#              that the body names
#     origin   host, tag, method, aborted: as the registry's front door saw it
#     fault    kind, host, behind: Disturbances.pm has the kinds
#     purge    tag, ok
#
# The class of a job is its promise, and a part of the key of its artefacts:
#
#     ref      it uses pinned references
#     pinned   under a tag, where the only writes are pinned ones; some of the
#              class use pinned references, and write
#     session  its session started with it
#     late     its session found another digest than it runs; so nothing is
#              promised but what a tag gets
#     tag      under a tag, with writes `any` or `settled`

use strict;
use warnings;

use ImageDigest::History::Check::Artifacts;
use ImageDigest::History::Check::Digests;
use ImageDigest::History::Check::Origin;
use ImageDigest::History::Check::Waits;
use ImageDigest::History::Disturbances;
use ImageDigest::History::Timeline;

# clocks of two processes are one, but a line is written after it is read

our $epsilon = 0.005;


sub new {
    my ($class, $events) = @_;

    my %by;

    push @{ $by{ $_->{ev} } }, $_ for @$events;

    my $self = bless {
        run        => ($by{run} || [{}])->[0],
        requests   => $by{request} || [],
        origin     => $by{origin} || [],
        purges     => $by{purge} || [],
        pulls      => $by{pull} || [],
        jobs       => { map { $_->{job} => $_ } @{ $by{job} || [] } },
        puts       => {},
        timeline   => ImageDigest::History::Timeline->new(
                          @{ $by{move} || [] }),
        faults     => ImageDigest::History::Disturbances->new(
                          @{ $by{fault} || [] }),
        all_faults => $by{fault} || [],
        moves      => $by{move} || [],
        violations => [],
        counts     => {},
    }, $class;

    $self->{puts}{ $_->{n} } = $_
        for grep { $_->{method} eq 'PUT' } @{ $self->{requests} };

    return $self;
}


sub check {
    my ($self) = @_;

    $self->count('requests', scalar @{ $self->{requests} });
    $self->count('moves', scalar @{ $self->{moves} });
    $self->count('purges', scalar @{ $self->{purges} });
    $self->count("fault: $_->{kind}") for @{ $self->{all_faults} };
    $self->count('status ' . ($_->{status} || 'none'))
        for @{ $self->{requests} };

    $self->count('of a host with a wrong clock')
        for grep { $self->_wrong($_) } @{ $self->{requests} };

    $self->_harness;

    ImageDigest::History::Check::Digests::check($self);
    ImageDigest::History::Check::Artifacts::check($self);
    ImageDigest::History::Check::Waits::check($self);
    ImageDigest::History::Check::Origin::check($self);

    return { violations => $self->{violations}, counts => $self->{counts} };
}


# The harness itself: what a job pulled has to be what the mover says.

sub _harness {
    my ($self) = @_;

    for my $pull (@{ $self->{pulls} }) {
        next if $self->{timeline}->named(@$pull{qw(tag digest)},
                                         $pull->{start} - $epsilon,
                                         $pull->{end} + $epsilon);

        $self->violation('harness', 'the moves that were logged are not the'
                                    . ' registry\'s', $pull,
                         $self->moves_around($pull));
    }
}


sub _wrong {
    my ($self, $request) = @_;

    my $clock = $request->{clock} or return 0;

    return abs($clock - $self->{run}{unix} - $request->{end}) > 0.9;
}


sub count {
    my ($self, $name, $number) = @_;

    $self->{counts}{$name} += $number // 1;
}


sub violation {
    my ($self, $rule, $what, @events) = @_;

    push @{ $self->{violations} }, {
        rule => $rule, what => $what, events => [grep { $_ } @events],
    };
}


sub job { return $_[0]{jobs}{ $_[1]{job} // '' } || {} }
sub put { return $_[0]{puts}{ $_[1]{put} // '' } }


# The TTL by which a request may use an observation: settled writes take the
# smaller of T and `fresh`.

sub ttl {
    my ($self, $request) = @_;

    my $fresh = $self->{run}{fresh};
    my $settles = $request->{method} eq 'PUT'
                  && ($self->job($request)->{policy} // '') eq 'settled';

    return $settles && defined $fresh && $fresh < $request->{ttl}
           ? $fresh : $request->{ttl};
}


# The moves of a request's tag that say what it should have seen, for people.

sub moves_around {
    my ($self, $request, $from) = @_;

    $from //= $request->{start} - ($request->{ttl} // 0);

    my @moves = grep { $_->{tag} eq $request->{tag}
                       && $_->{start} <= $request->{end} }
                @{ $self->{moves} };
    my @before = grep { $_->{end} < $from } @moves;

    return (@before ? $before[-1] : (), grep { $_->{end} >= $from } @moves);
}


sub tag_of {
    my ($self, $request) = @_;

    return $request->{tag} // $self->job($request)->{tag};
}


1;
