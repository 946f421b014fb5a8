#!/usr/bin/perl

# Logs: a failure that may pass is said whenever a call fails, at error, with
# the reference, the registry, the reason and what the operator can do.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Origin;
use ImageDigest::Util qw(certificate);

my $origin = ImageDigest::Origin->start;
my $gone = ImageDigest::Origin->start->stop;
my $tls = ImageDigest::Origin->start(tls => [certificate()]);
my $slow = ImageDigest::FaultServer->start(raw => sub { sleep 60 });
my $slow_host = '127.0.0.1:' . $slow->port;

my $cache = ImageDigest::Cache->start(
    resolver  => join('', map { "registry $_ insecure;\n" } $origin->host,
                                                            $gone->host)
                 . 'registry ' . $tls->host . ";\n",
    more      => "image_resolver slow {\ntimeout 300ms;\n"
                 . "registry $slow_host insecure;\n}\n",
    locations => {
        map({ my ($resolver, $first) = @$_;
              my $on = "image_digest \$image resolver=$resolver; "
                       . 'image_digest_timeout 20s;';
              ("${first}now"   => "$on image_digest_ttl 0s;",
               "${first}later" => "$on image_digest_ttl 1h;") }
            ['default', ''], ['slow', 'slow'])
    });


sub said {
    my ($reason, $advice, $host, $prefix) = (@_, '');

    my $image = "$host/app:$reason";

    for my $n (1 .. 2) {
        is $cache->ask("${prefix}now", $image)->{error}, $reason, $reason;

        my @lines = $cache->log(qr/"\Q$image\E": /);

        is scalar(@lines), $n, "    said $n times";
        like $lines[-1], qr/ \[error\] \d+#\d+: image digest: /, '    at error';
        like $lines[-1],
            qr/"\Q$image\E": \Q$reason\E, registry "\Q$host\E" \(.+\): /,
            '    the reference, the reason, the registry and a detail';
        like $lines[-1], qr/\): \Q$advice\E/, '    and what to do';
    }

    # what is remembered is no failed call

    my $lines = () = $cache->log(qr/"\Q$image\E": /);

    is $cache->ask("${prefix}later", $image)->{error}, $reason,
        '    remembered';
    is scalar(() = $cache->log(qr/"\Q$image\E": /)), $lines, '    not said';
}


said('unreachable', 'check the address, the name service, "proxy" and the '
     . 'firewall', $gone->host);
said('tls', 'give "ca=FILE" of the authority that signed the certificate, and '
     . 'check the certificate\'s name and dates', $tls->host);
said('timeout', 'check the way to the registry or the engine, or raise '
     . '"timeout" in the image_resolver block', $slow_host, 'slow');

$origin->set(status => 200);
said('bad_response', 'check that a registry or an engine answers there, not a '
     . 'login page or another service', $origin->host);

# a rate limit holds for the registry: one call, one line

$origin->set(status => 429, headers => { 'Retry-After' => 60 });

my $image = $origin->name('app:limited');

is $cache->ask('now', $image)->{error}, 'rate_limited', 'rate_limited'
    for 1 .. 3;

my @lines = $cache->log(qr/"\Q$image\E": rate_limited/);

is scalar(@lines), 1, '    said once, as one call was made';
like $lines[0], qr/ \[error\] .*: give the registry "credentials=FILE"/,
    '    at error, with what to do';

is scalar(() = $cache->log(qr/\[warn\]/)), 0, 'no warnings';

done_testing;
