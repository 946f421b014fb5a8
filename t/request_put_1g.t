#!/usr/bin/perl

# A PUT of 1 GiB that is passed streams through the worker: it waits with its
# body unread, and takes neither memory nor disk.

use strict;
use warnings;

use Test::More;

use ImageDigest::FaultServer;
use ImageDigest::Util qw(slurp spit tempdir sanitized);
use ImageDigest::Waiting;

use constant GIB => 1 << 30;

# a store that counts the bytes

my $store = ImageDigest::FaultServer->start(raw => sub {
    my ($socket) = @_;
    my $buffer = '';

    until ($buffer =~ /\r\n\r\n/) {
        sysread $socket, $buffer, 65536, length $buffer or return;
    }

    $buffer =~ s/^(.*?)\r\n\r\n//s;
    my $head = $1;
    my ($path) = $head =~ /^PUT (\S+)/;
    my ($length) = $head =~ /^Content-Length: (\d+)/mi;
    my $got = length $buffer;

    while ($got < $length) {
        $got += sysread $socket, $buffer, 1 << 20 or last;
    }

    my $text = "$path $got\n";

    print $socket "HTTP/1.1 200 OK\r\nContent-Length: " . length($text)
                  . "\r\nConnection: close\r\n\r\n$text";
});
my $nginx = ImageDigest::Waiting->start(
    format => '$request_method $status $image_digest_status '
              . '$image_digest_write $request_length',
    server => <<"END");
client_max_body_size 0;
location ~ ^/i/(?<image>.+?)/-/(?<artifact>.+)\$ {
    image_digest \$image;
    image_digest_key \$artifact;
    proxy_request_buffering off;
    proxy_http_version 1.1;
    proxy_pass http://127.0.0.1:@{[ $store->port ]}/\$image_digest_key;
}
END

# all of it is a hole

my $file = tempdir() . '/body';

spit($file, '');
truncate $file, GIB;

sub peak {
    my ($pid) = $nginx->workers;

    return (slurp("/proc/$pid/status") =~ /^VmHWM:\s+(\d+) kB/m)[0];
}

sub written {
    my ($pid) = $nginx->workers;

    return (slurp("/proc/$pid/io") =~ /^write_bytes: (\d+)/m)[0];
}

my ($peak, $written) = (peak(), written());

$nginx->hold;

open my $curl, '-|', 'curl', '--silent', '--show-error',
    '--max-time', 60, '-T', $file, $nginx->url($nginx->path('app:1', 'x'))
    or die "curl: $!";

$nginx->wait_for_calls(1);
$nginx->release;

my $answer = do { local $/; <$curl> };

ok close $curl, 'curl is content';
is $answer, '/' . $nginx->key('app:1', 'x') . ' ' . GIB . "\n",
    'the store has it all';
like +($nginx->access_log(1))[0], qr/^PUT 200 RESOLVED passed \d+$/,
    'in the log';

cmp_ok peak() - $peak, '<', sanitized() ? 16384 : 4096,
    'less than 4 MiB of memory more';
cmp_ok written() - $written, '<', 1 << 20, 'nothing on disk';

done_testing;
