#!/usr/bin/perl

# A real client: ccache compiles a real C project, this one's module/core,
# through the cache, with the image's reference in the path.  What it found is
# what the artefact store's access log says.

use strict;
use warnings;

use File::Basename qw(basename);
use File::Copy qw(copy);
use Test::More;

use ImageDigest::Image;
use ImageDigest::Nginx;
use ImageDigest::Registry;
use ImageDigest::Store;
use ImageDigest::Util qw(run slurp spit tempdir top);

plan skip_all => 'no ccache here'
    unless (run(qw(ccache --version)))[1] =~ /^ccache version/;

my $registry = ImageDigest::Registry->start;
my $store = ImageDigest::Store->start;

# below /i/ the registry is asked for each request; below /long/ what was
# learnt holds, and so does the window of an outage

my $proxy = <<'END';
    image_digest      $image;
    image_digest_key  $artifact;

    proxy_http_version  1.1;
    proxy_set_header    Connection "";
    proxy_pass          http://artifacts/$image_digest_key;
END

my $nginx = ImageDigest::Nginx->start(
    workers => 2,
    format  => '$request_method $status $image_digest_status '
               . '$image_digest_error $image_digest_write',
    http    => 'image_resolver default { registry 127.0.0.1:* insecure; }
                upstream artifacts { server ' . $store->address . ';
                                     keepalive 8; }',
    server  => <<"END");
client_max_body_size 0;

location ~ ^/i/(?<image>.+?)/-/(?<artifact>.+)\$ {
    image_digest_ttl  0;
$proxy
}

location ~ ^/long/(?<image>.+?)/-/(?<artifact>.+)\$ {
    image_digest_ttl  24h;
$proxy
}
END

# a copy, as others may be editing it

my $project = tempdir();
my @names = map { basename($_, '.c') } glob top() . '/module/core/*.c';

copy($_, $project) or die "$_: $!\n" for glob top() . '/module/core/*.[ch]';

spit("$project/Makefile", <<'END');
OBJECTS = $(patsubst %.c,%.o,$(wildcard *.c))

all: $(OBJECTS)

%.o: %.c; ccache gcc -O1 -Wall -I. -c -o $@ $<
END

my $config = tempdir() . '/ccache.conf';

spit($config, '');


# Compile it all anew, on a machine that never did; what came of it:
# ok, ccache's statistics, and the store's requests of this time.

sub build {
    my ($prefix, $reference) = @_;

    my $dir = tempdir();

    delete local @ENV{ grep { /^CCACHE_/ } keys %ENV };

    local %ENV = (%ENV,
        MAKEFLAGS             => '',
        CCACHE_DIR            => "$dir/cache",
        CCACHE_CONFIGPATH     => $config,
        CCACHE_REMOTE_ONLY    => 1,
        CCACHE_REMOTE_STORAGE => $nginx->url("/$prefix/$reference/-/ccache"),

        # the files were copied a moment ago, which ccache would mistrust

        CCACHE_SLOPPINESS     => 'include_file_ctime,include_file_mtime',
    );

    unlink glob "$project/*.o";
    $store->forget;

    my $before = () = $nginx->access_log;
    my ($status, $text) = run('make', '-s', '-j2', '-C', $project);

    my %stats = map { split /\t/ } split /\n/, run(qw(ccache --print-stats));

    my @objects = grep { -s "$project/$_.o" } @names;

    return {
        text   => $text,
        ok     => $status == 0 && $text eq '' && @objects == @names,
        stats  => \%stats,
        hits   => $store->hits,
        misses => $store->misses,
        puts   => $store->puts,
        log    => [splice @{ [$nginx->access_log(
                      $before + $stats{remote_storage_read_hit}
                      + $stats{remote_storage_read_miss})] }, $before],
    };
}


# of each file ccache wants a manifest and a result

sub all_misses {
    my ($build, $what) = @_;

    ok $build->{ok}, "$what: it compiles" or diag $build->{text};
    is $build->{hits}, 0, 'no hit in the store';
    cmp_ok $build->{misses}, '>=', 2 * @names, 'misses';
    is $build->{puts}, 2 * @names, 'manifests and results are stored';
    is $build->{stats}{cache_miss}, @names, 'ccache compiled all';
    is $build->{stats}{remote_storage_error}, 0, 'without an error';
}


sub all_hits {
    my ($build, $what) = @_;

    ok $build->{ok}, "$what: it compiles" or diag $build->{text};
    is $build->{hits}, 2 * @names, 'all are hits in the store';
    is $build->{misses}, 0, 'no miss';
    is $build->{puts}, 0, 'nothing to be stored';
    is $build->{stats}{cache_miss}, 0, 'ccache compiled none';
    is $build->{stats}{direct_cache_hit}, @names, 'and found all';
    is $build->{stats}{remote_storage_error}, 0, 'without an error';
}


my $tag = $registry->name('team/gcc:12');
my $old = ImageDigest::Image->push($registry, 'team/gcc:12');

subtest 'twice' => sub {
    cmp_ok scalar @names, '>', 5, 'several files';
    all_misses(build('i', $tag), 'the first time');
    all_hits(build('i', $tag), 'the second time');
};

my $new = ImageDigest::Image->push($registry, 'team/gcc:12');

subtest 'the tag moves' => sub {
    all_misses(build('i', $tag), 'in the new image');
    all_hits(build('i', $tag), 'a second time');
    all_hits(build('i', $registry->name('team/gcc@' . $old->digest)),
             'in the old image, pinned');
};

$registry->stop;

subtest 'the registry is down' => sub {
    my $build = build('i', $tag);

    ok $build->{ok}, 'it compiles' or diag $build->{text};
    is $build->{stats}{cache_miss}, @names, 'all of it';
    is $build->{stats}{remote_storage_error}, 0, 'without an error';
    is "@$build{qw(hits misses puts)}", '0 0 0', 'the store is left alone';
    is scalar(() = grep { !/^GET 404 FALLBACK unreachable $/
                          && !/^PUT 200 FALLBACK unreachable dropped$/ }
                   @{ $build->{log} }), 0, 'GET is 404, PUT is 200, dropped';

    all_hits(build('long', $tag), 'a digest may be older there');

    my $unknown = $registry->name('team/clang:14');

    all_misses(build('long', $unknown), 'by the tag in a window');
    all_hits(build('long', $unknown), 'the same window');
    all_hits(build('i', $registry->name('team/gcc@' . $new->digest)),
             'pinned');
};

done_testing;
