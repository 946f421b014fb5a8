package ImageDigest::Clock;

# The clocks of a server that is started under it: the wall clock and the
# boot-time clock, each with an offset that a test moves.  CLOCK_MONOTONIC,
# by which nginx's timers run, is left alone.
#
#     my $clock = ImageDigest::Clock->new;
#     my $nginx = $clock->around(sub { ImageDigest::Nginx->start(...) });
#     $clock->advance(300);               # time passes
#     $clock->set(wall => -60);           # the wall clock alone, in seconds
#     $clock->time;                       # what its wall clock says

use strict;
use warnings;

use Time::HiRes ();
use ImageDigest::Util qw(tempdir spit run);


sub new {
    my ($class) = @_;

    my $self = bless { dir => tempdir(), wall => 0, boot => 0 }, $class;

    spit("$self->{dir}/clock.c", do { local $/; <DATA> } // '')
        unless $ImageDigest::Clock::library;

    $ImageDigest::Clock::library //= do {
        scalar run(qw(cc -O2 -shared -fPIC -o), "$self->{dir}/clock.so",
                   "$self->{dir}/clock.c");
        "$self->{dir}/clock.so";
    };

    spit("$self->{dir}/offsets", pack 'q<2', 0, 0);

    return $self;
}


sub around {
    my ($self, $code) = @_;

    local $ENV{LD_PRELOAD} = $ImageDigest::Clock::library;
    local $ENV{IMAGE_DIGEST_CLOCK} = "$self->{dir}/offsets";
    local $ENV{ASAN_OPTIONS} = join ':', 'verify_asan_link_order=0',
                                         $ENV{ASAN_OPTIONS} // ();

    return $code->();
}


sub set {
    my ($self, %o) = @_;

    @$self{ keys %o } = values %o;

    # in place, since it is mapped

    open my $out, '+<:raw', "$self->{dir}/offsets" or die "offsets: $!";
    syswrite $out, pack 'q<2', map { sprintf '%.0f', $self->{$_} * 1e9 }
                               qw(wall boot);
    close $out;

    return $self;
}


sub advance {
    my ($self, $seconds) = @_;

    return $self->set(map { $_ => $self->{$_} + $seconds } qw(wall boot));
}


sub time { return Time::HiRes::time() + $_[0]{wall} }


1;

__DATA__
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t  *offsets;

__attribute__((constructor)) static void
init(void)
{
    int          fd;
    const char  *name;

    name = getenv("IMAGE_DIGEST_CLOCK");
    fd = name ? open(name, O_RDONLY|O_CLOEXEC) : -1;

    if (fd != -1) {
        offsets = mmap(NULL, 16, PROT_READ, MAP_SHARED, fd, 0);
        close(fd);

        if (offsets == MAP_FAILED) {
            abort();
        }
    }
}

int
clock_gettime(clockid_t id, struct timespec *ts)
{
    int      rc;
    int64_t  ns;

    rc = syscall(SYS_clock_gettime, id, ts);

    if (rc == 0 && offsets
        && (id == CLOCK_REALTIME || id == CLOCK_BOOTTIME))
    {
        ns = ts->tv_sec * 1000000000LL + ts->tv_nsec
             + offsets[id == CLOCK_BOOTTIME];
        ts->tv_sec = ns / 1000000000;
        ts->tv_nsec = ns % 1000000000;
    }

    return rc;
}

int
gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    struct timespec  ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;

    return 0;
}

time_t
time(time_t *t)
{
    struct timespec  ts;

    clock_gettime(CLOCK_REALTIME, &ts);

    if (t) {
        *t = ts.tv_sec;
    }

    return ts.tv_sec;
}
