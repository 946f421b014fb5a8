/*
 * Windows of tag keys (image_window.h).
 */

#include "image_window.h"


#define IMAGE_WINDOW_SECOND  ((int64_t) 1000000)

/* two clocks part by no more than one in so many, unless one is corrected */
#define IMAGE_WINDOW_DRIFT   10000


static void image_window_set(image_window_clock_t *clock, int64_t low,
    int64_t high, int64_t boot);
static void image_window_set_back(image_window_clock_t *clock, int64_t time,
    int64_t boot);
static void image_window_carry(const image_window_clock_t *clock,
    int64_t boot, int64_t *low, int64_t *high);
static int64_t image_window_peak(const image_window_clock_t *clock,
    int64_t boot);
static int64_t image_window_max(int64_t a, int64_t b);
static int64_t image_window_min(int64_t a, int64_t b);


void
image_window_told(image_window_clock_t *clock, int64_t time, int64_t ahead,
    int64_t sent, int64_t boot)
{
    int64_t  low, high, was_low, was_high, peak, before;

    /* it was read at some moment between question and answer */

    low = time - boot;
    high = time - sent;

    if (clock->told) {
        image_window_carry(clock, boot, &was_low, &was_high);

        if (low <= was_high && high >= was_low
            && high - low <= IMAGE_WINDOW_SLEW)
        {
            /*
             * of a slow answer no more counts than is known; but while a still
             * slower one was under way the clock may have been set
             */

            low = image_window_max(low, was_low);
            high = image_window_min(high, was_high);

            goto set;
        }

        peak = image_window_peak(clock, boot);

        if (high < peak && peak - low > IMAGE_WINDOW_SLEW) {

            /* until now it was gone on by, here and by other hosts */

            before = image_window_max(boot + was_high, clock->used);

            image_window_set_back(clock, before, boot);

            clock->others = image_window_max(clock->others,
                                             before + IMAGE_WINDOW_UNASKED);
            clock->peak = low;
            clock->peak_at = boot;
        }

        if (sent < clock->told) {

            /* overtaken by what was told meanwhile: either may be later */

            low = image_window_min(low, was_low);
            high = image_window_max(high, was_high);
        }
    }

set:

    image_window_set(clock, low, high, boot);

    clock->asked = image_window_max(clock->asked, sent);

    if (ahead) {
        clock->others = image_window_max(clock->others,
                                         ahead + IMAGE_WINDOW_UNASKED);
    }
}


void
image_window_told_own(image_window_clock_t *clock, int64_t wall, int64_t boot)
{
    int64_t  offset;

    offset = wall - boot;

    if (image_window_peak(clock, boot) - offset > IMAGE_WINDOW_SLEW) {
        image_window_set_back(clock, clock->used, clock->used_at);

        clock->peak = offset;
        clock->peak_at = boot;
    }

    image_window_set(clock, offset, offset, boot);

    clock->asked = boot;
}


void
image_window_away(image_window_clock_t *clock, int64_t boot)
{
    if (!image_window_asked(clock, IMAGE_WINDOW_ANSWERED, boot)) {
        clock->away = boot;
    }
}


int
image_window_asked(const image_window_clock_t *clock, int64_t span,
    int64_t boot)
{
    return boot - clock->asked <= span;
}


int64_t
image_window_highest(const image_window_clock_t *clock, int64_t boot)
{
    if (clock->peak_at == 0) {
        return 0;
    }

    return image_window_max(boot + image_window_peak(clock, boot),
                            clock->ahead);
}


void
image_window_forget(image_window_clock_t *clock, int64_t boot)
{
    int64_t  low, high, others;

    others = image_window_max(clock->others, clock->used);

    if (clock->told) {
        image_window_carry(clock, boot, &low, &high);
        others = image_window_max(others, boot + image_window_max(low, high));
    }

    clock->others = others;
    clock->dead = image_window_max(others, clock->ahead);
    clock->told = 0;
}


int64_t
image_window_number(image_window_clock_t *clock, int64_t length, int write,
    int64_t boot)
{
    int64_t  low, high, number, span;

    /*
     * In what is the window here others may have stored when they were told
     * that the clock was set ahead.
     */

    span = write ? IMAGE_WINDOW_UNASKED
                 : image_window_min(length, IMAGE_WINDOW_UNASKED);

    if (clock->told == 0
        || boot - image_window_max(clock->asked, clock->away) > span)
    {
        return -1;
    }

    image_window_carry(clock, boot, &low, &high);

    low = image_window_max(boot + low, clock->used);
    high = image_window_max(boot + high, low);

    number = low / length;

    if (number != high / length) {
        return -1;
    }

    if (number > image_window_max(clock->ahead, clock->others) / length) {

        if (low > clock->used) {
            clock->used = low;
            clock->used_at = boot;
        }

        return number;
    }

    /*
     * The clock comes to this window again.  What is stored in it now others
     * would find when they come to it, however old it is by then.
     */

    if (write) {
        return -1;
    }

    number = clock->ahead / length;

    if ((clock->ahead + (boot - clock->ahead_at)) / length != number) {
        return -1;
    }

    /*
     * What is there may be older than it looks: from when the clock was set
     * back before; or where others were still further ahead, for as long as
     * this host had not been told.
     */

    if (number <= clock->dead / length || boot - clock->ahead_asked > length) {
        return -1;
    }

    return number;
}


int64_t
image_window_length(int64_t window, int64_t ttl)
{
    int64_t  length;

    length = window < ttl ? window : ttl;

    return length < IMAGE_WINDOW_SECOND ? 0 : length / IMAGE_WINDOW_SECOND;
}


static void
image_window_set(image_window_clock_t *clock, int64_t low, int64_t high,
    int64_t boot)
{
    if (clock->peak_at == 0 || low > image_window_peak(clock, boot)) {
        clock->peak = low;
        clock->peak_at = boot;
    }

    clock->low = low;
    clock->high = high;
    clock->told = boot;
}


/* before that it was at a time, at a moment; the highest time counts */

static void
image_window_set_back(image_window_clock_t *clock, int64_t time, int64_t boot)
{
    if (time <= clock->ahead) {
        return;
    }

    clock->dead = image_window_max(clock->ahead, clock->others);
    clock->ahead = time;
    clock->ahead_at = boot;
    clock->ahead_asked = clock->asked;
}


static void
image_window_carry(const image_window_clock_t *clock, int64_t boot,
    int64_t *low, int64_t *high)
{
    int64_t  drift;

    drift = (boot - clock->told) / IMAGE_WINDOW_DRIFT;

    *low = clock->low - drift;
    *high = clock->high + drift;
}


/* since then the two clocks may have parted by as much */

static int64_t
image_window_peak(const image_window_clock_t *clock, int64_t boot)
{
    return clock->peak - (boot - clock->peak_at) / IMAGE_WINDOW_DRIFT;
}


static int64_t
image_window_max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}


static int64_t
image_window_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}
