#!/usr/bin/perl

# docs/credentials.md: the file is read again when it changes, without a
# reload; a broken new version keeps the old one, and that is said once.

use strict;
use warnings;

use Mojo::JSON qw(encode_json);
use MIME::Base64 qw(encode_base64);
use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest digest_of answer image_of challenge);
use ImageDigest::Util qw(tempdir spit wait_until);

my $registry = ImageDigest::FaultServer->start(sub {
    my ($req) = @_;

    return challenge('Basic realm="x"') unless $req->{headers}{authorization};
    return answer(manifest(image_of($req)));
});

my $host = '127.0.0.1:' . $registry->port;
my $dir = tempdir();
my $file = "$dir/config.json";

# as a writer should: renamed, over the one that is there

my $write = sub {
    my ($text) = @_;

    spit("$file.new", $text);
    chmod 0644, "$file.new";
    rename "$file.new", $file;
};
my $user = sub {
    my ($name, $secret) = @_;

    return encode_json({ auths => { $host => {
        auth => encode_base64("$name:$secret", '') } } });
};

$write->($user->('a', 'first'));

my $cache = ImageDigest::Cache->start(
    resolver  => "registry $host insecure credentials=$file; timeout 20s;",
    locations => { i => 'image_digest_timeout 20s; image_digest_ttl 0;' });

# what the registry was last sent

my $sent = sub {
    is $cache->ask('i', "$host/app:1")->{digest}, digest_of('app:1'),
        'resolved' if $_[0];
    $cache->ask('i', "$host/app:1") unless $_[0];

    my $last = ($registry->requests)[-1]{headers}{authorization} // '';

    return MIME::Base64::decode($last =~ s/^Basic //r);
};

is $sent->(1), 'a:first', 'the first version';

my ($worker) = $cache->workers;

$write->($user->('b', 'second'));

wait_until { $sent->() eq 'b:second' } 'the second version to be used', 5;
is $sent->(1), 'b:second', 'another user';

for my $broken ('{"auths":{"x":', '', 'null') {
    my $before = () = $cache->log(qr/\[error\].*config\.json/);

    $write->($broken);

    wait_until { $sent->() && $before < (() = $cache->log(
                     qr/\[error\].*config\.json/)) }
        'the log to say that it is broken', 5;

    is $sent->(1), 'b:second', "\"$broken\": the version before is used";
}

my $said = () = $cache->log(qr/\[error\].*config\.json/);

# two looks later: by then a worker would have said it again

my $until = time + 2;

wait_until { $sent->(); time > $until } 'two seconds to pass';
is +(() = $cache->log(qr/\[error\].*config\.json/)), $said,
    'each is said once';

$write->($user->('b', 'third'));

wait_until { $sent->() eq 'b:third' } 'a good version to be used', 5;
is $sent->(1), 'b:third', 'a good one again';

unlink $file;

wait_until { $sent->() && $said < (() = $cache->log(
                 qr/\[error\].*config\.json/)) }
    'the log to say that it is gone', 5;
is $sent->(1), 'b:third', 'gone: the version before is used';
is_deeply [$cache->workers], [$worker], 'all of that by one worker';
unlike $cache->log, qr/first|second|third/, 'the log has no password';

done_testing;
