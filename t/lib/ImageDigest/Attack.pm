package ImageDigest::Attack;

# A registry that answers the GET of a manifest with what no worker can bear.
#
#     attack(1,                      # so many of them never end
#         name => sub { my ($req) = @_; return answer($bytes); },
#         more => sub { endless($_[0], "Content-Type: x\r\n\r\n", $bytes) },
#     );
#
# Each comes to nothing (bad_response, no digest), is left early, and neither
# stops nor bloats the worker, the only one, which answers others meanwhile.
# endless() writes a status line, the text, and the bytes again and again.

use strict;
use warnings;

use Exporter qw(import);
use Test::More;
use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest digest_of answer image_of);
use ImageDigest::Util qw(wait_until slurp sanitized);

our @EXPORT = qw(attack endless);

my $gib = 1 << 30;


sub endless {
    my ($req, $head, $bytes) = @_;

    my $socket = $req->{socket};
    my $sent = 0;

    print $socket "HTTP/1.1 200 OK\r\n$head";

    while ($sent < $gib) {
        my $n = syswrite $socket, $bytes or last;
        $sent += $n;
    }

    print image_of($req), " $sent\n";

    return;
}


sub attack {
    my ($endless, %cases) = @_;

    my $server = ImageDigest::FaultServer->start(sub {
        my ($req) = @_;

        my ($tag) = image_of($req) =~ /:(.*)$/;

        return [405, {}] if $req->{method} eq 'HEAD';
        return $cases{$tag} ? $cases{$tag}->($req)
                            : answer(manifest(image_of($req)));
    });

    my $host = '127.0.0.1:' . $server->port;
    my $cache = ImageDigest::Cache->start(
        resolver  => "registry $host insecure; timeout 10s;",
        locations => { i => 'image_digest_timeout 20s;' });

    my ($worker) = $cache->workers;
    my $memory = sub {
        return (slurp("/proc/$worker/status") =~ /VmHWM:\s+(\d+)/)[0];
    };

    is $cache->ask('i', "$host/app:first")->{error}, '', 'a good one';

    my $before = $memory->();

    for my $name (sort keys %cases) {
        my $got = sub { $server->requests(sub {
            $_->{method} eq 'GET' && $_->{path} =~ m{/\Q$name\E$} }) };
        my $sent = $cache->send('i', "$host/app:$name");

        $cache->poll($got, "$name to be asked for");

        is $cache->ask('i', "$host/app:beside-$name")->{digest},
            digest_of("app:beside-$name"), "$name: others are answered";

        my $answer = $cache->wait_for($sent);

        is_deeply [@$answer{qw(code status error digest)}],
            [200, 'FALLBACK', 'bad_response', ''], '... it comes to nothing';
        is scalar(() = $got->()), 1, '... and was asked for once';
    }

    # what never ends is told that it does; a socket's buffers take some

    my $left = sub { $server->output =~ /^app:(\S+ \d+)$/mg };

    wait_until { $endless == (() = $left->()) } 'all to be left';

    for ($left->()) {
        my ($name, $sent) = split / /;

        cmp_ok $sent, '<', 64 << 20, "$name: left early";
    }

    cmp_ok $memory->() - $before, '<', (32 << 10) * (sanitized() ? 4 : 1),
        'the worker stays small';
    is_deeply [$cache->workers], [$worker], '... and lives';

    return;
}


1;
