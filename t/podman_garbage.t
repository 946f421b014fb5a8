#!/usr/bin/perl

# Engine "podman": answers of another form are no digests, and what is not
# Podman's own word about an image pulls nothing.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::FakeDaemon;
use ImageDigest::Util qw(slurp wait_until);

my ($digest, $other, $third) = map { sha256($_) } qw(image other third);
my $id = 'c' x 64;
my $mib = 'x' x (1 << 20);

sub endless {
    my ($req, $bytes) = @_;

    my $socket = $req->{socket};
    my $sent = 0;

    print $socket "HTTP/1.1 200 OK\r\n\r\n";

    while ($sent < 1 << 30) {
        my $n = syswrite $socket, $bytes or last;
        $sent += $n;
    }

    print "sent $sent\n";

    return 'done';
}

# sanitizers keep what was freed: less of it here, for the worker's size

$ENV{ASAN_OPTIONS} .= ':quarantine_size_mb=1';

my $daemon = ImageDigest::FakeDaemon->start(on => sub {
    my ($req, $what) = @_;

    return unless ($req->{state}{endless} // '') eq $what;
    return endless($req, $what eq 'inspect' ? $mib
                         : qq({"stream":"Copying blob"}\n) x 10000);
});

my $cache = ImageDigest::Cache->start(
    resolver  => "registry docker.io;\ntimeout 20s;\n"
                 . 'engine podman ' . $daemon->url . ";\n",
    locations => {
        i => 'image_digest $image engine=podman; image_digest_timeout 20s;'
             . 'image_digest_ttl 0;',
    });

my ($worker) = $cache->workers;
my $memory = sub { (slurp("/proc/$worker/status") =~ /VmHWM:\s+(\d+)/)[0] };

sub gives {
    my ($what, $is, %state) = @_;

    $daemon->set(inspect => undef, pull => undef, pulled => undef,
                 endless => undef, %state);

    my $answer = $cache->ask('i', 'app:1');

    is $answer->{error} || $answer->{digest}, $is, $what;
}

sub inspect {
    my (%image) = @_;

    return (inspect => [200, image_json(Id => $id, %image)]);
}


my $name = 'docker.io/library/app';

gives('its Digest', $other, inspect(
    Digest => $other, RepoDigests => ["$name\@$digest", "$name\@$other"]));
gives('a Digest of another repository', $digest, inspect(
    Digest => $other, RepoDigests => ["a.test/app\@$other",
                                      "$name\@$digest"]));
gives('a Digest that is in none', (sort $digest, $third)[0], inspect(
    Digest => $other, RepoDigests => ["$name\@$digest", "$name\@$third"]));
gives('no Digest', (sort $digest, $third)[0], inspect(
    RepoDigests => ["$name\@$digest", "$name\@$third"]));
gives('a Digest of another form', $digest, inspect(
    Digest => 'sha256:x', RepoDigests => ["$name\@$digest"]));
gives('only another repository\'s', $other, inspect(
    Digest => $other, RepoDigests => ["a.test/b\@$other"]));
gives('the Id', "sha256:$id", inspect(RepoDigests => []));

my $before = $memory->();
my $good = image_json(Id => $id, RepoDigests => ["$name\@$digest"]);

for (['nothing', ''], ['text', 'no'], ['a list', "[$good]"],
     ['cut off', substr($good, 0, -1)], ['no member', '{}'],
     ['a short Id', image_json(Id => substr($id, 1))],
     ['an Id in capitals', image_json(Id => uc $id)],
     ['depth', $good =~ s/}$/',"x":' . '[' x 100000 . ']' x 100000 . '}'/er])
{
    gives("an inspect: $_->[0]", 'bad_response', inspect => [200, $_->[1]]);
}

gives("status $_", 'bad_response', inspect => [$_, $good])
    for 201, 301, 400, 500;
gives("404 with $_->[0]", 'bad_response', inspect => [404, $_->[1]])
    for ['a page', '<html>404</html>'], ['nothing', ''], ['a list', '[]'];

is +(() = $daemon->asked('pull')), 0, 'nothing was pulled so far';

my $stream = qq({"stream":"Trying to pull"}\n);

gives('a pull', $digest, pulled => [200, $good],
      pull => [200, qq($stream\{"images":["$id"],"id":"$id"}\n)]);

for (['nothing', ''], ['text', "no\n"], ['cut off', "$stream\{\"ima"],
     ['a long line', '{"stream":"' . 'x' x 70000 . qq("}\n)])
{
    gives("a pull: $_->[0]", 'bad_response', pull => [200, $_->[1]]);
}

for (['initializing source docker://app:1: reading manifest 1 in a.test/app:'
      . ' manifest unknown: manifest unknown', 'not_found'],
     ['reading manifest 1 in a.test/app: unauthorized: authentication'
      . ' required', 'unauthorized'],
     ['pinging container registry a.test: Get \"https://a.test/v2/\": x509:'
      . ' certificate signed by unknown authority', 'tls'],
     ['something else', 'bad_response'])
{
    my ($text, $reason) = @$_;

    gives("\"$text\"", $reason, pull => [200,
        qq($stream\{"error":"$text"}\n)]);
}

gives("$_ without an end", 'bad_response', endless => $_)
    for qw(inspect pull);
wait_until { 2 <= (() = $daemon->output =~ /\n/g) } 'both to be left';
cmp_ok $_, '<', 96 << 20, 'left early'
    for $daemon->output =~ /^sent (\d+)$/mg;
cmp_ok $memory->() - $before, '<', 100 << 10, 'the worker stays small';

is_deeply [grep { $_->{path} !~ m{^/v4\.\d+\.\d+/libpod/images/} }
           $daemon->requests], [], 'it is Podman\'s own API';
is_deeply [$cache->workers], [$worker], 'the worker lives';

done_testing;
