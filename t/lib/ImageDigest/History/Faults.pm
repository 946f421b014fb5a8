package ImageDigest::History::Faults;

# The fault injector: does to hosts, Redis and the networks what the plan says,
# and tells when.  Whatever is disturbed for a while is not disturbed in another
# way meanwhile: such a fault is left out.
#
#     my $faults = ImageDigest::History::Faults->new(
#         plan => $plan, log => $log, hosts => { h1 => $host, ... },
#         redis => $pair);
#     $faults->run(sub { ... });        # called again and again meanwhile

use strict;
use warnings;

use Time::HiRes qw(sleep);

# What a fault disturbs, how it begins, and how it ends.

my %kinds = (
    kill => [host => \&_kill, \&_again],
    stop => [host => sub { _signal($_[2], 'STOP', $_[1]->processes) },
                     sub { _signal($_[2], 'CONT', @{ $_[2]{pids} }) }],
    kill_worker => [host => sub { _signal($_[2], 'KILL',
                                          _worker($_[1], $_[2])) }],
    stop_worker => [host => sub { _signal($_[2], 'STOP',
                                          _worker($_[1], $_[2])) },
                    sub { _signal($_[2], 'CONT', @{ $_[2]{pids} }) }],
    reload => [host => sub { $_[1]->reload }],
    clock  => [clock => sub { $_[1]->clock->set($_[2]{clock}) }],
    cut_redis  => [redis_link => sub { $_[1]->space->cut('redis') },
                                 sub { $_[1]->space->heal('redis') }],
    cut_origin => [origin_link => sub { $_[1]->space->cut('origin') },
                                  sub { $_[1]->space->heal('origin') }],
    redis_stop => [redis => sub { $_[1]->primary->pause },
                            sub { $_[1]->primary->resume }],
    redis_cut  => [redis => sub { $_[1]->node->{space}->cut('redis') },
                            sub { $_[1]->node->{space}->heal('redis') }],
    redis_kill => [redis => sub { $_[1]->lose }, sub { $_[1]->again }],
    redis_clock => [redis => \&_redis_clock],
    failover    => [redis => \&_failover, sub { $_[1]->demote }],

    # the front door does that itself
    slow => [door => sub { }, sub { }],
);


sub new {
    my ($class, %o) = @_;

    return bless { %o, busy => {} }, $class;
}


sub run {
    my ($self, $meanwhile) = @_;

    my @todo = map { { at => $_->{at}, fault => $_ } } $self->{plan}->faults;
    my $seconds = $self->{plan}{seconds};

    while (@todo || $self->{log}->now < $seconds) {
        my $now = $self->{log}->now;

        if (@todo && $todo[0]{at} <= $now) {
            my $what = shift @todo;
            my $fault = $what->{fault};

            if (!$what->{ends}) {
                $self->_begin($fault) or next;
                $what = { at => $now + $fault->{for}, fault => $fault,
                          ends => 1 };
                @todo = sort { $a->{at} <=> $b->{at} } @todo, $what;

            } else {
                $self->_end($fault);
            }

            next;
        }

        $meanwhile->();
        sleep 0.02;
    }
}


sub _target {
    my ($self, $fault) = @_;

    return $self->{redis} unless $fault->{host};
    return $self->{hosts}{ $fault->{host} };
}


sub _resource {
    my ($fault) = @_;

    return join ' ', $kinds{ $fault->{kind} }[0], $fault->{host} // ();
}


sub _begin {
    my ($self, $fault) = @_;

    return 0 if $self->{busy}{ _resource($fault) };

    my $start = $self->{log}->now;
    my $done = $kinds{ $fault->{kind} }[1]->($self, $self->_target($fault),
                                             $fault);

    return 0 if defined $done && $done eq 'impossible';

    $self->{busy}{ _resource($fault) } = 1;
    $fault->{start} = $start;

    return 1;
}


sub _end {
    my ($self, $fault) = @_;

    my $end = $kinds{ $fault->{kind} }[2];

    $end->($self, $self->_target($fault), $fault) if $end;
    delete $self->{busy}{ _resource($fault) };

    my %clock;

    if (!$fault->{host} && $fault->{kind} =~ /redis|failover/) {
        for my $name (qw(behind ahead)) {
            my $seconds = $self->{redis}->$name or next;
            $clock{$name} = 0 + sprintf '%.3f', $seconds;
        }
    }

    $self->{log}->write({
        ev => 'fault', end => $self->{log}->now, %clock,
        map({ defined $fault->{$_} ? ($_ => $fault->{$_}) : () }
            qw(kind start host clock before after dead)),
    });
}


sub _signal {
    my ($fault, $signal, @pids) = @_;

    $fault->{pids} = \@pids;
    kill $signal => @pids;

    return;
}


sub _worker {
    my ($host, $fault) = @_;

    my @workers = $host->workers;

    return @workers ? $workers[$fault->{worker} % @workers] : ();
}


sub _kill  { $_[1]->kill;  return }
sub _again { $_[1]->again; return }


sub _redis_clock {
    my ($self, $pair, $fault) = @_;

    $pair->set_clock($fault->{clock});

    return;
}


sub _failover {
    my ($self, $pair, $fault) = @_;

    return $pair->promote(clock => $fault->{clock}, dead => $fault->{dead})
           ? '' : 'impossible';
}


1;
