package ImageDigest::History::Log;

# The events of one run, a JSON object a line, in one file to which all of its
# processes append.  Times are seconds since the run began, by one clock that
# no fault moves (CLOCK_MONOTONIC is the kernel's, so processes share it).
#
#     my $log = ImageDigest::History::Log->new($file, $zero);
#     $log->now;                       # seconds since $zero
#     $log->write({ ev => 'move', ... });
#     my $events = ImageDigest::History::Log::read($file);

use strict;
use warnings;

use Mojo::JSON qw(decode_json encode_json);
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);


sub clock { return clock_gettime(CLOCK_MONOTONIC) }


sub new {
    my ($class, $file, $zero) = @_;

    # a line is one write, so that those of two processes do not mix

    open my $out, '>>:raw', $file or die "$file: $!\n";

    return bless { out => $out, zero => $zero }, $class;
}


sub now { return clock() - $_[0]{zero} }


sub write {
    my ($self, $event) = @_;

    my %event = %$event;

    for my $name (qw(start end)) {
        $event{$name} = 0 + sprintf '%.6f', $event{$name}
            if defined $event{$name};
    }

    syswrite $self->{out}, encode_json(\%event) . "\n";
}


# All events, by their start.

sub read {
    my ($file) = @_;

    open my $in, '<:raw', $file or die "$file: $!\n";

    my @events;

    while (my $line = <$in>) {
        my $event = eval { decode_json($line) }
            or die "$file line $.: not an event\n";
        push @events, $event;
    }

    return [sort { ($a->{start} // 0) <=> ($b->{start} // 0) } @events];
}


1;
