/*
 * The windows of tag keys, and the clock that tells them: a shared one, as
 * this host carries it on by its boot-time clock, or the host's own.  Pure:
 * the clocks are read by the caller.
 *
 * What is stored under the number of a window is to be found for no longer
 * than the window lasts, by any host.  Two things stand against that.  The
 * shared clock may not be known well enough: so there are two bounds of it,
 * which part as time passes.  And a clock that is set back comes to windows
 * once more: so its highest times are remembered, and told to whoever keeps
 * the shared clock.
 *
 * All times and spans are in microseconds; "boot" is a moment of the boot-time
 * clock.
 */

#ifndef IMAGE_WINDOW_H
#define IMAGE_WINDOW_H


#include <stdint.h>


/*
 * The shared clock is carried on for so long, unless it was asked in vain.  So
 * whoever did not hear that it was set back did not go further than that.
 */
#define IMAGE_WINDOW_UNASKED   ((int64_t) 10000000)

/* whoever asks for this host asks so often that answers get no older: while
 * one of them is told the time, it is not away, though others ask in vain */
#define IMAGE_WINDOW_ANSWERED  ((int64_t) 3000000)

/* a clock that is behind by no more, in all, was corrected and not set back:
 * what is found is older than it may be by no more than that */
#define IMAGE_WINDOW_SLEW      ((int64_t) 1000000)


/* zeroed, it was never told */

typedef struct {
    int64_t  low;          /* the clock less the boot-time clock: the least, */
    int64_t  high;         /* ... and the most */
    int64_t  told;         /* boot: when it was told; 0: never */
    int64_t  asked;        /* boot: it was read after that */
    int64_t  away;         /* boot: ... or was asked for in vain */

    int64_t  peak;         /* the highest of "low", which drifts away */
    int64_t  peak_at;      /* boot; 0: never */

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
 * The shared clock said "time" after the moment "sent".  "ahead": the highest
 * time that it, or a host that has told it, had before it was set back, or 0.
 */
void image_window_told(image_window_clock_t *clock, int64_t time,
    int64_t ahead, int64_t sent, int64_t boot);

/* somebody of this host has asked for it in vain */
void image_window_away(image_window_clock_t *clock, int64_t boot);

/* was it read within the span? */
int image_window_asked(const image_window_clock_t *clock, int64_t span,
    int64_t boot);

/*
 * The time that it is, or was before it was set back, as far as this host
 * knows, or 0.  A clock that is behind it by more than IMAGE_WINDOW_SLEW was
 * set back.
 */
int64_t image_window_highest(const image_window_clock_t *clock, int64_t boot);

/* this host's own wall clock, where it was the one that was told before, too */
void image_window_told_own(image_window_clock_t *clock, int64_t wall,
    int64_t boot);

/* all that is known for sure is that windows up to now may have been used */
void image_window_forget(image_window_clock_t *clock, int64_t boot);

/*
 * The number of the window of a length now.  It never goes below the highest
 * that was used here.  -1 where nothing could safely match: the clock was not
 * asked lately; it may be in either of two windows; or it was set back, and has
 * not left the window of its highest time behind yet.  That window can still be
 * read by who was told the time while it lasted, for as long as it would have,
 * but not written.
 */
int64_t image_window_number(image_window_clock_t *clock, int64_t length,
    int write, int64_t boot);

/*
 * The effective window of the tag key: the smaller of both, in whole
 * seconds; 0 where nothing could match.
 */
int64_t image_window_length(int64_t window, int64_t ttl);


#endif /* IMAGE_WINDOW_H */
