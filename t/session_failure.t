#!/usr/bin/perl

# Rule 13: a lookup that fails, or comes too late, makes nothing a session's:
# the first digest that it gets does.

use strict;
use warnings;

use Test::More;

use ImageDigest::Origin;
use ImageDigest::Redis;
use ImageDigest::Shared;

my $origin = ImageDigest::Origin->start;
my $session = 'image_digest $image session=$http_x_job; image_digest_ttl 0;';
my $redis = ImageDigest::Redis->start;

for my $where ($redis->url, 'off') {
    subtest $where eq 'off' ? 'on a host' : 'on all hosts' => sub {
        my $host = host($where, $origin, locations => {
            i     => "$session image_digest_timeout 20s;",
            short => "$session image_digest_timeout 300ms;",
        });
        my $ask = sub {
            my ($way, $image) = @_;

            return $host->ask($way, $origin->name($image),
                              headers => { 'X-Job' => 'job' });
        };
        my $sessions = sub { grep { /:session:/ } $redis->cli('--scan') };

        $redis->cli('FLUSHALL');
        $origin->set(version => 1);

        for (['not_found', 404], ['unauthorized', 401], ['bad_response', 503])
        {
            my ($reason, $status) = @$_;

            $origin->set(status => $status);

            my $answer = $ask->('i', "app:$reason");

            is "$answer->{status} $answer->{error}", "FALLBACK $reason",
                $reason;
            is $answer->{digest}, '', '... no digest';
            is_deeply [$sessions->()], [], '... nothing in Redis';

            $origin->set(status => 0);
            $answer = $ask->('i', "app:$reason");
            is "$answer->{status} $answer->{digest}",
                'RESOLVED ' . $origin->digest("app:$reason"),
                '... the first digest';
            is $ask->('i', "app:$reason")->{status}, 'SESSION',
                '... is the session\'s';
            $redis->cli('DEL', $sessions->()) if $where ne 'off';
        }

        # what comes too late is stored for all, but is nobody's

        my $calls = $origin->calls('app:late');

        $origin->set(hold => "late $where" =~ tr/a-z//cdr);

        my $answer = $ask->('short', 'app:late');

        is "$answer->{status} $answer->{error}", 'FALLBACK timeout',
            'too late';
        $origin->set(hold => '', version => 2);
        $origin->release("late $where" =~ tr/a-z//cdr);
        $answer = $ask->('i', 'app:late');
        is "$answer->{status} $answer->{digest}",
            'RESOLVED ' . $origin->digest('app:late', 2), 'a first digest';
        is $origin->calls('app:late'), $calls + 2, '... of its own';

        $origin->set(version => 3);
        is $ask->('i', 'app:late')->{digest}, $answer->{digest}, '... stays';
    };
}

done_testing;
