package ImageDigest::Waiting;

# An nginx with the module over a registry that answers only when it is told
# to, so that requests really are suspended.
#
#     my $nginx = ImageDigest::Waiting->start(
#         server   => '...',       # and the rest as for ImageDigest::Nginx
#         resolver => '...',       # more in image_resolver default
#     );
#     $nginx->hold;                # from now on the registry does not answer
#     ...                          # send requests
#     $nginx->wait_for_calls(1);   # it was asked, so they are suspended
#     $nginx->release;
#     $nginx->path('app:1', 'x');  # what the usual location takes
#     $nginx->key('app:1', 'x');   # the key that comes of it
#
# http has a server on @PORT2@ that tells the method and URI that it gets;
# %usual% in `server` is a location that passes artefacts on to it.

use strict;
use warnings;

use parent 'ImageDigest::Nginx';

use ImageDigest::Cache ();
use ImageDigest::Origin;
use ImageDigest::Util qw(wait_until);


sub new {
    my ($class, %o) = @_;

    $o{origin} ||= ImageDigest::Origin->start;

    return $class->SUPER::new(%o, gates => 0, _texts(%o));
}


sub configure {
    my ($self, %o) = @_;

    return $self->SUPER::configure(%o, _texts(%$self, %o));
}


sub _texts {
    my (%o) = @_;

    my $server = $o{server} // '%usual%';
    my $http = $o{http} // '';

    $server =~ s/%usual%/usual()/ge;

    return (server => $server) if $http =~ /image_resolver/;

    return (server => $server, http => <<"END" . $http);
image_resolver default {
    zone 1m;
    registry @{[ $o{origin}->host ]} insecure;
    timeout 20s;
    @{[ $o{resolver} // "" ]}
}
image_digest_timeout 20s;
server {
    listen 127.0.0.1:\@PORT2\@ backlog=1024;
    access_log off;
    location / { return 200 "\$request_method \$request_uri\\n"; }
}
END
}


sub usual {
    my ($more) = @_;

    return 'location ~ ^/i/(?<image>.+?)/-/(?<artifact>.+)$ {'
           . ' image_digest $image;'
           . ' image_digest_key $artifact; ' . ($more // '')
           . ' proxy_pass http://127.0.0.1:@PORT2@/$image_digest_key; }';
}


sub origin { return $_[0]{origin} }
sub image  { return $_[0]->origin->name($_[1]) }
sub path   { return '/i/' . $_[0]->image($_[1]) . "/-/$_[2]" }


sub key {
    my ($self, $image, @parts) = @_;

    return ImageDigest::Cache::key('digest', $self->origin->digest($image), '',
                                   @parts);
}


sub hold {
    my ($self) = @_;

    $self->origin->set(hold => ++$self->{gates});

    return $self;
}


sub release {
    my ($self) = @_;

    $self->origin->release($self->{gates});

    return $self;
}


sub calls { return $_[0]->origin->calls }

sub wait_for_calls {
    my ($self, $count) = @_;

    wait_until { $self->calls >= $count } "$count calls of the registry";

    return $self;
}


1;
