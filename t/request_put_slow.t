#!/usr/bin/perl

# A PUT of 64 MiB that is dropped, sent slowly, for longer than lingering_time:
# it is read to its end, then answered 200, and the connection stays of use.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use ImageDigest::Client;
use ImageDigest::Util qw(slurp);
use ImageDigest::Waiting;

my $nginx = ImageDigest::Waiting->start(
    format => '$request_method $status $image_digest_write $request_length',
    server => <<'END');
client_max_body_size 0;
lingering_time 1s;
lingering_timeout 1s;
location ~ ^/i/(?<image>.+?)/-/(?<artifact>.+)$ {
    image_digest $image;
    image_digest_writes pinned;
    proxy_pass http://127.0.0.1:@PORT2@/$image_digest_key;
}
location / { return 200 "other\n"; }
END
my $client = ImageDigest::Client->new($nginx->port);

sub peak {
    my ($pid) = $nginx->workers;

    return (slurp("/proc/$pid/status") =~ /^VmHWM:\s+(\d+) kB/m)[0];
}

my $peak = peak();
my $begin = time;
my $early = 0;

$nginx->hold;
$client->request('PUT', $nginx->path('app:1', 'x'),
                 { 'Content-Length' => 64 << 20 });
$nginx->wait_for_calls(1);
$nginx->release;

# that slow is the client

for (1 .. 64) {
    is $client->send('x' x (1 << 20)), 1 << 20, "$_ MiB" or last;
    $early++ if $_ < 64 && !$client->silent(0);
    sleep 0.035;
}

cmp_ok time - $begin, '>', 2, 'longer than lingering_time';
is $early, 0, 'no answer before the end';

my $answer = $client->read;

is $answer->{status}, 200, 'then 200';
is $answer->{body}, '', 'without a body';
is $answer->{headers}{'cache-control'}, 'no-store', 'not to be stored';
is $answer->{headers}{connection}, 'keep-alive', 'kept alive';
is +($nginx->access_log(1))[0] =~ s/\d+$//r, 'PUT 200 dropped ', 'in the log';
cmp_ok peak() - $peak, '<', 16384, 'less than 16 MiB of memory more';

is_deeply [$nginx->log(qr/temporary file/)], [], 'and nothing on disk';

$client->request('GET', '/');
is $client->read->{body}, "other\n", 'the connection is of use';

done_testing;
