/*
 * Sessions on this host (rule 13).  Their time is the boot-time clock's alone:
 * a wall clock that jumps must not give a session another digest.
 */

#include <ngx_image_zone_sh.h>


/* how many sessions are looked at for one that may go */
#define NGX_IMAGE_ZONE_SESSION_STEPS  16


static ngx_flag_t ngx_image_zone_session_room(ngx_image_zone_sh_t *sh,
    image_moment_t *now);


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
    ngx_image_session_t *session)
{
    ngx_int_t                rc;
    image_moment_t           now;
    ngx_image_zone_entry_t  *e;

    rc = NGX_OK;

    ngx_image_zone_lock(zone, &now);

    e = ngx_image_zone_find(zone->sh, id);

    if (e && e->session.until > now.boot) {
        *session = e->session;

    } else if (e) {

        /* it begins anew, and ends after all others */

        ngx_image_zone_touch(zone->sh, e);
        e->session = *session;

    } else if (ngx_image_zone_session_room(zone->sh, &now)) {
        e = ngx_image_zone_take(zone->sh, id, NGX_IMAGE_ZONE_SESSIONS);
        e->session = *session;

    } else if (!session->shared) {
        rc = NGX_DECLINED;
    }

    ngx_image_zone_unlock(zone);

    return rc;
}


/*
 * Room for one more.  The oldest goes that has ended or that Redis has; the
 * others stay, since a session whose digest is forgotten could be given
 * another one, and are looked at again after all that are left.
 */

static ngx_flag_t
ngx_image_zone_session_room(ngx_image_zone_sh_t *sh, image_moment_t *now)
{
    ngx_uint_t               n;
    ngx_image_zone_entry_t  *e;

    for (n = 0; n < NGX_IMAGE_ZONE_SESSION_STEPS; n++) {
        e = ngx_image_zone_oldest(sh, NGX_IMAGE_ZONE_SESSIONS);

        if (e == NULL) {
            return 1;
        }

        if (e->session.until <= now->boot || e->session.shared) {
            ngx_image_zone_forget(sh, e);
            return 1;
        }

        ngx_image_zone_touch(sh, e);
    }

    return 0;
}
