package ImageDigest::Http2;

# A client of HTTP/2 in clear text with a hand on every frame, for resets and
# several streams at a time.  For plain requests there is curl.
#
#     my $client = ImageDigest::Http2->new($nginx->port);
#     my $stream = $client->request('GET', '/');
#     $client->data($stream, '...', 1);        # 1: the last
#     $client->read($stream);                  # status, body
#     $client->reset($stream);
#     $client->settle;                         # all is read and dealt with
#
# Several of each worker, by their process ids, of a server that has
# ImageDigest::Http2::listen(3), which listens on @PORT3@:
#
#     my %clients = ImageDigest::Http2->of_workers($nginx->port(3), 2, 5);

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw(time);

use constant {
    DATA => 0, HEADERS => 1, RST_STREAM => 3, SETTINGS => 4, PING => 6,
    WINDOW_UPDATE => 8, END_STREAM => 1, ACK => 1, END_HEADERS => 4,
};

my @indexed = (200, 204, 206, 304, 400, 404, 500);    # from 8 on


sub new {
    my ($class, $port, $timeout) = @_;

    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $port)
        or die "connect to port $port: $!\n";

    $socket->autoflush(1);

    my $self = bless { socket => $socket, buffer => '', next => 1,
                       timeout => $timeout // 30, streams => {} }, $class;

    syswrite $socket, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    $self->frame(SETTINGS, 0, 0, '');

    return $self;
}


sub listen {
    my ($n) = @_;

    return "listen 127.0.0.1:\@PORT$n\@ http2 reuseport backlog=1024;\n"
           . "location = /pid { access_log off; return 200 \$pid; }\n";
}


sub of_workers {
    my ($class, $port, $workers, $each) = @_;

    my (%of, $n);

    while (($n // 0) < $workers * ($each // 1)) {
        my $client = $class->new($port);
        my $pid = $client->read($client->request('GET', '/pid'))->{body};
        my $clients = $of{$pid} //= [];

        if (@$clients < ($each // 1)) {
            push @$clients, $client;
            $n++;

        } else {
            $client->close;
        }
    }

    return %of;
}


sub frame {
    my ($self, $type, $flags, $stream, $payload) = @_;

    local $SIG{PIPE} = 'IGNORE';

    my $length = substr pack('N', length $payload), 1;

    return syswrite $self->{socket},
        $length . pack('CCN', $type, $flags, $stream) . $payload;
}


# a literal header field, never indexed, without huffman

sub _field {
    my ($name, $value) = @_;

    return "\x10" . join '', map {
        (length $_ < 127 ? chr length $_
         : "\x7f" . chr(0x80 | (length($_) - 127) % 128)
           . chr((length($_) - 127) >> 7)) . $_
    } $name, $value;
}


# the number of the new stream; with $open a body follows

sub request {
    my ($self, $method, $path, $headers, $open) = @_;

    my $stream = $self->{next};

    $self->{next} += 2;
    $self->{streams}{$stream} = { body => '' };

    $self->frame(HEADERS, END_HEADERS | ($open ? 0 : END_STREAM), $stream,
                 join '', _field(':method', $method), _field(':path', $path),
                 _field(':scheme', 'http'), _field(':authority', 'test'),
                 map { _field($_, $headers->{$_}) }
                     sort keys %{ $headers || {} });

    return $stream;
}


sub data {
    my ($self, $stream, $bytes, $last) = @_;

    return $self->frame(DATA, $last ? END_STREAM : 0, $stream, $bytes);
}


sub reset {
    my ($self, $stream) = @_;

    return $self->frame(RST_STREAM, 0, $stream, pack 'N', 8);
}


# the next frame into its stream; false at the end

sub _next {
    my ($self, $end) = @_;

    my $need = sub {
        my ($n) = @_;

        while (length $self->{buffer} < $n) {
            my $left = $end - time;
            $left > 0 && IO::Select->new($self->{socket})->can_read($left)
                or die "no answer within $self->{timeout} seconds\n";
            sysread $self->{socket}, $self->{buffer}, 65536,
                    length $self->{buffer} or return 0;
        }

        return 1;
    };

    $need->(9) or return 0;
    my $length = unpack 'N', "\0" . substr $self->{buffer}, 0, 3;
    $need->(9 + $length) or return 0;

    my ($type, $flags, $id) = unpack 'x3CCN', $self->{buffer};
    my $payload = substr $self->{buffer}, 9, $length;

    substr $self->{buffer}, 0, 9 + $length, '';

    if ($type == SETTINGS && !($flags & ACK)) {
        $self->frame(SETTINGS, ACK, 0, '');
    }

    $self->{pong} = 1 if $type == PING && $flags & ACK;

    my $stream = $self->{streams}{$id} || {};

    if ($type == HEADERS && !$stream->{status}) {

        # an update of the table's size may come first

        $payload =~ s/^[\x20-\x3f]//;

        my $first = ord $payload;
        $stream->{status} = $first & 0x80 ? $indexed[($first & 0x7f) - 8]
                                          : substr $payload, 2, 3;
    }

    $stream->{body} .= $payload if $type == DATA;
    $stream->{done} = 1 if $type <= HEADERS && $flags & END_STREAM;
    $stream->{done} = $stream->{reset} = 1 if $type == RST_STREAM;

    return 1;
}


sub read {
    my ($self, $id) = @_;

    my $end = time + $self->{timeout};
    my $stream = $self->{streams}{$id};

    until ($stream->{done}) {
        $self->_next($end) or return;
    }

    return $stream;
}


# all that was sent so far was dealt with when this returns

sub settle {
    my ($self) = @_;

    my $end = time + $self->{timeout};

    $self->{pong} = 0;
    $self->frame(PING, 0, 0, '12345678');

    until ($self->{pong}) {
        $self->_next($end) or die "the connection was closed\n";
    }
}


sub close { CORE::close $_[0]{socket} }


1;
