/*
 * The engine "kubernetes": what kubelets report for running containers whose
 * spec names the reference, or what the one pod at an address runs for it
 * (core/image_pods.h).
 *
 * Each call is a current read: no resourceVersion is sent, so an API server
 * does not answer out of its own cache.  A platform is not looked at: a node
 * runs what it can.
 *
 * May use core/, net/ and nginx's core; knows nothing of caches.
 */

#include <ngx_image_ask.h>
#include <image_pods.h>


/* pods of a page: it is parsed in one go, which takes some 0.3 ms for each of
 * them, and the worker serves others between two pages */
#define NGX_IMAGE_KUBERNETES_LIMIT  "100"
#define NGX_IMAGE_KUBERNETES_PAGES  500    /* of one call */


typedef struct {
    ngx_image_ask_t   ask;             /* the first member */
    image_pods_t      pods;
    ngx_uint_t        pages;
    unsigned          again:1;         /* the list was begun anew */
} ngx_image_kubernetes_ctx_t;


static ngx_int_t ngx_image_kubernetes_start(ngx_image_call_t *call);
static void ngx_image_kubernetes_begin(ngx_image_kubernetes_ctx_t *ctx);
static ngx_int_t ngx_image_kubernetes_list(ngx_image_kubernetes_ctx_t *ctx);
static ngx_int_t ngx_image_kubernetes_path(ngx_image_kubernetes_ctx_t *ctx,
    ngx_str_t *path);
static void ngx_image_kubernetes_handler(ngx_image_ask_t *ask,
    ngx_image_fetch_t *f);
static void ngx_image_kubernetes_status(ngx_image_kubernetes_ctx_t *ctx,
    ngx_image_fetch_t *f);
static void ngx_image_kubernetes_end(ngx_image_kubernetes_ctx_t *ctx);
static const char *ngx_image_kubernetes_why(ngx_image_kubernetes_ctx_t *ctx,
    image_reason_e reason);


ngx_image_engine_type_t  ngx_image_kubernetes_engine = {
    ngx_string("kubernetes"),
    NGX_IMAGE_ENGINE_TOKEN|NGX_IMAGE_ENGINE_NAMESPACE|NGX_IMAGE_ENGINE_PODS,
    ngx_image_ask_identity,
    ngx_image_kubernetes_start,
    ngx_image_ask_cancel
};


static ngx_int_t
ngx_image_kubernetes_start(ngx_image_call_t *call)
{
    ngx_image_kubernetes_ctx_t  *ctx;

    ctx = ngx_pcalloc(call->pool, sizeof(ngx_image_kubernetes_ctx_t));
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    ctx->ask.call = call;

    ngx_image_kubernetes_begin(ctx);

    /* one time for all pages */

    ngx_image_ask_begin(&ctx->ask, call->timeout);

    return ngx_image_kubernetes_list(ctx);
}


static void
ngx_image_kubernetes_begin(ngx_image_kubernetes_ctx_t *ctx)
{
    ngx_image_call_t  *call;

    call = ctx->ask.call;

    ngx_memzero(&ctx->pods, sizeof(image_pods_t));

    ctx->pods.reference = call->reference;
    ctx->pods.address.data = call->pod.data;
    ctx->pods.address.len = call->pod.len;
}


/* the first page, or the one after that which was read last */

static ngx_int_t
ngx_image_kubernetes_list(ngx_image_kubernetes_ctx_t *ctx)
{
    ngx_str_t           path;
    ngx_image_ask_t    *ask;
    ngx_image_fetch_t  *f;

    ask = &ctx->ask;

    if (ngx_image_kubernetes_path(ctx, &path) != NGX_OK) {
        return NGX_ERROR;
    }

    f = ngx_image_ask_fetch(ask, NGX_IMAGE_FETCH_GET, &path, IMAGE_PODS_PAGE);
    if (f == NULL) {
        return NGX_ERROR;
    }

    /* for each page: the token may be replaced between two of them */

    if (ngx_image_ask_bearer(ask->call->engine, f) != NGX_OK) {
        return NGX_ERROR;
    }

    ctx->pages++;

    return ngx_image_ask_send(ask, f, ngx_image_kubernetes_handler);
}


/* the token of the next page is the server's text: it must stay a value */

static ngx_int_t
ngx_image_kubernetes_path(ngx_image_kubernetes_ctx_t *ctx, ngx_str_t *path)
{
    u_char              *p;
    size_t               len;
    ngx_str_t           *namespace;
    image_pods_t        *pods;

    static const char  namespaces[] = "/namespaces/";
    static const char  list[] = "/pods?limit=" NGX_IMAGE_KUBERNETES_LIMIT;
    static const char  selector[] = "&fieldSelector=status.podIP%3D";
    static const char  next[] = "&continue=";

    pods = &ctx->pods;
    namespace = &ctx->ask.call->engine->namespace;

    len = sizeof("/api/v1") + sizeof(namespaces) + sizeof(list)
          + sizeof(selector) + sizeof(next)
          + 3 * (namespace->len + pods->address.len + pods->next_len);

    p = ngx_pnalloc(ctx->ask.call->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    path->data = p;

    p = ngx_cpymem(p, "/api/v1", sizeof("/api/v1") - 1);

    if (namespace->len) {
        p = ngx_cpymem(p, namespaces, sizeof(namespaces) - 1);
        p = (u_char *) ngx_escape_uri(p, namespace->data, namespace->len,
                                      NGX_ESCAPE_URI_COMPONENT);
    }

    p = ngx_cpymem(p, list, sizeof(list) - 1);

    if (pods->address.len) {
        p = ngx_cpymem(p, selector, sizeof(selector) - 1);
        p = (u_char *) ngx_escape_uri(p, (u_char *) pods->address.data,
                                      pods->address.len,
                                      NGX_ESCAPE_URI_COMPONENT);
    }

    if (pods->next_len) {
        p = ngx_cpymem(p, next, sizeof(next) - 1);
        p = (u_char *) ngx_escape_uri(p, pods->next, pods->next_len,
                                      NGX_ESCAPE_URI_COMPONENT);
    }

    path->len = p - path->data;

    return NGX_OK;
}


static void
ngx_image_kubernetes_handler(ngx_image_ask_t *ask, ngx_image_fetch_t *f)
{
    image_reason_e               reason;
    ngx_image_kubernetes_ctx_t  *ctx;

    ctx = (ngx_image_kubernetes_ctx_t *) ask;

    if (f->status != 200) {
        ngx_image_kubernetes_status(ctx, f);
        return;
    }

    reason = image_pods_page(&ctx->pods, f->body.data, f->body.len);

    if (reason != IMAGE_OK) {
        ngx_image_ask_error(ask, reason, "no list of pods, or too long a one");
        return;
    }

    (void) ngx_pfree(f->pool, f->body.data);
    f->body.len = 0;

    /* what they disagree in no other page can mend */

    if (ctx->pods.next_len == 0 || ctx->pods.ambiguous) {
        ngx_image_kubernetes_end(ctx);
        return;
    }

    if (ctx->pages == NGX_IMAGE_KUBERNETES_PAGES) {
        ngx_image_ask_error(ask, IMAGE_BAD_RESPONSE,
                            "a list of pods without an end");
        return;
    }

    if (ngx_image_kubernetes_list(ctx) != NGX_OK) {
        ngx_image_ask_failed(ask);
    }
}


/* nothing of the answer's text is logged: it may repeat what it was asked */

static void
ngx_image_kubernetes_status(ngx_image_kubernetes_ctx_t *ctx,
    ngx_image_fetch_t *f)
{
    ngx_image_ask_t  *ask;

    ask = &ctx->ask;

    switch (f->status) {

    case 401:
        ngx_image_ask_error(ask, IMAGE_UNAUTHORIZED,
                            "401: the API server does not take its token");
        return;

    case 403:
        ngx_image_ask_error(ask, IMAGE_UNAUTHORIZED,
                            "403: it may not list pods");
        return;

    case 404:

        /* an API without pods tells nothing of the image */

        ngx_image_ask_error(ask, IMAGE_BAD_RESPONSE,
                            "404: no list of pods at its URL");
        return;

    case 410:

        /* the list is too old to be continued: all of it anew, but not for
         * ever where pods change faster than they can be listed */

        if (ctx->pods.next_len == 0 || ctx->again) {
            break;
        }

        ctx->again = 1;

        ngx_image_kubernetes_begin(ctx);

        if (ngx_image_kubernetes_list(ctx) != NGX_OK) {
            ngx_image_ask_failed(ask);
        }

        return;
    }

    ngx_image_ask_status(ask, f);
}


static void
ngx_image_kubernetes_end(ngx_image_kubernetes_ctx_t *ctx)
{
    image_digest_t   digest;
    image_reason_e   reason;

    reason = image_pods_end(&ctx->pods);

    if (reason == IMAGE_OK) {
        digest = ctx->pods.digest;
        ngx_image_ask_done(&ctx->ask, &digest);
        return;
    }

    ngx_image_ask_error(&ctx->ask, reason, "%s",
                        ngx_image_kubernetes_why(ctx, reason));
}


static const char *
ngx_image_kubernetes_why(ngx_image_kubernetes_ctx_t *ctx,
    image_reason_e reason)
{
    image_pods_t  *pods;

    pods = &ctx->pods;

    switch (reason) {

    case IMAGE_AMBIGUOUS:

        if (pods->address.len == 0 || pods->pods == 0) {
            return "running containers differ";
        }

        return pods->pods > 1 ? "several pods have that address"
                              : "its pod runs several, or has no address of "
                                "its own";

    case IMAGE_NOT_FOUND:

        if (pods->address.len == 0) {
            return "no running container is of it";
        }

        return pods->pods ? "no running container of its pod is of it"
                          : "no pod has that address";

    default:
        return "an imageID without a digest";
    }
}
