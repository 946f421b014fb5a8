/*
 * Origins that do not answer, as a whole or one repository of theirs: failures
 * in a row.
 */

#include <ngx_image_zone_sh.h>


static ngx_flag_t ngx_image_zone_outage_of(ngx_image_outage_t *outage,
    ngx_image_id_t *repository);


ngx_int_t
ngx_image_zone_outage(ngx_image_zone_t *zone, ngx_image_id_t *id,
    ngx_image_id_t *repository, ngx_image_outage_t *outage)
{
    ngx_int_t                rc;
    image_moment_t           now;
    ngx_image_zone_entry_t  *e;

    rc = NGX_DECLINED;

    ngx_image_zone_lock(zone, &now);

    e = ngx_image_zone_find(zone->sh, id);

    if (e && ngx_image_zone_outage_of(&e->outage, repository)) {
        ngx_image_zone_touch(zone->sh, e);

        *outage = e->outage;
        rc = NGX_OK;
    }

    ngx_image_zone_unlock(zone);

    return rc;
}


void
ngx_image_zone_failed(ngx_image_zone_t *zone, ngx_image_id_t *id,
    ngx_image_id_t *repository, image_reason_e reason, image_moment_t *at)
{
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

    if (repository == NULL) {
        outage->whole = 1;

    } else if (outage->failures == 0) {
        outage->repository = *repository;

    } else if (!ngx_image_zone_outage_of(outage, repository)) {

        /* what the other one's failures were worth for all is not known: its
         * neighbours may have been answered meanwhile */

        outage->whole = 1;
        outage->failures = 0;
    }

    if (outage->failures++ == 0) {
        outage->first = *at;
        outage->last = *at;
    }

    if (outage->last.boot <= at->boot) {
        outage->reason = reason;
        outage->last = *at;
    }

    outage->took = now.boot - outage->last.boot;

    ngx_image_zone_unlock(zone);
}


void
ngx_image_zone_answered(ngx_image_zone_t *zone, ngx_image_id_t *id,
    ngx_image_id_t *repository)
{
    image_moment_t           now;
    ngx_image_zone_entry_t  *e;

    ngx_image_zone_lock(zone, &now);

    e = ngx_image_zone_find(zone->sh, id);

    if (e && ngx_image_zone_outage_of(&e->outage, repository)) {
        ngx_image_zone_forget(zone->sh, e);
    }

    ngx_image_zone_unlock(zone);
}


static ngx_flag_t
ngx_image_zone_outage_of(ngx_image_outage_t *outage,
    ngx_image_id_t *repository)
{
    return outage->whole
           || ngx_memcmp(outage->repository.hash, repository->hash,
                         IMAGE_HASH)
              == 0;
}
