/*
 * Claims: what must not happen twice at a time on this host.
 */

#include <ngx_image_zone_sh.h>


ngx_int_t
ngx_image_zone_claim(ngx_image_zone_t *zone, ngx_image_id_t *id,
    uint64_t owner, int64_t span, ngx_flag_t wait, int64_t *left)
{
    ngx_int_t                rc;
    image_moment_t           now;
    ngx_image_zone_entry_t  *e, *oldest;

    ngx_image_zone_lock(zone, &now);

    rc = NGX_OK;

    e = ngx_image_zone_find(zone->sh, id);

    if (e) {
        if (e->claim.owner != owner && e->claim.until > now.boot) {
            rc = NGX_BUSY;
            *left = e->claim.until - now.boot;

            if (wait) {
                ngx_image_bell_enter(zone->bell, &e->claim.waiting);
            }

            goto done;
        }

        ngx_image_zone_touch(zone->sh, e);

    } else {

        /* nobody's claim is taken away; the oldest is likely to have ended */

        oldest = ngx_image_zone_oldest(zone->sh, NGX_IMAGE_ZONE_CLAIMS);

        if (oldest && oldest->claim.until > now.boot) {
            rc = NGX_DECLINED;
            goto done;
        }

        e = ngx_image_zone_take(zone->sh, id, NGX_IMAGE_ZONE_CLAIMS);

        ngx_memzero(&e->claim, sizeof(ngx_image_zone_claim_t));
    }

    e->claim.owner = owner;
    e->claim.until = now.boot + span;

done:

    ngx_image_zone_unlock(zone);

    return rc;
}


void
ngx_image_zone_release(ngx_image_zone_t *zone, ngx_image_id_t *id,
    uint64_t owner)
{
    image_moment_t           now;
    ngx_image_bells_t        waiting;
    ngx_image_zone_entry_t  *e;

    ngx_memzero(&waiting, sizeof(ngx_image_bells_t));

    ngx_image_zone_lock(zone, &now);

    e = ngx_image_zone_find(zone->sh, id);

    if (e && e->claim.owner == owner) {
        waiting = e->claim.waiting;
        ngx_image_zone_forget(zone->sh, e);
    }

    ngx_image_zone_unlock(zone);

    ngx_image_bell_ring(zone->bell, &waiting);
}


void
ngx_image_zone_tell(ngx_image_zone_t *zone, ngx_image_id_t *id)
{
    image_moment_t           now;
    ngx_image_bells_t        waiting;
    ngx_image_zone_entry_t  *e;

    ngx_memzero(&waiting, sizeof(ngx_image_bells_t));

    ngx_image_zone_lock(zone, &now);

    e = ngx_image_zone_find(zone->sh, id);

    if (e) {
        waiting = e->claim.waiting;
        ngx_memzero(&e->claim.waiting, sizeof(ngx_image_bells_t));
    }

    ngx_image_zone_unlock(zone);

    ngx_image_bell_ring(zone->bell, &waiting);
}
