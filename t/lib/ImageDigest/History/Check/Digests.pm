package ImageDigest::History::Check::Digests;

# (a) The digest of a response was the tag's at some moment between its
# request's start less the TTL and its end; that of a session, between the
# start of the session's first request less its TTL and the end of the first
# that got a digest.  After an invalidation nothing that began before it is
# used, so the moment is then after that.
#
# And rule 5, which no single response shows: a host whose zone had a digest has
# no older one later.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use ImageDigest::History::Disturbances;

# An invalidation reaches the hosts by a message, which takes a moment on a
# busy machine.

our $message = 0.5;

# So long may a call be on its way to the origin, where all is well; and where
# its host was cut off or stood still, until the connection is tried again.

our $busy = 0.5;
our $connect = 3;


sub check {
    my ($history) = @_;

    my %sessions;

    for my $request (sort { $a->{start} <=> $b->{start} }
                     @{ $history->{requests} })
    {
        my $job = $history->job($request);

        if ($job->{session} && $request->{reference} eq 'tag') {
            push @{ $sessions{"$job->{session} $request->{tag}"} }, $request;
            next;
        }

        next unless $request->{digest};

        _key($history, $request);
        $request->{reference} eq 'tag' ? _tag($history, $request)
                                       : _pinned($history, $request);
    }

    _session($history, $sessions{$_}) for sort keys %sessions;
    _newer_wins($history);
}


# What came out of a zone after what was put into it.  A killed host loses its
# zone, and a worker that is killed may leave one that is laid out anew.

sub _newer_wins {
    my ($history) = @_;

    my %newest;

    my @requests = grep {
        $_->{digest} && $_->{reference} eq 'tag'
            && !$history->job($_)->{session}
    } @{ $history->{requests} };

    # each request once as something that ends, and once as one that begins

    my @moments = sort { $a->[0] <=> $b->[0] || $a->[1] cmp $b->[1] }
                  map { ([$_->{end}, 'end', $_], [$_->{start}, 'start', $_]) }
                  @requests;

    for my $moment (@moments) {
        my (undef, $what, $request) = @$moment;
        my $where = "$request->{host} $request->{tag}";
        my ($first, $last) = _span($history, $request) or next;
        my $newest = $newest{$where};

        if ($what eq 'end') {
            $newest{$where} = { first => $first, request => $request }
                if !$newest || $first > $newest->{first};
            next;
        }

        next if !$newest || $request->{status} ne 'HIT'
                || $last >= $newest->{first};
        next if $history->{faults}->during(
            'emptied', $request->{host}, $newest->{request}{start},
            $request->{end});

        if (_began_later($history, $request, $newest->{request})) {
            $history->count('admitted: older, but its call began later');
            next;
        }

        if (_clock_lost($history, $request)) {
            $history->count('admitted: older, and Redis lost its clock');
            next;
        }

        $history->violation('5', 'an older observation replaced a newer one',
                            $newest->{request}, $request,
                            $history->moves_around($request));
    }
}


# It is the begin of a call that counts.  One that was long on its way to the
# origin may see a newer digest than one that began after it.

sub _began_later {
    my ($history, $request, $newest) = @_;

    my @calls = grep { $_->{tag} eq $request->{tag} && $_->{digest} }
                @{ $history->{origin} };
    my ($span) = _spans($history, $newest);
    my @news = grep { $_->{digest} eq $newest->{digest}
                      && $_->{start} <= $newest->{end}
                      && $_->{end} >= $span->{from} } @calls;
    my @begins;

    # who asked itself got it by its last call; a zone may have an earlier one

    if ($newest->{status} eq 'RESOLVED') {
        @news = (grep { $_->{host} eq $newest->{host} } @news)[-1];
    }

    for my $call (grep { defined } @news) {
        my ($host, $start) = @$call{qw(host start)};

        push @begins, $start - $busy,
             map { $_->{start} - $busy }
             map { $history->{faults}->during($_, $host, $start - $connect,
                                              $start) }
             qw(origin halted);
    }

    my ($first) = sort { $a <=> $b } @begins;

    return $first && grep { $_->{digest} eq $request->{digest}
                            && $_->{start} >= $first } @calls;
}


# A server that had a clock ahead of the present one's, and has lost until when
# its moments are void, tells of moments that look later than they were.

sub _clock_lost {
    my ($history, $request) = @_;

    my ($span) = _spans($history, $request);
    my @during = (undef, $span->{from} - 1, $request->{end});
    my $faults = $history->{faults};

    my ($change) = grep { $_->{behind} || $_->{ahead} }
                   $faults->during('clock', @during)
        or return;

    return scalar(() = grep { $_->{start} >= $change->{start} }
                       $faults->during('lossy', @during));
}


# The first and the last of the tag's spans in which it named a digest, as far
# as a request can tell, by their numbers.

sub _span {
    my ($history, $request) = @_;

    my @spans = _spans($history, $request) or return;

    return ($spans[0]{index}, $spans[-1]{index});
}


sub _spans {
    my ($history, $request) = @_;

    return grep { $_->{from} <= $request->{end} }
           $history->{timeline}->spans_of(@$request{qw(tag digest)});
}


# Its key is that of its digest, and of nothing else.

sub _key {
    my ($history, $request) = @_;

    my $key = sha256_hex(join '', map { length($_) . ":$_," }
                         'image-digest-key/1', 'digest', $request->{digest},
                         '', $request->{artifact});

    return if $request->{key} eq $key;

    $history->violation('a', "the key is not that of the digest: it should be"
                             . " $key", $request);
}


sub _pinned {
    my ($history, $request) = @_;

    return if $request->{digest} eq $history->job($request)->{digest};

    $history->violation('a', 'a pinned reference has another digest',
                        $request);
}


sub _tag {
    my ($history, $request) = @_;

    my ($start, $end) = @$request{qw(start end)};
    my $from = $start - $history->ttl($request);
    my $purge = _purge($history, $request);

    $from = $purge->{start} if $purge && $purge->{start} > $from;

    $history->count($purge ? 'digests after a purge' : 'digests');

    return if _named($history, $request, $from, $end);

    my @spans = $history->{timeline}->spans_of($request->{tag},
                                               $request->{digest});
    my $late = @spans ? sprintf('%.3f s too old', $from - $spans[-1]{to})
                      : 'never the tag\'s';

    # it may have been current later, too

    $late = 'not the tag\'s then' if @spans && $spans[-1]{to} > $from;

    $history->violation('a', sprintf('digest %s at any moment of %.3f to %.3f',
                                     $late, $from, $end),
                        $purge && $purge->{start} == $from ? $purge : (),
                        $request, $history->moves_around($request, $from));
}


sub _named {
    my ($history, $request, $from, $to) = @_;

    return $history->{timeline}->named(
        @$request{qw(tag digest)},
        $from - $ImageDigest::History::Checker::epsilon,
        $to + $ImageDigest::History::Checker::epsilon);
}


# The last invalidation that this host has to know of: one that Redis took, and
# neither lost nor could not tell.

sub _purge {
    my ($history, $request) = @_;

    my ($host, $start, $end) = @$request{qw(host start end)};
    my $faults = $history->{faults};
    my $grace = $ImageDigest::History::Disturbances::recovery;

    my ($last) = grep { $_->{ok} && $_->{tag} eq $request->{tag}
                        && $_->{end} + $message <= $start }
                 reverse @{ $history->{purges} };

    return unless $last;
    return if $faults->during('lossy', undef, $last->{start} - 1, $end);
    return if $faults->during('clock', undef, @$last{qw(start end)});
    return if $faults->during('redis', $host, $start, $end, $grace);

    return $last;
}


sub _session {
    my ($history, $requests) = @_;

    my @with = sort { $a->{end} <=> $b->{end} }
               grep { $_->{digest} } @$requests
        or return;

    my $first = $with[0];
    my $digest = $first->{digest};
    my $from = $requests->[0]{start};

    # any that came before the first answer may have given it its digest

    for (grep { $_->{start} <= $first->{end} } @$requests) {
        my $own = $_->{start} - $history->ttl($_);
        $from = $own if $own < $from;
    }

    $history->count('sessions');
    _key($history, $_) for @with;

    $history->violation('a', sprintf('a session\'s digest is not the tag\'s at'
                                     . ' any moment of %.3f to %.3f', $from,
                                     $first->{end}),
                        $first, $history->moves_around($first, $from))
        unless _named($history, $first, $from, $first->{end});

    for my $request (@with) {
        next if $request->{digest} eq $digest;

        if (lost($history, $first, $request)) {
            $history->count('admitted: a session that Redis lost');
            next;
        }

        $history->violation('a', 'a session changes its digest', $first,
                            $request, $history->moves_around($request, $from));
    }
}


# A Redis that loses its data loses its sessions.  What a host that was cut off
# meanwhile still knows may differ from then on.

sub lost {
    my ($history, $first, $request) = @_;

    return scalar(() = $history->{faults}->during(
        'lossy', undef, $first->{start} - 1, $request->{end}));
}


1;
