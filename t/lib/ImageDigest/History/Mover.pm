package ImageDigest::History::Mover;

# Moves tags, by pushing a manifest under them to the registry itself, and tells
# when; and invalidates some of them in Redis, as a registry's event would.
#
#     my $mover = ImageDigest::History::Mover->new(
#         registry => $registry, plan => $plan, log => $log,
#         redis => '10.99.2.100:6379');
#     $mover->first;               # every tag is there
#     $mover->run;                 # the rest, in time, until it is over

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Mojo::UserAgent;
use Time::HiRes qw(sleep);
use ImageDigest::History::Purge;

our $repository = 'app';

my $oci = 'application/vnd.oci.image';
my $config = '{}';


sub new {
    my ($class, %o) = @_;

    return bless {
        %o, ua => Mojo::UserAgent->new(request_timeout => 10),
        purge  => ImageDigest::History::Purge->new($o{redis}),
    }, $class;
}


sub manifest {
    my ($seed, $tag, $image) = @_;

    # by hand, since the order of keys is of the digest

    return qq({"schemaVersion":2,"mediaType":"$oci.manifest.v1+json",)
           . qq("config":{"mediaType":"$oci.config.v1+json","size":2,)
           . qq("digest":"sha256:) . sha256_hex($config) . qq("},"layers":[],)
           . qq("annotations":{"of":"$seed:$tag:$image"}});
}


sub first {
    my ($self) = @_;

    my $ua = $self->{ua};
    my $base = $self->{registry}->url("/v2/$repository");
    my $upload = $ua->post("$base/blobs/uploads/")->res->headers->location;

    $upload .= ($upload =~ /\?/ ? '&' : '?') . 'digest=sha256:'
               . sha256_hex($config);

    my $code = $ua->put($upload => { 'Content-Type' =>
                                     'application/octet-stream' } => $config)
                  ->res->code;

    die "the registry takes no blob: $code\n" if $code != 201;

    $self->{moves} = [$self->{plan}->moves];

    while (@{ $self->{moves} } && $self->{moves}[0]{at} == 0) {
        $self->_move(shift @{ $self->{moves} });
    }
}


sub run {
    my ($self) = @_;

    my @todo = map { ($_, $_->{purge} ? { at => $_->{at} + $_->{purge},
                                          tag => $_->{tag} } : ()) }
               @{ $self->{moves} };

    for my $what (sort { $a->{at} <=> $b->{at} } @todo) {
        my $pause = $what->{at} - $self->{log}->now;

        sleep $pause if $pause > 0;
        $what->{image} ? $self->_move($what) : $self->_purge($what);
    }
}


sub _move {
    my ($self, $move) = @_;

    my $text = manifest($self->{plan}{seed}, $move->{tag}, $move->{image});
    my $start = $self->{log}->now;
    my $res = $self->{ua}->put(
        $self->{registry}->url("/v2/$repository/manifests/$move->{tag}")
        => { 'Content-Type' => "$oci.manifest.v1+json" } => $text)->res;

    $self->{log}->write({
        ev => 'move', tag => $move->{tag}, start => $start,
        end => $self->{log}->now, digest => 'sha256:' . sha256_hex($text),
        ok => ($res->code // 0) == 201 ? 1 : 0,
    });
}


sub _purge {
    my ($self, $what) = @_;

    my $start = $self->{log}->now;
    my ($ok, $answer) = $self->{purge}->send(
        "$self->{host}/$repository:$what->{tag}");

    $self->{log}->write({ ev => 'purge', tag => $what->{tag}, ok => $ok,
                          start => $start, end => $self->{log}->now,
                          answer => $answer });
}


1;
