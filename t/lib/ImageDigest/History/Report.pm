package ImageDigest::History::Report;

# What a checker found, for people.
#
#     print ImageDigest::History::Report::text($result, $run, $file);

use strict;
use warnings;

# what of an event is worth a line; the rest is in the history itself

my @shown = qw(host job class policy fallback session tag reference artifact
               ttl code status digest key error write age wait put found kind
               behind ahead method aborted failed ok);

# histories can have thousands of violations of one bug

our $most = 5;


sub text {
    my ($result, $run, $file) = @_;

    my @violations = @{ $result->{violations} };
    my %of;

    push @{ $of{ $_->{rule} } }, $_ for @violations;

    my $text = '';

    for my $rule (sort keys %of) {
        my @these = @{ $of{$rule} };

        for my $violation (@these[0 .. ($#these < $most - 1 ? $#these
                                                            : $most - 1)])
        {
            $text .= "violation of ($rule): $violation->{what}\n"
                     . join('', map { '    ' . line($_) . "\n" }
                                @{ $violation->{events} });
        }

        $text .= '... and ' . (@these - $most) . " more of ($rule)\n"
            if @these > $most;
    }

    return $text unless @violations;

    return $text . scalar(@violations) . " violations\n"
           . replay($run, $file);
}


# How to see it again.

sub replay {
    my ($run, $file) = @_;

    return '' unless defined $run->{seed};

    my $with = ($run->{workload} // 'all') eq 'all'
               ? '' : " --workload $run->{workload}";

    return "seed $run->{seed}; again: t/history/run --seed $run->{seed}"
           . " --seconds $run->{seconds}$with --dir DIR\n"
           . ($file ? "checked again: t/history/check $file\n" : '');
}


sub line {
    my ($event) = @_;

    my $text = sprintf '%9.3f', $event->{start} // 0;

    $text .= sprintf ' to %.3f', $event->{end} if defined $event->{end};
    $text .= "  $event->{ev}";
    $text .= " $event->{n}" if defined $event->{n};

    for my $name (@shown) {
        my $value = $event->{$name};

        next unless defined $value && length $value;

        # digests and keys are told apart by their first digits

        $value =~ s/^(sha256:)?([0-9a-f]{8})[0-9a-f]{56}$/$2/;
        $text .= " $name=$value";
    }

    return $text;
}


sub counts {
    my ($result) = @_;

    my $counts = $result->{counts};

    return join '', map { sprintf "%8d  %s\n", $counts->{$_}, $_ }
                    sort keys %$counts;
}


1;
