#!/usr/bin/perl

# Logs: an engine's error text may hold URLs with a user or a signature. None
# of them is logged, however long the text is and wherever it is cut; what it
# means is judged on more than the log has.

use strict;
use warnings;

use Mojo::JSON qw(encode_json);
use Test::More;

use ImageDigest::Cache;
use ImageDigest::FakeDaemon;

my $daemon = ImageDigest::FakeDaemon->start;
my $cache = ImageDigest::Cache->start(
    level     => 'debug',
    resolver  => "registry docker.io; timeout 20s; negative_ttl 0;\n"
                 . 'engine docker ' . $daemon->url . ";\n"
                 . 'engine asks ' . $daemon->url
                 . " type=docker pull=distribution;\n",
    locations => {
        docker => 'image_digest $image engine=docker;'
                  . 'image_digest_timeout 20s;',
        asks   => 'image_digest $image engine=asks; image_digest_timeout 20s;',
    });

my $user = 'robot-' . 'Secret' x 7;
my $url = "https://$user:$user\@proxy.test:3128/v2/a?sig=$user&t=$user";
my $n = 0;

# what each kind of answer makes of a text

my %answers = (
    inspect      => sub { [500, encode_json({ message => $_[0] })] },
    pull         => sub { [500, encode_json({ message => $_[0] })] },
    stream       => sub { [200, encode_json({ error => $_[0] }) . "\r\n"] },
    distribution => sub { [500, encode_json({ message => $_[0] })] },
);

sub fails {
    my ($kind, $text) = @_;

    $daemon->set(inspect => undef, pull => undef, distribution => undef,
                 $kind eq 'stream' ? 'pull' : $kind,
                 $answers{$kind}->($text));

    return $cache->ask($kind eq 'distribution' ? 'asks' : 'docker',
                       'a:' . ++$n)->{error};
}


for my $kind (sort keys %answers) {
    my %reasons;

    # at the start, and across what may be a bound, at each part of the URL

    for my $bound (0, 128, 256, 512, 1024, 2048, 4096) {
        for (my $at = 0; $at <= length($url) + 8; $at += 13) {
            my $before = $bound - $at;

            next if $before < 0 && $at;

            my $error = fails($kind, 'x' x $before . qq( Get "$url": dial)
                                     . ' tcp: i/o timeout');

            $reasons{$error}++ if $before < 3000;
        }
    }

    my $reason = $kind eq 'inspect' ? 'bad_response' : 'timeout';

    is_deeply [keys %reasons], [$reason], "$kind: $reason";
}

# the longest, several of them

for my $kind (sort keys %answers) {
    fails($kind, $_) for "$url $url $url", 'x' x 60000 . $url, $url x 500,
                         'x' x 4070 . "https://$user";

    # what is left out before it makes room for what was cut

    for (my $at = 0; $at <= length($url); $at += 13) {
        fails($kind, 'Get https://a.test/?' . 'q' x (4096 - 20 - $at)
                     . " $url");
    }
}

my $log = $cache->log;

like $log, qr/dial tcp: i\/o timeout/, 'the log has such texts';
like $log, qr/x{100}/, '... and long ones';
is scalar(grep { /Secret|ecretS/ } split /\n/, $log), 0, '... and no secret';

done_testing;
