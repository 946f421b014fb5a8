#!/usr/bin/perl

# Engine "docker": a daemon, or what is behind its socket, that answers
# garbage: none of it is a digest, what is large is left early, and the worker
# lives.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::FakeDaemon;
use ImageDigest::Util qw(slurp wait_until);

my $digest = sha256('an image');
my $good = image_json(Id => $digest, RepoDigests => ["app\@$digest"]);
my $mib = 'x' x (1 << 20);

# writes until the other side has enough, and says how much that was

sub endless {
    my ($req, $what, $head, $bytes) = @_;

    my $socket = $req->{socket};
    my $sent = 0;

    print $socket "HTTP/1.1 200 OK\r\n$head\r\n";

    while ($sent < 1 << 30) {
        my $n = syswrite $socket, $bytes or last;
        $sent += $n;
    }

    print "$what $sent\n";

    return 'done';
}

my %endless = (
    'inspect-length' => ["Content-Length: 1073741824\r\n", $mib],
    'inspect-end'    => ['', $mib],
    'inspect-spaces' => ['', ' ' x (1 << 20)],
    'inspect-header' => ['X: ', $mib],
    'pull-line'      => ['', $mib],
    'pull-lines'     => ['', qq({"status":"Downloading","id":"a"}\r\n)
                             x 10000],
    'pull-blank'     => ['', "\r\n" x 100000],
    'pull-header'    => ['X: ', $mib],
    'distribution-end' => ['', $mib],
);

# sanitizers keep what was freed: less of it here, for the worker's size

$ENV{ASAN_OPTIONS} .= ':quarantine_size_mb=1';

my $daemon = ImageDigest::FakeDaemon->start(on => sub {
    my ($req, $what) = @_;

    my $case = $req->{state}{endless} or return;

    return $case =~ /^$what-/
        ? endless($req, $case, @{ $endless{$case} }) : undef;
});

my $cache = ImageDigest::Cache->start(
    resolver  => "registry docker.io;\ntimeout 20s;\n"
                 . 'engine docker ' . $daemon->url . ";\n"
                 . 'engine asks ' . $daemon->url
                 . " type=docker pull=distribution;\n",
    locations => {
        i => 'image_digest $image engine=docker; image_digest_timeout 20s;'
             . 'image_digest_ttl 0;',
        p => 'image_digest $image engine=docker platform=linux/amd64;'
             . 'image_digest_timeout 20s; image_digest_ttl 0;',
        d => 'image_digest $image engine=asks; image_digest_timeout 20s;'
             . 'image_digest_ttl 0;',
    });

my ($worker) = $cache->workers;
my $memory = sub { (slurp("/proc/$worker/status") =~ /VmHWM:\s+(\d+)/)[0] };

sub gives {
    my ($what, $error, $location, %state) = @_;

    $daemon->set(inspect => undef, pull => undef, pulled => undef,
                 distribution => undef, endless => undef, %state);

    my $answer = $cache->ask($location, 'app:1');

    like $answer->{error}, qr/^(?:$error)$/, "$what: " . ($error || 'fine');
    is $answer->{digest}, $error ? '' : $digest, '... digest';
}


gives('as it should be', '', 'i', inspect => [200, $good]);

my $before = $memory->();

# what an inspect gives

for (['nothing', ''], ['text', 'no'], ['a page', '<html></html>'],
     ['a list', "[$good]"], ['null', 'null'], ['a number', '1'],
     ['cut off', substr($good, 0, -1)], ['twice', "$good$good"],
     ['no member', '{}'], ['only tags', '{"RepoTags":["app:1"]}'],
     ['an Id of null', image_json(Id => undef)],
     ['an Id that is a list', image_json(Id => [$digest])],
     ['an Id of another form', image_json(Id => 'an image')],
     ['a short Id', image_json(Id => substr($digest, 0, -1))],
     ['a long Id', image_json(Id => "${digest}0")],
     ['an Id in capitals', image_json(Id => uc $digest)],
     ['an Id and a line', image_json(Id => "$digest\n")],
     ['an Id and NUL', image_json(Id => "$digest\0")],
     ['a member twice', $good =~ s/}$/,"Id":"sha256:0"}/r],
     ['depth', $good =~ s/}$/',"x":' . '[' x 100000 . ']' x 100000 . '}'/er],
     ['no UTF-8', $good =~ s/}$/,"x":"\xff"}/r])
{
    gives($_->[0], 'bad_response', 'i', inspect => [200, $_->[1]]);
}

# RepoDigests of other forms are no digests; the Id is

for (['a string', "app\@$digest"], ['an object', { app => $digest }],
     ['a number in it', [1, "app\@" . sha256('other')]])
{
    $daemon->set(inspect => [200, image_json(Id => $digest,
                                             RepoDigests => $_->[1])]);

    my $answer = $cache->ask('i', 'app:1');

    like $answer->{error} || $answer->{digest},
        qr/^(?:bad_response|\Q$digest\E|\Q@{[ sha256('other') ]}\E)$/,
        "RepoDigests: $_->[0]";
}

for my $platform ({ Os => undef }, { Architecture => 1 }, { Os => '' },
                  { Os => 'linux', Architecture => "amd64\n" })
{
    gives('a platform of another form', 'platform_not_found|bad_response',
          'p', inspect => [200, image_json(Id => $digest, %$platform)]);
}

gives("status $_", 'bad_response', 'i', inspect => [$_, $good])
    for 201, 204, 206, 301, 307, 400, 500, 503;
gives("status $_", 'unauthorized', 'i', inspect => [$_, $good])
    for 401, 403;

# a 404 of what is no engine is not the engine's word, and pulls nothing

my $pulls = () = $daemon->asked('pull');

gives("404 with $_->[0]", 'bad_response', 'i', inspect => [404, $_->[1]])
    for ['a page', '<html>404</html>'], ['nothing', ''], ['a list', '[]'],
        ['another member', '{"error":"x"}'];
is +(() = $daemon->asked('pull')), $pulls, '... nothing was pulled';

# what a pull gives

my $progress = qq({"status":"Pulling from app","id":"1"}\r\n);

gives('a pull', '', 'i', pull => [200, $progress], pulled => [200, $good]);

sub pull_gives {
    my ($what, $error, @pull) = @_;

    gives($what, $error, 'i', pull => \@pull);
}

for (['nothing', ''], ['text', "no\n"], ['a page', "<html>\n</html>\n"],
     ['a list', "[$progress]"], ['cut off', '{"status":"Pul'],
     ['no object', "1\n2\n"], ['progress, and then text', "${progress}no\n"],
     ['a deep line', '{"x":' . '[' x 60000 . "\r\n"],
     ['a long line', '{"x":"' . 'x' x 70000 . qq("}\r\n)],
     ['NUL', "$progress\0\r\n"])
{
    pull_gives("a pull: $_->[0]", 'bad_response', 200, $_->[1]);
}

pull_gives('a pull, and it is absent all the same', 'bad_response', 200,
           $progress);

sub progress {
    return qq($progress\{"errorDetail":{"message":"$_[0]"},)
           . qq("error":"$_[0]"}\r\n);
}


for (['manifest for app:1 not found: manifest unknown: manifest unknown',
      'not_found'],
     ['pull access denied for app, repository does not exist or may require'
      . ' \'docker login\': denied: requested access to the resource is'
      . ' denied', 'unauthorized'],
     ['unauthorized: authentication required', 'unauthorized'],
     ['no matching manifest for linux/s390x in the manifest list entries',
      'platform_not_found'],
     ['Get \"https://a/v2/\": x509: certificate signed by unknown authority',
      'tls'],
     ['Get \"https://a/v2/\": dial tcp: lookup a: no such host',
      'unreachable'],
     ['Get \"https://a/v2/\": dial tcp 1.2.3.4:443: connect: connection'
      . ' refused', 'unreachable'],
     ['Get \"https://a/v2/\": context deadline exceeded', 'timeout'],
     ['something else', 'bad_response'], ['', 'bad_response'])
{
    my ($text, $reason) = @$_;

    pull_gives("\"$text\"", $reason, 200, progress($text));
}

# what does not end

for my $case (sort keys %endless) {
    gives($case, 'bad_response', $case =~ /^dist/ ? 'd' : 'i',
          endless => $case);
}

wait_until { keys %endless <= (() = $daemon->output =~ /\n/g) }
    'all to be left';

for (split /\n/, $daemon->output) {
    my ($case, $sent) = /^(\S+) (\d+)$/ or next;

    cmp_ok $sent, '<', 96 << 20, "$case: left early";
}

cmp_ok $memory->() - $before, '<', 100 << 10, 'the worker stays small';

# what a registry gives through it

for (['text', 'no'], ['no member', '{}'], ['null', '{"Descriptor":null}'],
     ['no digest', '{"Descriptor":{"digest":"an image"},"Platforms":[]}'],
     ['a list', qq({"Descriptor":{"digest":["$digest"]}})])
{
    gives("distribution: $_->[0]", 'bad_response', 'd',
          distribution => [200, $_->[1]]);
}

gives('distribution: a digest', '', 'd', distribution => [200,
    qq({"Descriptor":{"mediaType":"x","digest":"$digest","size":1},)
    . '"Platforms":[]}']);

# this one at the end: the registry is left alone from then on

pull_gives('a limit', 'rate_limited', 200, progress(
    'toomanyrequests: You have reached your pull rate limit.'));

is_deeply [$cache->workers], [$worker], 'the worker lives';

done_testing;
