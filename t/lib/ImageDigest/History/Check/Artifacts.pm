package ImageDigest::History::Check::Artifacts;

# (b) An artefact that is found under a tag key was stored no longer than the
# TTL ago.
# (c) A job with pinned references, `pinned` writes, or a session that started
# with it, never receives an artefact of another digest.  For `settled` and
# `any` each such case is one that the contract admits, and is counted:
#
#     any      a write under a tag may come from a client that ran another
#              image than the tag named
#     fresh    settled: a client that pulled the tag's new image and wrote
#              within `fresh` of the move
#     older    settled: a client that runs an image older than TIME
#     unseen   settled: the tag was elsewhere and back, and nobody asked
#              meanwhile: a run is unbroken as far as it was observed
#     lost     a session that Redis lost
#     clock    settled: Redis' clock, by which TIME is measured, was set
#              forward, so that TIME is over sooner
#     begun    settled: a run is counted from the begin of its first call, which
#              may have been slow, and before the move
#
# What a body names is what its job really ran.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use ImageDigest::History::Check::Digests;

# The window of a tag key is by Redis' clock, which faults move by as much.

our ($slowest, $fastest) = (-20, 10);

# From when a call begins until it comes to the front door.

our $before = 0.25;


sub check {
    my ($history) = @_;

    # a read may have begun before the write of what it found

    my @requests = @{ $history->{requests} };

    _write($history, $_) for grep { $_->{method} eq 'PUT' } @requests;
    _read($history, $_)
        for grep { $_->{method} eq 'GET' && $_->{code} == 200 } @requests;
}


# A write that went to the store, under a digest that its job does not run.

sub _write {
    my ($history, $put) = @_;

    my $job = $history->job($put);

    return unless ($put->{write} // '') eq 'passed';

    _tag_key($history, $put) if $put->{code} == 200 && !$put->{digest};

    if ($job->{policy} eq 'pinned' && $put->{reference} eq 'tag') {
        $history->violation('c', 'writes are `pinned`, and one under a tag'
                                 . ' passed', $put);
        return;
    }

    return unless $put->{digest};

    if ($job->{policy} eq 'settled' && $put->{reference} eq 'tag'
        && !$job->{session})
    {
        _settled($history, $put);
    }

    return if $put->{digest} eq $job->{digest};

    $put->{admitted} = _admitted($history, $put, $job);

    return if $put->{admitted};

    $history->violation('c', "a write under a digest that its job does not"
                             . ' run', $put, $job,
                        $history->moves_around($put));
}


# A settled write: the digest had been the tag's for TIME.  (That it was so
# within `fresh` is (a).)

sub _settled {
    my ($history, $put) = @_;

    my $settled = $history->{run}{settled};
    my ($first) = $history->{timeline}->spans_of(@$put{qw(tag digest)});

    return if $first && $first->{from} <= $put->{end} - $settled;

    my $why = $first && _sooner($history, $put, $first->{from});

    if ($why) {
        $history->count("admitted: settled sooner: $why");
        return;
    }

    $history->violation('c', "a digest that had not been the tag's for"
                             . " $settled s counts as settled", $put,
                        $history->moves_around($put));
}


# Why TIME may have been over since a moment that is not that long ago; false if
# there is no reason.

sub _sooner {
    my ($history, $put, $since) = @_;

    my $settled = $history->{run}{settled};
    my $lacks = $since - ($put->{end} - $settled);
    my $ahead = $history->{faults}->ahead($put->{start} - $settled,
                                          $put->{end});
    my ($first) = $history->{timeline}->spans_of(@$put{qw(tag digest)});
    my $begun = $first->{from} - _begun($history, $put);

    return 'clock' if $ahead >= $lacks;
    return 'begun' if $ahead + $begun >= $lacks;
    return '';
}


# When the first call that saw a digest may have begun.  The front door knows
# when it came there, which is much later where a host was cut off.

sub _begun {
    my ($history, $put) = @_;

    my $timeout = $history->{run}{call} // 0;
    my $earliest = $put->{end};

    for my $call (grep { $_->{tag} eq $put->{tag}
                         && ($_->{digest} // '') eq $put->{digest} }
                  @{ $history->{origin} })
    {
        my $from = $call->{end} - $timeout;
        my @slow = map { $history->{faults}->during(
                             $_, $call->{host}, $from, $call->{end}, 1) }
                   qw(origin halted);
        my $begun = @slow ? $from : _first($history, $call) - $before;

        $earliest = $begun if $begun < $earliest;
    }

    return $earliest;
}


# A GET that checks a HEAD belongs to its call, which began with that.

sub _first {
    my ($history, $call) = @_;

    return $call->{start} if $call->{method} ne 'GET';

    my ($head) = grep { $_->{method} eq 'HEAD'
                        && $_->{host} eq $call->{host}
                        && $_->{tag} eq $call->{tag}
                        && $_->{end} <= $call->{start}
                        && $_->{end} >= $call->{start} - $before }
                 @{ $history->{origin} };

    return ($head // $call)->{start};
}


# Why the contract lets a write pass under a digest that its job does not run;
# false if it does not.

sub _admitted {
    my ($history, $put, $job) = @_;

    return '' unless $put->{reference} eq 'tag';

    if ($job->{session}) {
        return 'late' if $job->{class} eq 'late';
        return 'lost' if _lost($history, $put);
        return '';
    }

    return 'any' if $job->{policy} eq 'any';

    my $timeline = $history->{timeline};
    my ($start, $end) = @$put{qw(start end)};
    my @own = $timeline->within(@$put{qw(tag)}, $job->{digest}, 0, $end);
    my @then = $timeline->within(@$put{qw(tag digest)},
                                 $start - $history->ttl($put), $end);

    # the tag has moved from what it was written under to what the job runs

    for my $span (@then) {
        return 'fresh' if grep { $_->{to} >= $span->{to} } @own;
    }

    return 'older' if $job->{start} <= $end - $history->{run}{settled};

    my ($first) = $timeline->spans_of(@$put{qw(tag digest)});

    return 'unseen' if $first && $first->{from} < $job->{start};
    return $first ? _sooner($history, $put, $job->{start}) : '';
}


sub _lost {
    my ($history, $request) = @_;

    my $job = $history->job($request);

    return ImageDigest::History::Check::Digests::lost($history, $job,
                                                      $request);
}


sub _read {
    my ($history, $get) = @_;

    my $job = $history->job($get);
    my $put = $history->put($get);

    if (!$put) {
        $history->violation('c', 'an artefact that nobody wrote', $get);
        return;
    }

    $history->count('artefacts found');

    if (($put->{write} // '') eq 'dropped') {
        $history->violation('c', 'a write that was dropped is found', $put,
                            $get);
        return;
    }

    # a PUT without an answer tells no key

    if ($put->{code} && $put->{key} ne $get->{key}) {
        $history->violation('c', 'an artefact is found under another key than'
                                 . ' it was stored under', $put, $get);
        return;
    }

    if (!$get->{digest}) {
        _tag_key($history, $get);
        _under_tag($history, $put, $get);
        return;
    }

    $history->count('read under another digest than the job runs')
        if $get->{digest} ne $job->{digest};

    if ($job->{class} eq 'session' && $get->{digest} ne $job->{digest}) {
        if (_lost($history, $get)) {
            $history->count('admitted: lost');

        } else {
            $history->violation('c', 'a session reads under a digest that it'
                                     . ' did not start with', $job, $get);
        }

        return;
    }

    return if $get->{found} eq $get->{digest};

    if (my $why = $put->{admitted} || _unanswered($history, $put, $get)) {
        $history->count("admitted: $why");
        return;
    }

    $history->violation('c', 'an artefact of another digest', $put, $get,
                        $job, $history->moves_around($put));
}


# A write whose answer got lost tells no digest of its own: it went where it is
# found.

sub _unanswered {
    my ($history, $put, $get) = @_;

    return if $put->{code};

    return _admitted($history, { %$put, digest => $get->{digest} },
                     $history->job($put));
}


# A tag key is that of a window whose length is the TTL.

sub _tag_key {
    my ($history, $request) = @_;

    my ($zero, $length) = ($history->{run}{unix}, int $request->{ttl});
    my @keys;

    return unless defined $zero;

    if ($length) {
        my ($from, $to) = map { int(($zero + $_) / $length) }
            $request->{start} + $slowest, $request->{end} + $fastest;

        @keys = map { sha256_hex(join '', map { length($_) . ":$_," }
                    'image-digest-key/1', 'tag', 'default', 'registry',
                    "$history->{run}{repository}:$request->{tag}", '',
                    "$length/$_", $request->{artifact}) } $from .. $to;
    }

    $history->count('tag keys');

    return if grep { $_ eq $request->{key} } @keys;

    $history->violation('b', 'a key without a digest that is not of a window of'
                             . " the TTL's length", $request);
}


sub _under_tag {
    my ($history, $put, $get) = @_;

    $history->count('found under a tag key');
    $history->count('admitted: tag key')
        if $get->{found} ne $history->job($get)->{digest};

    my $age = $get->{start} - $put->{end};

    $history->violation('b', sprintf('an artefact under a tag key is %.3f s'
                                     . ' old, the TTL is %s s', $age,
                                     $get->{ttl}), $put, $get)
        if $age > $get->{ttl} + $ImageDigest::History::Checker::epsilon;

    $history->violation('b', 'an artefact of a digest key is found under a tag'
                             . ' key', $put, $get) if $put->{digest};
}


1;
