#!/usr/bin/perl

# Attack: references that would leave their place in an engine's URL. Each is a
# 400 with every engine, and none of the servers gets a single byte.

use strict;
use warnings;

use Mojo::Util qw(url_escape);
use Test::More;

use ImageDigest::Alone;
use ImageDigest::Cache;
use ImageDigest::FakeDaemon qw(image_json);
use ImageDigest::FaultServer;
use ImageDigest::Kubernetes;

my $digest = sha256('an image');
my $json = image_json(Id => $digest);
my $docker = ImageDigest::FakeDaemon->start->set(inspect => [200, $json]);
my $podman = ImageDigest::FakeDaemon->start->set(inspect => [200, $json]);
my $tcp = ImageDigest::FakeDaemon->start(unix => 0)
    ->set(inspect => [200, $json]);
my $k8s = ImageDigest::Kubernetes->start->pods(
    pod('p', containers => [container('main', 'app:1', $digest)]));
my $http = ImageDigest::FaultServer->start(sub {
    [200, {}, qq({"digest":"$digest"})];
});
my %servers = (docker => $docker, podman => $podman, tcp => $tcp,
               kubernetes => $k8s, http => $http);

my $cache = ImageDigest::Cache->start(
    resolver  => "registry *;\ntimeout 20s;\n"
                 . 'engine docker ' . $docker->url . ";\n"
                 . 'engine asks ' . $docker->url
                 . " type=docker pull=distribution;\n"
                 . 'engine podman ' . $podman->url . ";\n"
                 . 'engine tcp tcp://127.0.0.1:' . $tcp->port
                 . " type=docker;\n"
                 . 'engine kubernetes ' . $k8s->engine . ";\n"
                 . 'engine http "' . $http->url('/?image={image}') . "\";\n",
    locations => {
        map { my $engine = $_;
              ($engine => "image_digest \$image engine=$engine;"
                          . 'image_digest_timeout 20s;',
               "h$engine" => "image_digest \$http_x_image engine=$engine;"
                             . 'image_digest_timeout 20s;',
               "q$engine" => "image_digest \$arg_image engine=$engine;"
                             . 'image_digest_timeout 20s;') }
        qw(docker asks podman tcp kubernetes http registry),
    });

# a tag or a name that would be another path, another query, another header,
# another request, another host

my @bad = ('..', '.', '../app:1', '../../containers/json', 'app/..',
           'app/../../info:1', 'app:..', 'app:1/..', 'app:1/../../info',
           './app:1', 'app/./b:1', '..%2f..%2finfo', 'app%2f..%2finfo:1',
           '%2e%2e/info', 'app:1%2f..', '%252e%252e%252finfo',
           'app:1?all=1', 'app?all=1', '?', 'app:1&tag=2', 'app&fromSrc=-:1',
           'app:1#', '#app:1', 'app#:1', 'app:1%3Fall=1', 'app:1%23',
           "app:1\r\nX-Injected: 1", "app\r\n:1", "app:1\r", "app:1\n",
           "\r\napp:1", "app:1\r\n\r\nGET /info HTTP/1.1\r\n",
           'app:1%0d%0aX-Injected:%201', '%0d%0a', 'app%0a:1',
           "app:1\0", "app\0:1", "\0", 'app:1%00', 'app%00:1',
           'app :1', 'app:1 ', ' app:1', 'app: 1', "app\t:1", ' ', '%20',
           'app:1%20HTTP/1.1', 'app%20:1', 'app+b:1', 'app;b:1',
           'app\\..\\b:1', '/app:1', '//app:1', 'app//b:1', 'app/', 'app:',
           ':1', '', 'app:1:2', 'http://evil.test/app:1',
           'unix:/run/docker.sock', 'user@evil.test/app:1', '@app:1',
           'evil.test:99999999/app:1', 'evil.test:/app:1', '[::1/app:1',
           '[::1]x/app:1', '[..]/app:1', 'App:1', "app:\x7f", "app:\xff",
           "app:\xc0\xae\xc0\xae", "a\xcc\x81pp:1", "\xef\xbc\x8e/app:1",
           '{image}', '${image}', '$image', 'app:$(id)', 'app:`id`', 'app:"1"',
           "app:'1'", 'app:<1>', 'app:*', '*', 'app|b:1',
           'app@sha256:', 'app@sha256:..', 'app@sha256:' . 'g' x 64,
           'app@sha256:' . 'a' x 63, 'app@sha256:' . 'a' x 65,
           'app@../sha256:' . 'a' x 64, 'app@md5:' . 'a' x 32,
           'app@sha256:' . 'a' x 64 . '/json', 'a' x 300, 'app:' . 'a' x 129,
           'a/' x 200 . 'b:1');

# several at once: HTTP is not the subject

sub all {
    my (@requests) = @_;

    my @answers;

    while (my @some = splice @requests, 0, 50) {
        push @answers, $cache->wait_for(map { $cache->send(@$_) } @some);
    }

    return @answers;
}


for my $engine (qw(docker asks podman tcp kubernetes http registry)) {
    my (@where, @requests);

    for my $bad (@bad) {
        my $every = url_escape($bad, '\x00-\xff');

        # nginx itself takes what leads out of the location, and NUL, away; a
        # line feed is nothing to the dot of the location's expression

        if ($bad !~ m{^$|[\0\n]|^/|//|/$|(?:^|/)\.\.?(?:/|$)}) {
            push @where, ['path', $bad];
            push @requests, [$engine, $every];
        }

        push @where, ['query', $bad];
        push @requests, ["q$engine", 'x', artifact => "x?image=$every"];

        next if $bad =~ /[\0\r\n]|^\s|\s$/;

        push @where, ['header', $bad];
        push @requests, ["h$engine", 'x', headers => { 'X-Image' => $bad }];
    }

    my @answers = all(@requests);
    my @other = map { my $where = $where[$_];
                      "$where->[0]: $where->[1] $answers[$_]{code}" }
                grep { $answers[$_]{code} != 400
                       || $answers[$_]{status} ne 'INVALID'
                       || $answers[$_]{error} ne 'invalid_reference' }
                0 .. $#answers;

    is_deeply \@other, [], "$engine: each of " . @answers . ' is a 400';

    is $servers{$_}->connections, 0, "... $_ got nothing"
        for sort keys %servers;
}

# ... and what is a reference does get there

for my $engine (sort keys %servers) {
    is $cache->ask($engine, 'app:1')->{digest}, $digest, "$engine: app:1";
    isnt $servers{$engine}->connections, 0, '... asked';
}

done_testing;
