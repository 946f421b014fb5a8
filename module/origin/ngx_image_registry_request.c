/*
 * One request to a registry or a mirror: where it goes, with what, and how it
 * ends.
 *
 * What is sent where: credentials, tokens and client certificates go to the
 * host's own origin (scheme, host and port) alone.  Redirects are
 * followed by hand, few, never from https to http, and never to an address
 * class in which the host itself is not.
 */

#include <ngx_image_registry.h>
#include <ngx_image_ask.h>

#include <curl/curl.h>


#define NGX_IMAGE_REGISTRY_HOPS    3
#define NGX_IMAGE_REGISTRY_URL     8192
#define NGX_IMAGE_REGISTRY_DETAIL  512


static ngx_int_t ngx_image_registry_request(ngx_image_registry_ctx_t *ctx,
    ngx_image_url_t *url);
static void ngx_image_registry_request_handler(ngx_image_fetch_t *f);
static void ngx_image_registry_redirect(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_t *f);
static ngx_uint_t ngx_image_registry_is_own(ngx_image_registry_ctx_t *ctx,
    ngx_image_url_t *url);
static ngx_uint_t ngx_image_registry_deny(ngx_image_registry_ctx_t *ctx,
    ngx_uint_t own);
static ngx_int_t ngx_image_registry_part(ngx_pool_t *pool, CURLU *u,
    CURLUPart part, unsigned int flags, ngx_str_t *value);
static void ngx_image_registry_detail(ngx_image_registry_ctx_t *ctx,
    ngx_str_t *what);
static void ngx_image_registry_close(ngx_image_registry_ctx_t *ctx);


ngx_int_t
ngx_image_registry_ask(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_method_e method, ngx_str_t *path, const char *accept,
    ngx_image_registry_pt handler)
{
    u_char      *p;
    ngx_str_t    text;
    ngx_pool_t  *pool;

    pool = ctx->call->pool;

    text.len = ctx->own.text.len + path->len + ctx->query.len;

    text.data = ngx_pnalloc(pool, text.len + 1);
    if (text.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(text.data, ctx->own.text.data, ctx->own.text.len);
    p = ngx_cpymem(p, path->data, path->len);

    if (ctx->query.len) {
        p = ngx_cpymem(p, ctx->query.data, ctx->query.len);
    }

    *p = '\0';

    ctx->method = method;
    ctx->url = ctx->own;
    ctx->url.text = text;
    ctx->accept.data = (u_char *) accept;
    ctx->accept.len = ngx_strlen(accept);
    ctx->handler = handler;
    ctx->hops = 0;

    return ngx_image_registry_request(ctx, &ctx->url);
}


void
ngx_image_registry_again(ngx_image_registry_ctx_t *ctx)
{
    ctx->hops = 0;

    if (ngx_image_registry_request(ctx, &ctx->url) != NGX_OK) {
        ngx_image_registry_error(ctx, IMAGE_OVERLOADED,
                                 "the request could not be made");
    }
}


static ngx_int_t
ngx_image_registry_request(ngx_image_registry_ctx_t *ctx,
    ngx_image_url_t *url)
{
    ngx_image_fetch_t  *f;

    f = ngx_image_registry_fetch(ctx, ctx->method, url,
                                 ngx_image_registry_request_handler);
    if (f == NULL) {
        return NGX_ERROR;
    }

    f->accept = ctx->accept;
    f->no_cache = 1;
    f->max_body = IMAGE_MANIFEST_MAX;

    if (ngx_image_registry_is_own(ctx, url)) {
        f->authorization = ctx->authorization;
    }

    return ngx_image_registry_send(ctx, f);
}


ngx_image_fetch_t *
ngx_image_registry_fetch(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_method_e method, ngx_image_url_t *url,
    ngx_image_fetch_pt handler)
{
    ngx_uint_t          own;
    ngx_msec_int_t      left;
    ngx_image_fetch_t  *f;

    f = ngx_pcalloc(ctx->call->pool, sizeof(ngx_image_fetch_t));
    if (f == NULL) {
        return NULL;
    }

    own = ngx_image_registry_is_own(ctx, url);

    left = (ngx_msec_int_t) (ctx->deadline - ngx_current_msec);

    f->pool = ctx->call->pool;
    f->log = ctx->call->log;
    f->method = method;
    f->url = url->text;
    f->timeout = (left > 0) ? (ngx_msec_t) left : 1;
    f->proxy = ctx->call->engine->proxy;
    f->deny = ngx_image_registry_deny(ctx, own);
    f->stranger = !own || (ctx->call->registry->any && ctx->mirror == NULL);

    if (own) {
        f->tls = ctx->tls;

    } else if (ctx->other_tls.ca.len) {
        f->tls = &ctx->other_tls;
    }

    f->handler = handler;
    f->data = ctx;

    /* for the detail of an error */

    ctx->at = *url;
    ctx->sent = method;

    return f;
}


ngx_int_t
ngx_image_registry_send(ngx_image_registry_ctx_t *ctx, ngx_image_fetch_t *f)
{
    if (ngx_image_fetch_start(f) != NGX_OK) {
        return NGX_ERROR;
    }

    ctx->fetch = f;

    return NGX_OK;
}


static void
ngx_image_registry_request_handler(ngx_image_fetch_t *f)
{
    ngx_uint_t                 own;
    ngx_image_registry_ctx_t  *ctx;

    ctx = f->data;

    ngx_log_debug2(NGX_LOG_DEBUG_CORE, f->log, 0,
                   "image registry answer: result:%ui, status:%ui",
                   (ngx_uint_t) f->result, f->status);

    ctx->fetch = NULL;

    if (f->result != NGX_IMAGE_FETCH_OK) {
        ngx_image_registry_failure(ctx, f,
                                   ctx->hops ? IMAGE_BAD_RESPONSE
                                             : IMAGE_REGISTRY_NOT_ALLOWED);
        return;
    }

    own = ngx_image_registry_is_own(ctx, &ctx->at);

    if (own) {
        ctx->peer = f->peer;
    }

    /* of an answer that says no, nobody reads the body */

    if (f->status != 200 && f->body.data) {
        (void) ngx_pfree(f->pool, f->body.data);
        ngx_str_null(&f->body);
    }

    switch (f->status) {

    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
        ngx_image_registry_redirect(ctx, f);
        return;

    case 400:

        /* ECR Public says so, without a challenge, of a token that expired */

        if (own && ctx->auth == NGX_IMAGE_AUTH_CACHED) {
            ngx_image_registry_drop(ctx);
            ngx_image_registry_again(ctx);
            return;
        }

        break;

    case 401:

        /* another host is never told who asks */

        if (own) {
            ngx_image_registry_challenge(ctx, f);
            return;
        }

        break;

    case 429:
        ngx_image_registry_status(ctx, f);
        return;
    }

    ctx->handler(ctx, f);
}


static void
ngx_image_registry_redirect(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_t *f)
{
    ngx_str_t        *location;
    ngx_image_url_t   url;

    location = ngx_image_registry_header(f, "location");

    if (location == NULL) {
        ngx_image_registry_error(ctx, IMAGE_BAD_RESPONSE,
                                 "%ui without one Location", f->status);
        return;
    }

    if (ctx->hops == NGX_IMAGE_REGISTRY_HOPS) {
        ngx_image_registry_error(ctx, IMAGE_BAD_RESPONSE,
                                 "too many redirects");
        return;
    }

    ctx->hops++;

    switch (ngx_image_registry_url(&url, ctx->call->pool, location,
                                   &ctx->at))
    {
    case NGX_OK:
        break;

    case NGX_DECLINED:
        ngx_image_registry_error(ctx, IMAGE_BAD_RESPONSE,
                                 "%ui with an invalid Location", f->status);
        return;

    default: /* NGX_ERROR */
        ngx_image_registry_error(ctx, IMAGE_OVERLOADED, "out of memory");
        return;
    }

    if (ctx->at.https && !url.https) {
        ngx_image_registry_error(ctx, IMAGE_BAD_RESPONSE,
                                 "redirected from https to http");
        return;
    }

    if (ngx_image_registry_request(ctx, &url) != NGX_OK) {
        ngx_image_registry_error(ctx, IMAGE_OVERLOADED,
                                 "the request could not be made");
    }
}


static ngx_uint_t
ngx_image_registry_is_own(ngx_image_registry_ctx_t *ctx, ngx_image_url_t *url)
{
    return url->https == ctx->own.https
           && url->port == ctx->own.port
           && url->host.len == ctx->own.host.len
           && ngx_strncmp(url->host.data, ctx->own.host.data, url->host.len)
              == 0;
}


/*
 * A registry or a mirror that the operator named may be anywhere.  A registry
 * that only "*" allows was named by a client, and what a host itself names
 * (redirects, realms) was named by a stranger: neither leads into this host or
 * to a metadata service, but where the host itself is; under "*" private
 * networks are closed as well.
 */

static ngx_uint_t
ngx_image_registry_deny(ngx_image_registry_ctx_t *ctx, ngx_uint_t own)
{
    ngx_uint_t  deny;

    if (own && ctx->mirror) {
        return 0;
    }

    deny = IMAGE_ADDRESS_LOOPBACK|IMAGE_ADDRESS_LINK_LOCAL;

    if (ctx->call->registry->any) {
        return deny|IMAGE_ADDRESS_PRIVATE;
    }

    return own ? 0 : deny & ~ctx->peer;
}


/* NGX_OK; NGX_DECLINED: it is none that may be asked; NGX_ERROR */

ngx_int_t
ngx_image_registry_url(ngx_image_url_t *url, ngx_pool_t *pool,
    ngx_str_t *text, ngx_image_url_t *base)
{
    u_char       *copy;
    size_t        i;
    CURLU        *u;
    ngx_str_t     part;
    ngx_int_t     rc;
    unsigned int  flags;

    if (text->len == 0 || text->len > NGX_IMAGE_REGISTRY_URL) {
        return NGX_DECLINED;
    }

    /* visible ASCII alone: it may come to be logged */

    for (i = 0; i < text->len; i++) {
        if (text->data[i] <= 0x20 || text->data[i] >= 0x7f) {
            return NGX_DECLINED;
        }
    }

    copy = ngx_pnalloc(pool, text->len + 1);
    if (copy == NULL) {
        return NGX_ERROR;
    }

    ngx_cpystrn(copy, text->data, text->len + 1);

    u = curl_url();
    if (u == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_DECLINED;
    flags = CURLU_DISALLOW_USER|CURLU_PATH_AS_IS;

    if (base != NULL
        && curl_url_set(u, CURLUPART_URL, (char *) base->text.data, flags)
           != CURLUE_OK)
    {
        goto done;
    }

    if (curl_url_set(u, CURLUPART_URL, (char *) copy, flags) != CURLUE_OK
        || curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK)
    {
        goto done;
    }

    if (ngx_image_registry_part(pool, u, CURLUPART_USER, 0, &part) == NGX_OK
        || ngx_image_registry_part(pool, u, CURLUPART_PASSWORD, 0, &part)
           == NGX_OK
        || ngx_image_registry_part(pool, u, CURLUPART_ZONEID, 0, &part)
           == NGX_OK)
    {
        goto done;
    }

    rc = ngx_image_registry_part(pool, u, CURLUPART_SCHEME, 0, &part);
    if (rc != NGX_OK) {
        goto done;
    }

    url->https = (ngx_strcmp(part.data, "https") == 0);

    if (!url->https && ngx_strcmp(part.data, "http") != 0) {
        rc = NGX_DECLINED;
        goto done;
    }

    rc = ngx_image_registry_part(pool, u, CURLUPART_PORT, CURLU_DEFAULT_PORT,
                                 &part);
    if (rc != NGX_OK) {
        goto done;
    }

    url->port = (ngx_uint_t) ngx_atoi(part.data, part.len);

    rc = ngx_image_registry_part(pool, u, CURLUPART_HOST, 0, &url->host);
    if (rc != NGX_OK) {
        goto done;
    }

    ngx_strlow(url->host.data, url->host.data, url->host.len);

    rc = ngx_image_registry_part(pool, u, CURLUPART_URL, 0, &url->text);

done:

    curl_url_cleanup(u);

    return rc;
}


/* NGX_OK; NGX_DECLINED: there is none; NGX_ERROR */

static ngx_int_t
ngx_image_registry_part(ngx_pool_t *pool, CURLU *u, CURLUPart part,
    unsigned int flags, ngx_str_t *value)
{
    char       *text;
    CURLUcode   rc;

    text = NULL;

    rc = curl_url_get(u, part, &text, flags);

    if (rc == CURLUE_OUT_OF_MEMORY) {
        return NGX_ERROR;
    }

    if (rc != CURLUE_OK || text == NULL) {
        return NGX_DECLINED;
    }

    value->len = ngx_strlen(text);
    value->data = ngx_pnalloc(pool, value->len + 1);

    if (value->data) {
        ngx_memcpy(value->data, text, value->len + 1);
    }

    curl_free(text);

    return value->data ? NGX_OK : NGX_ERROR;
}


ngx_str_t *
ngx_image_registry_header(ngx_image_fetch_t *f, const char *name)
{
    size_t                     len;
    ngx_str_t                 *value;
    ngx_uint_t                 i;
    ngx_image_fetch_header_t  *header;

    len = ngx_strlen(name);
    header = f->headers.elts;
    value = NULL;

    for (i = 0; i < f->headers.nelts; i++) {

        if (header[i].name.len != len
            || ngx_strncmp(header[i].name.data, name, len) != 0)
        {
            continue;
        }

        if (value
            && (value->len != header[i].value.len
                || ngx_memcmp(value->data, header[i].value.data, value->len)
                   != 0))
        {
            return NULL;
        }

        value = &header[i].value;
    }

    return value;
}


void
ngx_image_registry_done(ngx_image_registry_ctx_t *ctx, image_digest_t *digest)
{
    ngx_image_call_t  *call;

    call = ctx->call;

    call->reason = IMAGE_OK;
    call->digest = *digest;

    ngx_image_registry_close(ctx);

    call->handler(call);
}


void
ngx_image_registry_error(ngx_image_registry_ctx_t *ctx,
    image_reason_e reason, const char *fmt, ...)
{
    u_char               text[NGX_IMAGE_REGISTRY_DETAIL];
    va_list              args;
    ngx_str_t            what;
    ngx_image_call_t    *call;
    ngx_image_learnt_t  *learnt;

    call = ctx->call;

    what.data = text;

    va_start(args, fmt);
    what.len = ngx_vslprintf(text, text + sizeof(text), fmt, args) - text;
    va_end(args);

    if (ctx->checking) {
        learnt = ngx_image_registry_learnt(ctx);

        /* a check that can't be made is no reason to doubt the HEAD of a
         * registry whose HEAD has been right; the next one will be */

        if (learnt && learnt->checked) {
            ngx_log_debug2(NGX_LOG_DEBUG_CORE, call->log, 0,
                           "image registry check failed: %s, %V",
                           image_reason_name(reason), &what);

            call->retry_after = 0;
            ngx_image_registry_done(ctx, &ctx->digest);
            return;
        }
    }

    call->reason = reason;

    ngx_image_registry_detail(ctx, &what);

    ngx_image_registry_close(ctx);

    /* what is lacking here would be lacking for the next host as well */

    if (ctx->mirror && reason != IMAGE_OVERLOADED) {

        ngx_image_registry_mirror_failed(ctx, reason);

        if (ngx_image_registry_next(call, ctx) == NGX_OK) {
            return;
        }

        call->reason = IMAGE_OVERLOADED;
    }

    call->handler(call);
}


/* a status that no state has a use for */

void
ngx_image_registry_status(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_t *f)
{
    image_reason_e  reason;

    reason = ngx_image_ask_status_reason(f->status);

    ctx->call->down = (f->status >= 500);

    if (reason == IMAGE_RATE_LIMITED) {
        ctx->call->retry_after = ngx_image_ask_retry_after(f);
    }

    if (reason == IMAGE_UNAUTHORIZED && ctx->withheld) {
        ngx_image_registry_error(ctx, reason,
                                 "%ui, and the credentials were kept from "
                                 "\"%V\", which no \"realm=\" names",
                                 f->status, &ctx->realm.host);
        return;
    }

    ngx_image_registry_error(ctx, reason, "%ui", f->status);
}


/* a fetch without an answer */

void
ngx_image_registry_failure(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_t *f, image_reason_e forbidden)
{
    image_reason_e  reason;

    reason = (f->result == NGX_IMAGE_FETCH_FORBIDDEN)
             ? forbidden : ngx_image_ask_reason(f);

    ngx_image_registry_error(ctx, reason, "%s",
                             f->error ? f->error : "no answer");
}


/*
 * "HEAD https://host/v2/name/manifests/tag: 503".  A query string may hold a
 * token or a signature, so none is shown; the rest is visible ASCII.
 */

static void
ngx_image_registry_detail(ngx_image_registry_ctx_t *ctx, ngx_str_t *what)
{
    u_char     *p, *last;
    ngx_str_t   url, *detail;

    static const char  *methods[] = { "HEAD", "GET", "POST" };

    url = ctx->at.text;

    p = ngx_strlchr(url.data, url.data + url.len, '?');

    if (p) {
        url.len = p - url.data;
    }

    url.len = ngx_min(url.len, NGX_IMAGE_REGISTRY_DETAIL);

    detail = &ctx->call->detail;

    detail->len = sizeof("HEAD : ") + url.len + what->len;
    detail->data = ngx_pnalloc(ctx->call->pool, detail->len);

    if (detail->data == NULL) {
        detail->len = 0;
        return;
    }

    last = ngx_slprintf(detail->data, detail->data + detail->len,
                        "%s %V: %V", methods[ctx->sent], &url, what);

    detail->len = last - detail->data;
}


static void
ngx_image_registry_close(ngx_image_registry_ctx_t *ctx)
{
    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }

    if (ctx->fetch) {
        ngx_image_fetch_cancel(ctx->fetch);
        ctx->fetch = NULL;
    }

    ctx->call->state = NULL;
}
