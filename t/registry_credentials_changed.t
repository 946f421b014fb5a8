#!/usr/bin/perl

# Freshness: an observation is of one identity, as whom the registry is asked
# among others. Where credentials change while a call is under way, what came
# as another user is not stored as the first one's.

use strict;
use warnings;

use Mojo::JSON qw(encode_json);
use MIME::Base64 qw(encode_base64 decode_base64);
use Test::More;

use ImageDigest::Cache;
use ImageDigest::FaultServer;
use ImageDigest::Manifest qw(manifest sha256 answer image_of challenge);
use ImageDigest::Util qw(slurp spit tempdir wait_until);

# each user has another image by the same name

my $dir = tempdir();
my $registry = ImageDigest::FaultServer->start(sub {
    my ($req) = @_;

    my $image = image_of($req);
    my $user = decode_base64(($req->{headers}{authorization} // '')
                             =~ s/^Basic //r) =~ s/:p$//r || 'nobody';
    my $held = "$image $user";

    wait_until { slurp("$dir/hold") ne $held } 'release', 60;

    return $user eq 'nobody' ? challenge('Basic realm="x"')
                             : answer(manifest("$image $user"));
});

# what a mirror is asked has a query

sub without_query {
    my ($req) = @_;

    return image_of({ path => $req->{path} =~ s{\?.*}{}r });
}

# and a mirror that has none, before which the registry's turn does not come

my $mirror = ImageDigest::FaultServer->start(sub {
    my ($req) = @_;

    my $held = without_query($req) . ' mirror';

    wait_until { slurp("$dir/hold") ne $held } 'release', 60;

    return [404, {}, ''];
});

my $host = '127.0.0.1:' . $registry->port;

sub digest {
    my ($image, $user) = @_;

    return sha256(manifest("$image $user"));
}

sub credentials {
    my ($user) = @_;

    spit("$dir/new", encode_json({ auths => { $host => {
        auth => encode_base64("$user:p", '') } } }));
    chmod 0644, "$dir/new";
    rename "$dir/new", "$dir/config.json";
}

credentials('alice');

my $cache = ImageDigest::Cache->start(
    resolver  => "registry $host insecure credentials=$dir/config.json\n"
                 . 'mirror=' . $mirror->url('') . ";\ntimeout 20s;\n",
    locations => {
        now  => 'image_digest_timeout 20s; image_digest_ttl 0;',
        kept => 'image_digest_timeout 20s; image_digest_ttl 1h;',
    });

# until the worker has read them

sub become {
    my ($user) = @_;

    credentials($user);

    $cache->poll(sub {
        $cache->ask('now', "$host/app:warm")->{digest}
            eq digest('app:warm', $user);
    }, "$user");
}

# the first of all has no credentials yet

for (['the challenge is on its way', 'app:1', 'nobody', 1],
     ['the answer is', 'app:2', 'alice', 1],
     ['the mirror is asked first', 'app:4', 'mirror', 1],
     ['who came later waits for another', 'app:3', 'alice', 2])
{
    my ($name, $image, $held, $count) = @$_;

    spit("$dir/hold", "$image $held");

    my @sent = $cache->send('now', "$host/$image");

    $cache->poll(sub {
        return $mirror->requests(sub { without_query($_) eq $image })
            if $held eq 'mirror';

        $registry->requests(sub {
            image_of($_) eq $image
                && ($held eq 'nobody') == !$_->{headers}{authorization};
        });
    }, 'the request that is held');

    push @sent, $cache->send('now', "$host/$image") while @sent < $count;

    become('bob');
    spit("$dir/hold", '');
    $cache->wait_for(@sent);


    is $cache->ask('kept', "$host/$image")->{digest}, digest($image, 'bob'),
        "$name: bob has his";
    become('alice');
    is $cache->ask('kept', "$host/$image")->{digest}, digest($image, 'alice'),
        '... and alice hers';
}

done_testing;
