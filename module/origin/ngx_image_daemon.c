/*
 * Docker and Podman: inspect; where the image is absent, pull it and inspect
 * again, or ask its registry through the daemon.
 *
 * A daemon that pulls asks a registry in our name: so the allow-list binds
 * that, and no inspect.  Two pulls of an image at a time are kept apart by a
 * claim on this host, which other workers wait for.
 *
 * May use core/, net/ and nginx's core; knows nothing of caches.
 */

#include <ngx_image_daemon.h>
#include <image_pull.h>


#define NGX_IMAGE_DAEMON_ERROR  (64 * 1024)    /* bytes of a refusal */

/* milliseconds between two looks at another's claim, and of our own to be
 * claimed again: a claim lasts 2 seconds */
#define NGX_IMAGE_DAEMON_WAIT   250
#define NGX_IMAGE_DAEMON_RENEW  500


typedef struct {
    ngx_image_ask_t       ask;         /* the first member */
    ngx_image_daemon_t   *daemon;
    image_pull_t         *stream;
    ngx_event_t           timer;       /* of the claim */
    ngx_msec_t            deadline;    /* of the pull, its claim included */
    uint8_t               claim[IMAGE_HASH];
    unsigned              claimed:1;
    unsigned              pulled:1;
} ngx_image_daemon_ctx_t;


static void ngx_image_daemon_close(ngx_image_ask_t *ask);
static ngx_int_t ngx_image_daemon_inspect(ngx_image_daemon_ctx_t *ctx);
static void ngx_image_daemon_inspect_handler(ngx_image_ask_t *ask,
    ngx_image_fetch_t *f);
static void ngx_image_daemon_absent(ngx_image_daemon_ctx_t *ctx);
static ngx_flag_t ngx_image_daemon_inside(image_str_t *domain);
static void ngx_image_daemon_distribution(ngx_image_daemon_ctx_t *ctx);
static void ngx_image_daemon_distribution_handler(ngx_image_ask_t *ask,
    ngx_image_fetch_t *f);
static ngx_int_t ngx_image_daemon_hash(ngx_image_daemon_ctx_t *ctx);
static void ngx_image_daemon_claim(ngx_image_daemon_ctx_t *ctx);
static void ngx_image_daemon_timer_handler(ngx_event_t *ev);
static void ngx_image_daemon_pull(ngx_image_daemon_ctx_t *ctx);
static ngx_int_t ngx_image_daemon_feed(ngx_image_fetch_t *f, u_char *bytes,
    size_t len);
static void ngx_image_daemon_pull_handler(ngx_image_ask_t *ask,
    ngx_image_fetch_t *f);
static ngx_image_fetch_t *ngx_image_daemon_get(ngx_image_daemon_ctx_t *ctx,
    ngx_str_t *before);
static void ngx_image_daemon_refused(ngx_image_daemon_ctx_t *ctx,
    ngx_image_fetch_t *f, ngx_flag_t asked);
static ngx_flag_t ngx_image_daemon_message(ngx_image_fetch_t *f,
    u_char *message, size_t *len);
static size_t ngx_image_daemon_cut(u_char *message, size_t len);


/* in the order of ngx_image_pull_e */

static ngx_str_t  ngx_image_daemon_pulls[] = {
    ngx_string("missing"),
    ngx_string("never"),
    ngx_string("distribution")
};


/*
 * A registry's line decides what becomes of an absent image, and so do
 * credentials, unless nobody is ever asked for it.
 */

ngx_int_t
ngx_image_daemon_identity(ngx_image_engine_t *engine,
    ngx_image_registry_t *registry, image_reference_t *reference,
    ngx_pool_t *pool, image_str_t *parts, ngx_uint_t *nparts)
{
    ngx_str_t           pull, allowed;
    image_credential_t  credential;

    pull = ngx_image_daemon_pulls[engine->pull];

    parts[0].data = engine->type->name.data;
    parts[0].len = engine->type->name.len;

    parts[1].data = engine->url.data;
    parts[1].len = engine->url.len;

    parts[2].data = pull.data;
    parts[2].len = pull.len;

    parts[3].data = engine->subject.data;
    parts[3].len = engine->subject.len;

    if (engine->pull == NGX_IMAGE_PULL_NEVER) {
        *nparts = 4;
        return NGX_OK;
    }

    if (registry == NULL) {
        ngx_str_set(&allowed, "none");

    } else if (registry->any) {
        ngx_str_set(&allowed, "any");

    } else if (registry->insecure) {
        ngx_str_set(&allowed, "insecure");

    } else {
        ngx_str_set(&allowed, "own");
    }

    parts[4].data = allowed.data;
    parts[4].len = allowed.len;

    /* one user may have two passwords, in two files, of which one is wrong */

    parts[6].len = engine->credentials ? engine->credentials->name.len : 0;
    parts[6].data = engine->credentials ? engine->credentials->name.data
                                        : (u_char *) "";

    *nparts = 7;

    if (ngx_image_credential(engine->credentials, reference, NULL,
                             &credential)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_image_credential_who(&credential, pool, &parts[5]);
}


ngx_int_t
ngx_image_daemon_start(ngx_image_call_t *call, ngx_image_daemon_t *daemon)
{
    ngx_image_daemon_ctx_t  *ctx;

    static ngx_connection_t  dumb;         /* for the timer's debug log */

    /* it is its own answer, and may lack a tag, which a pull needs */

    if (image_reference_is_pinned(call->reference)) {
        return NGX_ERROR;
    }

    ctx = ngx_pcalloc(call->pool, sizeof(ngx_image_daemon_ctx_t));
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    dumb.fd = (ngx_socket_t) -1;

    ctx->ask.call = call;
    ctx->ask.close = ngx_image_daemon_close;
    ctx->daemon = daemon;

    ctx->timer.handler = ngx_image_daemon_timer_handler;
    ctx->timer.data = &dumb;
    ctx->timer.log = call->log;

    ngx_image_ask_begin(&ctx->ask, call->timeout);

    return ngx_image_daemon_inspect(ctx);
}


static void
ngx_image_daemon_close(ngx_image_ask_t *ask)
{
    ngx_image_call_t        *call;
    ngx_image_daemon_ctx_t  *ctx;

    ctx = (ngx_image_daemon_ctx_t *) ask;
    call = ask->call;

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }

    if (ctx->claimed) {
        ctx->claimed = 0;
        call->release(call, ctx->claim);
    }
}


static ngx_int_t
ngx_image_daemon_inspect(ngx_image_daemon_ctx_t *ctx)
{
    ngx_image_fetch_t  *f;

    f = ngx_image_daemon_get(ctx, &ctx->daemon->inspect);

    if (f == NULL) {
        return NGX_ERROR;
    }

    return ngx_image_ask_send(&ctx->ask, f, ngx_image_daemon_inspect_handler);
}


static void
ngx_image_daemon_inspect_handler(ngx_image_ask_t *ask, ngx_image_fetch_t *f)
{
    size_t                   len;
    u_char                   message[IMAGE_PULL_MESSAGE];
    image_digest_t           digest;
    image_reason_e           reason;
    ngx_image_call_t        *call;
    ngx_image_daemon_ctx_t  *ctx;

    ctx = (ngx_image_daemon_ctx_t *) ask;
    call = ask->call;

    if (f->status == 200) {
        reason = ctx->daemon->parse(&digest, f->body.data, f->body.len,
                                    call->reference, call->platform);

        if (reason == IMAGE_OK) {
            ngx_image_ask_done(ask, &digest);
            return;
        }

        ngx_image_ask_error(ask, reason, "%s",
                            reason == IMAGE_PLATFORM_NOT_FOUND
                            ? "the engine's image is for another platform"
                            : "no answer of an engine about an image");
        return;
    }

    if (f->status != 404 || !ngx_image_daemon_message(f, message, &len)) {
        ngx_image_daemon_refused(ctx, f, 0);
        return;
    }

    if (ctx->pulled) {
        ngx_image_ask_error(ask, IMAGE_BAD_RESPONSE,
                            "absent, although it has been pulled");
        return;
    }

    if (ctx->claimed) {
        ngx_image_daemon_pull(ctx);
        return;
    }

    ngx_image_daemon_absent(ctx);
}


/* the daemon does not have it, and may have to ask its registry */

static void
ngx_image_daemon_absent(ngx_image_daemon_ctx_t *ctx)
{
    ngx_image_ask_t     *ask;
    ngx_image_call_t    *call;
    ngx_image_engine_t  *engine;

    ask = &ctx->ask;
    call = ask->call;
    engine = call->engine;

    if (engine->pull == NGX_IMAGE_PULL_NEVER) {
        ngx_image_ask_error(ask, IMAGE_NOT_FOUND,
                            "it does not have the image, and \"pull=never\"");
        return;
    }

    if (call->registry == NULL) {
        ngx_image_ask_error(ask, IMAGE_REGISTRY_NOT_ALLOWED,
                            "it does not have the image, and no \"registry\" "
                            "line lets it ask for it");
        return;
    }

    if (call->registry->any
        && ngx_image_daemon_inside(&call->reference->domain))
    {
        ngx_image_ask_error(ask, IMAGE_REGISTRY_NOT_ALLOWED,
                            "it does not have the image, and \"registry *\" "
                            "does not let it ask a host of this network");
        return;
    }

    if (call->limited) {
        ngx_image_ask_error(ask, IMAGE_RATE_LIMITED,
                            "it does not have the image, whose registry "
                            "wants to be left alone");
        return;
    }

    if (engine->pull == NGX_IMAGE_PULL_DISTRIBUTION) {
        ngx_image_daemon_distribution(ctx);
        return;
    }

    ctx->deadline = ngx_current_msec + engine->pull_timeout;

    if (ngx_image_daemon_hash(ctx) != NGX_OK) {
        ngx_image_ask_failed(ask);
        return;
    }

    ngx_image_daemon_claim(ctx);
}


/*
 * Under "*" strangers name the host, and the daemon would go there for them.
 * What a name leads to is the daemon's to know.
 */

static ngx_flag_t
ngx_image_daemon_inside(image_str_t *domain)
{
    ngx_str_t  host, port;

    ngx_image_domain_split(domain->data, domain->len, &host, &port);

    return image_address_host(host.data, host.len) != 0;
}


static void
ngx_image_daemon_distribution(ngx_image_daemon_ctx_t *ctx)
{
    ngx_image_fetch_t  *f;

    f = ngx_image_daemon_get(ctx, &ctx->daemon->distribution);

    if (f == NULL) {
        ngx_image_ask_failed(&ctx->ask);
        return;
    }

    if (ngx_image_daemon_auth(&ctx->ask, f) != NGX_OK) {
        return;
    }

    if (ngx_image_ask_send(&ctx->ask, f, ngx_image_daemon_distribution_handler)
        != NGX_OK)
    {
        ngx_image_ask_failed(&ctx->ask);
    }
}


static void
ngx_image_daemon_distribution_handler(ngx_image_ask_t *ask,
    ngx_image_fetch_t *f)
{
    image_digest_t           digest;
    image_reason_e           reason;
    ngx_image_daemon_ctx_t  *ctx;

    ctx = (ngx_image_daemon_ctx_t *) ask;

    if (f->status != 200) {
        ngx_image_daemon_refused(ctx, f, 1);
        return;
    }

    reason = image_inspect_distribution(&digest, f->body.data, f->body.len,
                                        ask->call->platform);

    if (reason == IMAGE_OK) {
        ngx_image_ask_done(ask, &digest);
        return;
    }

    ngx_image_ask_error(ask, reason, "%s",
                        reason == IMAGE_PLATFORM_NOT_FOUND
                        ? "the registry does not have the platform"
                        : "no answer of an engine about a registry");
}


/* what is pulled by which daemon; its platform overwrites another one there */

static ngx_int_t
ngx_image_daemon_hash(ngx_image_daemon_ctx_t *ctx)
{
    image_str_t        parts[4];
    ngx_image_call_t  *call;

    static const image_str_t  kind = image_str("pull");

    call = ctx->ask.call;

    parts[0] = kind;

    /* by where it is: it may have another name in another resolver */

    parts[1].data = call->engine->base.data;
    parts[1].len = call->engine->base.len;
    parts[2].data = call->engine->socket.data;
    parts[2].len = call->engine->socket.len;

    parts[3].data = call->reference->text;
    parts[3].len = call->reference->len;

    return image_hash(ctx->claim, parts, 4) == 0 ? NGX_OK : NGX_ERROR;
}


/* once it is ours, the image may be there: another one's pull has just ended,
 * before we began to wait or after it */

static void
ngx_image_daemon_claim(ngx_image_daemon_ctx_t *ctx)
{
    ngx_int_t          rc;
    ngx_msec_t         left;
    ngx_image_ask_t   *ask;
    ngx_image_call_t  *call;

    ask = &ctx->ask;
    call = ask->call;

    rc = call->claim(call, ctx->claim);

    ngx_log_debug1(NGX_LOG_DEBUG_CORE, call->log, 0,
                   "image daemon claim: %i", rc);

    if (rc == NGX_DECLINED) {
        ngx_image_ask_error(ask, IMAGE_OVERLOADED,
                            "too many pulls at a time");
        return;
    }

    left = ctx->deadline - ngx_current_msec;

    if ((ngx_msec_int_t) left <= 0) {

        if (rc == NGX_OK) {
            ctx->claimed = 1;
        }

        ngx_image_ask_error(ask, IMAGE_TIMEOUT,
                            "another pull of it takes over %M ms",
                            call->engine->pull_timeout);
        return;
    }

    if (rc != NGX_OK) {
        ngx_add_timer(&ctx->timer, NGX_IMAGE_DAEMON_WAIT);
        return;
    }

    ctx->claimed = 1;

    ngx_add_timer(&ctx->timer, NGX_IMAGE_DAEMON_RENEW);

    ngx_image_ask_begin(ask, ngx_min(left, call->timeout));

    if (ngx_image_daemon_inspect(ctx) != NGX_OK) {
        ngx_image_ask_failed(ask);
    }
}


static void
ngx_image_daemon_timer_handler(ngx_event_t *ev)
{
    ngx_image_call_t        *call;
    ngx_image_daemon_ctx_t  *ctx;

    ngx_log_debug0(NGX_LOG_DEBUG_CORE, ev->log, 0,
                   "image daemon timer handler");

    ctx = (ngx_image_daemon_ctx_t *)
              ((u_char *) ev - offsetof(ngx_image_daemon_ctx_t, timer));

    if (!ctx->claimed) {
        ngx_image_daemon_claim(ctx);
        return;
    }

    /* lost only where we were stopped for long: what the daemon has begun is
     * not to be taken back */

    call = ctx->ask.call;

    (void) call->claim(call, ctx->claim);

    ngx_add_timer(ev, NGX_IMAGE_DAEMON_RENEW);
}


static void
ngx_image_daemon_pull(ngx_image_daemon_ctx_t *ctx)
{
    ngx_str_t           path;
    ngx_msec_t          left;
    ngx_image_ask_t    *ask;
    ngx_image_call_t   *call;
    ngx_image_fetch_t  *f;

    ask = &ctx->ask;
    call = ask->call;

    left = ctx->deadline - ngx_current_msec;

    ngx_image_ask_begin(ask, (ngx_msec_int_t) left > 0 ? left : 1);

    ctx->stream = ngx_pcalloc(call->pool, sizeof(image_pull_t));

    if (ctx->stream == NULL || ctx->daemon->pull(call, &path) != NGX_OK) {
        ngx_image_ask_failed(ask);
        return;
    }

    f = ngx_image_ask_fetch(ask, NGX_IMAGE_FETCH_POST, &path,
                            NGX_IMAGE_DAEMON_ERROR);
    if (f == NULL) {
        ngx_image_ask_failed(ask);
        return;
    }

    f->body_handler = ngx_image_daemon_feed;

    if (ngx_image_daemon_auth(&ctx->ask, f) != NGX_OK) {
        return;
    }

    if (ngx_image_ask_send(ask, f, ngx_image_daemon_pull_handler) != NGX_OK) {
        ngx_image_ask_failed(ask);
    }
}


static ngx_int_t
ngx_image_daemon_feed(ngx_image_fetch_t *f, u_char *bytes, size_t len)
{
    ngx_image_daemon_ctx_t  *ctx;

    ctx = f->data;

    return image_pull_feed(ctx->stream, bytes, len) == 0 ? NGX_OK : NGX_ERROR;
}


static void
ngx_image_daemon_pull_handler(ngx_image_ask_t *ask, ngx_image_fetch_t *f)
{
    size_t                   len;
    image_pull_t            *stream;
    image_reason_e           reason;
    ngx_image_daemon_ctx_t  *ctx;

    ctx = (ngx_image_daemon_ctx_t *) ask;
    stream = ctx->stream;

    if (f->status != 200) {
        ngx_image_daemon_refused(ctx, f, 1);
        return;
    }

    /* an error may come in a 200, once there was progress to tell */

    reason = image_pull_end(stream);

    if (reason != IMAGE_OK) {
        len = ngx_image_daemon_cut(stream->message, stream->message_len);

        if (len) {
            ngx_image_ask_error(ask, reason, "%*s", len, stream->message);

        } else {
            ngx_image_ask_error(ask, reason, "no progress of a pull");
        }

        return;
    }

    ctx->pulled = 1;

    ngx_image_ask_begin(ask, ask->call->timeout);

    if (ngx_image_daemon_inspect(ctx) != NGX_OK) {
        ngx_image_ask_failed(ask);
    }
}


/* a canonical name needs no escaping; its tag ends what it could be else */

static ngx_image_fetch_t *
ngx_image_daemon_get(ngx_image_daemon_ctx_t *ctx, ngx_str_t *before)
{
    u_char             *p;
    ngx_str_t           path;
    ngx_image_call_t   *call;
    image_reference_t  *reference;

    call = ctx->ask.call;
    reference = call->reference;

    path.data = ngx_pnalloc(call->pool, before->len + reference->len
                                        + sizeof("/json") - 1);
    if (path.data == NULL) {
        return NULL;
    }

    p = ngx_cpymem(path.data, before->data, before->len);
    p = ngx_cpymem(p, reference->text, reference->len);
    p = ngx_cpymem(p, "/json", sizeof("/json") - 1);

    path.len = p - path.data;

    return ngx_image_ask_fetch(&ctx->ask, NGX_IMAGE_FETCH_GET, &path,
                               IMAGE_INSPECT_MAX);
}


/*
 * An answer that says no.  Where the daemon was to ask a registry, its status
 * hardly tells why that failed: its text does.
 */

static void
ngx_image_daemon_refused(ngx_image_daemon_ctx_t *ctx, ngx_image_fetch_t *f,
    ngx_flag_t asked)
{
    size_t           len;
    u_char           message[IMAGE_PULL_MESSAGE];
    image_reason_e   reason, said;

    reason = ngx_image_ask_status_reason(f->status);

    if (!ngx_image_daemon_message(f, message, &len)) {

        if (reason == IMAGE_NOT_FOUND) {
            ngx_image_ask_error(&ctx->ask, IMAGE_BAD_RESPONSE,
                                "%ui, which is not an engine's", f->status);
            return;
        }

        ngx_image_ask_status(&ctx->ask, f);
        return;
    }

    if (!asked) {

        if (reason == IMAGE_NOT_FOUND) {
            reason = IMAGE_BAD_RESPONSE;
        }

    } else if (reason == IMAGE_NOT_FOUND || reason == IMAGE_BAD_RESPONSE) {
        said = image_pull_reason(message, len);

        if (said != IMAGE_BAD_RESPONSE) {
            reason = said;
        }
    }

    if (reason == IMAGE_RATE_LIMITED) {
        ctx->ask.call->retry_after = ngx_image_ask_retry_after(f);
    }

    len = ngx_image_daemon_cut(message, len);

    ngx_image_ask_error(&ctx->ask, reason, "%ui: %*s", f->status, len,
                        message);
}


/*
 * An engine's own words, which alone say that it does not have an image: a 404
 * of what stands before it does not, nor does that of another API.
 */

static ngx_flag_t
ngx_image_daemon_message(ngx_image_fetch_t *f, u_char *message, size_t *len)
{
    static const ngx_str_t  page = ngx_string("page not found");

    return image_inspect_error(f->body.data, f->body.len, message,
                               IMAGE_PULL_MESSAGE, len)
           && (*len != page.len
               || ngx_strncmp(message, page.data, page.len) != 0);
}


/*
 * An engine's text is for the log, but for what may be a secret in the URLs
 * that it holds: a signature or a token in the query, a user before the host.
 */

static size_t
ngx_image_daemon_cut(u_char *message, size_t len)
{
    u_char      *src, *dst, *last, *host;
    ngx_uint_t   query;

    last = message + len;
    dst = message;
    host = NULL;
    query = 0;

    for (src = message; src < last; src++) {

        if (*src == ' ' || *src == '"') {
            host = NULL;
            query = 0;
        }

        if (query) {
            continue;
        }

        *dst++ = *src;

        if (*src == '?') {
            query = 1;

        } else if (*src == '@' && host) {
            dst = host;

        } else if (*src == '/') {
            host = (dst - message > 2 && dst[-2] == '/' && dst[-3] == ':')
                   ? dst : NULL;
        }
    }

    /* of a user, the end may be missing */

    if (host && len == IMAGE_PULL_MESSAGE) {
        dst = host;
    }

    return dst - message;
}


u_char *
ngx_image_daemon_argument(u_char *p, const char *name, const u_char *value,
    size_t len)
{
    p = ngx_cpymem(p, name, ngx_strlen(name));

    return (u_char *) ngx_escape_uri(p, (u_char *) value, len,
                                     NGX_ESCAPE_URI_COMPONENT);
}
