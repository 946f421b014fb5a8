package ImageDigest::Alone;

# A network of the test's own, with nothing but loopback, so that no packet
# leaves it, whatever what is tested does wrong.
#
#     use ImageDigest::Alone;          # the first of the harness
#     $ImageDigest::Alone::alone;      # false where none may be made

use strict;
use warnings;

use Socket;
use ImageDigest::Util qw(run);

our $alone;


sub import {
    return if $alone || $^C;

    my @command = qw(unshare --net);

    unless ($ENV{IMAGE_DIGEST_ALONE}) {
        my ($status) = run(@command, 'true');

        return if $status;

        $ENV{IMAGE_DIGEST_ALONE} = 1;
        exec @command, $^X, (map { "-I$_" } @INC), $0, @ARGV
            or die "unshare: $!";
    }

    # SIOCSIFFLAGS with IFF_UP, which gives it 127.0.0.1

    my $up = pack 'a16 s x22', 'lo', 1;

    socket my $socket, AF_INET, SOCK_DGRAM, 0 or die "socket: $!";
    ioctl $socket, 0x8914, $up or die "lo: $!";

    $alone = 1;
}


1;
