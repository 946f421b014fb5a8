/*
 * The windows of tag keys, and the clock that tells them: a shared one, as
 * this host carries it on by its boot-time clock, or the host's own.  Pure:
 * the clocks are read by the caller.
 *
 * What is stored under the number of a window is to be found for no longer
 * than the window lasts, by any host.  Two things stand against that.  The
 * shared clock may not be known well enough: so there are two bounds of it,
 * which part as time passes.  And a clock that is set back comes to windows
 * once more: so its highest times are remembered.
 *
 * All times and spans are in microseconds; "boot" is a moment of the boot-time
 * clock.
 */

#ifndef IMAGE_WINDOW_H
#define IMAGE_WINDOW_H


#include <stdint.h>


/* zeroed, it was never told */

typedef struct {
    int64_t  low;          /* the clock less the boot-time clock: the least, */
    int64_t  high;         /* ... and the most */
    int64_t  told;         /* boot: when it was told; 0: never */
    int64_t  asked;        /* boot: it was read after that */

    int64_t  used;         /* the highest time used here */
    int64_t  used_at;      /* boot */

    int64_t  ahead;        /* the highest time before it was set back */
    int64_t  ahead_at;     /* boot */
    int64_t  ahead_asked;  /* boot: it was read after that before */
    int64_t  dead;         /* up to here the window of "ahead" has what is
                              older than it looks */
    int64_t  others;       /* what other hosts may have used before it was set
                              back, nobody knows when */
} image_window_clock_t;


/*
 * The shared clock said "time" after the moment "sent".  "others": the highest
 * time before it was set back that other hosts may have used, or 0.
 */
void image_window_told(image_window_clock_t *clock, int64_t time,
    int64_t others, int64_t sent, int64_t boot);

/* this host's own wall clock, where it was the one that was told before, too */
void image_window_told_own(image_window_clock_t *clock, int64_t wall,
    int64_t boot);

/* all that is known for sure is that windows up to now may have been used */
void image_window_forget(image_window_clock_t *clock, int64_t boot);

/*
 * The number of the window of a length now.  It never goes below the highest
 * that was used here.  -1 where nothing could safely match: the clock may be
 * in either of two windows; or it was set back, and has not left the window of
 * its highest time behind yet.  That window can still be read by who was told
 * the time while it lasted, for as long as it would have, but not written.
 */
int64_t image_window_number(image_window_clock_t *clock, int64_t length,
    int write, int64_t boot);

/*
 * The effective window of the tag key: the smaller of both, in whole
 * seconds; 0 where nothing could match.
 */
int64_t image_window_length(int64_t window, int64_t ttl);


#endif /* IMAGE_WINDOW_H */
