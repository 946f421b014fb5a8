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

    ngx_image_zone_lock(zone, &now);

    image_window_told(&sh->clock, time, ahead, sent, now.boot);
    sh->clock_source = zone->source;

    ngx_image_zone_unlock(zone);
}


void
ngx_image_zone_clock_away(ngx_image_zone_t *zone)
{
    image_moment_t  now;

    ngx_image_zone_lock(zone, &now);

    if (zone->sh->clock_source == zone->source) {
        image_window_away(&zone->sh->clock, now.boot);
    }

    ngx_image_zone_unlock(zone);
}


ngx_flag_t
ngx_image_zone_clock_asked(ngx_image_zone_t *zone, int64_t span)
{
    ngx_flag_t      asked;
    image_moment_t  now;

    ngx_image_zone_lock(zone, &now);

    asked = (zone->sh->clock_source == zone->source
             && image_window_asked(&zone->sh->clock, span, now.boot));

    ngx_image_zone_unlock(zone);

    return asked;
}


int64_t
ngx_image_zone_clock_highest(ngx_image_zone_t *zone)
{
    int64_t         highest;
    image_moment_t  now;

    ngx_image_zone_lock(zone, &now);

    highest = image_window_highest(&zone->sh->clock, now.boot);

    ngx_image_zone_unlock(zone);

    return highest;
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
