#!/usr/bin/perl

# docs/directives.md, registry: only what is written may be asked; any other
# is registry_not_allowed, decided before any cache.  HOST matches no other
# port, HOST:* any, and exact beats wildcard.

use strict;
use warnings;

use Mojo::JSON qw(encode_json);
use MIME::Base64 qw(encode_base64);
use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest digest_of answer image_of challenge);
use ImageDigest::Names;
use ImageDigest::Util qw(certificate tempdir spit);

my $registry = sub {
    my ($req) = @_;

    return challenge('Basic realm="x"') unless $req->{headers}{authorization};
    return answer(manifest(image_of($req)));
};

my ($one, $two) = map { ImageDigest::FaultServer->start($registry) } 1, 2;
my ($a, $b) = map { $_->port } $one, $two;

# what is sent tells which line it was

my $dir = tempdir();

for my $line ('exact', 'port', 'any') {
    spit("$dir/$line", encode_json({ auths => {
        map { ("$_:$a" => { auth => encode_base64("$line:x", '') },
               "$_:$b" => { auth => encode_base64("$line:x", '') }) }
        '127.0.0.1', 'a.test', 'b.test', 'a.b.test' } }));
}

my %lines = (
    one  => "registry 127.0.0.1:$a insecure credentials=$dir/exact;",
    host => "registry a.test insecure credentials=$dir/exact;",
    port => "registry a.test:* insecure credentials=$dir/port;",
    both => "registry a.test:* insecure credentials=$dir/port;"
            . " registry A.TEST:$a insecure credentials=$dir/exact;",
    all  => "registry * credentials=$dir/any;"
            . " registry a.test:* insecure credentials=$dir/port;"
            . " registry a.test:$a insecure credentials=$dir/exact;",
    none => '',
);

my $cache = ImageDigest::Names->new(map { ("$_.test" => '127.0.0.1') }
                                    qw(a b a.b))
    ->around(sub {
        ImageDigest::Cache->start(
            more      => join('', map {
                "image_resolver $_ { $lines{$_} timeout 20s; }\n" }
                sort keys %lines),
            locations => { map {
                ($_ => "image_digest \$image resolver=$_;"
                       . 'image_digest_ttl 0; image_digest_timeout 20s;') }
                keys %lines });
    });

for (['one',  "127.0.0.1:$a", 'exact'],
     ['one',  "127.0.0.1:$b", ''],
     ['one',  'localhost:' . $a, ''],
     ['one',  "a.test:$a", ''],
     ['one',  'docker.io', ''],
     ['host', "a.test:$a", ''],
     ['host', "a.b.test:$a", ''],
     ['port', "a.test:$a", 'port'],
     ['port', "a.test:$b", 'port'],
     ['port', "A.test:$b", 'port'],
     ['port', "b.test:$a", ''],
     ['port', "a.b.test:$a", ''],
     ['both', "a.test:$a", 'exact'],
     ['both', "A.Test:$a", 'exact'],
     ['both', "a.test:$b", 'port'],
     ['all',  "a.test:$a", 'exact'],
     ['all',  "a.test:$b", 'port'],
     ['none', "127.0.0.1:$a", ''],
     ['none', "a.test:$a", ''])
{
    my ($resolver, $host, $line) = @$_;

    my @before = map { scalar(() = $_->requests), $_->connections } $one, $two;
    my $answer = $cache->ask($resolver, "$host/team/app:1");
    my @after = map { scalar(() = $_->requests), $_->connections } $one, $two;

    if ($line eq '') {
        is $answer->{error}, 'registry_not_allowed', "$resolver: not $host";
        is_deeply \@after, \@before, '... nobody is asked';
        next;
    }

    is $answer->{digest}, digest_of('team/app:1'), "$resolver: $host";

    my ($last) = map { ($_->requests)[-1] } $host =~ /:$a$/ ? $one : $two;

    is $last->{headers}{authorization},
        'Basic ' . encode_base64("$line:x", ''), "... by the line $line";
}

is +(() = $cache->log(qr/\[warn\].*"a.b.test:$a\/team\/app:1": registry_not_/)),
    2, 'said once for a reference and a resolver';

# it is decided before any cache

my $start = sub {
    return (resolver  => "registry 127.0.0.1:$_[0] insecure"
                         . " credentials=$dir/exact; timeout 20s;",
            more      => '',
            locations => { i => 'image_digest_timeout 20s;' });
};

$cache->configure($start->($a))->reload;
is $cache->ask('i', "127.0.0.1:$a/app:1")->{status}, 'RESOLVED', 'resolved';
is $cache->ask('i', "127.0.0.1:$a/app:1")->{status}, 'HIT', '... and kept';
$cache->configure($start->($b))->reload;
is $cache->ask('i', "127.0.0.1:$a/app:1")->{error}, 'registry_not_allowed',
    '... until its line goes';

done_testing;
