/*
 * Sessions on this host (rule 13).  Their time is the boot-time clock's alone:
 * a wall clock that jumps must not give a session another digest.  The pool
 * is in the order in which they end.
 */

#include <ngx_image_zone_sh.h>


ngx_int_t
ngx_image_zone_session(ngx_image_zone_t *zone, ngx_image_id_t *id,
    ngx_image_session_t *session)
{
    ngx_int_t                rc;
    image_moment_t           now;
    ngx_image_zone_entry_t  *e;

    rc = NGX_DECLINED;

    ngx_image_zone_lock(zone, &now);

    e = ngx_image_zone_find(zone->sh, id);

    if (e && e->session.until > now.boot) {
        *session = e->session;
        rc = NGX_OK;
    }

    ngx_image_zone_unlock(zone);

    return rc;
}


ngx_int_t
ngx_image_zone_bind(ngx_image_zone_t *zone, ngx_image_id_t *id,
    ngx_image_session_t *session, ngx_flag_t evict)
{
    ngx_int_t                rc;
    image_moment_t           now;
    ngx_image_zone_entry_t  *e, *oldest;

    rc = NGX_OK;

    ngx_image_zone_lock(zone, &now);

    e = ngx_image_zone_find(zone->sh, id);
    oldest = ngx_image_zone_oldest(zone->sh, NGX_IMAGE_ZONE_SESSIONS);

    if (e && e->session.until > now.boot) {
        *session = e->session;

    } else if (e) {
        e->session = *session;

    } else if (oldest && oldest->session.until > now.boot && !evict) {

        /* a session whose digest is forgotten could be given another one */

        rc = NGX_DECLINED;

    } else {
        e = ngx_image_zone_take(zone->sh, id, NGX_IMAGE_ZONE_SESSIONS);
        e->session = *session;
    }

    ngx_image_zone_unlock(zone);

    return rc;
}
