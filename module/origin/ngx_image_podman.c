/*
 * The engine "podman": what this host's Podman would run, by its own API
 * (libpod), of which 4.0.0 is the oldest that is understood.
 *
 * May use core/, net/ and nginx's core; knows nothing of caches.
 */

#include <ngx_image_daemon.h>


#define NGX_IMAGE_PODMAN_API  "/v4.0.0/libpod"


static ngx_int_t ngx_image_podman_start(ngx_image_call_t *call);
static ngx_int_t ngx_image_podman_pull(ngx_image_call_t *call,
    ngx_str_t *path);


/* its API has no distribution */

static ngx_image_daemon_t  ngx_image_podman_daemon = {
    ngx_string(NGX_IMAGE_PODMAN_API "/images/"),
    ngx_null_string,
    image_inspect_podman,
    ngx_image_podman_pull
};


ngx_image_engine_type_t  ngx_image_podman_engine = {
    ngx_string("podman"),
    NGX_IMAGE_ENGINE_SOCKET|NGX_IMAGE_ENGINE_PULL
        |NGX_IMAGE_ENGINE_CREDENTIALS,
    ngx_image_daemon_identity,
    ngx_image_podman_start,
    ngx_image_ask_cancel
};


static ngx_int_t
ngx_image_podman_start(ngx_image_call_t *call)
{
    return ngx_image_daemon_start(call, &ngx_image_podman_daemon);
}


static ngx_int_t
ngx_image_podman_pull(ngx_image_call_t *call, ngx_str_t *path)
{
    u_char      *p, *part, *last, *slash;
    ngx_uint_t   i;

    static const char  pull[] = NGX_IMAGE_PODMAN_API "/images/pull?reference=";
    static const char  insecure[] = "&tlsVerify=false";

    /* the parts of a platform, in their order */
    static const char  *names[] = { "&OS=", "&Arch=", "&Variant=" };

    p = ngx_pnalloc(call->pool,
                    sizeof(pull) + sizeof(insecure)
                    + sizeof("&OS=&Arch=&Variant=")
                    + 3 * (call->reference->len + call->platform->len));
    if (p == NULL) {
        return NGX_ERROR;
    }

    path->data = p;

    p = ngx_image_daemon_argument(p, pull, call->reference->text,
                                  call->reference->len);

    part = call->platform->text;
    last = part + call->platform->len;

    for (i = 0; i < sizeof(names) / sizeof(names[0]) && part < last; i++) {
        slash = ngx_strlchr(part, last, '/');
        slash = slash ? slash : last;

        p = ngx_image_daemon_argument(p, names[i], part, slash - part);

        part = slash + 1;
    }

    if (call->registry->insecure) {
        p = ngx_cpymem(p, insecure, sizeof(insecure) - 1);
    }

    path->len = p - path->data;

    return NGX_OK;
}
