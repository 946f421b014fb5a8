#!/usr/bin/perl

# The password of Redis is in no log at any level, whatever goes wrong, and in
# nothing that "nginx -t" says.

use strict;
use warnings;

use Test::More;

use ImageDigest::FakeRedis;
use ImageDigest::Nginx;
use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;
use ImageDigest::Util qw(tempdir spit);

my $secret = 'x0pen-sesame-x';
my $origin = ImageDigest::Origin->start;
my $number = 0;
my $redis = ImageDigest::Redis->start(args => ['--requirepass', $secret]);
my $fake = ImageDigest::FakeRedis->start(sub {
    my ($command, $mode) = @_;

    # what it was sent comes back in its complaint

    return $mode eq 'greet'
           ? "-ERR wrong command: @$command\r\n" : "-ERR @$command[0, 1]\r\n";
});

my $file = tempdir() . '/password';

spit($file, "$secret\n");

sub told {
    my ($host) = @_;

    # the debug level shows that it is one

    like $host->log, qr/\[debug\].*image redis/, 'a debug log';

    return $host->log =~ /\Q$secret\E/ ? 1 : 0;
}

for my $way ("password=$secret", "password_file=$file",
             "username=default password=$secret",
             "username=$secret password=$secret-wrong")
{
    subtest $way => sub {
        for my $url ($redis->url, $redis->tcp_url, $fake->url,
                     'redis://127.0.0.1:1')
        {
            for my $mode ($url eq $fake->url ? ('', 'greet') : '') {
                $fake->mode($mode);

                my $host = host("$url $way", $origin, level => 'debug');

                resolve($host, $origin->name('app:' . ++$number)) for 1 .. 2;
                $host->reload;
                resolve($host, $origin->name('app:' . ++$number));
                $host->stop;

                ok !told($host), "not told: $url $mode";
            }
        }
    };
}

subtest 'nginx -t' => sub {
    for my $line ("redis://127.0.0.1 password=$secret password=$secret",
                  "redis://127.0.0.1 password_file=$file password=$secret",
                  "redis://127.0.0.1 passwort=$secret",
                  "redis://127.0.0.1 $secret",
                  "redis://:$secret\@127.0.0.1",
                  "redis://user:$secret\@127.0.0.1",
                  "redis://user:$secret\@127.0.0.1 port=1",
                  "rediss://user:$secret\@[::1/0",
                  "redis://127.0.0.1:$secret",
                  "http://user:$secret\@127.0.0.1",
                  "redis:/user:$secret\@127.0.0.1")
    {
        my $nginx = ImageDigest::Nginx->new(http =>
            "image_resolver default { redis $line; }");
        my ($status, $text) = $nginx->conf_test;

        isnt $status, 0, 'refused';
        unlike $text, qr/\Q$secret\E/, "not told: $line"
            unless $line =~ /127.0.0.1:$secret/;
    }
};

done_testing;
