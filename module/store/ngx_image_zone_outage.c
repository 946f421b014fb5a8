/*
 * Outages: failures in a row of an origin or of a part of it.  After some, over
 * some time in which nobody was answered, it is open: it counts as down.
 */

#include <ngx_image_zone_sh.h>


#define NGX_IMAGE_ZONE_OUTAGE_COUNT  3         /* failures in a row */
#define NGX_IMAGE_ZONE_OUTAGE_SPAN   1000000   /* ... over so long at the
                                                  least, microseconds */


ngx_int_t
ngx_image_zone_outage(ngx_image_zone_t *zone, ngx_image_id_t *id,
    ngx_image_outage_t *outage)
{
    ngx_int_t                rc;
    image_moment_t           now;
    ngx_image_zone_entry_t  *e;

    rc = NGX_DECLINED;

    ngx_image_zone_lock(zone, &now);

    e = ngx_image_zone_find(zone->sh, id);

    if (e && e->outage.open) {
        ngx_image_zone_touch(zone->sh, e);

        *outage = e->outage;
        rc = NGX_OK;
    }

    ngx_image_zone_unlock(zone);

    return rc;
}


ngx_flag_t
ngx_image_zone_failed(ngx_image_zone_t *zone, ngx_image_id_t *id,
    ngx_image_id_t *part, image_reason_e reason, image_moment_t *at,
    ngx_uint_t *failures)
{
    ngx_flag_t               opens;
    image_moment_t           now;
    ngx_image_outage_t      *outage;
    ngx_image_zone_entry_t  *e;

    ngx_image_zone_lock(zone, &now);

    e = ngx_image_zone_find(zone->sh, id);

    if (e == NULL) {
        e = ngx_image_zone_take(zone->sh, id, NGX_IMAGE_ZONE_FAILURES);
        ngx_memzero(&e->outage, sizeof(ngx_image_outage_t));

    } else {
        ngx_image_zone_touch(zone->sh, e);
    }

    outage = &e->outage;

    if (outage->failures == 0) {
        outage->first = now.boot;
    }

    if (outage->failures == 0 || part == NULL
        || ngx_memcmp(part->hash, outage->part.hash, IMAGE_HASH) != 0)
    {
        outage->failures++;
    }

    if (part) {
        outage->part = *part;
    }

    if (outage->reason == IMAGE_OK || outage->at.boot <= at->boot) {
        outage->reason = reason;
        outage->at = *at;
    }

    opens = !outage->open
            && outage->failures >= NGX_IMAGE_ZONE_OUTAGE_COUNT
            && now.boot - outage->first >= NGX_IMAGE_ZONE_OUTAGE_SPAN;

    if (opens) {
        outage->open = 1;
    }

    *failures = outage->failures;

    ngx_image_zone_unlock(zone);

    return opens;
}


ngx_flag_t
ngx_image_zone_answered(ngx_image_zone_t *zone, ngx_image_id_t *id)
{
    ngx_flag_t               closes;
    image_moment_t           now;
    ngx_image_zone_entry_t  *e;

    closes = 0;

    ngx_image_zone_lock(zone, &now);

    e = ngx_image_zone_find(zone->sh, id);

    if (e) {
        closes = e->outage.open;
        ngx_image_zone_forget(zone->sh, e);
    }

    ngx_image_zone_unlock(zone);

    return closes;
}
