#!/usr/bin/perl

# Reason: unreachable: a name that can't be resolved, however long that takes,
# and a connection that is refused or cut.  The worker waits for no name.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest digest_of answer image_of);
use ImageDigest::Names;
use ImageDigest::Util qw(free_port);

my $cut = ImageDigest::FaultServer->start(raw => sub { });
my $well = ImageDigest::FaultServer->start(sub {
    return answer(manifest(image_of($_[0])));
});
my $refused = free_port();
my ($c, $w) = map { $_->port } $cut, $well;

my $cache = ImageDigest::Names->new('none.test' => '-', 'slow.test' => '- 3',
                                    'late.test' => '127.0.0.1 1',
                                    'very.test' => '- 6')
    ->around(sub {
        ImageDigest::Cache->start(
            resolver  => join("\n", map { "registry $_ insecure;" }
                              "127.0.0.1:$refused", "127.0.0.1:$c",
                              "127.0.0.1:$w", map { "$_.test:$w" }
                              qw(none slow late very)) . 'timeout 4s;',
            locations => { i => 'image_digest_timeout 20s;',
                           q => 'image_digest_timeout 100ms;' });
    });

for (["127.0.0.1:$refused", 'a connection that is refused'],
     ["127.0.0.1:$c", 'one that is cut'],
     ["none.test:$w", 'a name that is not there'])
{
    my ($host, $what) = @$_;

    my $answer = $cache->ask('i', "$host/app:1");

    is "$answer->{status} $answer->{error}", 'FALLBACK unreachable', $what;
    cmp_ok $answer->{wait}, '<', 2, '... soon';
    like +($cache->log(qr/"\Q$host\E\/app:1": unreachable/))[0],
        qr/check the address/, '... and what to do is logged';
}

# nothing waits for a slow name but who asked

my @slow = map { $cache->send('i', "$_.test:$w/app:1") } qw(slow late very);
my $settled = 0;

$slow[0]->then(sub { $settled = 1 });

for my $n (1 .. 5) {
    my $answer = $cache->ask('i', "127.0.0.1:$w/app:$n");

    is $answer->{digest}, digest_of("app:$n"), "another registry, app:$n";
    cmp_ok $answer->{wait}, '<', 1.5, '... at once';
}

my $quick = $cache->ask('q', "slow.test:$w/app:2");

is $quick->{error}, 'timeout', 'who does not wait so long';
cmp_ok $quick->{wait}, '<', 1.5, '... falls back';
is $settled, 0, 'all of that while the name was looked up';

my ($slow, $late, $very) = $cache->wait_for(@slow);

is $slow->{error}, 'unreachable', 'a name that is not there, said late';
is $late->{digest}, digest_of('app:1'), 'a name that is, said late';
is $very->{error}, 'timeout', 'a name that is not said';
cmp_ok $very->{wait}, '<', 5.5, '... in time';

done_testing;
