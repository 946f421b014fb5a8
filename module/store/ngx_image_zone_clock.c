/*
 * The clock that tells the windows of tag keys, Redis' or this host's wall
 * clock, as the boot-time clock carries it on; and the windows.
 *
 * Two things make a window unsafe.  Not to know the time well enough: so
 * there are two bounds of it, which part as time passes, and where they are in
 * two windows there is none.  And a clock that is set back, for then it comes
 * to the same window twice: so the highest time that it was is remembered.
 */

#include <ngx_image_zone_sh.h>


/* a clock that is corrected by less was not set back, microseconds */
#define NGX_IMAGE_ZONE_SLEW  1000000

/* two clocks part by one in so many at the most */
#define NGX_IMAGE_ZONE_DRIFT  10000


static void ngx_image_zone_clock_told(ngx_image_zone_t *zone,
    ngx_flag_t shared, int64_t low, int64_t high, int64_t sent,
    image_moment_t *now);
static void ngx_image_zone_clock_carry(ngx_image_zone_clock_t *clock,
    int64_t boot, int64_t *low, int64_t *high);
static void ngx_image_zone_clock_set_back(ngx_image_zone_clock_t *clock,
    int64_t time, int64_t boot);


void
ngx_image_zone_set_shared_clock(ngx_image_zone_t *zone, int64_t time,
    int64_t ahead, int64_t sent)
{
    image_moment_t           now;
    ngx_image_zone_clock_t  *clock;

    clock = &zone->sh->clock;

    ngx_image_zone_lock(zone, &now);

    ngx_image_zone_clock_told(zone, 1, time - now.boot, time - sent, sent,
                              &now);

    /* and some have not heard of it yet */

    if (ahead) {
        clock->others = ngx_max(clock->others, ahead + zone->unasked);
    }

    ngx_image_zone_unlock(zone);
}


int64_t
ngx_image_zone_window(ngx_image_zone_t *zone, ngx_flag_t shared,
    int64_t length, ngx_flag_t write)
{
    int64_t                  low, high, time, number;
    image_moment_t           now;
    ngx_image_zone_clock_t  *clock;

    clock = &zone->sh->clock;
    number = -1;

    ngx_image_zone_lock(zone, &now);

    if (!shared) {
        ngx_image_zone_clock_told(zone, 0, now.wall - now.boot,
                                  now.wall - now.boot, now.boot, &now);

    } else if (clock->boot == 0 || clock->source != zone->source) {
        goto done;
    }

    ngx_image_zone_clock_carry(clock, now.boot, &low, &high);

    low = ngx_max(now.boot + low, clock->window);
    high = ngx_max(now.boot + high, low);

    if (low / length != high / length) {

        /* which of two it is others may know better */

        goto done;
    }

    if (low > clock->window) {
        clock->window = low;
        clock->window_boot = now.boot;
    }

    number = low / length;

    if (number <= ngx_max(clock->ahead, clock->others) / length) {

        /*
         * The clock was ahead, and comes to this window again.  What was
         * stored in its last one may still be found, as long as that would
         * have lasted, by who was there; but what is stored in it now would
         * be found by others when they come to it, however old it is by then.
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


void
ngx_image_zone_clock_torn(ngx_image_zone_sh_t *sh, image_moment_t *now)
{
    int64_t                  low, high, others;
    ngx_image_zone_clock_t  *clock;

    clock = &sh->clock;
    others = ngx_max(ngx_max(clock->others, clock->ahead), clock->window);

    if (clock->boot) {
        ngx_image_zone_clock_carry(clock, now->boot, &low, &high);

        others = ngx_max(others, now->boot + ngx_max(low, high));
    }

    ngx_memzero(clock, sizeof(ngx_image_zone_clock_t));

    clock->others = others;
}


/* the clock, less the boot-time clock, was between two bounds after "sent" */

static void
ngx_image_zone_clock_told(ngx_image_zone_t *zone, ngx_flag_t shared,
    int64_t low, int64_t high, int64_t sent, image_moment_t *now)
{
    int64_t                  was_low, was_high;
    ngx_image_zone_clock_t  *clock;

    clock = &zone->sh->clock;

    if (clock->boot == 0) {
        goto told;
    }

    ngx_image_zone_clock_carry(clock, now->boot, &was_low, &was_high);

    if (was_low - high > NGX_IMAGE_ZONE_SLEW) {

        /* until now other hosts may have gone on by it, too */

        if (shared) {
            ngx_image_zone_clock_set_back(clock,
                                          ngx_max(now->boot + was_high,
                                                  clock->window),
                                          now->boot);

        } else {
            ngx_image_zone_clock_set_back(clock, clock->window,
                                          clock->window_boot);
        }

    } else if (low <= was_high && high >= was_low) {

        /* of a slow answer no more counts than is known */

        low = ngx_max(low, was_low);
        high = ngx_min(high, was_high);

    } else if (low > was_high && sent < clock->boot) {

        /* it was overtaken by another, and may be from before a set-back */

        return;
    }

told:

    clock->low = low;
    clock->high = high;
    clock->boot = now->boot;
    clock->source = zone->source;
}


static void
ngx_image_zone_clock_carry(ngx_image_zone_clock_t *clock, int64_t boot,
    int64_t *low, int64_t *high)
{
    int64_t  drift;

    drift = (boot - clock->boot) / NGX_IMAGE_ZONE_DRIFT;

    *low = clock->low - drift;
    *high = clock->high + drift;
}


/* the clock was at a time before that; the highest one counts */

static void
ngx_image_zone_clock_set_back(ngx_image_zone_clock_t *clock, int64_t time,
    int64_t boot)
{
    if (time > clock->ahead) {

        /* it may be in the same window, and is not as old as what is there */

        clock->dead = ngx_max(clock->ahead, clock->others);
        clock->ahead = time;
        clock->ahead_boot = boot;
    }

    /* before the clock, of which a killed worker would leave nothing else */

    ngx_memory_barrier();
}
