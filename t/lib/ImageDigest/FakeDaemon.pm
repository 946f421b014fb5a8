package ImageDigest::FakeDaemon;

# A container engine, Docker or Podman, that says what a test tells it to, on a
# FaultServer behind a unix socket.
#
#     my $daemon = ImageDigest::FakeDaemon->start(
#         on => sub { my ($req, $what, $image) = @_; ... });
#     $daemon->url;                             # unix:/path
#     $daemon->set(inspect => [200, $json]);    # status, body, headers
#     $daemon->set(pull => [200, $stream]);
#     $daemon->set(pulled => [200, $json]);     # inspect, once it has pulled
#     $daemon->set(distribution => [200, $json]);
#     $daemon->asked('pull');                   # the requests of that kind
#     image_json(Id => sha256('x'), ...);       # of an image
#
# It has no image where nothing was set. `on` is asked first: an answer as of a
# FaultServer, 'done' where it wrote one itself, or nothing.

use strict;
use warnings;

use parent 'ImageDigest::FaultServer';

use Exporter qw(import);
use Mojo::JSON qw(encode_json);
use Mojo::Util qw(url_unescape);
use ImageDigest::Manifest qw(sha256);

our @EXPORT = qw(image_json sha256);


sub start {
    my ($self, %o) = @_;

    return $self->SUPER::start if ref $self;

    return $self->SUPER::start(unix => 1, %o, http => sub { });
}


sub _connection {
    my ($self, $socket) = @_;

    $self->{http} = sub { return $self->_answer(@_) };

    return $self->SUPER::_connection($socket);
}


sub _answer {
    my ($self, $req) = @_;

    my ($what, $image) = _what($req);

    if ($self->{on}) {
        my $answer = $self->{on}->($req, $what, $image);

        return if ($answer // '') eq 'done';
        return $answer if $answer;
    }

    my $state = $req->{state};

    $what = 'pulled' if $what eq 'inspect' && $state->{pulled}
                        && $self->asked('pull');

    my $answer = $state->{$what}
        || [404, qq({"message":"No such image: $image","cause":"image not)
                 . ' known","response":404}'];

    return [$answer->[0], { 'Content-Type' => 'application/json',
                            %{ $answer->[2] || {} } }, $answer->[1]];
}


sub url { return 'unix:' . $_[0]->socket }


# what a request is, of what image

sub _what {
    my ($req) = @_;

    my ($path, $query) = split /\?/, $req->{path}, 2;

    return ('pull', url_unescape($query =~ /reference=([^&]*)/ ? $1
                    : $query =~ /fromImage=([^&]*)&tag=([^&]*)/ ? "$1:$2"
                    : ''))
        if $req->{method} eq 'POST' && $path =~ m{/images/(?:create|pull)$};

    return ($1 eq 'images' ? 'inspect' : 'distribution', $2)
        if $path =~ m{^(?:/v4[\d.]+/libpod)?/(images|distribution)/(.+)/json$};

    return ('else', '');
}


sub asked {
    my ($self, $kind) = @_;

    return $self->requests(sub { (_what($_))[0] eq $kind });
}


sub image_json {
    my (%image) = @_;

    return encode_json({
        Id => sha256('configuration'), RepoTags => [], RepoDigests => [],
        Os => 'linux', Architecture => 'amd64', %image });
}


1;
