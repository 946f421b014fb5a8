package ImageDigest::History::FrontDoor;

# What stands before the registry: it logs each call with the time at which it
# came and the time at which it was answered, or given up; and it is slow when
# the plan says so, before it asks the registry and after.
#
#     my $door = ImageDigest::History::FrontDoor->start(
#         address => '10.99.1.1:5000', registry => $registry, plan => $plan,
#         log => $log, hosts => { '10.99.1.11' => 'h1', ... });

use strict;
use warnings;

use IO::Socket::INET;
use Mojo::IOLoop;
use Mojo::Server::Daemon;
use Mojo::UserAgent;
use Mojolicious;
use ImageDigest::History::Random;
use ImageDigest::Util qw(wait_until tempdir slurp spawn alive);

my @passed = qw(Content-Type Docker-Content-Digest Content-Length
                Docker-Distribution-Api-Version);


sub start {
    my ($class, %o) = @_;

    my $self = bless { %o, dir => tempdir() }, $class;

    $self->{slow} = [grep { $_->{kind} eq 'slow' } $o{plan}->faults];
    $self->{random} = ImageDigest::History::Random->new($o{plan}{seed},
                                                        'front door');
    $self->{pid} = spawn("$self->{dir}/log", sub { $self->_serve });

    wait_until {
        alive($self->{pid}) or die "the front door does not open:\n"
                                   . slurp("$self->{dir}/log");
        IO::Socket::INET->new(PeerAddr => $o{address});
    } 'the front door';

    return $self;
}


sub _serve {
    my ($self) = @_;

    my $app = Mojolicious->new(mode => 'production');

    $app->log->level('fatal');
    $app->hook(around_dispatch => sub { $self->_call($_[1]) });
    $self->{ua} = Mojo::UserAgent->new(max_connections => 32,
                                       request_timeout => 20);

    Mojo::Server::Daemon->new(app => $app, listen => [
        "http://$self->{address}"], silent => 1, inactivity_timeout => 300,
        max_requests => 1_000_000)->run;
}


sub _call {
    my ($self, $c) = @_;

    my $tx = $c->render_later->tx;
    my $req = $tx->req;
    my $path = $req->url->path->to_string;
    my ($tag) = $path =~ m{/manifests/(\w+)$};
    my %call = (
        ev => 'origin', start => $self->{log}->now, method => $req->method,
        host => $self->{hosts}{ $tx->remote_address } // 'nobody',
        tag => $tag, aborted => 1,
    );

    # it is over when it is answered, or when the client has gone

    $tx->on(finish => sub {
        return unless defined $tag;
        $call{end} //= $self->{log}->now;
        $self->{log}->write(\%call);
    });

    my ($before, $after) = $self->_delays($call{start});

    $self->_later($before, sub {
        my $ask = $self->{ua}->build_tx(
            $req->method, $self->{registry}->url($path),
            { Accept => $req->headers->accept // '*/*' });

        $self->{ua}->start($ask => sub {
            my $res = $_[1]->res;

            $self->_later($after, sub {
                $self->_answer($c, $res, \%call);
            });
        });
    });
}


sub _answer {
    my ($self, $c, $res, $call) = @_;

    return if $c->tx->is_finished;

    for my $name (@passed) {
        my $value = $res->headers->header($name);
        $c->res->headers->header($name => $value) if defined $value;
    }

    $call->{aborted} = 0;
    $call->{end} = $self->{log}->now;
    $call->{digest} = $res->headers->header('Docker-Content-Digest');
    $c->render(data => $res->body, status => $res->code // 502);
}


sub _later {
    my ($self, $seconds, $code) = @_;

    return $code->() if $seconds <= 0;

    Mojo::IOLoop->timer($seconds => $code);
}


sub _delays {
    my ($self, $at) = @_;

    my @delays = map {
        $self->{random}->between(@{ $self->{plan}{workload}{latency} })
    } 1, 2;

    for (grep { $_->{at} <= $at && $at < $_->{at} + $_->{for} }
         @{ $self->{slow} })
    {
        $delays[0] += $_->{before};
        $delays[1] += $_->{after};
    }

    return @delays;
}


1;
