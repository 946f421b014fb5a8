package ImageDigest::Clock;

# The clocks of servers that are started under it, the wall clock and the
# boot-time clock, which stand still but for what a test moves them: so an age
# is what the test says, however slow the machine is.  (A microsecond passes
# with each look at them.)  CLOCK_MONOTONIC, by which nginx's timers run, is
# left alone.
#
#     my $clock = ImageDigest::Clock->new;
#     my $nginx = $clock->around(sub { ImageDigest::Nginx->start(...) });
#     $clock->advance(300);               # time passes
#     $clock->set(wall => -60);           # the wall clock alone, in seconds
#                                         # from when this one was made
#     $clock->time;                       # what the wall clock says

use strict;
use warnings;

use Time::HiRes ();
use ImageDigest::Util qw(tempdir spit slurp run);


my $library;


sub new {
    my ($class) = @_;

    $library //= do {
        my $dir = tempdir();

        spit("$dir/clock.c", do { local $/; <DATA> });
        scalar run(qw(cc -O2 -shared -fPIC -o), "$dir/clock.so",
                   "$dir/clock.c");
        "$dir/clock.so";
    };

    my $self = bless { dir => tempdir(), start => Time::HiRes::time(),
                       wall => 0, boot => 0 }, $class;

    spit("$self->{dir}/clock", pack 'q<3', 0, 0, 0);

    return $self->set;
}


sub around {
    my ($self, $code) = @_;

    local $ENV{LD_PRELOAD} = $library;
    local $ENV{IMAGE_DIGEST_CLOCK} = "$self->{dir}/clock";

    return $code->();
}


sub set {
    my ($self, %o) = @_;

    @$self{ keys %o } = values %o;

    # in place, since it is mapped

    my $start = sprintf '%.0f', $self->{start} * 1e9;

    open my $out, '+<:raw', "$self->{dir}/clock" or die "clock: $!";
    syswrite $out, pack 'q<2', map { $start + sprintf '%.0f', $_ * 1e9 }
                               $self->{wall}, $self->{boot};
    close $out;

    return $self;
}


sub advance {
    my ($self, $seconds) = @_;

    return $self->set(map { $_ => $self->{$_} + $seconds } qw(wall boot));
}


sub time {
    my ($self) = @_;

    my ($wall, undef, $looks) = unpack 'q<3', slurp("$self->{dir}/clock");

    return ($wall + $looks * 1000) / 1e9;
}


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

/* nanoseconds of the wall clock and the boot-time clock; looks at them */

static volatile int64_t  *times;

__attribute__((constructor)) static void
init(void)
{
    int          fd;
    const char  *name;

    name = getenv("IMAGE_DIGEST_CLOCK");
    fd = name ? open(name, O_RDWR|O_CLOEXEC) : -1;

    if (fd != -1) {
        times = mmap(NULL, 24, PROT_READ|PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);

        if (times == MAP_FAILED) {
            abort();
        }
    }
}

int
clock_gettime(clockid_t id, struct timespec *ts)
{
    int64_t  ns;

    if (times == NULL || (id != CLOCK_REALTIME && id != CLOCK_BOOTTIME)) {
        return syscall(SYS_clock_gettime, id, ts);
    }

    ns = times[id == CLOCK_BOOTTIME]
         + 1000 * __sync_add_and_fetch(&times[2], 1);

    ts->tv_sec = ns / 1000000000;
    ts->tv_nsec = ns % 1000000000;

    return 0;
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
