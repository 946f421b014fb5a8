package ImageDigest::History::Host;

# One host of a run: an nginx with the module, in a network namespace of its
# own, with a clock of its own.  Clients reach it by a unix socket, which no
# partition cuts.
#
#     my $host = ImageDigest::History::Host->start(
#         name => 'h1', space => $space, clock => -60, workers => 2,
#         redis => '10.99.2.100:6379', registry => '10.99.1.1:5000',
#         store => $store, plan => $plan);
#     $host->socket;
#     $host->kill;  $host->again;        # all processes, and anew
#     $host->signal('STOP', $host->workers);

use strict;
use warnings;

use parent 'ImageDigest::Nginx';

use ImageDigest::History::Clock;
use ImageDigest::Util qw(wait_until alive);

my @variables = qw(digest key reference status error write wait);


sub start {
    my ($class, %o) = @_;

    my $clock = ImageDigest::History::Clock->new($o{clock});
    my $self = $class->new(
        name    => $o{name}, space => $o{space}, clock => $clock,
        workers => $o{workers}, level => $ENV{HISTORY_LEVEL} || 'info',
        main    => join('', map { "env $_;\n" }
                            @ImageDigest::History::Clock::variables),
        http    => _http(%o),

        # it is killed on purpose, perhaps with the lock in its hand

        allow   => qr/exited on signal 9|was locked by/);

    return $self->again;
}


sub _http {
    my (%o) = @_;

    my $workload = $o{plan}{workload};
    my $session = $o{plan}{sessions} ? 'session=$http_x_session' : '';
    my $seconds = sub { sprintf '%dms', $_[0] * 1000 };
    my $locations = '';

    my %policies = (
        any     => 'any',
        pinned  => 'pinned',
        settled => 'settled=' . $seconds->($workload->{settled})
                   . ' fresh=' . $seconds->($workload->{fresh}),
    );

    for my $policy (sort keys %policies) {
        for my $fallback (qw(tag miss error)) {
            $locations .= <<"END";
location ~ ^/$policy-$fallback/(?<image>.+?)/-/(?<artifact>.+)\$ {
    image_digest           \$image $session;
    image_digest_key       \$artifact;
    image_digest_writes    $policies{$policy};
    image_digest_fallback  $fallback;
    proxy_pass             http://artifacts/\$image_digest_key;
}
END
        }
    }

    my $headers = join '', map { "add_header X-Image-$_ \$image_digest"
                                 . ($_ eq 'digest' ? '' : "_$_")
                                 . " always;\n" } @variables;

    return <<"END";
image_resolver default {
    zone          1m;
    redis         redis://$o{redis} timeout=500ms;
    registry      $o{registry} insecure;
    timeout       $workload->{call}s;
    negative_ttl  1s;
}
image_digest_timeout  @{[ $seconds->($workload->{timeout}) ]};
image_digest_ttl      \$http_x_ttl;
upstream artifacts { server @{[ $o{store}->address ]}; keepalive 16; }
proxy_http_version 1.1;
proxy_set_header Connection "";
keepalive_requests 1000000;
$headers
add_header X-Clock \$msec always;
server {
    listen unix:\@DIR\@/web.sock;
    $locations
}
END
}


sub name   { return $_[0]{name} }
sub clock  { return $_[0]{clock} }
sub space  { return $_[0]{space} }
sub socket { return "$_[0]{dir}/web.sock" }


sub again {
    my ($self) = @_;

    # what was killed leaves its socket

    unlink $self->socket;

    $self->{space}->inside(sub { $self->SUPER::start },
                           $self->{clock}->command);
    ImageDigest::History::Clock::tidy($self->pid);

    return $self;
}


sub signal {
    my ($self, $signal, @pids) = @_;

    CORE::kill($signal => @pids);
}


sub processes { return ($_[0]->pid, $_[0]->workers, $_[0]->workers('old')) }


# The master first, else it starts new workers.

sub kill {
    my ($self) = @_;

    my @pids = $self->processes;

    CORE::kill(KILL => $_) for @pids;
    wait_until {
        !alive($self->{pid}) && !grep { -e "/proc/$_/exe"
                                        && readlink "/proc/$_/exe" } @pids;
    } "$self->{name} to be dead";

    delete $self->{pid};
}


1;
