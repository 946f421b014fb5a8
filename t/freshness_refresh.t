#!/usr/bin/perl

# Rule 7: a digest past `refresh` of T is used at once, and one background
# call renews it, which nobody waits for.  Nothing past T is ever used.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Clock;
use ImageDigest::Origin;

my $origin = ImageDigest::Origin->start;
my $clock = ImageDigest::Clock->new;

for (['80% by default', '', 80], ['refresh 30%', 'refresh 30%;', 30]) {
    my ($name, $refresh, $percent) = @$_;

    subtest $name => sub {
        my $cache = $clock->around(sub {
            ImageDigest::Cache->start(
                resolver  => 'registry ' . $origin->host
                             . " insecure;\ntimeout 20s;\n$refresh",
                locations => { i    => "image_digest_ttl 100s;\n"
                                       . 'image_digest_timeout 20s;',
                               long => 'image_digest_ttl 1h;' });
        });
        my $image = $origin->name("app:$percent");
        my $call = sub { $origin->calls("app:$percent") };

        # a request of its own, whose call would come after any renewal of
        # the requests before it

        my $mark = 0;
        my $settle = sub {
            $cache->ask('i', $origin->name("mark:$percent-" . ++$mark));
        };

        $origin->set(version => 1, hold => '');

        is $cache->ask('i', $image)->{status}, 'RESOLVED', 'the first';

        $clock->advance($percent - 3);
        is $cache->ask('i', $image)->{status}, 'HIT', 'before';
        $settle->();
        is $call->(), 1, 'no call';

        $clock->advance(4);
        is $cache->ask('long', $image)->{status}, 'HIT', 'of a longer TTL';
        $settle->();
        is $call->(), 1, 'no call either';

        $origin->set(version => 2, hold => "gate $percent");

        my @answers = $cache->wait_for(map {
            $cache->send('i', $image, artifact => $_) } 1 .. 20);

        # the renewal is held: who waited for it would have no answer

        is scalar(grep { $_->{status} eq 'HIT'
                         && $_->{digest} eq $origin->digest("app:$percent", 1)
                       } @answers), 20, 'past it, used at once';

        $cache->poll(sub { $call->() == 2 }, 'the renewal');
        is $cache->ask('i', $image)->{status}, 'HIT', 'while it is renewed';

        # past T there is something to wait for

        $clock->advance(100);
        my $late = $cache->send('i', $image);

        $origin->set(hold => '');
        $settle->();
        is $call->(), 2, 'one call for all of them';

        $origin->release("gate $percent");

        my $answer = $cache->wait_for($late);

        isnt $answer->{status}, 'HIT', 'nothing past T is used';
        is $answer->{digest}, $origin->digest("app:$percent", 2), 'renewed';
        ok $cache->wait_for_log(qr/image tag moved/), 'the log says it';

        $answer = $cache->ask('i', $image);
        is $answer->{status}, 'HIT', 'at once again';
    };
}

done_testing;
