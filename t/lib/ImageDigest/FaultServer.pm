package ImageDigest::FaultServer;

# A server that does what a test tells it to: wrong, late, or not at all.
#
#     my $server = ImageDigest::FaultServer->start(sub {
#         my ($req) = @_;
#         # method, path, version, headers (lower-case names), body, number,
#         # state (see `set`), socket
#         return [200, { 'Content-Type' => 'text/plain' }, "hello\n"];
#     });
#     $server->port;
#     $server->requests;                 # what it received, as hashes
#     $server->set(down => 1);           # $req->{state}{down} from now on
#
# A HEAD gets the headers alone.  Content-Length is added unless there is one
# (or Transfer-Encoding).  A callback that returns nothing may have written to
# $req->{socket} by itself; then the connection is closed.  Each connection
# has a process of its own, so a callback may sleep, and only `set` shares.
#
#     ImageDigest::FaultServer->start(raw => sub {
#         my ($socket, $state) = @_;     # then it is closed
#         ...
#     });
#
# tls => [$crt, $key] speaks TLS; unix => 1 listens on $server->socket;
# address => '0.0.0.0' instead of 127.0.0.1.

use strict;
use warnings;

use parent 'ImageDigest::Process';

use Fcntl qw(:flock SEEK_END);
use IO::Handle;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use Mojo::JSON qw(decode_json encode_json);
use POSIX qw(WNOHANG);
use ImageDigest::Util qw(free_port tempdir slurp spit lines spawn);


sub start {
    my ($self, @o) = @_;

    unless (ref $self) {
        unshift @o, 'http' if ref $o[0];
        $self = bless { @o, dir => tempdir(), state => {} }, $self;
        $self->{port} = free_port() unless $self->{unix};
        $self->set;
    }

    unlink $self->socket;

    # it listens before the child starts, so there is nothing to wait for

    my $listen = $self->{unix}
        ? IO::Socket::UNIX->new(Local => $self->socket, Listen => 1024)
        : IO::Socket::INET->new(LocalAddr => $self->{address} // '127.0.0.1',
                                LocalPort => $self->{port}, Listen => 1024,
                                ReuseAddr => 1);
    die "listen: $!\n" unless $listen;
    chmod 0777, $self->socket if $self->{unix};

    my $parent = $$;

    $self->{pid} = spawn("$self->{dir}/log",
                         sub { $self->_serve($listen, $parent) });

    return $self;
}


sub port   { return $_[0]{port} }
sub socket { return "$_[0]{dir}/socket" }

sub url {
    my ($self, $path) = @_;

    return ($self->{tls} ? 'https' : 'http') . "://127.0.0.1:$self->{port}"
           . ($path // '/');
}


sub set {
    my ($self, %state) = @_;

    @{ $self->{state} }{ keys %state } = values %state;

    spit("$self->{dir}/state.new", encode_json($self->{state}));
    rename "$self->{dir}/state.new", "$self->{dir}/state";

    return $self;
}


# What was received so far, or of it what a sub picks ($_ is a request).

sub requests {
    my ($self, $pick) = @_;

    my @all = map { decode_json($_) } lines("$self->{dir}/requests");

    return $pick ? grep { $pick->() } @all : @all;
}


# how many connections were made

sub connections { return scalar(() = lines("$_[0]{dir}/connections")) }


# a die of the callback, and what it printed

sub output { return slurp("$_[0]{dir}/log") }


sub signal { return 'TERM' }


sub _state { return decode_json(slurp("$_[0]{dir}/state")) }


# append a line, and tell its number

sub _record {
    my ($self, $file, $make) = @_;

    open my $out, '+>>', "$self->{dir}/$file" or die "$file: $!";
    flock $out, LOCK_EX;
    seek $out, 0, 0;

    my $number = 1 + (() = <$out>);

    print $out $make->($number), "\n";
    close $out;

    return $number;
}


sub _serve {
    my ($self, $listen, $parent) = @_;

    my $end = sub {
        $SIG{TERM} = 'IGNORE';
        kill TERM => -getpgrp;
        POSIX::_exit(0);
    };

    local $SIG{TERM} = $end;
    local $SIG{PIPE} = 'IGNORE';

    my $select = IO::Select->new($listen);

    while (1) {
        1 while waitpid(-1, WNOHANG) > 0;

        $end->() if getppid != $parent;
        next unless $select->can_read(0.2);

        my $socket = $listen->accept or next;
        my $pid = fork // next;

        if ($pid == 0) {
            $SIG{TERM} = 'DEFAULT';
            close $listen;
            eval { $self->_connection($socket); 1 } or print STDERR $@;
            POSIX::_exit(0);
        }

        close $socket;
    }
}


sub _connection {
    my ($self, $socket) = @_;

    $self->_record('connections', sub { $_[0] });

    if (my $tls = $self->{tls}) {
        require IO::Socket::SSL;
        IO::Socket::SSL->start_SSL($socket, SSL_server => 1,
                                   SSL_cert_file => $tls->[0],
                                   SSL_key_file  => $tls->[1])
            or die 'TLS: ' . IO::Socket::SSL::errstr() . "\n";
    }

    $socket->autoflush(1);

    return $self->{raw}->($socket, $self->_state) if $self->{raw};

    my $buffer = '';

    while (my $req = _read($socket, \$buffer)) {
        $req->{number} = $self->_record('requests', sub {
            return encode_json({ %$req, number => $_[0] });
        });
        $req->{state} = $self->_state;
        $req->{socket} = $socket;

        my $answer = $self->{http}->($req) or last;
        my ($status, $headers, $body) = @$answer;

        $body //= '';

        my %names = map { lc $_ => 1 } keys %$headers;
        my $text = "HTTP/1.1 $status Status\r\n";

        for my $name (sort keys %$headers) {
            my $values = $headers->{$name};
            $text .= "$name: $_\r\n"
                for ref $values ? @$values : $values;
        }

        $text .= 'Content-Length: ' . length($body) . "\r\n"
            unless $names{'content-length'} || $names{'transfer-encoding'};
        $text .= "\r\n";
        $text .= $body unless $req->{method} eq 'HEAD';

        print $socket $text or last;

        last if lc($headers->{Connection} // '') eq 'close'
                || lc($req->{headers}{connection} // '') eq 'close';
    }
}


sub _read {
    my ($socket, $buffer) = @_;

    while ($$buffer !~ /\r\n\r\n/) {
        sysread $socket, $$buffer, 65536, length $$buffer or return;
    }

    $$buffer =~ s/^(.*?)\r\n\r\n//s;
    my ($line, @headers) = split /\r\n/, $1;

    my %headers;

    for (@headers) {
        my ($name, $value) = /^([^:]+):\s*(.*)$/ or next;
        $name = lc $name;
        $headers{$name} = defined $headers{$name}
            ? "$headers{$name}, $value" : $value;
    }

    my ($method, $path, $version) = split / /, $line;
    my $length = $headers{'content-length'} // 0;

    while (length $$buffer < $length) {
        sysread $socket, $$buffer, 65536, length $$buffer or return;
    }

    return { method => $method, path => $path, version => $version,
             headers => \%headers, body => substr $$buffer, 0, $length, '' };
}


1;
