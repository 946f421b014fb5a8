package ImageDigest::Client;

# An HTTP/1.1 client with a hand on every byte, for pipelining, Expect, and
# requests that stop half-way.  For plain ones there is Mojo::UserAgent.
#
#     my $client = ImageDigest::Client->new($nginx->port);
#     $client->send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
#     my $answer = $client->read;          # status, headers, body
#     $client->closed;                     # true once the server closed

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw(time);


# port, and a timeout in seconds for each read (30)

sub new {
    my ($class, $port, $timeout) = @_;

    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $port)
        or die "connect to port $port: $!\n";

    $socket->autoflush(1);

    return bless { socket => $socket, buffer => '',
                   timeout => $timeout // 30 }, $class;
}


sub socket { return $_[0]{socket} }


sub send {
    my ($self, $bytes) = @_;

    local $SIG{PIPE} = 'IGNORE';

    my $sent = 0;

    while ($sent < length $bytes) {
        my $n = syswrite $self->{socket}, $bytes, length($bytes) - $sent, $sent;
        return $sent unless $n;
        $sent += $n;
    }

    return $sent;
}


# A request with the headers that are given; Host is added, and Content-Length
# where there is a body.

sub request {
    my ($self, $method, $path, $headers, $body) = @_;

    my %headers = (Host => 'test', %{ $headers || {} });

    $headers{'Content-Length'} //= length $body if defined $body;

    return $self->send(join "\r\n", "$method $path HTTP/1.1",
                       (map { "$_: $headers{$_}" } sort keys %headers), '',
                       $body // '');
}


# more bytes into the buffer within $timeout; 0 at the end, undef if none came

sub _more {
    my ($self, $timeout) = @_;

    IO::Select->new($self->{socket})->can_read($timeout) or return;

    return sysread($self->{socket}, $self->{buffer}, 65536,
                   length $self->{buffer}) || 0;
}


sub _until {
    my ($self, $done) = @_;

    my $end = time + $self->{timeout};

    until ($done->()) {
        my $left = $end - time;
        my $n = $left > 0 ? $self->_more($left) : undef;

        die "no answer within $self->{timeout} seconds\n" unless defined $n;
        return 0 unless $n;
    }

    return 1;
}


# One answer; undef where the connection ends before it is whole.  An answer
# to HEAD has no body: pass the method.  100 Continue is an answer, too.

sub read {
    my ($self, $method) = @_;

    $self->_until(sub { $self->{buffer} =~ /\r\n\r\n/ }) or return;
    $self->{buffer} =~ s/^(.*?)\r\n\r\n//s;

    my ($line, @lines) = split /\r\n/, $1;
    my %headers;

    for (@lines) {
        my ($name, $value) = /^([^:]+):\s*(.*)$/ or next;
        $headers{ lc $name } = $value;
    }

    my $answer = { line => $line, headers => \%headers, body => '',
                   status => ($line =~ /^HTTP\S+ (\d+)/)[0] };

    return $answer if ($method // '') eq 'HEAD'
                      || $answer->{status} =~ /^(?:1..|204|304)$/;

    if (defined(my $length = $headers{'content-length'})) {
        $self->_until(sub { length $self->{buffer} >= $length }) or return;
        $answer->{body} = substr $self->{buffer}, 0, $length, '';

    } elsif (($headers{'transfer-encoding'} // '') eq 'chunked') {
        while (1) {
            $self->_until(sub { $self->{buffer} =~ /\r\n/ }) or return;
            $self->{buffer} =~ s/^([0-9A-Fa-f]+)[^\r]*\r\n//
                or die "bad chunk\n";

            my $size = hex $1;

            $self->_until(sub { length $self->{buffer} >= $size + 2 })
                or return;
            $answer->{body} .= substr $self->{buffer}, 0, $size, '';
            substr $self->{buffer}, 0, 2, '';

            last unless $size;
        }

    } else {
        $self->_until(sub { 0 });
        $answer->{body} = $self->{buffer};
        $self->{buffer} = '';
    }

    return $answer;
}


# has nothing come for so many seconds?

sub silent {
    my ($self, $seconds) = @_;

    return $self->{buffer} eq '' && !defined $self->_more($seconds);
}


# has the server closed, within the timeout?

sub closed {
    my ($self) = @_;

    return !eval { $self->_until(sub { 0 }); 1 } ? 0 : 1;
}


sub close {
    my ($self) = @_;

    CORE::close $self->{socket};
}


1;
