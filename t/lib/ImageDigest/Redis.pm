package ImageDigest::Redis;

# A redis-server of the test's own, on a unix socket and on a port.
#
#     my $redis = ImageDigest::Redis->start(
#         args => [qw(--requirepass secret)],
#         tls  => [$crt, $key],           # the port speaks TLS
#     );
#     $redis->url;                        # unix:/path
#     $redis->cli('GET', 'key');

use strict;
use warnings;

use parent 'ImageDigest::Process';

use ImageDigest::Util qw(wait_until free_port tempdir slurp spawn alive run);


sub start {
    my ($self, %o) = @_;

    unless (ref $self) {
        $self = bless { args => [], %o, auth => [], dir => tempdir(),
                        port => free_port() }, $self;

        my ($password) = "@{ $self->{args} }" =~ /--requirepass (\S+)/;
        $self->{auth} = ['-a', $password, '--no-auth-warning'] if $password;
    }

    my @port = ('--port', $self->{port});

    if (my $tls = $self->{tls}) {
        @port = ('--port', 0, '--tls-port', $self->{port},
                 '--tls-cert-file', $tls->[0], '--tls-key-file', $tls->[1],
                 '--tls-auth-clients', 'no');
    }

    $self->{pid} = spawn(
        "$self->{dir}/log", 'redis-server', '--save', '', '--appendonly', 'no',
        '--dir', "$self->{dir}", '--bind', '127.0.0.1', @port,
        '--unixsocket', $self->socket, '--unixsocketperm', '777',
        @{ $self->{args} });

    wait_until {
        alive($self->{pid}) or die "redis-server does not start:\n"
                                   . slurp("$self->{dir}/log");
        -S $self->socket
            && (run($self->_cli('PING')))[1] =~ /PONG|NOAUTH|NOPERM/;
    } 'redis-server to start';

    return $self;
}


sub socket { return "$_[0]{dir}/redis.sock" }
sub port   { return $_[0]{port} }
sub url    { return 'unix:' . $_[0]->socket }

sub tcp_url {
    my ($self) = @_;

    return ($self->{tls} ? 'rediss' : 'redis') . "://127.0.0.1:$self->{port}";
}


sub _cli {
    my ($self, @command) = @_;

    return ('redis-cli', '-s', $self->socket, @{ $self->{auth} }, @command);
}


# What redis-cli prints, in a list its lines.

sub cli {
    my ($self, @command) = @_;

    my $text = run($self->_cli(@command));

    return split /\n/, $text if wantarray;

    chomp $text;
    return $text;
}


# how many commands of a name were served, scripts' own ones included

sub calls {
    my ($self, $command) = @_;

    return $self->cli('INFO', 'commandstats')
        =~ /^cmdstat_\Q$command\E:calls=(\d+)/im ? $1 : 0;
}


sub stop {
    my ($self) = @_;

    $self->SUPER::stop;
    unlink $self->socket;

    return $self;
}


1;
