#!/usr/bin/perl

# Engines, kubernetes: pod=ADDRESS asks what the pod at that address runs for
# the reference. No such pod or container: not_found; the host's network, or
# several pods: no digest. Addresses are used again, so an answer is used for
# the smaller of the TTL and 5 seconds.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Clock;
use ImageDigest::Kubernetes;

my ($old, $new, $other) = map { sha256($_) } qw(old new other);

sub runs {
    my ($name, $ip, $image, $id, %o) = @_;

    return pod($name, ip => $ip, %o,
               containers => [container('main', $image, $id)]);
}

my @pods = (
    runs('own', '10.1.0.1', 'a:1', $old),
    runs('newer', '10.1.0.2', 'a:1', $new),
    runs('client', '127.0.0.1', 'a:1', $new),
    runs('host', '10.1.0.9', 'a:1', $old, host_network => 1),
    runs('twin-1', '10.1.0.4', 'a:1', $old),
    runs('twin-2', '10.1.0.4', 'a:1', $old),
    runs('done', '10.1.0.5', 'a:1', $old, phase => 'Succeeded'),
    runs('next', '10.1.0.5', 'a:1', $new),
    runs('failed', '10.1.0.6', 'a:1', $old, phase => 'Failed'),
    runs('pinned', '10.1.0.7', "a:1\@$new", $new),
    pod('several', ip => '10.1.0.8', init => [
        container('fetch', 'tool:1', $other, state => 'terminated')],
        containers => [container('x', 'a:1', $old),
                       container('y', 'b:1', $other)],
        ephemeral => [container('z', 'debug:1', $new)]),
    pod('unlike', ip => '10.1.0.10', containers => [
        container('x', 'a:1', $old), container('y', 'a:1', $new)]),
    runs('v6', 'fd00:1::7', 'a:1', $new),
    pod('dual', ips => ['10.1.0.11', 'fd00:1::11'], containers => [
        container('main', 'a:1', $new)]),
);

my $k8s = ImageDigest::Kubernetes->start->pods(@pods);
my $clock = ImageDigest::Clock->new;
my $cache = $clock->around(sub {
    ImageDigest::Cache->start(
        resolver  => 'refresh off; engine kubernetes ' . $k8s->engine . ';',
        locations => { map { ($_->[0] =>
                'image_digest $image engine=kubernetes' . " $_->[1];"
                . 'image_digest_timeout 20s; image_digest_ttl 5m;') }
            ['pod', 'pod=$http_x_pod'], ['own', 'pod=$remote_addr'],
            ['all', ''], ['short', 'pod=$http_x_pod'] });
});


sub ask {
    my ($ip, $image, $location) = @_;

    return $cache->ask($location // 'pod', $image // 'a:1',
                       headers => { defined $ip ? ('X-Pod' => $ip) : () });
}


for (['its own pod',          '10.1.0.1', 'a:1', $old, '', '10.1.0.1'],
     ['another pod',          '10.1.0.2', 'a:1', $new, '', '10.1.0.2'],
     ['the host\'s network',  '10.1.0.9', 'a:1', '', 'ambiguous', '10.1.0.9'],
     ['two pods that agree',  '10.1.0.4', 'a:1', '', 'ambiguous', '10.1.0.4'],
     ['one that is done',     '10.1.0.5', 'a:1', $new, '', '10.1.0.5'],
     ['... nothing else',     '10.1.0.6', 'a:1', '', 'not_found', '10.1.0.6'],
     ['a pinned spec',        '10.1.0.7', 'a:1', $new, '', '10.1.0.7'],
     ['a container of it',    '10.1.0.8', 'b:1', $other, '', '10.1.0.8'],
     ['... of its others',    '10.1.0.8', 'debug:1', $new, '', '10.1.0.8'],
     ['... that has ended',   '10.1.0.8', 'tool:1', '', 'not_found',
                              '10.1.0.8'],
     ['no such container',    '10.1.0.1', 'b:1', '', 'not_found', '10.1.0.1'],
     ['its containers differ', '10.1.0.10', 'a:1', '', 'ambiguous',
                              '10.1.0.10'],
     ['no such pod',          '10.9.9.9', 'a:1', '', 'not_found', '10.9.9.9'],
     ['an address within one', '10.1.0',  'a:1', '', 'not_found', undef],
     ['IPv6',                 'fd00:1::7', 'a:1', $new, '', 'fd00:1::7'],
     ['IPv6, spelt otherwise', 'FD00:1:0:0::0:7', 'a:1', $new, '', undef],
     ['IPv4 in IPv6',         '::ffff:10.1.0.1', 'a:1', $old, '', undef],
     ['... in hex',           '::FFFF:a01:2', 'a:1', $new, '', undef],
     ['of two families',      '10.1.0.11', 'a:1', $new, '', '10.1.0.11'],
     ['... by the second one', 'fd00:1::11', 'a:1', '', 'not_found',
                              'fd00:1::11'],
     ['a name',               'localhost', 'a:1', '', 'not_found', undef],
     ['a port',               '10.1.0.1:80', 'a:1', '', 'not_found', undef],
     ['a zone',               'fe80::1%eth0', 'a:1', '', 'not_found', undef],
     ['brackets',             '[fd00:1::7]', 'a:1', '', 'not_found', undef],
     ['a list',               '10.1.0.1, 10.1.0.2', 'a:1', '', 'not_found',
                              undef],
     ['a selector',           '10.1.0.1,status.phase=Running', 'a:1', '',
                              'not_found', undef],
     ['far too long',         '1' x 4000, 'a:1', '', 'not_found', undef])
{
    my ($what, $ip, $image, $digest, $error, $asked) = @$_;

    my $before = () = $k8s->lists;
    my $answer = ask($ip, $image);
    my @lists = $k8s->lists;

    is $answer->{digest}, $digest, "$what: digest";
    is $answer->{error}, $error, '... error';

    if (defined $asked) {
        is_deeply $lists[-1]{query},
            { limit => 100, fieldSelector => "status.podIP=$asked" },
            '... what was asked';
    } else {
        is scalar @lists, $before, '... nobody was asked';
    }
}

# the address of the connection

is ask(undef, 'a:1', 'own')->{digest}, $new, 'pod=$remote_addr';
is +($k8s->lists)[-1]{query}{fieldSelector}, 'status.podIP=127.0.0.1',
    '... what was asked';

# empty counts as not written: all pods

is ask(undef)->{error}, 'ambiguous', 'no address: all pods';
is_deeply +($k8s->lists)[-1]{query}, { limit => 100 }, '... all of them';
is ask(undef, 'b:1', 'all')->{digest}, $other, 'pod= is not written';
is ask(undef, 'b:1')->{status}, 'HIT', '... which is the same';

# for how long

$k8s->pods(runs('next', '10.1.0.1', 'a:1', $new),
           runs('else', '10.2.0.1', 'b:1', $new));

$clock->advance(4.9);
is ask('10.1.0.1')->{status}, 'HIT', 'after 4.9 s an answer is used';
is ask('10.1.0.1')->{digest}, $old, '... as it was';

$clock->advance(0.2);
my $answer = ask('10.1.0.1');
is $answer->{status}, 'RESOLVED', 'after 5 s it is not';
is $answer->{digest}, $new, '... the address is another pod\'s now';
is ask('10.1.0.1')->{status}, 'HIT', '... whose it is for 5 s';
is ask(undef, 'b:1')->{status}, 'HIT', 'without an address the TTL counts';

# the time out of a failure, too

is ask('10.1.0.30')->{error}, 'not_found', 'a pod that is not there yet';
$k8s->pods(runs('late', '10.1.0.30', 'a:1', $new));
is ask('10.1.0.30')->{error}, 'not_found', '... is remembered';
$clock->advance(5.1);
is ask('10.1.0.30')->{digest}, $new, '... for 5 s';

done_testing;
