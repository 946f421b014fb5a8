#!/usr/bin/perl

# A name that takes too long leaves a thread of the resolver behind: after some
# dozens of them nobody is asked for a while, so that threads and files of a
# worker are bounded whatever names clients come with.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Names;
use ImageDigest::Origin;

my $hangs = ImageDigest::FaultServer->start(raw => sub {
    my ($socket) = @_;

    1 while sysread $socket, my $bytes, 4096;
});

my $origin = ImageDigest::Origin->start;
my $own = 'own.test:' . $origin->port;

my $cache = ImageDigest::Names->new(
    'own.test' => '127.0.0.1',
    map { ("slow$_.test" => '- 20') } 1 .. 200)->around(sub {
        ImageDigest::Cache->start(
            resolver  => "registry *;\nconnections 100;\ntimeout 200ms;\n"
                         . 'registry 127.0.0.1:' . $hangs->port . ' insecure;'
                         . "registry $own insecure;",
            locations => { i => 'image_digest_timeout 20s;' });
    });

sub threads {
    my ($worker) = $cache->workers;

    return scalar(() = glob "/proc/$worker/task/*");
}

# a registry that hangs is no name

my %errors;

$errors{ $_->{error} }++ for $cache->wait_for(
    map { $cache->send('i', '127.0.0.1:' . $hangs->port . "/app:$_") }
    1 .. 80);

is_deeply \%errors, { timeout => 80 }, 'a registry that hangs';

%errors = ();

for my $round (0 .. 3) {
    my @answers = $cache->wait_for(
        map { $cache->send('i', "slow$_.test/app:1") }
        $round * 50 + 1 .. $round * 50 + 50);

    $errors{ $_->{error} }++ for @answers;
}

is $errors{timeout} + ($errors{overloaded} // 0), 200, 'all fall back';
cmp_ok $errors{timeout}, '<=', 114, 'at first by the time-out';
cmp_ok $errors{overloaded} // 0, '>=', 86, 'then nobody is asked';
cmp_ok threads(), '<=', 130, 'the threads are bounded';
ok $cache->wait_for_log(qr/names could not be resolved in time/),
    'and the log says why';


# the time is short, and this machine may be busy

%errors = ();

for my $tag (1 .. 20) {
    $errors{ $cache->ask('i', "$own/app:$tag")->{error} || 'none' }++;
    last if $errors{none};
}

ok $errors{none}, 'a name that the operator wrote is still looked up';
ok !$errors{overloaded}, '... at once';

is $cache->ask('i', $origin->host . '/app:1')->{error}, 'registry_not_allowed',
    'an address of strangers needs no name';
is $cache->ask('i', 'app@sha256:' . 'a' x 64)->{status}, 'PINNED',
    'who needs nobody is served';

done_testing;
