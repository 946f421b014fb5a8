package ImageDigest::History::Run;

# One run: everything is started, the plan is carried out, and the history is in
# DIR/history.jsonl.
#
#     my $why = ImageDigest::History::Run::impossible();   # '' if it is not
#     my $file = ImageDigest::History::Run::run(
#         seed => 1, seconds => 25, workload => 'all', dir => $dir);

use strict;
use warnings;

use Time::HiRes qw(sleep time);
use ImageDigest::Alone;
use ImageDigest::History::Clock;
use ImageDigest::History::Faults;
use ImageDigest::History::FrontDoor;
use ImageDigest::History::Host;
use ImageDigest::History::Jobs;
use ImageDigest::History::Log;
use ImageDigest::History::Mover;
use ImageDigest::History::Net;
use ImageDigest::History::Plan;
use ImageDigest::History::RedisPair;
use ImageDigest::Nginx;
use ImageDigest::Registry;
use ImageDigest::Store;
use ImageDigest::Util qw(tempdir slurp spawn alive);

my $door = '10.99.1.1:5000';
my $redis = '10.99.2.100';
my @redis = ('10.99.2.21', '10.99.2.22');

my $repository = $ImageDigest::History::Mover::repository;

# a process that is not scheduled for so long says something of the machine

my $beat = 0.02;
my $stall = 0.25;


# Why no run can be made here.

sub impossible {
    return 'no network of its own can be made here (that takes root)'
        unless $ImageDigest::Alone::alone;
    return 'no network namespaces and bridges can be made here'
        unless eval { ImageDigest::History::Net::possible() };
    return 'libfaketime is missing (Debian: faketime)'
        unless ImageDigest::History::Clock::library();
    return '';
}


# Does the module that is tested know sessions?

sub sessions {
    my $nginx = ImageDigest::Nginx->new(
        http   => 'image_resolver default { }',
        server => 'location / { image_digest $uri session=$arg_s; }');
    my ($status) = $nginx->conf_test;

    return $status == 0 ? 1 : 0;
}


sub run {
    my (%o) = @_;

    my $plan = ImageDigest::History::Plan->new(
        seed     => $o{seed}, seconds => $o{seconds},
        workload => $o{workload}, sessions => sessions());
    my $workload = $plan->{workload};
    my $file = "$o{dir}/history.jsonl";

    unlink $file;

    # everything that is slow to start comes first

    my $net = ImageDigest::History::Net->new;
    my $registry = ImageDigest::Registry->start;
    my $store = ImageDigest::Store->start;
    my $pair = ImageDigest::History::RedisPair->start($net, $redis, \@redis);
    my @names = $plan->hosts;
    my %address = map { $names[$_] => '10.99.1.' . (11 + $_) } 0 .. $#names;

    my %hosts = map {
        $names[$_] => ImageDigest::History::Host->start(
            name     => $names[$_],
            space    => $net->space($names[$_],
                                    origin => $address{ $names[$_] },
                                    redis  => '10.99.2.' . (11 + $_)),
            clock    => $plan->clock($names[$_]),
            workers  => $_ == $#names ? 1 : 2,
            redis    => $pair->address, registry => $door,
            store    => $store, plan => $plan)
    } 0 .. $#names;

    my $log = ImageDigest::History::Log->new(
        $file, ImageDigest::History::Log::clock());

    my $front = ImageDigest::History::FrontDoor->start(
        address => $door, registry => $registry, plan => $plan, log => $log,
        hosts   => { reverse %address });

    my $mover = ImageDigest::History::Mover->new(
        registry => $registry, plan => $plan, log => $log, host => $door,
        redis    => $pair->address);

    $mover->first;
    $log->write({ ev => 'run', start => 0, seed => $o{seed},
                  seconds => $o{seconds}, workload => $plan->{name},
                  sessions => $plan->{sessions}, unix => time - $log->now,
                  repository => join('/', $door, $repository),
                  map { $_ => $workload->{$_} }
                      qw(timeout call settled fresh) });

    my %sockets = map { $_ => $hosts{$_}->socket } keys %hosts;
    my $output = tempdir();

    my %running = (
        mover => spawn("$output/mover", sub { $mover->run }),
        beat  => spawn("$output/beat", sub { _beat($log, $o{seconds}) }),
        jobs  => spawn("$output/jobs", sub {
            ImageDigest::History::Jobs->new(
                plan => $plan, log => $log, registry => $registry,
                store => $store, host => $door, sockets => \%sockets)->run;
        }),
    );

    ImageDigest::History::Faults->new(
        plan  => $plan, log => $log, hosts => \%hosts,
        redis => $pair)->run(sub { });

    for my $name (sort keys %running) {
        my $end = $log->now + 30;

        sleep 0.02 while alive($running{$name}) && $log->now < $end;

        my $text = slurp("$output/$name");

        die "$name does not end\n$text" if alive($running{$name});
        die "$name: $text" if length $text;
    }

    # gracefully, since that is when nginx says what is left over

    $_->stop for values %hosts;
    _keep($o{dir}, \%hosts) if $o{keep};

    return $file;
}


# The servers' logs, for whoever looks into a violation.

sub _keep {
    my ($dir, $hosts) = @_;

    for my $name (sort keys %$hosts) {
        ImageDigest::Util::spit("$dir/$name.log", $hosts->{$name}->log);
    }
}


sub _beat {
    my ($log, $seconds) = @_;

    my $last = $log->now;

    while ($last < $seconds + 10) {
        sleep $beat;

        my $now = $log->now;

        $log->write({ ev => 'fault', kind => 'stall', start => $last,
                      end => $now }) if $now - $last > $stall;
        $last = $now;

        # whoever writes the log is gone

        last if $now > $seconds;
    }
}


1;
