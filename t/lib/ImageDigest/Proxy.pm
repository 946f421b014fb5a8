package ImageDigest::Proxy;

# A forward proxy that tells what it was sent: CONNECT, and plain http.  All
# names lead to 127.0.0.1.
#
#     my $proxy = ImageDigest::Proxy->start;
#     "proxy " . $proxy->url;
#     $proxy->asked;       # { line => 'CONNECT a.test:443', headers => {...},
#                          #   head => all bytes }
#     $proxy->set(status => 403);      # it refuses from now on

use strict;
use warnings;

use parent 'ImageDigest::FaultServer';

use IO::Select;
use IO::Socket::INET;
use Mojo::JSON qw(decode_json encode_json);


sub start {
    my ($class, %o) = @_;

    return $class->SUPER::start if ref $class;
    return $class->SUPER::start(raw => \&_proxy, %o);
}


sub asked {
    my ($self, $pick) = @_;

    my @all = map { decode_json($_) } $self->output =~ /^(\{.*\})\n/mg;

    return $pick ? grep { $pick->() } @all : @all;
}


sub _proxy {
    my ($socket, $state) = @_;

    my $head = '';

    while ($head !~ /\r\n\r\n/) {
        sysread $socket, $head, 65536, length $head or return;
    }

    my $rest = $head =~ s/(?<=\r\n\r\n)(.*)$//s ? $1 : '';
    my ($line, @lines) = split /\r\n/, $head;
    my %headers = map { /^([^:]+):\s*(.*)$/ ? (lc $1 => $2) : () } @lines;

    print encode_json({ line => $line =~ s/ HTTP.*//r, head => $head,
                        headers => \%headers }), "\n";

    if (my $status = $state->{status}) {
        print $socket "HTTP/1.1 $status No\r\nContent-Length: 0\r\n"
                      . "Connection: close\r\n\r\n";
        return;
    }

    my ($method, $url) = split / /, $line;
    my ($port) = $method eq 'CONNECT' ? $url =~ /:(\d+)$/
                 : $url =~ m{^http://[^/]*:(\d+)/};
    my $up = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                   PeerPort => $port // 80) or return;

    if ($method eq 'CONNECT') {
        print $socket "HTTP/1.1 200 OK\r\n\r\n";

    } else {
        my $path = $url =~ s{^http://[^/]*}{}r;
        my @own = grep { !/^(?:proxy-|connection:)/i } @lines;

        $rest = join("\r\n", "$method $path HTTP/1.1", @own,
                     'Connection: close') . "\r\n\r\n$rest";
    }

    syswrite $up, $rest if $rest ne '';

    my $both = IO::Select->new($socket, $up);

    while (1) {
        for my $from ($both->can_read) {
            sysread $from, my $bytes, 65536 or return;

            my $to = $from == $up ? $socket : $up;

            while (length $bytes) {
                my $n = syswrite $to, $bytes or return;
                substr $bytes, 0, $n, '';
            }
        }
    }
}


1;
