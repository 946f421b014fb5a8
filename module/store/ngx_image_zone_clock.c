/*
 * The clock of this host's windows (image_window.h), Redis' or its own.
 */

#include <ngx_image_zone_sh.h>


void
ngx_image_zone_set_shared_clock(ngx_image_zone_t *zone, int64_t time,
    int64_t ahead, int64_t sent)
{
    image_moment_t        now;
    ngx_image_zone_sh_t  *sh;

    sh = zone->sh;

    /* some other hosts may not have heard of it yet */

    if (ahead) {
        ahead += zone->unasked;
    }

    ngx_image_zone_lock(zone, &now);

    image_window_told(&sh->clock, time, ahead, sent, now.boot);
    sh->clock_source = zone->source;

    ngx_image_zone_unlock(zone);
}


int64_t
ngx_image_zone_window(ngx_image_zone_t *zone, ngx_flag_t shared,
    int64_t length, ngx_flag_t write)
{
    int64_t               number;
    image_moment_t        now;
    ngx_image_zone_sh_t  *sh;

    sh = zone->sh;
    number = -1;

    ngx_image_zone_lock(zone, &now);

    /* after a reload it may be another's, which says nothing of this one */

    if (!shared && sh->clock_source == zone->source) {
        image_window_told_own(&sh->clock, now.wall, now.boot);

    } else if (!shared) {
        image_window_told(&sh->clock, now.wall, 0, now.boot, now.boot);
        sh->clock_source = zone->source;
    }

    if (sh->clock_source == zone->source) {
        number = image_window_number(&sh->clock, length, write, now.boot);
    }

    ngx_image_zone_unlock(zone);

    return number;
}
