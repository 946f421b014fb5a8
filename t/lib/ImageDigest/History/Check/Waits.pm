package ImageDigest::History::Check::Waits;

# (d) No client got a 5xx, or waited longer than image_digest_timeout plus a
# margin; and each got an answer, but from what was killed or reloaded under it.
# A 503 is what `image_digest_fallback error` says without a digest.

use strict;
use warnings;

# The whole of a request, with nginx, the store and the client's own loop, on a
# machine that does other things as well; and the part that the module says it
# was.

our $margin = 1.5;
our $own_margin = 0.3;


sub check {
    my ($history) = @_;

    my $timeout = $history->{run}{timeout} // 1;

    for my $request (@{ $history->{requests} }) {
        _answer($history, $request);

        my $halted = $history->{faults}->halted(@$request{qw(host start end)});
        my $took = $request->{end} - $request->{start} - $halted;

        $history->violation('d', sprintf('a client waited %.3f s', $took),
                            $request) if $took > $timeout + $margin;

        next unless length($request->{wait} // '');

        $history->count('suspended') if $request->{wait} > 0;

        $history->violation('d', "the module waited $request->{wait} s",
                            $request)
            if $request->{wait} - $halted > $timeout + $own_margin;
    }
}


sub _answer {
    my ($history, $request) = @_;

    my $code = $request->{code};
    my $job = $history->job($request);

    if ($code == 0) {
        if ($history->{faults}->during('gone', @$request{qw(host start end)},
                                       0.5))
        {
            $history->count('admitted: no answer of what was killed or'
                            . ' reloaded');
            return;
        }

        $history->violation('d', 'no answer: ' . ($request->{failed} // ''),
                            $request);

    } elsif ($code == 503 && ($job->{fallback} // '') eq 'error'
             && !$request->{digest})
    {
        $history->count('admitted: 503 of `error`');

    } elsif ($code >= 500 || $code == 400) {
        $history->violation('d', "a client got a $code", $request);
    }
}


1;
