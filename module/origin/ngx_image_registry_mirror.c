/*
 * Which host is asked: the mirrors of a registry in their order, then the
 * registry itself.
 *
 * A mirror stands for a registry, but is another host: it is asked with the
 * credentials that are its own, without the registry's client certificate,
 * and what it does is not held against the registry.
 */

#include <ngx_image_registry.h>


/* how often it is said that a mirror fails, seconds */
#define NGX_IMAGE_REGISTRY_SAY  60


static ngx_int_t ngx_image_registry_host(ngx_image_registry_ctx_t *ctx);
static ngx_int_t ngx_image_registry_ns(ngx_image_registry_ctx_t *ctx);
static void ngx_image_registry_timer_handler(ngx_event_t *ev);
static ngx_uint_t ngx_image_registry_is(image_str_t *domain,
    const char *name);


ngx_int_t
ngx_image_registry_next(ngx_image_call_t *call,
    ngx_image_registry_ctx_t *prev)
{
    ngx_int_t                  rc;
    ngx_uint_t                 hosts;
    ngx_array_t               *mirrors;
    ngx_msec_int_t             left;
    ngx_image_mirror_t        *mirror;
    ngx_image_registry_ctx_t  *ctx;

    static ngx_connection_t  dumb;         /* for the timer's debug log */

    ctx = ngx_pcalloc(call->pool, sizeof(ngx_image_registry_ctx_t));
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    ctx->call = call;
    call->down = 0;
    ctx->domain.data = (u_char *) call->reference->domain.data;
    ctx->domain.len = call->reference->domain.len;
    ctx->n = prev ? prev->n + 1 : 0;
    ctx->last = prev ? prev->last : ngx_current_msec + call->timeout;

    hosts = 1;
    mirrors = call->registry->mirrors;

    if (mirrors && ctx->n < mirrors->nelts) {
        mirror = mirrors->elts;
        ctx->mirror = &mirror[ctx->n];
        hosts += mirrors->nelts - ctx->n;
    }

    /* one that hangs leaves the others their time */

    left = (ngx_msec_int_t) (ctx->last - ngx_current_msec);

    ctx->share = ngx_max(left / (ngx_msec_int_t) hosts, 1);
    ctx->deadline = ngx_current_msec + ctx->share;

    /* nothing is left of the one before */

    call->retry_after = 0;
    ngx_str_null(&call->detail);

    rc = ngx_image_registry_host(ctx);

    if (rc == NGX_DECLINED && ctx->mirror) {
        ngx_str_set(&call->detail, "no URL that can be asked");
        ngx_image_registry_mirror_failed(ctx, IMAGE_BAD_RESPONSE);

        return ngx_image_registry_next(call, ctx);
    }

    if (rc != NGX_OK
        || ngx_image_registry_auth(ctx) != NGX_OK
        || ngx_image_registry_begin(ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    dumb.fd = (ngx_socket_t) -1;

    ctx->timer.handler = ngx_image_registry_timer_handler;
    ctx->timer.data = &dumb;
    ctx->timer.log = call->log;

    ngx_add_timer(&ctx->timer, ctx->share);

    call->state = ctx;

    return NGX_OK;
}


/* where it is, and what it is asked with; NGX_DECLINED: nowhere */

static ngx_int_t
ngx_image_registry_host(ngx_image_registry_ctx_t *ctx)
{
    ngx_int_t              rc;
    ngx_str_t              url;
    image_str_t            part;
    ngx_image_call_t      *call;
    ngx_image_registry_t  *registry;

    call = ctx->call;
    registry = call->registry;

    /* another host may have a certificate of the registry's authority, or of
     * a public one, and gets none of ours */

    ctx->other_tls.ca = registry->tls.ca;
    ctx->other_tls.system = 1;

    if (ctx->mirror) {
        url = ctx->mirror->url;

        if (registry->tls.ca.len) {
            ctx->tls = &ctx->other_tls;
        }

        rc = ngx_image_registry_mirror_credential(registry, ctx->mirror,
                                                  call->reference, call->pool,
                                                  &ctx->credential);

        if (rc != NGX_OK || ngx_image_registry_ns(ctx) != NGX_OK) {
            return NGX_ERROR;
        }

    } else {

        if (ngx_image_registry_endpoint(registry, call->reference, call->pool,
                                        &url)
            != NGX_OK
            || ngx_image_credential(registry->credentials, call->reference,
                                    call->pool, &ctx->credential)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (registry->tls.ca.len || registry->tls.certificate.len) {
            ctx->tls = &registry->tls;
        }
    }

    rc = ngx_image_registry_url(&ctx->own, call->pool, &url, NULL);

    if (rc != NGX_OK) {
        return rc;
    }

    while (ctx->own.text.len
           && ctx->own.text.data[ctx->own.text.len - 1] == '/')
    {
        ctx->own.text.len--;
    }

    part.data = ctx->own.text.data;
    part.len = ctx->own.text.len;

    return image_hash(ctx->host, &part, 1) == 0 ? NGX_OK : NGX_ERROR;
}


/* "?ns=docker.io": whose image is meant, as containerd says it */

static ngx_int_t
ngx_image_registry_ns(ngx_image_registry_ctx_t *ctx)
{
    u_char  *p;

    p = ngx_pnalloc(ctx->call->pool,
                    sizeof("?ns=") - 1 + 3 * ctx->domain.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ctx->query.data = p;

    p = ngx_cpymem(p, "?ns=", sizeof("?ns=") - 1);
    p = (u_char *) ngx_escape_uri(p, ctx->domain.data, ctx->domain.len,
                                  NGX_ESCAPE_URI_COMPONENT);

    ctx->query.len = p - ctx->query.data;

    return NGX_OK;
}


static void
ngx_image_registry_timer_handler(ngx_event_t *ev)
{
    ngx_image_registry_ctx_t  *ctx;

    ngx_log_debug0(NGX_LOG_DEBUG_CORE, ev->log, 0,
                   "image registry timer handler");

    ctx = (ngx_image_registry_ctx_t *)
              ((u_char *) ev - offsetof(ngx_image_registry_ctx_t, timer));

    ngx_image_registry_error(ctx, IMAGE_TIMEOUT, "no answer in %M ms",
                             ctx->share);
}


/* that a mirror does not have an image is an answer, and no failure of it */

void
ngx_image_registry_mirror_failed(ngx_image_registry_ctx_t *ctx,
    image_reason_e reason)
{
    time_t               now;
    ngx_uint_t           level;
    ngx_image_mirror_t  *mirror;

    mirror = ctx->mirror;
    level = NGX_LOG_INFO;

    if (reason != IMAGE_NOT_FOUND && reason != IMAGE_PLATFORM_NOT_FOUND) {
        now = ngx_time();

        if (mirror->said && now >= mirror->said
            && now - mirror->said < NGX_IMAGE_REGISTRY_SAY)
        {
            return;
        }

        mirror->said = now;
        level = NGX_LOG_WARN;
    }

    ngx_log_error(level, ctx->call->log, 0,
                  "mirror \"%V\" of registry \"%V\": %s (%V): the next host "
                  "is asked", &mirror->url, &ctx->domain,
                  image_reason_name(reason), &ctx->call->detail);
}


ngx_int_t
ngx_image_registry_endpoint(ngx_image_registry_t *registry,
    image_reference_t *reference, ngx_pool_t *pool, ngx_str_t *endpoint)
{
    u_char       *p;
    image_str_t  *domain;

    if (registry->endpoint.len) {
        *endpoint = registry->endpoint;
        return NGX_OK;
    }

    domain = &reference->domain;

    if (ngx_image_registry_is(domain, "docker.io")) {
        ngx_str_set(endpoint, "https://registry-1.docker.io");
        return NGX_OK;
    }

    p = ngx_pnalloc(pool, sizeof("https://") + domain->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    endpoint->data = p;

    p = ngx_sprintf(p, "%s://", registry->insecure ? "http" : "https");
    p = ngx_cpymem(p, domain->data, domain->len);
    *p = '\0';

    endpoint->len = p - endpoint->data;

    return NGX_OK;
}


/* what the same file holds for the mirror's own host; where that is the
 * registry's own name, those are the registry's */

ngx_int_t
ngx_image_registry_mirror_credential(ngx_image_registry_t *registry,
    ngx_image_mirror_t *mirror, image_reference_t *reference,
    ngx_pool_t *pool, image_credential_t *credential)
{
    image_str_t        *domain;
    image_reference_t   host;

    ngx_memzero(&host, sizeof(image_reference_t));

    host.domain.data = mirror->authority.data;
    host.domain.len = mirror->authority.len;
    host.path.data = (u_char *) "";

    domain = &reference->domain;

    if ((domain->len == host.domain.len
         && ngx_strncasecmp((u_char *) domain->data, mirror->authority.data,
                            domain->len)
            == 0)
        || ngx_image_registry_is(&host.domain, "docker.io")
        || ngx_image_registry_is(&host.domain, "index.docker.io"))
    {
        ngx_memzero(credential, sizeof(image_credential_t));
        return NGX_OK;
    }

    return ngx_image_credential(registry->credentials, &host, pool,
                                credential);
}


static ngx_uint_t
ngx_image_registry_is(image_str_t *domain, const char *name)
{
    size_t  len;

    len = ngx_strlen(name);

    return domain->len == len
           && ngx_strncasecmp((u_char *) domain->data, (u_char *) name, len)
              == 0;
}
