/*
 * What Docker and Podman have in common: what a daemon would run is what it
 * has, or pulls.  Private to origin/.
 */

#ifndef NGX_IMAGE_DAEMON_H
#define NGX_IMAGE_DAEMON_H


#include <ngx_image_ask.h>
#include <image_inspect.h>


/* what differs */

typedef struct {
    ngx_str_t         inspect;         /* what stands before a name in paths */
    ngx_str_t         distribution;    /* likewise, or empty */

    image_reason_e  (*parse)(image_digest_t *digest, const u_char *body,
                        size_t len, const image_reference_t *reference,
                        const image_platform_t *platform);

    /* the path of a pull, with its query */
    ngx_int_t       (*pull)(ngx_image_call_t *call, ngx_str_t *path);
} ngx_image_daemon_t;


/* for ngx_image_engine_type_t; its ->cancel is ngx_image_ask_cancel() */
ngx_int_t ngx_image_daemon_identity(ngx_image_engine_t *engine,
    ngx_image_registry_t *registry, image_reference_t *reference,
    ngx_pool_t *pool, image_str_t *parts, ngx_uint_t *nparts);
ngx_int_t ngx_image_daemon_start(ngx_image_call_t *call,
    ngx_image_daemon_t *daemon);

/* "NAME" and the escaped value, of at most 3 * len bytes; what is after it */
u_char *ngx_image_daemon_argument(u_char *p, const char *name,
    const u_char *value, size_t len);


/* ngx_image_daemon_auth.c */

/*
 * The credentials of the image's registry alone, where there are some, into
 * the header.  NGX_OK, or NGX_ERROR, and the call has ended.
 */
ngx_int_t ngx_image_daemon_auth(ngx_image_ask_t *ask, ngx_image_fetch_t *f);


#endif /* NGX_IMAGE_DAEMON_H */
