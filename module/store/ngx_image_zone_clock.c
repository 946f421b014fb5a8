/*
 * Redis' clock as this host carries it, and the windows of tag keys.
 */

#include <ngx_image_zone_sh.h>


/* a clock that is corrected by less was not set back, microseconds */
#define NGX_IMAGE_ZONE_SLEW  1000000


void
ngx_image_zone_set_shared_clock(ngx_image_zone_t *zone, int64_t now,
    int64_t sent, int64_t received)
{
    image_moment_t           lock;
    ngx_image_zone_clock_t  *clock;

    clock = &zone->sh->clock;

    ngx_image_zone_lock(zone, &lock);

    clock->offset = now - (sent + (received - sent) / 2);
    clock->known = 1;

    ngx_image_zone_unlock(zone);
}


int64_t
ngx_image_zone_window(ngx_image_zone_t *zone, ngx_flag_t shared,
    int64_t length, ngx_flag_t write)
{
    int64_t                  time, number;
    image_moment_t           now;
    ngx_image_zone_clock_t  *clock;

    clock = &zone->sh->clock;
    number = -1;

    ngx_image_zone_lock(zone, &now);

    if (shared && !clock->known) {
        goto done;
    }

    time = shared ? now.boot + clock->offset : now.wall;

    if (clock->window_boot == 0 || time >= clock->window) {
        clock->window = time;
        clock->window_boot = now.boot;

    } else if (clock->window - time > NGX_IMAGE_ZONE_SLEW) {

        /*
         * The clock was ahead, and was set back.  What was stored in its
         * last window may still be found, as long as that would have lasted;
         * but what is stored in it now would be found by others when they
         * come to it, however old it is by then.
         */

        time = clock->window + (now.boot - clock->window_boot);

        if (write || time / length != clock->window / length) {
            goto done;
        }
    }

    number = clock->window / length;

done:

    ngx_image_zone_unlock(zone);

    return number;
}
