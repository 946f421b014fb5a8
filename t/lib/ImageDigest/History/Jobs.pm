package ImageDigest::History::Jobs;

# The clients.  A job takes the image that its tag names when it starts, runs
# for a while, asks for artefacts, and builds and stores those that are missing;
# a body names the digest that its job really ran.
#
#     ImageDigest::History::Jobs->new(
#         plan => $plan, log => $log, registry => $registry,
#         store => $store, host => '10.99.1.1:5000',    # in references
#         sockets => { h1 => '/path', ... })->run;

use strict;
use warnings;

use Mojo::IOLoop;
use Mojo::JSON qw(decode_json encode_json);
use Mojo::UserAgent;
use Mojo::Util qw(url_escape);
use ImageDigest::History::Mover;

my %headers = (clock => 'X-Clock', map { $_ => 'X-Image-' . ucfirst }
                                   qw(digest key status error write wait));


sub new {
    my ($class, %o) = @_;

    # one for each host, so that a host which hangs holds nobody else up

    my %ua = map {
        $_ => Mojo::UserAgent->new(max_connections => 64, request_timeout => 20,
                                   connect_timeout => 20,
                                   inactivity_timeout => 60)
    } 'registry', 'store', keys %{ $o{sockets} };

    return bless { %o, ua => \%ua, n => 0, running => 0 }, $class;
}


sub run {
    my ($self) = @_;

    my $second = 0;
    my $begin;

    $begin = sub {
        return if $second >= $self->{plan}{seconds};

        for my $job ($self->{plan}->jobs($second)) {
            $self->_at($job->{at}, sub { $self->_pull($job) });
        }

        $second++;
        $self->_at($second - 0.2, $begin);
    };

    $begin->();
    Mojo::IOLoop->recurring(0.1 => sub { $self->_probe });
    $self->_at($self->{plan}{seconds}, sub { $self->{over} = 1 });

    Mojo::IOLoop->one_tick until $self->{over} && !$self->{running};
}


# How long the clients' own loop and the store take on this machine: where that
# is long, so may be any answer.

sub _probe {
    my ($self) = @_;

    return if $self->{probing}++;

    my $start = $self->{log}->now;

    $self->{ua}{store}->get(
        'http+unix://' . url_escape($self->{store}->socket) . '/probe'
        => sub {
            my $end = $self->{log}->now;

            $self->{log}->write({ ev => 'fault', kind => 'lag',
                                  start => $start, end => $end })
                if $end - $start > 0.25;
            $self->{probing} = 0;
        });
}


sub _at {
    my ($self, $at, $code) = @_;

    my $pause = $at - $self->{log}->now;

    Mojo::IOLoop->timer(($pause > 0 ? $pause : 0) => $code);
}


# The job's image is what the registry itself says.

sub _pull {
    my ($self, $job) = @_;

    return if $self->{over};

    $self->{running}++;

    my $start = $self->{log}->now;
    my $repository = $ImageDigest::History::Mover::repository;

    my $tx = $self->{ua}{registry}->build_tx(
        HEAD => $self->{registry}->url(
            "/v2/$repository/manifests/$job->{tag}"),
        { Accept => 'application/vnd.oci.image.manifest.v1+json' });

    $self->{ua}{registry}->start($tx => sub {
        my $digest = $_[1]->res->headers->header('Docker-Content-Digest');
        my $end = $self->{log}->now;

        if (!$digest) {
            $self->{running}--;
            return;
        }

        $job->{digest} = $digest;
        $job->{start} = $start;
        $self->{log}->write({ ev => 'pull', job => $job->{job},
                              tag => $job->{tag}, digest => $digest,
                              start => $start, end => $end });
        $self->_begin($job) unless $job->{session};
        $self->_next($job);
    });
}


# What the checker has to know of a job.

sub _begin {
    my ($self, $job) = @_;

    return if $job->{begun}++;

    $self->{log}->write({ ev => 'job', map { $_ => $job->{$_} }
                          qw(job class policy fallback tag digest session
                             start) });
}


sub _next {
    my ($self, $job) = @_;

    my $step = shift @{ $job->{steps} };

    if (!$step || $self->{over}) {
        $self->_begin($job);
        $self->{running}--;
        return;
    }

    Mojo::IOLoop->timer($step->{pause} => sub {
        $self->_send($job, $step, 'GET', $step->{host}, sub {
            my ($answer) = @_;

            # a job knows its session once it was told a digest: another than
            # its own, and it had better not write as if it were

            if ($job->{session} && !$job->{begun}) {
                return $self->_next($job) unless $answer->{digest};

                $job->{class} = $job->{space} = 'late'
                    if $answer->{digest} ne $job->{digest};
                $self->_begin($job);
            }

            return $self->_next($job) if $answer->{code} == 200;

            Mojo::IOLoop->timer($step->{build} => sub {
                $self->_send($job, $step, 'PUT', $step->{put_host},
                             sub { $self->_next($job) });
            });
        });
    });
}


sub _send {
    my ($self, $job, $step, $method, $host, $then) = @_;

    my $reference = "$self->{host}/$ImageDigest::History::Mover::repository"
                    . ":$job->{tag}" . ($job->{pinned} ? "\@$job->{digest}"
                                                       : '');
    my $artifact = "$job->{space}/$step->{artifact}";
    my $n = ++$self->{n};
    my $ua = $self->{ua}{$host};

    my $tx = $ua->build_tx(
        $method, 'http+unix://' . url_escape($self->{sockets}{$host})
                 . "/$job->{policy}-$job->{fallback}/$reference/-/$artifact",
        { 'X-Ttl' => $step->{ttl}, Host => 'cache',
          $job->{session} ? ('X-Session' => $job->{session}) : () },
        $method eq 'PUT' ? encode_json({ n => $n, job => $job->{job},
                                         digest => $job->{digest} }) : ());

    my %request = (
        ev => 'request', n => $n, job => $job->{job}, host => $host,
        method => $method, artifact => $artifact, tag => $job->{tag},
        reference => $job->{pinned} ? 'pinned' : 'tag',
        ttl => _seconds($step->{ttl}), start => $self->{log}->now,
    );

    $ua->start($tx => sub {
        my ($res, $error) = ($_[1]->res, $_[1]->error);

        $request{end} = $self->{log}->now;
        $request{code} = $res->code // 0;

        # an answer that was not whole is none

        if ($error && !$error->{code}) {
            $request{failed} = $error->{message};
            $request{code} = 0;
        }

        $request{$_} = $res->headers->header($headers{$_}) // ''
            for keys %headers;

        if ($method eq 'GET' && $request{code} == 200) {
            my $body = eval { decode_json($res->body) } || {};

            $request{put} = $body->{n};
            $request{found} = $body->{digest} // '';
        }

        $self->{log}->write(\%request);
        $then->(\%request);
    });
}


sub _seconds {
    my ($text) = @_;

    my ($number, $unit) = $text =~ /^(\d+)(ms|s|m)?$/;

    return $number * { ms => 0.001, s => 1, m => 60 }->{ $unit // 's' };
}


1;
