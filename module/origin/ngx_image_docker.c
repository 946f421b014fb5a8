/*
 * The engine "docker": what this daemon would run (Docker Engine API).  The
 * paths are without a version: the daemon's own is taken.
 *
 * May use core/, net/ and nginx's core; knows nothing of caches.
 */

#include <ngx_image_daemon.h>


static ngx_int_t ngx_image_docker_start(ngx_image_call_t *call);
static ngx_int_t ngx_image_docker_pull(ngx_image_call_t *call,
    ngx_str_t *path);


static ngx_image_daemon_t  ngx_image_docker_daemon = {
    ngx_string("/images/"),
    ngx_string("/distribution/"),
    image_inspect_docker,
    ngx_image_docker_pull
};


ngx_image_engine_type_t  ngx_image_docker_engine = {
    ngx_string("docker"),
    NGX_IMAGE_ENGINE_SOCKET|NGX_IMAGE_ENGINE_PULL
        |NGX_IMAGE_ENGINE_DISTRIBUTION|NGX_IMAGE_ENGINE_CREDENTIALS,
    ngx_image_daemon_identity,
    ngx_image_docker_start,
    ngx_image_ask_cancel
};


static ngx_int_t
ngx_image_docker_start(ngx_image_call_t *call)
{
    return ngx_image_daemon_start(call, &ngx_image_docker_daemon);
}


/* always with a tag: without one all tags are pulled */

static ngx_int_t
ngx_image_docker_pull(ngx_image_call_t *call, ngx_str_t *path)
{
    u_char             *p;
    image_reference_t  *reference;

    static const char  create[] = "/images/create?fromImage=";
    static const char  tag[] = "&tag=";
    static const char  platform[] = "&platform=";

    reference = call->reference;

    p = ngx_pnalloc(call->pool,
                    sizeof(create) + sizeof(tag) + sizeof(platform)
                    + 3 * (reference->len + call->platform->len));
    if (p == NULL) {
        return NGX_ERROR;
    }

    path->data = p;

    p = ngx_image_daemon_argument(p, create, reference->text,
                                  reference->path.data + reference->path.len
                                  - reference->text);
    p = ngx_image_daemon_argument(p, tag, reference->tag.data,
                                  reference->tag.len);

    if (call->platform->len) {
        p = ngx_image_daemon_argument(p, platform, call->platform->text,
                                      call->platform->len);
    }

    path->len = p - path->data;

    return NGX_OK;
}
