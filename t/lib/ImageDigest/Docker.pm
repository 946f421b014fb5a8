package ImageDigest::Docker;

# A real dockerd of the test's own, with a containerd of its own.
#
#     my $docker = ImageDigest::Docker->start(
#         tls => [$crt, $key, $ca],     # over TCP as well, for clients of $ca
#     );
#     'engine docker ' . $docker->url . ';'        # unix:/path
#     $docker->tcp_url;                            # tcp://127.0.0.1:PORT
#     $docker->pull($registry->name('app:1'), user => 'password');
#     $docker->tag($registry->name('app:1'), 'other/app:2');
#     $docker->import('local/app:1');              # a new one, of no registry
#     $docker->inspect('local/app:1');             # a hash, or nothing
#     $docker->images;                             # the names of all of them
#     $docker->remove('local/app:1');
#     $docker->pulls;                # what it has pulled, by its event stream
#     $docker->pause; $docker->resume; $docker->stop; $docker->start;
#
# What it holds survives stop and start. Only root may run it: the test is
# skipped for others. Registries at 127.0.0.0/8 are asked over plain HTTP.

use strict;
use warnings;

use parent 'ImageDigest::Process';

use Archive::Tar;
use Mojo::JSON qw(decode_json encode_json);
use Mojo::UserAgent;
use Mojo::Util qw(b64_encode url_escape);
use Test::More ();
use Time::HiRes qw(time);
use ImageDigest::Util qw(wait_until free_port tempdir slurp spit spawn alive
                         own_mounts);


sub start {
    my ($self, %o) = @_;

    Test::More::plan(skip_all => 'dockerd needs root') if $> != 0;

    unless (ref $self) {
        $self = bless { %o, dir => tempdir(), port => free_port() }, $self;
        spit("$self->{dir}/daemon.json", '{}');
    }

    my $dir = $self->{dir};
    my @tcp;

    if (my $tls = $self->{tls}) {
        @tcp = ('--host', $self->tcp_url, '--tlsverify', '--tlscert',
                $tls->[0], '--tlskey', $tls->[1], '--tlscacert', $tls->[2]);
    }

    $self->{pid} = spawn(
        "$dir/log", own_mounts($dir), 'dockerd', '--config-file',
        "$dir/daemon.json", '--data-root', "$dir/data", '--exec-root',
        "$dir/exec", '--pidfile', "$dir/pid", '--host',
        'unix://' . $self->socket, @tcp,
        qw(--storage-driver=vfs --bridge=none --iptables=false
           --ip6tables=false --ip-forward=false --shutdown-timeout=0));

    wait_until {
        alive($self->{pid}) or die "dockerd does not start:\n"
                                   . slurp("$dir/log");
        -S $self->socket && ($self->_ask('GET', '/_ping')->code // 0) == 200;
    } 'dockerd to start';

    return $self;
}


sub socket  { return "$_[0]{dir}/docker.sock" }
sub url     { return 'unix:' . $_[0]->socket }
sub tcp_url { return "tcp://127.0.0.1:$_[0]{port}" }
sub log     { return slurp("$_[0]{dir}/log") }


sub _ask {
    my ($self, $method, $path, @with) = @_;

    my %headers = (Host => 'docker', ref $with[0] ? %{ shift @with } : ());
    my $ua = Mojo::UserAgent->new(max_connections => 0, request_timeout => 60,
                                  inactivity_timeout => 60);

    return $ua->start($ua->build_tx(
        $method, 'http+unix://' . url_escape($self->socket) . $path,
        \%headers, @with))->res;
}


sub _must {
    my ($self, @request) = @_;

    my $res = $self->_ask(@request);

    die "dockerd: $request[0] $request[1]: " . ($res->code // 'no answer')
        . ' ' . $res->body . "\n" unless $res->is_success;

    return $res->body;
}


sub _split { return $_[0] =~ m{^(.+):([^:/]+)$} }


sub pull {
    my ($self, $image, $user, $password) = @_;

    my ($name, $tag) = _split($image);
    my %headers;

    $headers{'X-Registry-Auth'} = b64_encode(encode_json({
        username => $user, password => $password }), '') =~ tr{+/}{-_}r
        if defined $user;

    my $text = $self->_must('POST', '/images/create?fromImage='
                            . url_escape($name) . "&tag=$tag", \%headers);

    die "dockerd: $image: $text" if $text =~ /"error"/;

    return $self;
}


sub tag {
    my ($self, $image, $as) = @_;

    my ($name, $tag) = _split($as);

    $self->_must('POST', "/images/$image/tag?repo=" . url_escape($name)
                         . "&tag=$tag");

    return $self;
}


sub import {
    my ($self, $image) = @_;

    return unless ref $self;       # `use` calls it, too

    my ($name, $tag) = _split($image);
    my $tar = Archive::Tar->new;

    $tar->add_data('unique', join ' ', $$, $image, rand);
    $self->_must('POST', '/images/create?fromSrc=-&repo=' . url_escape($name)
                         . "&tag=$tag", $tar->write);

    return $self;
}


sub inspect {
    my ($self, $image) = @_;

    my $res = $self->_ask('GET', "/images/$image/json");

    return $res->code == 200 ? decode_json($res->body) : undef;
}


sub images {
    my ($self) = @_;

    return sort map { @{ $_->{RepoTags} || [] } }
                @{ decode_json($self->_must('GET', '/images/json')) };
}


# the name, and the image with it where it was the last one

sub remove {
    my ($self, $image) = @_;

    $self->_must('DELETE', "/images/$image");

    return $self;
}


# the images of its pulls since it started, in their order

sub pulls {
    my ($self) = @_;

    my $text = $self->_must('GET', '/events?since=1&until=' . time
                            . '&filters=' . url_escape(encode_json({
                                type => ['image'], event => ['pull'] })));

    return map { decode_json($_)->{Actor}{ID} } split /\n/, $text;
}


sub signal { return 'TERM' }


sub stop {
    my ($self) = @_;

    return $self unless $self->{pid};

    # one that had to be killed leaves its containerd behind, and would take
    # it for alive

    my $file = "$self->{dir}/exec/containerd/containerd.pid";
    my ($containerd) = slurp($file) =~ /^(\d+)/;

    $self->SUPER::stop;

    kill KILL => $containerd
        if $containerd
           && slurp("/proc/$containerd/cmdline") =~ m{\Q$self->{dir}\E/};

    unlink $file, $self->socket;

    return $self;
}


1;
