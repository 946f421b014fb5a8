/*
 * Redis' clock as this host carries it, and the windows of tag keys.
 */

#include <ngx_image_zone_sh.h>


/* a clock that is corrected by less was not set back, microseconds */
#define NGX_IMAGE_ZONE_SLEW  1000000


static ngx_flag_t ngx_image_zone_set_back(ngx_image_zone_clock_t *clock,
    int64_t was, int64_t was_boot, int64_t is, int64_t is_boot);


void
ngx_image_zone_set_shared_clock(ngx_image_zone_t *zone, int64_t now,
    int64_t sent, int64_t received)
{
    int64_t                  offset;
    image_moment_t           lock;
    ngx_image_zone_clock_t  *clock;

    clock = &zone->sh->clock;

    ngx_image_zone_lock(zone, &lock);

    offset = now - (sent + (received - sent) / 2);

    if (clock->known) {

        /* what other hosts may have used, too */

        (void) ngx_image_zone_set_back(clock, received + clock->offset,
                                       received, received + offset, received);
    }

    clock->offset = offset;
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

    if (clock->window_boot == 0 || time >= clock->window
        || ngx_image_zone_set_back(clock, clock->window, clock->window_boot,
                                   time, now.boot))
    {
        clock->window = time;
        clock->window_boot = now.boot;
    }

    number = clock->window / length;

    if (number <= clock->ahead / length) {

        /*
         * The clock was ahead, and comes to this window again.  What was
         * stored in its last one may still be found, as long as that would
         * have lasted; but what is stored in it now would be found by others
         * when they come to it, however old it is by then.
         */

        number = clock->ahead / length;
        time = clock->ahead + (now.boot - clock->ahead_boot);

        if (write || time / length != number) {
            number = -1;
        }
    }

done:

    ngx_image_zone_unlock(zone);

    return number;
}


/*
 * Whether a clock that said `was` at one moment of the boot-time clock, and
 * says `is` at another, was set back by more than a correction in between.
 */

static ngx_flag_t
ngx_image_zone_set_back(ngx_image_zone_clock_t *clock, int64_t was,
    int64_t was_boot, int64_t is, int64_t is_boot)
{
    if (was + (is_boot - was_boot) - is <= NGX_IMAGE_ZONE_SLEW) {
        return 0;
    }

    if (was > clock->ahead) {
        clock->ahead = was;
        clock->ahead_boot = was_boot;
    }

    return 1;
}
