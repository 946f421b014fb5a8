package ImageDigest::History::Purge;

# An invalidation, by the script that docs/redis.md has for it.
#
#     my $purge = ImageDigest::History::Purge->new('10.99.2.100:6379');
#     my ($ok, $answer) = $purge->send('10.99.1.1:5000/app:t0');

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw(time);
use ImageDigest::Util qw(slurp top);

my $prefix = '{image-digest:default}:';
my $timeout = 0.5;

my $retention = 86_400_000;


sub new {
    my ($class, $address) = @_;

    my ($script) = slurp(top() . '/docs/redis.md')
                   =~ /^invalidate\(\) \{\n +redis-cli EVAL '\n(.*?)' 3 /ms
        or die "docs/redis.md has no script for an invalidation\n";

    return bless { address => $address, script => $script }, $class;
}


# A connection for each, so that it finds the primary of now.

sub send {
    my ($self, $reference) = @_;

    my $socket = IO::Socket::INET->new(PeerAddr => $self->{address},
                                       Timeout => $timeout)
        or return (0, 'no connection');

    my @command = ('EVAL', $self->{script}, 3, "${prefix}invalid:$reference",
                   "${prefix}invalidated", "${prefix}news", $reference,
                   $retention);

    print $socket '*' . @command . "\r\n",
                  map { '$' . length($_) . "\r\n$_\r\n" } @command;
    $socket->flush;

    my $answer = '';
    my $end = time + $timeout;

    while ($answer !~ /\r\n/ && time < $end) {
        IO::Select->new($socket)->can_read($end - time) or last;
        sysread $socket, $answer, 4096, length $answer or last;
    }

    $answer =~ s/\r\n.*//s;

    return ($answer =~ /^[:+\$]/ ? 1 : 0, $answer);
}


1;
