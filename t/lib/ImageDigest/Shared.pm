package ImageDigest::Shared;

# Hosts that share a Redis, and what they keep there.
#
#     my $host = host($redis->url . ' prefix=p:', $origin, retention => '1h',
#                     ...);                   # as for ImageDigest::Cache
#     resolve($host, $origin->name('app:1'))->{status};
#     resolve($host, $name, 't0');            # with a TTL of 0
#     my ($key, %fields) = record($redis, $name);
#     ($key, %fields) = wait_for_record($redis, $name);
#     poison($redis, $key, digest => 'none', ...);    # undef: not that field
#     now($redis);                            # microseconds of its clock
#     invalidate($redis, $name);              # as docs/redis.md says, with
#                                             # the prefix as a third
#     meanwhile { ... } 'what';     # wait_until, and requests go on being sent
#
# For floods by HTTP/2 on @PORT3@, to each worker as many as the test wants:
#
#     my $host = host(..., listen => many(), format => '$image_digest_status');
#     ... '/many/' . $origin->name('app:1') . '/-/x?ttl=0'
#     many_log($host, 100);         # of so many requests, when all are there
#
# Neither Redis nor a request is short of time, where a test does not say so:
# the machine may be busy.

use strict;
use warnings;

use Exporter qw(import);
use Mojo::IOLoop;
use ImageDigest::Cache;
use ImageDigest::Http2;
use ImageDigest::Util qw(wait_until lines tempdir spit slurp run top);

our @EXPORT = qw(host resolve meanwhile record wait_for_record poison now
                 invalidate many many_log);

my $patient = 'image_digest_timeout 20s;';


sub host {
    my ($redis, $origin, %o) = @_;

    my $retention = delete $o{retention};

    $redis .= ' timeout=10s' unless $redis =~ /timeout=|^off$/;

    return ImageDigest::Cache->start(
        resolver  => "redis $redis;\n"
                     . ($retention ? "retention $retention;\n" : '')
                     . 'registry ' . $origin->host . " insecure;\n"
                     . "timeout 20s;\nconnections 64;\n"
                     . (delete $o{more_resolver} // ''),
        locations => {
            i  => $patient,
            t0 => "$patient image_digest_ttl 0;",
            s  => "$patient image_digest_ttl 2s;",
            p  => "$patient image_digest \$image platform=\$arg_platform;",
        },
        %o);
}


sub resolve {
    my ($host, $reference, $location, %o) = @_;

    return $host->ask($location // 'i', $reference, %o);
}


sub many {
    return ImageDigest::Http2::listen(3) . <<"END";
location ~ ^/many/(?<image>.+?)/-/(?<artifact>.+)\$ {
    access_log \@DIR\@/many.log test;
    image_digest \$image;
    image_digest_key \$artifact;
    image_digest_ttl \$arg_ttl;
    $patient
    empty_gif;
}
END
}


sub many_log {
    my ($host, $count) = @_;

    my $file = $host->dir . '/many.log';

    wait_until { $count <= (() = lines($file)) } "$count lines of a log";

    return lines($file);
}


sub meanwhile (&;$$) {
    my ($code, @o) = @_;

    my $timer = Mojo::IOLoop->recurring(0.01 => sub { });
    my $value = eval {
        &wait_until(sub { Mojo::IOLoop->one_tick; $code->() }, @o);
    };

    Mojo::IOLoop->remove($timer);

    return $value // die $@;
}


# The key of the one record of a reference, or of a registry's limit, and its
# fields; nothing if there is none.

sub record {
    my ($redis, $reference, @db) = @_;

    my ($key) = grep { /(?:image|registry):\Q$reference\E#/ }
                $redis->cli(@db, '--scan') or return;

    my @fields = $redis->cli(@db, 'HGETALL', $key);

    push @fields, '' if @fields % 2;

    return ($key, @fields);
}


sub wait_for_record {
    my ($redis, $reference, @db) = @_;

    my @record;

    wait_until { @record = record($redis, $reference, @db) }
        "a record of $reference";

    return @record;
}


# other fields in a record

sub poison {
    my ($redis, $key, %fields) = @_;

    for my $name (sort keys %fields) {
        defined $fields{$name}
            ? $redis->cli('HSET', $key, $name, $fields{$name})
            : $redis->cli('HDEL', $key, $name);
    }
}


sub now {
    my ($redis) = @_;

    my ($seconds, $microseconds) = $redis->cli('TIME');

    return $seconds * 1_000_000 + $microseconds;
}


# The very script of the docs, that calls a redis-cli of ours.

my $invalidate;

sub invalidate {
    my ($redis, $reference, $prefix) = @_;

    $invalidate //= do {
        my $dir = tempdir();
        my ($script) = slurp(top() . '/docs/redis.md')
            =~ /^(invalidate\(\) \{\n.*?^\}\n)/ms
            or die "no script in docs/redis.md\n";

        spit("$dir/invalidate", qq($script\ninvalidate "\$1" "\$2"\n));
        spit("$dir/redis-cli", <<'END');
#!/bin/sh
PATH=${PATH#*:} exec redis-cli -s "$REDIS_SOCKET" "$@"
END
        chmod 0755, "$dir/redis-cli";
        $dir;
    };

    local $ENV{REDIS_SOCKET} = $redis->socket;
    local $ENV{PATH} = "$invalidate:$ENV{PATH}";

    my $at = run('sh', "$invalidate/invalidate",
                 $prefix // '{image-digest:default}:', $reference);

    $at =~ /^"?(\d{16})"?$/ or die "it does not tell when: $at\n";

    return $1;
}


1;
