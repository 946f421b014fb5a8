package ImageDigest::History::Check::Origin;

# (e) Calls of the origin for one identity never overlap, save while the owner
# of a lease was stopped or cut off for longer than the lease (rule 9), or Redis
# was not there to lease anything (rule 10).

use strict;
use warnings;

use ImageDigest::History::Disturbances;

# A client that gives up a call is noticed a little later.

our $noticed = 0.25;

# A lease lasts 2 seconds, and was renewed up to 0.5 before its owner halted.

our $lapse = 1.5;


sub check {
    my ($history) = @_;

    my %last;

    for my $call (sort { $a->{start} <=> $b->{start} }
                  @{ $history->{origin} })
    {
        $history->count('origin calls');

        # the one that ends last is the one that others may overlap with

        my $before = $last{ $call->{tag} };

        if ($before && $call->{start} < _end($before)
            && !_gone($history, $call))
        {
            _overlap($history, $before, $call);
        }

        $last{ $call->{tag} } = $call
            if !$before || _end($call) > _end($before);
    }
}


# Had its host given it up before it came, as it was cut off?

sub _gone {
    my ($history, $call) = @_;

    my ($start, $end) = @$call{qw(start end)};

    return $call->{aborted} && $end - $start < $noticed
           && $history->{faults}->during('origin', $call->{host},
                                         $start - $noticed, $start, 1);
}


sub _end { return $_[0]{end} - ($_[0]{aborted} ? $noticed : 0) }


sub _overlap {
    my ($history, $before, $call) = @_;

    my $faults = $history->{faults};
    my ($from, $to) = ($before->{start}, $call->{start});
    my $grace = $ImageDigest::History::Disturbances::recovery;

    # the owner of the lease was stopped, killed, or cut off

    for (['halted', $before->{host}], ['origin', $before->{host}]) {
        if ($faults->during(@$_, $from - 0.5, $to, $grace)) {
            $history->count('admitted: origin calls overlap, an owner halted');
            return;
        }
    }

    # ... or it is the later one's, which halted with its request on the way

    if (grep { $_->{kind} ne 'kill' && $_->{kind} ne 'kill_worker'
               && $_->{end} - $_->{start} >= $lapse }
        $faults->during('halted', $call->{host}, $to - 0.5, $to))
    {
        $history->count('admitted: origin calls overlap, an owner halted');
        return;
    }

    # between hosts: Redis was away or not used

    if ($before->{host} ne $call->{host}) {
        for my $host ($before->{host}, $call->{host}) {
            if ($faults->during('redis', $host, $from - 0.5, $to, $grace)) {
                $history->count('admitted: origin calls overlap, Redis away');
                return;
            }
        }
    }

    $history->violation('e', sprintf('two calls of the origin for one identity'
                                     . ' overlap by %.3f s',
                                     _end($before) - $call->{start}),
                        $before, $call);
}


1;
