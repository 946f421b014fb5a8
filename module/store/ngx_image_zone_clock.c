/*
 * Redis' clock as this host carries it, and the windows of tag keys.
 */

#include <ngx_image_zone_sh.h>


/* a clock that is corrected by less was not set back, microseconds */
#define NGX_IMAGE_ZONE_SLEW  1000000

/* two clocks go alike for so long, microseconds */
#define NGX_IMAGE_ZONE_GOOD  60000000

/* a boot-time moment before that of any window */
#define NGX_IMAGE_ZONE_LONG_AGO  (INT64_MIN / 2)


static void ngx_image_zone_set_back(ngx_image_zone_clock_t *clock,
    int64_t was, int64_t boot);


void
ngx_image_zone_set_shared_clock(ngx_image_zone_t *zone, int64_t now,
    int64_t floor, int64_t sent, int64_t received)
{
    int64_t                  low, high;
    image_moment_t           lock;
    ngx_image_zone_clock_t  *clock;

    clock = &zone->sh->clock;

    low = now - received;
    high = now - sent;

    ngx_image_zone_lock(zone, &lock);

    if (clock->known) {

        if (low <= clock->high && high >= clock->low
            && high - low >= clock->high - clock->low
            && received - clock->boot < NGX_IMAGE_ZONE_GOOD)
        {
            /* a slow answer, which tells no more than is known */

            goto done;
        }

        if (clock->low - high > NGX_IMAGE_ZONE_SLEW) {

            /* what other hosts may have used, too */

            ngx_image_zone_set_back(clock, received + clock->high, received);
        }
    }

    clock->low = low;
    clock->high = high;
    clock->boot = received;
    clock->known = 1;

done:

    clock->behind = 0;

    /* other hosts may have used it, at a time that this one did not see */

    ngx_image_zone_set_back(clock, floor, NGX_IMAGE_ZONE_LONG_AGO);

    ngx_image_zone_unlock(zone);
}


void
ngx_image_zone_shared_clock_behind(ngx_image_zone_t *zone)
{
    image_moment_t  lock;

    ngx_image_zone_lock(zone, &lock);

    zone->sh->clock.behind = 1;

    ngx_image_zone_unlock(zone);
}


int64_t
ngx_image_zone_window(ngx_image_zone_t *zone, ngx_flag_t shared,
    int64_t length, ngx_flag_t write)
{
    int64_t                  low, high, time, number;
    ngx_flag_t               back;
    image_moment_t           now;
    ngx_image_zone_clock_t  *clock;

    clock = &zone->sh->clock;
    number = -1;

    ngx_image_zone_lock(zone, &now);

    if (shared && (!clock->known || (write && clock->behind))) {

        /* those who see Redis' clock come to a time of before later */

        goto done;
    }

    low = shared ? now.boot + clock->low : now.wall;
    high = shared ? now.boot + clock->high : now.wall;

    back = (clock->window_boot
            && clock->window + (now.boot - clock->window_boot) - high
               > NGX_IMAGE_ZONE_SLEW);

    if (back) {
        ngx_image_zone_set_back(clock, clock->window, clock->window_boot);
    }

    if (back || low >= clock->window) {
        clock->window = low;
        clock->window_boot = now.boot;
    }

    low = clock->window;

    if (low / length != ngx_max(low, high) / length) {

        /* which of two it is others may know better */

        goto done;
    }

    number = low / length;

    if (number <= clock->ahead / length) {

        /*
         * The clock was ahead, and comes to this window again.  What was
         * stored in its last one may still be found, as long as that would
         * have lasted; but what is stored in it now would be found by others
         * when they come to it, however old it is by then.
         */

        number = clock->ahead / length;
        time = clock->ahead + (now.boot - clock->ahead_boot);

        if (write || time / length != number
            || number <= clock->dead / length)
        {
            number = -1;
        }
    }

done:

    ngx_image_zone_unlock(zone);

    return number;
}


/* a clock said `was` before it was set back, which is the highest so far */

static void
ngx_image_zone_set_back(ngx_image_zone_clock_t *clock, int64_t was,
    int64_t boot)
{
    if (was > clock->ahead) {

        /* it may be in the same window, and is not as old as what is there */

        clock->dead = clock->ahead;
        clock->ahead = was;
        clock->ahead_boot = boot;
    }
}
