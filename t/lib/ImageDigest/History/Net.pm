package ImageDigest::History::Net;

# Network namespaces, one for each server of a run, and two networks between
# them: one to the registry's front door, one to Redis.  All of it is inside
# the network of the run's own (ImageDigest::Alone), and ends with it.
#
#     my $net = ImageDigest::History::Net->new;       # 10.99.1.1, 10.99.2.1
#     my $space = $net->space('h1', origin => '10.99.1.11',
#                                   redis  => '10.99.2.11');
#     $space->inside(sub { spawn(...) }, @more);      # more words before it
#     $space->cut('redis');             # packets get lost from now on
#     $space->heal('redis');
#     $net->move('10.99.2.100', $one => $two, 'redis');

use strict;
use warnings;

use ImageDigest::Util qw(wait_until tempdir spawn stop run);

my %networks = (origin => '10.99.1', redis => '10.99.2');


sub new {
    my ($class) = @_;

    my $self = bless { dir => tempdir(), spaces => {} }, $class;

    for my $name (sort keys %networks) {
        _ip(qw(link add), "br-$name", qw(type bridge));
        _ip(qw(addr add), "$networks{$name}.1/24", 'dev', "br-$name");
        _ip(qw(link set), "br-$name", 'up');
    }

    return $self;
}


sub _ip { return scalar run('ip', @_) }


# can one be made here at all?

sub possible {
    my ($status) = run(qw(ip link add br-possible type bridge));

    return 0 if $status;

    _ip(qw(link del br-possible));

    return 1;
}


sub space {
    my ($self, $name, %addresses) = @_;

    my $pid = spawn("$self->{dir}/$name", qw(unshare --net sleep infinity));
    my $own = readlink '/proc/self/ns/net';

    # unshare becomes sleep once it is done

    wait_until {
        (readlink("/proc/$pid/ns/net") // $own) ne $own
            && ImageDigest::Util::slurp("/proc/$pid/comm") eq "sleep\n";
    } 'a network namespace';

    my $space = bless { name => $name, pid => $pid },
                      'ImageDigest::History::Net::Space';

    $space->ip(qw(link set lo up));

    for my $network (sort keys %addresses) {
        my ($here, $there) = ("$network-$name", $network);

        _ip(qw(link add), $here, qw(type veth peer name), "p-$here");
        _ip(qw(link set), "p-$here", 'netns', $pid, 'name', $there);
        _ip(qw(link set), $here, 'master', "br-$network", 'up');
        $space->ip(qw(link set), $there, 'up');
        $space->ip(qw(addr add), "$addresses{$network}/24", 'dev', $there);
    }

    $self->{spaces}{$name} = $space;

    return $space;
}


# An address moves from one to another; that nobody sends to the old place any
# longer is what a switch would learn from an announcement.

sub move {
    my ($self, $address, $from, $to, $network) = @_;

    $from->ip(qw(addr del), "$address/24", 'dev', $network) if $from;
    $to->ip(qw(addr add), "$address/24", 'dev', $network);

    () = run(qw(ip neigh del), $address, 'dev', "br-$network");

    for my $space (values %{ $self->{spaces} }) {
        () = run($space->command(qw(ip neigh del), $address, 'dev', $network));
    }
}


package ImageDigest::History::Net::Space;

use strict;
use warnings;


sub command {
    my ($self, @command) = @_;

    return ('nsenter', "--net=/proc/$self->{pid}/ns/net", @command);
}


sub ip {
    my ($self, @command) = @_;

    return scalar ImageDigest::Util::run($self->command('ip', @command));
}


# Servers that are started meanwhile are in it.

sub inside {
    my ($self, $code, @more) = @_;

    local @ImageDigest::Util::before = $self->command(@more);

    return $code->();
}


sub _outside {
    my ($self, $network, $state) = @_;

    () = ImageDigest::Util::run(qw(ip link set), "$network-$self->{name}",
                                $state);
}


sub cut {
    my ($self, $network) = @_;

    $self->_outside($network, 'down');
}


sub heal {
    my ($self, $network) = @_;

    $self->_outside($network, 'up');
}


1;
