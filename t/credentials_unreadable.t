#!/usr/bin/perl

# docs/credentials.md: a file that has changed and can't be opened for a
# moment, as a lease or a lack of descriptors has it, is read once that is
# over, though it has not changed again. That is said once.

use strict;
use warnings;

use Mojo::JSON qw(encode_json);
use MIME::Base64 qw(encode_base64 decode_base64);
use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest answer image_of challenge);
use ImageDigest::Util qw(tempdir spit wait_until);

# a write lease: who opens the file without blocking is told EAGAIN

use constant { F_SETLEASE => 1024, F_WRLCK => 1, F_UNLCK => 2 };

$SIG{IO} = 'IGNORE';

my $registry = ImageDigest::FaultServer->start(sub {
    my ($req) = @_;

    return challenge('Basic realm="x"') unless $req->{headers}{authorization};
    return answer(manifest(image_of($req)));
});

my $host = '127.0.0.1:' . $registry->port;
my $file = tempdir() . '/config.json';

sub prepare {
    my ($user) = @_;

    spit("$file.new", encode_json({ auths => { $host => {
        auth => encode_base64("$user:p", '') } } }));
    chmod 0644, "$file.new";
}

prepare('first');
rename "$file.new", $file;

my $cache = ImageDigest::Cache->start(
    resolver  => "registry $host insecure credentials=$file; timeout 20s;",
    locations => { i => 'image_digest_timeout 20s; image_digest_ttl 0;' });

sub user {
    $cache->ask('i', "$host/app:1");

    my $last = ($registry->requests)[-1]{headers}{authorization} // '';

    return decode_base64($last =~ s/^Basic //r) =~ s/:p$//r;
}

is user(), 'first', 'the first version';

prepare('second');
open my $leased, '+<', "$file.new" or die "$file.new: $!";
fcntl $leased, F_SETLEASE, F_WRLCK or plan skip_all => "no leases: $!";
rename "$file.new", $file;

my $said = sub { $cache->log(qr/\[error\].*config\.json" failed/) };

wait_until { user() && $said->() } 'the log to say that it cannot be opened';
like +($said->())[0], qr/open\(\)/, 'it cannot be opened';

# two looks later: by then a worker would have said it again

my $until = time + 2;

wait_until { user() ne 'first' || time > $until } 'two seconds to pass';
is user(), 'first', 'the version before is used';
is +(() = $said->()), 1, '... said once';

my @before = (stat $file)[1, 7, 9, 10];

fcntl $leased, F_SETLEASE, F_UNLCK or die "F_UNLCK: $!";
close $leased;

wait_until { user() eq 'second' } 'the second version to be used', 5;
is_deeply [(stat $file)[1, 7, 9, 10]], \@before, 'it has not changed again';
is user(), 'second', '... and is used';
is +(() = $said->()), 1, '... nothing further is said';

done_testing;
