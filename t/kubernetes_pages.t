#!/usr/bin/perl

# docs/kubernetes.md: a list comes in pages, and all of them count. They are
# bounded in bytes, number, and time; the token for the next page is the
# server's text, and stays a value in the URL.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::Kubernetes;

my ($one, $two) = map { sha256($_) } 1, 2;

sub runs {
    my ($name, $image, $id) = @_;

    return pod($name, containers => [container('main', $image, $id)]);
}

my $k8s = ImageDigest::Kubernetes->start;
my $engine = 'engine kubernetes ' . $k8s->engine . ';';
my $cache = ImageDigest::Cache->start(
    resolver  => "$engine\ntimeout 20s;",
    more      => "image_resolver hasty {\n$engine\ntimeout 500ms;\n}\n",
    locations => {
        i => 'image_digest $image engine=kubernetes resolver=default;'
             . 'image_digest_timeout 20s; image_digest_ttl 0;',
        h => 'image_digest $image engine=kubernetes resolver=hasty;'
             . 'image_digest_timeout 20s; image_digest_ttl 0;' });


# ask, and what was asked for it

sub ask {
    my ($image, $location) = @_;

    my $before = () = $k8s->lists;
    my $answer = $cache->ask($location // 'i', $image);
    my @lists = $k8s->lists;

    return ($answer, @lists[$before .. $#lists]);
}


$k8s->set(filler => 203)->pods(runs('a', 'last:1', $one),
                                runs('b', 'b:1', $two));

my ($answer, @lists) = ask('last:1');

is $answer->{digest}, $one, 'what is on the last page counts';
is @lists, 3, 'three pages';
is_deeply [map { $_->{query}{limit} } @lists], [(100) x 3], 'of 100 each';
ok !exists $lists[0]{query}{continue}, 'the first one without a token';
isnt $lists[1]{query}{continue}, $lists[2]{query}{continue},
    'the others with that of the one before';
is_deeply [grep { join(' ', sort keys %{ $_->{query} }) !~
                  /^(?:continue )?limit$/ } @lists],
    [], 'and nothing else';

# on both sides of a page's end

$k8s->set(filler => 99)->pods(runs('a', 'side:1', $one),
                               runs('b', 'side:1', $two));

($answer, @lists) = ask('side:1');

is $answer->{error}, 'ambiguous', 'two pages disagree';
is @lists, 2, '... both were read';

$k8s->set(filler => 203, odd => '');
$k8s->pods();
is +(ask('none:1'))[0]{error}, 'not_found', 'all pages without it';

# a token that would be something else in the URL

for my $odd ('&limit=1&x=', '#', '%26', 'a b', "\x{7f}", '"<>', '/../../x?') {
    $k8s->set(odd => $odd)->pods(runs('a', 'odd:1', $one));

    ($answer, @lists) = ask('odd:1');

    if ($odd =~ /[ \x7f]/) {
        is $answer->{error}, 'bad_response', 'a token with a byte of no use';
        next;
    }

    is $answer->{digest}, $one, "a token with $odd";
    is_deeply [map { [$_->{path}, join ' ', sort keys %{ $_->{query} }] }
               @lists[1, 2]],
        [(['/api/v1/pods', 'continue limit']) x 2], '... is one value';
    is index($lists[1]{query}{continue}, $odd), 0, '... as it was given';
}

$k8s->set(odd => 'x' x 5000);
is +(ask('long:1'))[0]{error}, 'bad_response', 'a token without an end';
$k8s->set(odd => '');

# a list that is too old to be continued is begun anew, once

$k8s->expire(1)->pods(runs('a', 'gone:1', $one));
($answer, @lists) = ask('gone:1');

is $answer->{digest}, $one, '410: the list is begun anew';
is @lists, 5, '... all of it';
ok !exists $lists[2]{query}{continue}, '... from its first page';

$k8s->expire(9);
($answer, @lists) = ask('gone:2');

is $answer->{error}, 'bad_response', '410 again: no list';
is @lists, 4, '... and no third try';

# what was read before does not count

$k8s->expire(1)->set(filler => 99, then => [runs('a', 'gone:3', $two)]);
$k8s->pods(runs('a', 'gone:3', $one), runs('b', 'b:1', $one));
is +(ask('gone:3'))[0]{digest}, $two, '410: the new list alone counts';
$k8s->set(expired => undef, then => undef);

# without an end

$k8s->set(filler => 0, endless => 1)->pods(runs('a', 'endless:1', $one));
($answer, @lists) = ask('endless:1');

is $answer->{error}, 'bad_response', 'pages without an end';
is $answer->{digest}, '', '... though one of them had it';
is @lists, 500, '... 500 were read';

# one time for all pages

$k8s->set(slow => 0.2);
is +(ask('slow:1', 'h'))[0]{error}, 'timeout', 'the time is for all pages';
$k8s->set(slow => 0, endless => 0);

# a page that is too long

$k8s->pods(runs('a', 'large:1', $one));

for my $bytes (16_777_216, 16_777_217) {
    $k8s->set(pad => $bytes);
    is +(ask('large:1'))[0]{error}, $bytes > 16_777_216 ? 'bad_response' : '',
        "a page of $bytes bytes";
}

$k8s->set(pad => 0, status => 200, body =>
    '{"kind":"PodList","apiVersion":"v1","metadata":{"x":['
    . join(',', ('[]') x 525_000) . ']},"items":[]}');
is +(ask('values:1'))[0]{error}, 'bad_response', 'a page of too many values';

$k8s->set(status => 0, body => '')->pods(runs('a', 'well:1', $one));
is +(ask('well:1'))[0]{digest}, $one, 'after all that it goes on';

done_testing;
