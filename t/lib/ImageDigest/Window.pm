package ImageDigest::Window;

# A host with a Redis, and in which window its tag keys are.
#
#     my $host = ImageDigest::Window->start($clock, $origin, $redis, 100);
#     my ($window, $write) = $host->ask;     # and its Redis, or that which is
#                                            # named, was asked
#     my ($window, $write) = $host->know;    # Redis is away
#     my ($window, $write) = $host->again;   # of the same image: it may be
#                                            # known that there is none
#
# The number of the window of so many seconds, or undef where nothing could
# match; and what becomes of a write, "passed" or "dropped".

use strict;
use warnings;

use ImageDigest::Cache qw(tag_key);


my $number = 0;


# Under its clock.  More goes to the location.

sub start {
    my ($class, $clock, $origin, $redis, $length, %o) = @_;

    my $self = bless { clock => $clock, origin => $origin, redis => $redis,
                       length => $length }, $class;

    $self->{cache} = $clock->around(sub {
        ImageDigest::Cache->start(
            %o,
            resolver  => $self->_resolver,
            locations => { i => "image_digest_timeout 20s;\n"
                                . "image_digest_ttl ${length}s;" });
    });

    return $self;
}


sub cache { return $_[0]{cache} }


# Another Redis, or none, from the next reload on.

sub use {
    my ($self, $redis) = @_;

    $self->{redis} = $redis;
    $self->{cache}->configure(resolver => $self->_resolver);

    return $self;
}


sub ask {
    my ($self, $redis) = @_;

    my ($before, @told);

    $redis //= $self->{redis};

    $self->{cache}->poll(sub {
        $before = _asked($redis);
        @told = $self->know;
        _asked($redis) > $before;
    }, 'redis to be asked');

    return @told;
}


sub know {
    my ($self) = @_;

    $self->{image} = $self->{origin}->name('app:none' . ++$number);

    return $self->again;
}


sub again {
    my ($self) = @_;

    my ($cache, $length, $image) = @$self{qw(cache length image)};
    my $get = $cache->ask('i', $image);
    my $put = $cache->ask('i', $image, method => 'PUT', body => 'x');
    my $near = int($self->{clock}->time / $length);

    return (undef, $put->{write}) if $get->{code} == 404;

    my ($window) = grep { $get->{key} eq tag_key($image,
                                                 window => "$length/$_") }
                   map { $near + $_ } -30 .. 30;

    die "a window far away: $get->{key}" unless defined $window;

    return ($window, $put->{write});
}


sub _resolver {
    my ($self) = @_;

    return 'registry ' . $self->{origin}->host . " insecure;\n"
           . ($self->{redis} ? 'redis ' . $self->{redis}->url
                               . " timeout=20s;\n" : '')
           . "timeout 20s;\nrefresh off;";
}


sub _asked {
    my ($redis) = @_;

    return $redis->isa('ImageDigest::FakeRedis')
           ? $redis->commands
           : $redis->calls('eval') + $redis->calls('evalsha');
}


1;
