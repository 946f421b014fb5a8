package ImageDigest::Podman;

# A real `podman system service` of the test's own, with a storage of its own.
#
#     my $podman = ImageDigest::Podman->start(
#         user => 'nobody',         # a rootless one, of that user
#     );
#     'engine podman ' . $podman->url . ';'        # unix:/path
#     $podman->pull($registry->name('app:1'), user => 'password');
#     $podman->tag($registry->name('app:1'), 'other.test/app:2');
#     $podman->import('localhost/app:1');          # a new one, of no registry
#     $podman->inspect('localhost/app:1');         # a hash, or nothing
#     $podman->images;                             # the names of all of them
#     $podman->remove('localhost/app:1');
#     $podman->pulls;               # what it has pulled, by its event stream
#     $podman->pulls(1);            # ... once there is one
#     $podman->pause; $podman->resume; $podman->stop; $podman->start;
#
# What it holds survives stop and start.

use strict;
use warnings;

use parent 'ImageDigest::Process';

use Archive::Tar;
use Mojo::JSON qw(decode_json encode_json);
use Mojo::UserAgent;
use Mojo::Util qw(b64_encode url_escape);
use ImageDigest::Util qw(wait_until tempdir slurp spit spawn alive own_mounts);

my $api = '/v4.0.0/libpod';


sub start {
    my ($self, %o) = @_;

    unless (ref $self) {
        $self = bless { %o, dir => tempdir(),
                        rootless => $> || $o{user} }, $self;
        $self->_configure;
    }

    my $dir = $self->{dir};
    my @as;

    if ($self->{user}) {
        my (undef, undef, undef, $group) = getpwnam $self->{user};

        # to be somebody else forgets what one wanted to be told

        @as = ('setpriv', '--reuid', $self->{user}, '--regid', $group,
               qw(--clear-groups --inh-caps=-all --pdeathsig TERM));

    } elsif (!$self->{rootless}) {
        @as = own_mounts($dir);
    }

    local @ENV{qw(HOME XDG_RUNTIME_DIR TMPDIR)} = ($dir, "$dir/run",
                                                   "$dir/tmp");
    local @ENV{map { "CONTAINERS_$_" } qw(CONF STORAGE_CONF REGISTRIES_CONF)}
        = map { "$dir/$_.conf" } qw(containers storage registries);

    # idle, it ends by itself: one of a test that was killed, too

    $self->{pid} = spawn("$dir/log", @as, qw(podman system service --time 120),
                         'unix://' . $self->socket);

    wait_until {
        alive($self->{pid}) or die "podman does not start:\n" . $self->log;
        -S $self->socket && ($self->_ask('GET', '/_ping')->code // 0) == 200;
    } 'podman to start';

    return $self;
}


sub _configure {
    my ($self) = @_;

    my $dir = $self->{dir};

    # its locks are in /dev/shm otherwise, where all of a user's meet

    spit("$dir/containers.conf", <<"END");
[engine]
lock_type = "file"
events_logger = "file"
cgroup_manager = "cgroupfs"
tmp_dir = "$dir/run/libpod"
static_dir = "$dir/static"
volume_path = "$dir/volumes"
END
    spit("$dir/storage.conf", <<"END");
[storage]
driver = "vfs"
graphroot = "$dir/data"
runroot = "$dir/run/storage"
rootless_storage_path = "$dir/data"
END

    # without a range of ids of its own a user has but one

    spit("$dir/storage.conf", slurp("$dir/storage.conf") . <<'END')
[storage.options]
ignore_chown_errors = "true"
END
        if $self->{rootless};

    spit("$dir/registries.conf", "unqualified-search-registries = []\n");
    spit("$dir/log", '');
    mkdir "$dir/$_" for qw(run tmp);

    return unless $self->{user};

    my (undef, undef, $uid, $gid) = getpwnam $self->{user};

    chown $uid, $gid, $dir, map { "$dir/$_" } qw(log run tmp);
}


sub socket { return "$_[0]{dir}/podman.sock" }
sub url    { return 'unix:' . $_[0]->socket }
sub log    { return slurp("$_[0]{dir}/log") }


sub _ask {
    my ($self, $method, $path, @with) = @_;

    my %headers = (Host => 'podman', ref $with[0] ? %{ shift @with } : ());
    my $ua = Mojo::UserAgent->new(max_connections => 0, request_timeout => 60,
                                  inactivity_timeout => 60);

    return $ua->start($ua->build_tx(
        $method, 'http+unix://' . url_escape($self->socket) . "$api$path",
        \%headers, @with))->res;
}


sub _must {
    my ($self, @request) = @_;

    my $res = $self->_ask(@request);

    die "podman: $request[0] $request[1]: " . ($res->code // 'no answer')
        . ' ' . $res->body . "\n" unless $res->is_success;

    return $res->body;
}


sub pull {
    my ($self, $image, $user, $password) = @_;

    my %headers;

    $headers{'X-Registry-Auth'} = b64_encode(encode_json({
        username => $user, password => $password }), '') =~ tr{+/}{-_}r
        if defined $user;

    my $text = $self->_must('POST', '/images/pull?tlsVerify=false&reference='
                                    . url_escape($image), \%headers);

    die "podman: $image: $text" if $text =~ /"error"/;

    return $self;
}


sub tag {
    my ($self, $image, $as) = @_;

    my ($name, $tag) = $as =~ m{^(.+):([^:/]+)$};

    $self->_must('POST', '/images/' . url_escape($image) . '/tag?repo='
                         . url_escape($name) . "&tag=$tag");

    return $self;
}


sub import {
    my ($self, $image) = @_;

    return unless ref $self;       # `use` calls it, too

    my $tar = Archive::Tar->new;

    $tar->add_data('unique', join ' ', $$, $image, rand);
    $self->_must('POST', '/images/import?reference=' . url_escape($image),
                 $tar->write);

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

    $self->_must('DELETE', '/images/' . url_escape($image) . '?force=true');

    return $self;
}


# The images of its pulls so far, in their order; with a number, when there are
# so many, since they are told a little later.

sub pulls {
    my ($self, $count) = @_;

    wait_until { $count <= (() = $self->pulls) } "$count pulls" if $count;

    my $text = $self->_must('GET', '/events?stream=false&since=1&filters='
                            . url_escape(encode_json({
                                type => ['image'], event => ['pull'] })));

    return map { decode_json($_)->{Actor}{Attributes}{name} } split /\n/,
           $text;
}


sub signal { return 'TERM' }


sub stop {
    my ($self) = @_;

    return $self unless $self->{pid};

    $self->SUPER::stop;

    # a rootless one is several processes, and one of them keeps its namespace

    if ($self->{rootless}) {
        my @pids = grep {
            slurp("/proc/$_/environ") =~ m{(?:^|\0)HOME=\Q$self->{dir}\E\0}
        } map { m{(\d+)$} } glob '/proc/[0-9]*';

        kill KILL => @pids;
    }

    unlink $self->socket;

    return $self;
}


1;
