#!/usr/bin/perl

# The history checker itself: a small history for each of its rules, which
# keeps it, and one which violates it; and for each excuse that the contract
# has.  (t/README.md, "Histories")

use strict;
use warnings;

use Test::More;

use Digest::SHA qw(sha256_hex);
use ImageDigest::History::Checker;
use ImageDigest::History::Log;
use ImageDigest::History::Report;
use ImageDigest::Util qw(tempdir);

# three images; the tag `t` is A from 0, B from 10, C from 20

my ($A, $B, $C) = map { 'sha256:' . sha256_hex($_) } qw(A B C);
my @moves = map { { ev => 'move', tag => 't', digest => $_->[0], ok => 1,
                    start => $_->[1], end => $_->[1] + 0.1 } }
            [$A, 0], [$B, 10], [$C, 20];
my $run = { ev => 'run', start => 0, seed => 7, seconds => 30, timeout => 1,
            call => 3, settled => 4, fresh => 1, unix => 1000,
            repository => 'r/app' };
my $n = 0;

sub key_of {
    my ($digest, $artifact) = @_;

    return sha256_hex(join '', map { length($_) . ":$_," }
                      'image-digest-key/1', 'digest', $digest, '', $artifact);
}

sub tag_key {
    my ($window, $artifact) = @_;

    return sha256_hex(join '', map { length($_) . ":$_," }
                      'image-digest-key/1', 'tag', 'default', 'registry',
                      'r/app:t', '', $window, $artifact // 'tag/a');
}

sub job {
    my ($name, %o) = @_;

    return { ev => 'job', job => $name, class => 'tag', policy => 'any',
             fallback => 'tag', tag => 't', digest => $A, start => 0,
             end => 0, %o };
}

sub request {
    my ($method, $job, $start, %o) = @_;

    my %request = (
        ev => 'request', n => ++$n, method => $method, job => $job,
        host => 'h1', tag => 't', reference => 'tag', artifact => 'tag/a',
        ttl => 2, start => $start, end => $start + 0.1, code => 404,
        status => 'HIT', digest => $A, write => '', wait => '0.000', %o);

    $request{key} //= $request{digest}
        ? key_of(@request{qw(digest artifact)}) : 'f' x 64;

    return \%request;
}

sub get { return request('GET', @_) }

sub put {
    my ($job, $start, %o) = @_;

    return request('PUT', $job, $start, code => 200, write => 'passed', %o);
}

# a GET that finds what was put; its digest is that of the PUT

sub found {
    my ($put, $job, $start, %o) = @_;

    return get($job, $start, code => 200, put => $put->{n}, found => $A,
               map({ $_ => $put->{$_} }
                   qw(digest key artifact reference tag ttl status)), %o);
}

sub fault {
    my ($kind, $start, $end, %o) = @_;

    return { ev => 'fault', kind => $kind, start => $start, end => $end, %o };
}

sub checked { return ImageDigest::History::Checker->new(
                  [$run, @moves, @_])->check }

sub rules { return join ' ', map { $_->{rule} } @{ $_[0]{violations} } }

sub keeps {
    my ($name, @events) = @_;

    my $result = checked(@events);

    is rules($result), '', $name
        or diag ImageDigest::History::Report::text($result, $run);

    return $result->{counts};
}

sub breaks {
    my ($rule, $name, @events) = @_;

    is rules(checked(@events)), $rule, $name;
}

subtest '(a) digests under a tag' => sub {
    my $job = job('j');

    keeps('the current one', $job, get('j', 5));
    keeps('one that was current a TTL ago', $job, get('j', 11.9));
    keeps('during the move', $job, get('j', 10.05, digest => $B));
    keeps('one that becomes current before the end', $job,
          get('j', 9.5, end => 10.2, digest => $B));
    breaks('a', 'too old', $job, get('j', 12.2));
    breaks('a', 'too old for TTL 0', $job, get('j', 10.2, ttl => 0));
    breaks('a', 'not current yet', $job, get('j', 9, digest => $B));
    breaks('a', 'never', $job,
           get('j', 5, digest => 'sha256:' . sha256_hex('x')));
    breaks('a', 'the key of another', $job,
           get('j', 5, key => key_of($B, 'tag/a')));

    my $settled = job('s', policy => 'settled');

    keeps('within `fresh`', $settled, put('s', 11));
    breaks('a', '`settled` with an old observation', $settled, put('s', 11.5));
    keeps('a move that got no answer may have been made, or not',
          $job, { ev => 'move', tag => 'u', digest => $A, start => 1,
                  end => 1.1, ok => 1 },
          { ev => 'move', tag => 'u', digest => $B, start => 2, end => 3,
            ok => 0 },
          map { get('j', 8, tag => 'u', digest => $_) } $A, $B);
};

subtest '(a) pinned references' => sub {
    my $job = job('j', class => 'ref');
    my @pinned = (reference => 'pinned', status => 'PINNED');

    keeps('long after the move', $job, get('j', 25, @pinned));
    breaks('a', 'another', $job, get('j', 5, @pinned, digest => $B));
};

subtest '(a) after an invalidation' => sub {
    my $job = job('j');
    my $purge = { ev => 'purge', tag => 't', ok => 1, start => 10.5,
                  end => 10.6 };

    keeps('it takes a moment', $job, $purge, get('j', 11));
    breaks('a', 'used after it', $job, $purge, get('j', 11.2));
    keeps('of another tag', $job, { %$purge, tag => 'u' }, get('j', 11.2));
    keeps('that Redis did not take', $job, { %$purge, ok => 0 },
          get('j', 11.2));
    keeps('that Redis lost', $job, $purge, fault('failover', 10.7, 10.8),
          get('j', 11.2));
    keeps('by a host that is cut off', $job, $purge,
          fault('cut_redis', 10, 11, host => 'h1'), get('j', 11.2));
    breaks('a', 'another host is cut off', $job, $purge,
           fault('cut_redis', 10, 11, host => 'h2'), get('j', 11.2));
    breaks('a', 'cut off long ago', $job, $purge,
           fault('cut_redis', 5, 6, host => 'h1'), get('j', 11.2));
};

subtest '(a) sessions' => sub {
    my $job = job('j', class => 'session', session => 'x', start => 5);

    keeps('keeps its digest', $job, get('j', 5, ttl => 0),
          get('j', 15, status => 'SESSION'), get('j', 25, host => 'h2'));
    breaks('a', 'starts with an old one',
           job('j', class => 'session', session => 'x', start => 5),
           get('j', 10.5, ttl => 0));
    breaks('a c', 'changes it', $job, get('j', 5),
           put('j', 15, digest => $B));
    breaks('a', 'changes it, without writing', $job, get('j', 5),
           get('j', 15, digest => $B));
    my $counts = keeps('Redis lost it', $job, get('j', 5),
                       fault('failover', 14, 14.5),
                       get('j', 15, digest => $B));

    is $counts->{'admitted: a session that Redis lost'}, 1, 'counted';
};

subtest '(b) tag keys' => sub {
    my $job = job('j');
    my @none = (status => 'FALLBACK', digest => '');
    my $put = put('j', 5, @none, key => tag_key('2/502'));

    my $counts = keeps('within the TTL', $job, $put, found($put, 'j', 7));

    is $counts->{'found under a tag key'}, 1, 'counted';
    breaks('b', 'older', $job, $put, found($put, 'j', 7.2));

    my $other = put('j', 5);

    breaks('b b', 'stored under a digest', $job, $other,
           found($other, 'j', 6, digest => '', key => $other->{key}));

    keeps('of a Redis whose clock is behind', $job,
          put('j', 5, @none, key => tag_key('2/500')));
    breaks('b', "a window $_", $job, put('j', 5, @none, key => tag_key($_)))
        for '2/400', '1/1005', '502', '5/201';
    breaks('b', 'none', $job, put('j', 5, @none, ttl => 0.5,
                                  key => tag_key('0/0')));
};

subtest '(5) a newer observation wins' => sub {
    my $job = job('j');
    my @both = (get('j', 10.5, digest => $B), get('j', 11));

    breaks('5', 'it does not', $job, @both);
    keeps('on another host', $job, $both[0], { %{ $both[1] }, host => 'h2' });
    keeps('at the same time', $job, get('j', 10.9, end => 11.05, digest => $B),
          $both[1]);
    keeps('not from the zone', $job, $both[0],
          { %{ $both[1] }, status => 'RESOLVED' });
    keeps('the zone was lost', $job, @both,
          fault('kill', 10.7, 10.8, host => 'h1'));

    my $call = sub {
        my ($host, $start, $digest) = @_;

        return { ev => 'origin', host => $host, tag => 't', method => 'HEAD',
                 start => $start, end => $start + 0.01, digest => $digest };
    };
    my $new = $call->('h1', 10.4, $B);
    my $cut = fault('cut_origin', 9, 9.9, host => 'h1');

    breaks('5', 'its call began before', $job, @both, $new,
           $call->('h2', 9.8, $A));
    keeps('its call may have begun later', $job, @both, $new,
          $call->('h2', 10, $A));
    keeps('... as the other was long on its way', $job, @both, $new,
          $call->('h2', 9.8, $A), $cut);
    breaks('5', '... which it was not', $job, @both, $new,
           $call->('h2', 9.8, $A), { %$cut, host => 'h2' });

    # what another host was told earlier says nothing of what this one asked

    breaks('5', 'nor where another host asked before', $job,
           { %{ $both[0] }, status => 'RESOLVED' }, $both[1],
           { %$new, start => 10.45 },
           $call->('h2', 9.9, $A), $call->('h3', 10.1, $B));

    my $ahead = fault('redis_clock', 9, 9.1, ahead => 3);
    my $killed = fault('redis_kill', 9.5, 9.6);

    keeps('Redis lost the clock that was ahead', $job, @both, $ahead,
          $killed);
    breaks('5', '... which it did before', $job, @both,
           { %$ahead, start => 10, end => 10.1 }, $killed);
    breaks('5', '... and which was never ahead', $job, @both, $killed);
};

subtest '(c) what is promised' => sub {
    my $ref = job('r', class => 'ref');
    my @pinned = (reference => 'pinned', status => 'PINNED');
    my $put = put('r', 5, @pinned);

    keeps('pinned', $ref, $put, found($put, 'r', 25));
    breaks('a c', 'pinned, written under another digest', $ref,
           put('r', 5, @pinned, digest => $B));
    breaks('c', 'pinned, found something else', $ref, $put,
           found($put, 'r', 6, found => $B));
    breaks('c', 'nobody wrote it', $ref, found({ %$put, n => 0 }, 'r', 6));
    breaks('c', 'found under another key', $ref, $put,
           found($put, 'r', 6, key => key_of($A, 'x'), artifact => 'x'));

    my $late = put('r', 5, @pinned, write => 'dropped');

    breaks('c', 'a dropped write reached the store', $ref, $late,
           found($late, 'r', 6));

    my $pinned = job('p', class => 'pinned', policy => 'pinned');

    breaks('c', '`pinned`, a write under a tag', $pinned, put('p', 5));

    my $session = job('s', class => 'session', session => 'x', start => 5);
    my $started = get('s', 5);

    my $other = job('c', class => 'session', session => 'y', digest => $C,
                    start => 24);
    my $foreign = put('c', 24, digest => $C);

    $put = put('s', 15, status => 'SESSION');
    keeps('a session', $session, $started, $put, found($put, 's', 25));
    breaks('a c', 'a session reads under another digest', $session, $started,
           $other, $foreign, found($foreign, 's', 25, found => $C));
};

subtest '(c) `any` admits, and counts' => sub {
    my ($old, $new) = (job('o'), job('n', digest => $B, start => 11));
    my $put = put('o', 11.5, digest => $B);
    my $counts = keeps('a client that ran another image', $old, $new, $put,
                       found($put, 'n', 11.8, digest => $B));

    is $counts->{'admitted: any'}, 1, 'counted';

    keeps('a read that began before', $old, $new, $put,
          found($put, 'n', 11.3, digest => $B, end => 11.7));
};

subtest '(c) `settled` admits, and counts' => sub {
    my $counts;
    my $new = job('n', policy => 'settled', digest => $B, start => 10.2);
    my $put = put('n', 10.8, digest => $A);
    my $get = found($put, 'n', 10.9, found => $B);

    $counts = keeps('within `fresh` of the move', $new, $put, $get);
    is $counts->{'admitted: fresh'}, 1, 'counted';

    my $old = job('o', policy => 'settled', start => 9);

    $put = put('o', 14.5, digest => $B);
    $counts = keeps('an image older than TIME', $old, $put,
                    found($put, 'o', 14.8));
    is $counts->{'admitted: older'}, 1, 'counted';

    breaks('c c', 'neither', $old, put('o', 12.5, digest => $B));
    $counts = keeps('the clock of TIME was set forward', $old,
                    fault('redis_clock', 12, 12, ahead => 3),
                    put('o', 12.5, digest => $B));
    is $counts->{'admitted: settled sooner: clock'}, 1, 'counted';

    # a call that began before the move and saw what came of it

    my @call = ({ ev => 'origin', host => 'h1', tag => 't', digest => $B,
                  method => 'HEAD', start => 10.2, end => 10.3, aborted => 0 },
                put('o', 12.5, digest => $B));

    breaks('c c', 'a quick call', $old, @call);
    $counts = keeps('a slow call', $old, @call,
                    fault('cut_origin', 8, 10.1, host => 'h1'));
    is $counts->{'admitted: settled sooner: begun'}, 1, 'counted';
    breaks('c c', 'of a host that was not cut off', $old, @call,
           fault('cut_origin', 8, 10.1, host => 'h2'));

    my $head = { %{ $call[0] }, digest => $A, start => 8, end => 10.15 };

    $call[0]{method} = 'GET';
    $counts = keeps('a slow HEAD and its check', $old, $head, @call);
    is $counts->{'admitted: settled sooner: begun'}, 1, 'counted';
    breaks('c c', 'a HEAD of another host', $old, { %$head, host => 'h2' },
           @call, fault('redis_stop', 8, 10));

    # there and back: A, B, A

    my @back = ({ ev => 'move', tag => 'u', digest => $A, start => 0,
                  end => 0.1, ok => 1 },
                { ev => 'move', tag => 'u', digest => $B, start => 5,
                  end => 5.1, ok => 1 },
                { ev => 'move', tag => 'u', digest => $A, start => 6,
                  end => 6.1, ok => 1 });
    my $between = job('b', policy => 'settled', digest => $B, tag => 'u',
                      start => 5.5);

    $put = put('b', 8, tag => 'u');
    $counts = keeps('there and back, unseen', @back, $between, $put,
                    found($put, 'b', 8.5, found => $B));
    is $counts->{'admitted: unseen'}, 1, 'counted';
};

subtest '(c) a write without an answer' => sub {
    my $job = job('j', class => 'session', session => 'x', start => 5);
    my $put = put('j', 6, code => 0, key => '', digest => '', status => '',
                  write => '');
    my @killed = (get('j', 5), fault('kill', 6, 6.5, host => 'h1'));

    keeps('is found where it went', $job, @killed, $put,
          found($put, 'j', 7, digest => $A, key => key_of($A, 'tag/a')));
    breaks('c', 'or elsewhere', $job, @killed,
           job('k', class => 'ref', digest => $B),
           $put, found($put, 'k', 7, digest => $B, reference => 'pinned',
                       key => key_of($B, 'tag/a')));
};

subtest '(d) answers' => sub {
    my $job = job('j');
    my $long = get('j', 5, end => 7.6);
    my $none = get('j', 5, code => 0, digest => '', status => '');

    keeps('in time', $job, get('j', 5, end => 7.4));
    breaks('d', 'too late', $job, $long);
    keeps('of a host that was stopped', $job, $long,
          fault('stop', 5.5, 6.5, host => 'h1'));
    breaks('d', 'of another host', $job, $long,
           fault('stop', 5.5, 6.5, host => 'h2'));
    breaks('d', 'the module\'s own wait', $job, get('j', 5, wait => '1.400'));
    breaks('d', 'none', $job, $none);
    keeps('none, of what was killed', $job, $none,
          fault('kill_worker', 5.05, 5.06, host => 'h1'));
    breaks('d', "a $_", $job, get('j', 5, code => $_, digest => ''))
        for 500, 502, 503;

    my $counts = keeps('503 of `error`', job('e', fallback => 'error'),
                       get('e', 5, code => 503, digest => ''));

    is $counts->{'admitted: 503 of `error`'}, 1, 'counted';
};

subtest '(e) calls of the origin' => sub {
    my $call = sub {
        my ($host, $start, $end, %o) = @_;

        return { ev => 'origin', host => $host, tag => 't', method => 'HEAD',
                 start => $start, end => $end, %o };
    };
    my @two = ($call->('h1', 5, 6), $call->('h2', 5.5, 6.5));

    keeps('one after the other', $call->('h1', 5, 6), $call->('h2', 6, 7));
    keeps('of two tags', $two[0], { %{ $two[1] }, tag => 'u' });
    breaks('e', 'two hosts', @two);
    breaks('e', 'one host', $two[0], { %{ $two[1] }, host => 'h1' });
    breaks('e', 'a long one and two short ones', $call->('h1', 1, 9),
           $call->('h2', 0, 1), $call->('h2', 5, 6));
    keeps('one that was given up', $call->('h1', 5, 6, aborted => 1),
          $call->('h2', 5.8, 6.5));

    my $gone = $call->('h2', 5.5, 5.6, aborted => 1);

    breaks('e', 'one that was given up soon', $two[0], $gone);
    keeps('... before it came', $two[0], $gone,
          fault('cut_origin', 3, 5, host => 'h2'));
    breaks('e', '... but it was not', $two[0], { %$gone, end => 5.9 },
           fault('cut_origin', 3, 5, host => 'h2'));

    keeps('the owner was stopped', @two,
          fault('stop', 2, 3, host => 'h1'));
    breaks('e', 'the other one was', @two,
           fault('stop', 4, 5.2, host => 'h2'));
    keeps('... for long, with its request on the way', @two,
          fault('stop', 3.5, 5.4, host => 'h2'));
    breaks('e', '... and asked later', @two,
           fault('stop', 2.5, 4.8, host => 'h2'));
    keeps('Redis was away', @two, fault('redis_stop', 3, 5));
    keeps('Redis\' clock was behind', @two,
          fault('failover', 0, 0.5, behind => 4));
    breaks('e', 'long before', @two, fault('redis_stop', 0, 1));
    breaks('e', 'which is no excuse on one host', $two[0],
           { %{ $two[1] }, host => 'h1' }, fault('redis_stop', 3, 5));
};

subtest 'the harness' => sub {
    my $pull = { ev => 'pull', job => 'j', tag => 't', digest => $A,
                 start => 5, end => 5.1 };

    keeps('pulls', $pull);
    breaks('harness', 'a pull that no move explains',
           { %$pull, digest => $C });
};

subtest 'a log and a report' => sub {
    my $file = tempdir() . '/history.jsonl';
    my $log = ImageDigest::History::Log->new(
        $file, ImageDigest::History::Log::clock());

    cmp_ok $log->now, '<', 1, 'from zero';
    $log->write($_) for get('j', 12.2), job('j'), reverse($run, @moves);

    my $checker = ImageDigest::History::Checker->new(
        ImageDigest::History::Log::read($file));
    my $result = $checker->check;

    is rules($result), 'a', 'read again';

    my $text = ImageDigest::History::Report::text($result, $checker->{run},
                                                  $file);

    like $text, qr/^violation\ of\ \(a\):.*\n
                   \ +12\.200\ to\ 12\.300\ \ request\ \d+\ .*digest=\w{8}\ /x,
        'its events';
    like $text, qr{^seed 7; again: t/history/run --seed 7 --seconds 30 --dir}m,
        'how to see it again';
    like ImageDigest::History::Report::counts($result), qr/^ +3  moves$/m,
        'counts';
};

done_testing;
