package ImageDigest::Cache;

# An nginx with the module as a cache, which tells what was decided.
#
#     my $cache = ImageDigest::Cache->start(
#         resolver  => 'registry ...;',          # in image_resolver default
#         locations => { i => 'image_digest_ttl 2s;', j => '...' },
#         store     => $store,     # where artefacts are; else all is 200
#         ...                      # as for ImageDigest::Nginx
#     );
#     my $answer = $cache->ask('i', $image);     # GET /i/$image/-/x
#     $answer = $cache->ask('i', $image, method => 'PUT', artifact => 'y',
#                           body => '...', headers => { ... });
#     my @answers = $cache->wait_for(
#         $cache->send('i', $image), ...);       # all at once
#     $cache->poll(sub { ... }, 'what');         # while they go on
#
# An answer has code, body, cache_control, pid, and the variables digest, key,
# reference, pinned, status, error, write, age, wait, engine, unavailable.
# `image_digest $image;` is written where a location has no `image_digest`.

use strict;
use warnings;

use parent 'ImageDigest::Nginx';

use Digest::SHA qw(sha256_hex);
use Exporter qw(import);
use Mojo::IOLoop;
use Mojo::Promise;
use Mojo::UserAgent;
use ImageDigest::Util qw(wait_until);

our @EXPORT_OK = qw(key tag_key windows);

my @variables = qw(digest key reference pinned status error write age wait
                   engine unavailable);


sub new {
    my ($class, %o) = @_;

    return $class->SUPER::new(%o, _texts(%o));
}


sub configure {
    my ($self, %o) = @_;

    return $self->SUPER::configure(%o, _texts(%$self, %o));
}


sub _texts {
    my (%o) = @_;

    my $locations = $o{locations} || { i => '' };
    my $http = '';
    my $text = '';

    $http .= "image_resolver default {\n$o{resolver}\n}\n"
        if defined $o{resolver};
    $http .= $o{more} // '';
    $text .= "add_header X-Image-\u$_ \$image_digest"
             . ($_ eq 'digest' ? '' : "_$_") . " always;\n" for @variables;
    $text .= "add_header X-Pid \$pid always;\n";
    $http .= "server {\nlisten unix:\@DIR\@/up.sock;\n"
             . "location / { return 200; }\n}\n" unless $o{store};

    my $up = $o{store} ? $o{store}->address : 'unix:@DIR@/up.sock';

    for my $prefix (sort keys %$locations) {
        $text .= "location ~ ^/$prefix/(?<image>.+?)/-/(?<artifact>.+)\$ {\n"
            . ($locations->{$prefix} =~ /image_digest / ? ''
               : "image_digest \$image;\n")
            . ($locations->{$prefix} =~ /image_digest_key/ ? ''
               : "image_digest_key \$artifact;\n")
            . "$locations->{$prefix}\n"
            . "proxy_pass http://$up:/\$image_digest_key;\n}\n";
    }

    return (http => $http, server => ($o{listen} // '') . $text);
}


sub ua { return $_[0]{ua} //= Mojo::UserAgent->new(max_connections => 0) }


# a promise of an answer; the request is sent

sub send {
    my ($self, $prefix, $image, %o) = @_;

    my $tx = $self->ua->build_tx(
        $o{method} // 'GET',
        'http://127.0.0.1:' . $self->port($o{port})
        . "/$prefix/$image/-/" . ($o{artifact} // 'x'),
        $o{headers} || {}, $o{body} // ());

    return $self->ua->start_p($tx)->then(sub {
        my $res = $_[0]->res;
        my %answer = (code => $res->code, body => $res->body,
                      cache_control => $res->headers->cache_control,
                      pid => $res->headers->header('X-Pid'));

        $answer{$_} = $res->headers->header("X-Image-$_") // ''
            for @variables;

        return \%answer;
    });
}


sub wait_for {
    my ($self, @promises) = @_;

    my (@answers, $error);

    Mojo::Promise->all(@promises)->then(
        sub { @answers = map { $_->[0] } @_ },
        sub { $error = shift })->wait;

    die $error if defined $error;

    return wantarray ? @answers : $answers[0];
}


sub ask {
    my ($self, @o) = @_;

    return scalar $self->wait_for($self->send(@o));
}


# Poll like wait_until, while what was sent goes on.

sub poll {
    my ($self, $code, $what) = @_;

    return wait_until {
        my $timer = Mojo::IOLoop->timer(0.01 => sub { });
        Mojo::IOLoop->one_tick;
        Mojo::IOLoop->remove($timer);
        $code->();
    } $what;
}


# The keys of docs/key.md, of the strings after the first.

sub key {
    return sha256_hex(join '', map { length($_) . ":$_," }
                               'image-digest-key/1', @_);
}


# The tag keys, by the number of their window, that may be right from $from to
# $to, both Unix times.  rest: what follows the window.

sub tag_key {
    my ($reference, %o) = @_;

    return key('tag', $o{resolver} // 'default', $o{engine} // 'registry',
               $reference, $o{platform} // '', $o{window},
               @{ $o{rest} || ['x'] });
}


sub windows {
    my ($length, $from, $to) = @_;

    # the clocks of a host are read one after the other, and drift

    return map { "$length/$_" }
           int(($from - 0.01) / $length) .. int(($to + 0.01) / $length);
}


1;
