package ImageDigest::History::Plan;

# All that will happen in a run, by its seed: which tag moves when, what each
# job does, which fault comes when.  Pure, and the same for the same seed; what
# the machine makes of it is not.
#
#     my $plan = ImageDigest::History::Plan->new(
#         seed => 1, seconds => 25, workload => 'all', sessions => 1);
#     $plan->moves;                # ({ at, tag, image, purge }, ...)
#     $plan->jobs($second);        # those that begin in it
#     $plan->faults;               # ({ at, kind, for, host, ... }, ...)
#     $plan->{workload};
#
# All times are seconds from the begin.

use strict;
use warnings;

use ImageDigest::History::Random;
use ImageDigest::History::Workload;


sub new {
    my ($class, %o) = @_;

    my $name = $o{workload} // 'all';

    return bless {
        %o, name => $name,
        workload => ImageDigest::History::Workload::named($name),
    }, $class;
}


sub _random { return ImageDigest::History::Random->new($_[0]{seed}, @_[1 ..
                                                                     $#_]) }

sub tags  { return sort keys %{ $_[0]{workload}{tags} } }
sub hosts { return map { "h$_" } 1 .. $_[0]{workload}{hosts} }


# The moves of all tags in order; the first of each is at 0.  An image is a
# number of its tag's own.

sub moves {
    my ($self) = @_;

    my $workload = $self->{workload};
    my @moves;

    for my $tag ($self->tags) {
        my $random = $self->_random('moves', $tag);
        my $at = 0;
        my ($newest, $now) = (0, 0);

        while ($at < $self->{seconds}) {
            my $back = $newest > 1 && $random->chance($workload->{back});
            my $image = $back ? $newest - $random->whole(3) : ++$newest;

            $image = ++$newest if $image < 1 || $image == $now;
            $now = $image;

            push @moves, {
                at => $at, tag => $tag, image => $image,
                $random->chance($workload->{purge}) && $at > 0
                ? (purge => $random->between(@{ $workload->{purged} })) : (),
            };

            $at += $random->between(@{ $workload->{tags}{$tag} });
        }
    }

    return sort { $a->{at} <=> $b->{at} || $a->{tag} cmp $b->{tag} } @moves;
}


# The jobs that begin in a second of the run.

sub jobs {
    my ($self, $second) = @_;

    my $random = $self->_random('jobs', $second);
    my $count = int($self->{workload}{jobs} + $random->number);

    return map { $self->_job($random, $second, $_) } 1 .. $count;
}


sub _job {
    my ($self, $random, $second, $number) = @_;

    my $workload = $self->{workload};
    my %classes = %{ $workload->{classes} };

    delete $classes{session} unless $self->{sessions};

    my $class = $random->weighted(\%classes);
    my %job = (
        job      => "j$second.$number",
        at       => $second + $random->number,
        class    => $class,
        policy   => $random->weighted($workload->{policies}),
        fallback => $random->weighted($workload->{fallbacks}),
        tag      => $random->one_of($self->tags),
        pinned   => $class eq 'ref' ? 1 : 0,
    );

    if ($class eq 'pinned') {
        $job{policy} = 'pinned';
        $job{pinned} = 1 if $random->chance(0.5);

    } elsif ($class eq 'session') {

        # a tag key would have what others wrote under the tag

        $job{fallback} = $random->one_of('miss', 'error');
        $job{session} = "s$second.$number";
    }

    # what jobs of other promises write is kept apart

    $job{space} = $class eq 'tag' ? "tag-$job{policy}" : $class;

    my $first_ttl = $class eq 'session'
                    && !$random->chance($workload->{late}) ? '0' : undef;

    $job{steps} = [
        map { {
            pause    => $random->between(@{ $workload->{pause} }),
            build    => $random->between(@{ $workload->{build} }),
            host     => $random->one_of($self->hosts),
            put_host => $random->one_of($self->hosts),
            artifact => $random->whole($workload->{artifacts}),
            ttl      => $random->weighted($workload->{ttls}),
        } } 1 .. int $random->between(@{ $workload->{steps} })
    ];

    $job{steps}[0]{ttl} = $first_ttl if defined $first_ttl;
    $job{steps}[0]{pause} = 0;

    return \%job;
}


# how long each fault lasts

my %lasts = (
    kill => [0.05, 1], stop => [0.2, 3.5], stop_worker => [0.2, 3.5],
    cut_redis => [0.3, 4], cut_origin => [0.3, 3], redis_stop => [0.1, 2.5],
    redis_kill => [0.05, 1], redis_cut => [0.2, 2], slow => [0.5, 3],
    failover => [0.05, 0.5],
);


sub faults {
    my ($self) = @_;

    my $workload = $self->{workload};
    my $random = $self->_random('faults');
    my @faults;
    my $at = 1.5;

    return unless %{ $workload->{faults} };

    while (($at += $random->between(@{ $workload->{every} }))
           < $self->{seconds} - 1)
    {
        my $kind = $random->weighted($workload->{faults});
        my %fault = (at => $at, kind => $kind);

        $fault{for} = $random->between(@{ $workload->{lasts}{$kind}
                                          || $lasts{$kind} || [0, 0] });
        $fault{host} = $random->one_of($self->hosts)
            if $kind !~ /^(?:redis_|failover|slow)/;
        $fault{worker} = $random->whole(2) if $kind =~ /_worker$/;
        $fault{clock} = $random->one_of(@{ $workload->{clocks} })
            if $kind eq 'clock';
        $fault{clock} = $random->one_of(@{ $workload->{redis_clocks} })
            if $kind eq 'redis_clock' || $kind eq 'failover';
        $fault{dead} = $random->chance(0.5) ? 1 : 0 if $kind eq 'failover';

        if ($kind eq 'slow') {
            $fault{$_} = $random->between(@{ $workload->{slow} })
                for qw(before after);
        }

        push @faults, \%fault;
    }

    return @faults;
}


# The clocks with which hosts begin.

sub clock {
    my ($self, $host) = @_;

    return $self->_random('clock', $host)
                ->one_of(@{ $self->{workload}{clocks} });
}


1;
