#!/usr/bin/perl

# A subrequest that is made before its main request is let in never starts a
# lookup, also where it inherits image_digest; so none starts before the
# verdict.

use strict;
use warnings;

use Test::More;

use ImageDigest::Client;
use ImageDigest::FaultServer;
use ImageDigest::Util qw(wait_until tempdir spit);
use ImageDigest::Waiting;

# the verdict is a user's name, and waits until it is allowed to come

my $gate = tempdir() . '/gate';
my $judge = ImageDigest::FaultServer->start(sub {
    my ($req) = @_;

    select undef, undef, undef, 0.01 until -e $gate;

    # a key may have "bad" in it

    return [$req->{path} =~ m{^/good-} ? 204
            : $req->{path} =~ m{^/bad-} ? 403 : 401,
            { 'X-Path' => $req->{path} }];
});
my $judge_host = '127.0.0.1:' . $judge->port;
my $nginx = ImageDigest::Waiting->start(server => <<"END");
image_digest \$arg_image;
image_digest_key x;

location = /in {
    auth_request /verdict;
    proxy_pass http://127.0.0.1:\@PORT2\@/\$image_digest_key;
}
location = /page {
    auth_request /verdict;
    error_page 401 403 = \@refused;
    proxy_pass http://127.0.0.1:\@PORT2\@/\$image_digest_key;
}
location \@refused {
    proxy_pass http://127.0.0.1:\@PORT2\@/refused\$image_digest;
}
location = /verdict {
    internal;
    proxy_method GET;
    proxy_pass_request_body off;
    proxy_set_header Content-Length "";
    proxy_pass http://$judge_host/\$http_user-\$image_digest_key;
}
END
my %client;
my $asked = 0;

# all of them wait for their verdicts

my @cases = map { my $path = $_; map { [$path, @$_] } (
    ['good', 'GET', 200], ['good', 'PUT', 200], ['bad', 'GET', 403],
    ['bad', 'PUT', 403], ['none', 'GET', 401]) } qw(/in /page);

for (@cases) {
    my ($path, $user, $method) = @$_;
    my $name = "$path-$user-$method" =~ s{^/}{}r;

    $client{$name} = ImageDigest::Client->new($nginx->port);
    $client{$name}->request(
        $method, "$path?image=" . $nginx->image(lc "$name:1"),
        { User => $user },
        $method eq 'PUT' ? 'body' : ());
    $asked++;
    wait_until { $asked == (() = $judge->requests) } 'the judge';
}

is $nginx->calls, 0, 'no lookup before a verdict';
spit($gate, '');

for (@cases) {
    my ($path, $user, $method, $status) = @$_;
    my $name = "$path-$user-$method" =~ s{^/}{}r;
    my $answer = $client{$name}->read;
    my $body = "$method /" . $nginx->key(lc "$name:1", 'x') . "\n";

    if ($user ne 'good' && $path eq '/page') {

        # who is refused gets the page, which has the module on

        $status = 200;
        $body = "$method /refused\n";
    }

    is $answer->{status}, $status, $name;
    is $answer->{body}, $body, 'its body' if $status == 200;
}

is_deeply [sort map { $_->{path} } $nginx->origin->requests(
                                       sub { $_->{method} eq 'HEAD' })],
    [map { "/v2/$_/manifests/1" } qw(in-good-get in-good-put page-good-get
                                     page-good-put)],
    'the registry was asked for those who are let in';

# what the subrequest asks for comes too early, and is never empty

my %seen;

for ($judge->requests) {
    like $_->{path}, qr/-[0-9a-f]{64}$/, 'a key of the verdict';
    ok !$seen{ $_->{path} }++, 'like no other';
}

is scalar(() = $nginx->log(qr/\[error\].*was asked for before/)),
    scalar(() = $judge->requests), 'the log says so';

done_testing;
