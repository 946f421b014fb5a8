#!/usr/bin/perl

# docs/kubernetes.md: the token is read again when its file changes, without a
# reload; a broken new version keeps the old one. It is sent to the API server
# alone, and is in no log at any level.

use strict;
use warnings;

use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Kubernetes;
use ImageDigest::Util qw(spit wait_until);

my $id = sha256('an image');
my $k8s = ImageDigest::Kubernetes->start->pods(
    pod('p', containers => [container('main', 'a:1', $id)]));
my $elsewhere = ImageDigest::FaultServer->start(sub { [200, {}, '{}'] });
my $plain = ImageDigest::FaultServer->start(sub { [404, {}, '{}'] });

my $cache = ImageDigest::Cache->start(
    level     => 'debug',
    resolver  => 'engine kubernetes ' . $k8s->engine . ";\n"
                 . 'engine none ' . ($k8s->engine =~ s/ token=\S+//r)
                 . " type=kubernetes;\n"
                 . 'engine open ' . $plain->url('') . ' type=kubernetes;',
    locations => { map { ($_ => "image_digest \$image engine=$_;"
                                . 'image_digest_timeout 20s;'
                                . 'image_digest_ttl 0;') }
                   qw(kubernetes none open) });


# a file is replaced as kubelets do it, or an operator's script

sub replace {
    my ($text) = @_;

    spit($k8s->token_file . '.new', $text);
    rename $k8s->token_file . '.new', $k8s->token_file;
}


# what a request that was sent gave, and as whom it asked

sub ask {
    my $answer = $cache->ask($_[0] // 'kubernetes', $_[1] // 'a:1');

    return ($answer, ($k8s->lists)[-1]{authorization});
}


# a file is looked at once a second

sub ask_as {
    my ($token) = @_;
    my @asked;

    wait_until { (@asked = ask())[1] eq "Bearer $token" } 'another token';

    return $asked[0];
}


my @tokens = $k8s->token;
my ($answer, $given) = ask();

is $answer->{digest}, $id, 'its token is taken';
is $given, "Bearer $tokens[0]", '... without the line end of the file';

push @tokens, 'eyJrotated.e30.Second-Secret';
$k8s->set(token => $tokens[1]);

is +(ask())[0]{error}, 'unauthorized', 'the server takes another one now';

replace($tokens[1]);
is ask_as($tokens[1])->{digest}, $id, 'the file has it: no reload is needed';

for my $broken ('', "Broken\x00Secret") {
    my $before = () = $cache->log(qr/\[error\].*token/);

    replace($broken);
    wait_until { (ask())[0]{digest} eq $id or die;
                 $before < (() = $cache->log(qr/\[error\].*token/)) }
        'a line in the log';

    is +(ask())[1], "Bearer $tokens[1]", 'a broken file: the old one counts';
}

my $read = () = $cache->log(qr/has changed and was read again/);

replace($tokens[1]);
wait_until { ask();
             $read < (() = $cache->log(qr/has changed and was read again/)) }
    'the file to be read';
unlink $k8s->token_file;
wait_until { (ask())[0]{digest} eq $id or die;
             $cache->log(qr/\[error\].*No such file/) } 'a line in the log';
pass 'a missing file: the old one counts';

push @tokens, 'eyJthird.e30.Third-Secret';
$k8s->set(token => $tokens[2]);
replace("  $tokens[2]\r\n\n");
is ask_as($tokens[2])->{digest}, $id, 'and then a good one again';

# a token that is wrong, or none

push @tokens, 'eyJwrong.e30.Wrong-Secret';
replace($tokens[3]);
is ask_as($tokens[3])->{error}, 'unauthorized', 'a wrong token';

($answer, $given) = ask('none');
is $answer->{error}, 'unauthorized', 'no token';
is $given, '', '... nothing is sent';

is +(ask('open'))[0]{error}, 'bad_response', 'another server';
is_deeply [grep { exists $_->{headers}{authorization} } $plain->requests],
    [], '... sees no token of this one';

# a redirect is not followed

for my $status (301, 302, 307, 308) {
    $k8s->set(status => $status,
              headers => { Location => $elsewhere->url('/api/v1/pods') });
    is +(ask(undef, "r:$status"))[0]{error}, 'bad_response', "a $status";
}

is +(() = $elsewhere->requests), 0, '... is not followed';

# a server that says it back

$k8s->set(status => 403, body => qq({"message":"$tokens[3]"}));
is +(ask())[0]{error}, 'unauthorized', 'a server that repeats the token';

$cache->stop;

my $log = $cache->log;

like $log, qr/\[debug\]/, 'debug lines are there';
unlike $log, qr/\Q$_\E/, 'no token in the log' for @tokens;
unlike $log, qr/Secret|Bearer/, '... nor a part of one';

done_testing;
