/*
 * The engine "registry": what a tag names at a registry (OCI distribution
 * spec; Docker's registry API, version 2).
 *
 * HEAD, then GET and hash where HEAD cannot tell.  The hash of a GET's body
 * is the truth; a registry's word in a header counts as long as it has been
 * held against that.  With a platform: the index by GET, and down to the
 * matching manifest, each document by its digest.  No URL is ever taken out
 * of a document (CVE-2020-15157).
 *
 * May use core/, net/ and nginx's core; knows nothing of caches.
 */

#include <ngx_image_registry.h>


#define NGX_IMAGE_REGISTRY_LEARNT  64      /* registries of one line */
#define NGX_IMAGE_REGISTRY_CHECK   128     /* one HEAD in so many is checked,
                                              and one tried again where HEAD
                                              does not work */
#define NGX_IMAGE_REGISTRY_DEPTH   4       /* of nested indexes */


static ngx_int_t ngx_image_registry_identity(ngx_image_registry_t *registry,
    image_reference_t *reference, ngx_pool_t *pool, image_str_t *parts,
    ngx_uint_t *nparts);
static ngx_int_t ngx_image_registry_start(ngx_image_call_t *call);
static void ngx_image_registry_cancel(ngx_image_call_t *call);

static ngx_int_t ngx_image_registry_endpoint(ngx_image_registry_t *registry,
    image_reference_t *reference, ngx_pool_t *pool, ngx_str_t *endpoint);
static void ngx_image_registry_timer_handler(ngx_event_t *ev);
static ngx_int_t ngx_image_registry_manifest(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_method_e method);
static ngx_int_t ngx_image_registry_by_digest(ngx_image_registry_ctx_t *ctx,
    const char *kind, const char *accept, ngx_image_registry_pt handler);
static void ngx_image_registry_head_handler(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_t *f);
static void ngx_image_registry_get_handler(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_t *f);
static void ngx_image_registry_check(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_t *f, ngx_uint_t agrees);
static void ngx_image_registry_follow(ngx_image_registry_ctx_t *ctx,
    image_manifest_t *manifest);
static void ngx_image_registry_child_handler(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_t *f);
static void ngx_image_registry_blob_handler(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_t *f);
static ngx_int_t ngx_image_registry_parse(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_t *f, image_manifest_t *manifest);
static ngx_int_t ngx_image_registry_verify(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_t *f);


ngx_image_engine_t  ngx_image_registry_engine = {
    ngx_string("registry"),
    ngx_image_registry_identity,
    ngx_image_registry_start,
    ngx_image_registry_cancel
};


ngx_image_registry_t *
ngx_image_registry_find(ngx_array_t *registries, const u_char *domain,
    size_t len)
{
    ngx_str_t              host, port, name;
    ngx_uint_t             i;
    const u_char          *p;
    ngx_image_registry_t  *registry, *any_port, *any;

    host.data = (u_char *) domain;
    host.len = len;

    ngx_str_null(&port);

    /* the last colon, outside the brackets of an IPv6 address */

    for (p = domain + len; p > domain; p--) {

        if (p[-1] == ']') {
            break;
        }

        if (p[-1] == ':') {
            port.data = (u_char *) p;
            port.len = domain + len - p;
            host.len = p - 1 - domain;
            break;
        }
    }

    registry = registries->elts;
    any_port = NULL;
    any = NULL;

    for (i = 0; i < registries->nelts; i++) {

        if (registry[i].any) {
            any = any ? any : &registry[i];
            continue;
        }

        name = registry[i].host;

        if (name.len != host.len
            || ngx_strncasecmp(name.data, host.data, host.len) != 0)
        {
            continue;
        }

        if (registry[i].port.len == port.len
            && (port.len == 0
                || ngx_strncmp(registry[i].port.data, port.data, port.len)
                   == 0))
        {
            return &registry[i];
        }

        if (registry[i].port.len == 1 && registry[i].port.data[0] == '*') {
            any_port = any_port ? any_port : &registry[i];
        }
    }

    return any_port ? any_port : any;
}


static ngx_int_t
ngx_image_registry_identity(ngx_image_registry_t *registry,
    image_reference_t *reference, ngx_pool_t *pool, image_str_t *parts,
    ngx_uint_t *nparts)
{
    ngx_str_t           endpoint;
    image_credential_t  credential;

    if (ngx_image_registry_endpoint(registry, reference, pool, &endpoint)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_memzero(&credential, sizeof(image_credential_t));

    if (registry->credentials
        && !image_credentials_find(registry->credentials,
                                   reference->domain.data,
                                   reference->domain.len, &credential))
    {
        ngx_memzero(&credential, sizeof(image_credential_t));
    }

    parts[0].data = ngx_image_registry_engine.name.data;
    parts[0].len = ngx_image_registry_engine.name.len;

    parts[1].data = endpoint.data;
    parts[1].len = endpoint.len;

    *nparts = 3;

    return ngx_image_registry_who(&credential, pool, &parts[2]);
}


/* NUL-terminated only where it is made here */

static ngx_int_t
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

    if (domain->len == sizeof("docker.io") - 1
        && ngx_strncmp(domain->data, "docker.io", sizeof("docker.io") - 1)
           == 0)
    {
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


static ngx_int_t
ngx_image_registry_start(ngx_image_call_t *call)
{
    ngx_int_t                  rc;
    ngx_str_t                  endpoint;
    ngx_image_learnt_t        *learnt;
    ngx_image_registry_t      *registry;
    ngx_image_registry_ctx_t  *ctx;

    static ngx_connection_t  dumb;         /* for the timer's debug log */

    /* a reference with a digest is its own answer: nobody is asked */

    if (image_reference_is_pinned(call->reference)) {
        return NGX_ERROR;
    }

    ctx = ngx_pcalloc(call->pool, sizeof(ngx_image_registry_ctx_t));
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    registry = call->registry;

    ctx->call = call;
    ctx->domain.data = (u_char *) call->reference->domain.data;
    ctx->domain.len = call->reference->domain.len;

    if (ngx_image_registry_endpoint(registry, call->reference, call->pool,
                                    &endpoint)
        != NGX_OK
        || ngx_image_registry_url(&ctx->own, call->pool, &endpoint, NULL)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    while (ctx->own.text.len
           && ctx->own.text.data[ctx->own.text.len - 1] == '/')
    {
        ctx->own.text.len--;
    }

    if (registry->tls.ca.len || registry->tls.certificate.len) {
        ctx->tls = &registry->tls;
    }

    /* another host may have a certificate of the registry's authority, or of
     * a public one, and gets none of ours */

    ctx->other_tls.ca = registry->tls.ca;
    ctx->other_tls.system = 1;

    dumb.fd = (ngx_socket_t) -1;

    ctx->deadline = ngx_current_msec + call->timeout;
    ctx->timer.handler = ngx_image_registry_timer_handler;
    ctx->timer.data = &dumb;
    ctx->timer.log = call->log;

    if (ngx_image_registry_auth(ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    learnt = ngx_image_registry_learnt(ctx);

    if (call->platform && call->platform->len) {
        rc = ngx_image_registry_manifest(ctx, NGX_IMAGE_FETCH_GET);

    } else if (learnt && learnt->get
               && (learnt->liar
                   || ++learnt->gets < NGX_IMAGE_REGISTRY_CHECK))
    {
        rc = ngx_image_registry_manifest(ctx, NGX_IMAGE_FETCH_GET);

    } else {
        rc = ngx_image_registry_manifest(ctx, NGX_IMAGE_FETCH_HEAD);
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    call->state = ctx;

    ngx_add_timer(&ctx->timer, call->timeout);

    return NGX_OK;
}


static void
ngx_image_registry_cancel(ngx_image_call_t *call)
{
    ngx_image_registry_ctx_t  *ctx;

    ctx = call->state;

    if (ctx == NULL) {
        return;
    }

    call->state = NULL;

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }

    if (ctx->fetch) {
        ngx_image_fetch_cancel(ctx->fetch);
        ctx->fetch = NULL;
    }
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
                             ctx->call->timeout);
}


/*
 * Entries are never freed, but used again, the least recently used first:
 * under "*" it is clients that name registries.
 */

ngx_image_learnt_t *
ngx_image_registry_learnt(ngx_image_registry_ctx_t *ctx)
{
    ngx_uint_t           n;
    ngx_queue_t         *q, *list;
    ngx_image_learnt_t  *learnt;

    list = &ctx->call->registry->learnt;

    if (list->next == NULL) {
        ngx_queue_init(list);
    }

    n = 0;

    for (q = ngx_queue_head(list);
         q != ngx_queue_sentinel(list);
         q = ngx_queue_next(q))
    {
        learnt = ngx_queue_data(q, ngx_image_learnt_t, queue);

        if (learnt->len == ctx->domain.len
            && ngx_memcmp(learnt->domain, ctx->domain.data, learnt->len) == 0)
        {
            ngx_queue_remove(q);
            ngx_queue_insert_head(list, q);

            return learnt;
        }

        n++;
    }

    if (ctx->domain.len > IMAGE_REFERENCE_DOMAIN) {
        return NULL;
    }

    if (n < NGX_IMAGE_REGISTRY_LEARNT) {
        learnt = ngx_palloc(ngx_cycle->pool, sizeof(ngx_image_learnt_t));
        if (learnt == NULL) {
            return NULL;
        }

    } else {
        q = ngx_queue_last(list);
        ngx_queue_remove(q);

        learnt = ngx_queue_data(q, ngx_image_learnt_t, queue);
    }

    ngx_memzero(learnt, sizeof(ngx_image_learnt_t));

    learnt->len = ctx->domain.len;
    ngx_memcpy(learnt->domain, ctx->domain.data, learnt->len);

    ngx_queue_insert_head(list, &learnt->queue);

    return learnt;
}


/* path and tag are of a parsed reference: nothing in them needs escaping */

static ngx_int_t
ngx_image_registry_manifest(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_method_e method)
{
    u_char             *p;
    ngx_str_t           path;
    image_reference_t  *reference;

    reference = ctx->call->reference;

    path.len = sizeof("/v2//manifests/") - 1 + reference->path.len
               + reference->tag.len;

    path.data = ngx_pnalloc(ctx->call->pool, path.len);
    if (path.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(path.data, "/v2/", sizeof("/v2/") - 1);
    p = ngx_cpymem(p, reference->path.data, reference->path.len);
    p = ngx_cpymem(p, "/manifests/", sizeof("/manifests/") - 1);
    ngx_memcpy(p, reference->tag.data, reference->tag.len);

    return ngx_image_registry_ask(ctx, method, &path, IMAGE_MANIFEST_ACCEPT,
                                  method == NGX_IMAGE_FETCH_HEAD
                                  ? ngx_image_registry_head_handler
                                  : ngx_image_registry_get_handler);
}


/* by ->expected, which is a digest in our own spelling */

static ngx_int_t
ngx_image_registry_by_digest(ngx_image_registry_ctx_t *ctx,
    const char *kind, const char *accept, ngx_image_registry_pt handler)
{
    u_char             *p;
    ngx_str_t           path;
    image_reference_t  *reference;

    reference = ctx->call->reference;

    path.data = ngx_pnalloc(ctx->call->pool,
                            sizeof("/v2///") + reference->path.len
                            + ngx_strlen(kind) + IMAGE_DIGEST_TEXT);
    if (path.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(path.data, "/v2/", sizeof("/v2/") - 1);
    p = ngx_cpymem(p, reference->path.data, reference->path.len);
    *p++ = '/';
    p = ngx_cpymem(p, kind, ngx_strlen(kind));
    *p++ = '/';
    p += image_digest_format(&ctx->expected, p);

    path.len = p - path.data;

    return ngx_image_registry_ask(ctx, NGX_IMAGE_FETCH_GET, &path, accept,
                                  handler);
}


static void
ngx_image_registry_head_handler(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_t *f)
{
    ngx_str_t           *type, *value;
    image_digest_t       digest;
    ngx_image_learnt_t  *learnt;

    learnt = ngx_image_registry_learnt(ctx);

    switch (f->status) {

    case 200:

        type = ngx_image_registry_header(f, "content-type");
        value = ngx_image_registry_header(f, "docker-content-digest");

        if (type && value
            && image_media_type(type->data, type->len) != IMAGE_MEDIA_OTHER
            && image_digest_parse(&digest, value->data, value->len) == 0)
        {
            break;
        }

        ctx->head_refused = 1;
        goto get;

    case 403:
    case 405:
    case 501:
        ctx->head_refused = 1;
        goto get;

    case 404:

        /* some answer so to any HEAD; but a GET after each would cost the
         * quota of those that do not */

        if (learnt == NULL || !learnt->head || learnt->get) {
            ctx->head_refused = 1;
            goto get;
        }

        /* fall through */

    default:
        ngx_image_registry_status(ctx, f);
        return;
    }

    if (learnt) {
        learnt->head = 1;
        learnt->get = 0;

        if (learnt->checked
            && ++learnt->heads < NGX_IMAGE_REGISTRY_CHECK)
        {
            ngx_image_registry_done(ctx, &digest);
            return;
        }
    }

    ctx->checking = 1;
    ctx->digest = digest;

get:

    if (ngx_image_registry_manifest(ctx, NGX_IMAGE_FETCH_GET) != NGX_OK) {
        ngx_image_registry_error(ctx, IMAGE_OVERLOADED,
                                 "the request could not be made");
    }
}


/* what the tag names */

static void
ngx_image_registry_get_handler(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_t *f)
{
    unsigned             algorithm;
    ngx_str_t           *value;
    ngx_uint_t           agrees;
    image_digest_t       digest, said;
    image_manifest_t     manifest;
    ngx_image_learnt_t  *learnt;

    if (f->status != 200) {
        ngx_image_registry_status(ctx, f);
        return;
    }

    if (ngx_image_registry_parse(ctx, f, &manifest) != NGX_OK) {
        return;
    }

    value = ngx_image_registry_header(f, "docker-content-digest");

    if (value && image_digest_parse(&said, value->data, value->len) == 0) {
        algorithm = said.algorithm;

    } else {
        said.algorithm = IMAGE_DIGEST_NONE;
        algorithm = ctx->checking ? ctx->digest.algorithm
                                  : IMAGE_DIGEST_SHA256;
    }

    /* the hash is the truth, whatever the header says */

    if (image_digest_compute(&digest, algorithm, f->body.data, f->body.len)
        != 0)
    {
        ngx_image_registry_error(ctx, IMAGE_OVERLOADED,
                                 "the answer could not be hashed");
        return;
    }

    agrees = image_digest_equal(&digest, &said);

    learnt = ngx_image_registry_learnt(ctx);

    if (said.algorithm != IMAGE_DIGEST_NONE && !agrees
        && learnt && !learnt->warned)
    {
        learnt->warned = 1;

        ngx_log_error(NGX_LOG_WARN, ctx->call->log, 0,
                      "registry \"%V\" answers GET with a "
                      "Docker-Content-Digest that is not the body's: "
                      "the body counts", &ctx->domain);
    }

    if (ctx->checking) {
        ngx_image_registry_check(ctx, f, agrees);
        ctx->checking = 0;

    } else if (ctx->head_refused && learnt) {
        learnt->get = 1;
        learnt->gets = 0;
    }

    ctx->digest = digest;

    (void) ngx_pfree(f->pool, f->body.data);
    f->body.len = 0;

    if (ctx->call->platform && ctx->call->platform->len) {
        ngx_image_registry_follow(ctx, &manifest);
        return;
    }

    ngx_image_registry_done(ctx, &digest);
}


/*
 * A HEAD's digest against a GET's body.  The tag may have moved between the
 * two, if the GET agrees with itself; twice in a row it hardly has.
 */

static void
ngx_image_registry_check(ngx_image_registry_ctx_t *ctx, ngx_image_fetch_t *f,
    ngx_uint_t agrees)
{
    image_digest_t       digest;
    ngx_image_learnt_t  *learnt;

    learnt = ngx_image_registry_learnt(ctx);

    if (learnt == NULL) {
        return;
    }

    learnt->heads = 0;

    if (image_digest_compute(&digest, ctx->digest.algorithm, f->body.data,
                             f->body.len)
        == 0
        && image_digest_equal(&digest, &ctx->digest))
    {
        learnt->checked = 1;
        learnt->suspect = 0;
        return;
    }

    learnt->checked = 0;

    if (agrees && !learnt->suspect) {
        learnt->suspect = 1;
        return;
    }

    if (!learnt->liar) {
        ngx_log_error(NGX_LOG_WARN, ctx->call->log, 0,
                      "registry \"%V\" answers HEAD with a digest that is "
                      "not the manifest's: it is asked by GET from now on",
                      &ctx->domain);
    }

    learnt->get = 1;
    learnt->liar = 1;
}


/* from a document on the way to the platform's manifest, to the next one */

static void
ngx_image_registry_follow(ngx_image_registry_ctx_t *ctx,
    image_manifest_t *manifest)
{
    ngx_int_t  rc;

    if (manifest->media == IMAGE_MEDIA_INDEX) {

        if (ctx->depth++ > NGX_IMAGE_REGISTRY_DEPTH) {
            ngx_image_registry_error(ctx, IMAGE_BAD_RESPONSE,
                                     "indexes are nested too deep");
            return;
        }

        ctx->expected = manifest->next;
        ctx->matched = (manifest->next_media == IMAGE_MEDIA_MANIFEST);

        rc = ngx_image_registry_by_digest(ctx, "manifests",
                                          IMAGE_MANIFEST_ACCEPT,
                                          ngx_image_registry_child_handler);

    } else if (ctx->matched) {
        ngx_image_registry_done(ctx, &ctx->digest);
        return;

    } else {

        /* no index told its platform: its configuration does */

        ctx->expected = manifest->next;

        rc = ngx_image_registry_by_digest(ctx, "blobs", "",
                                          ngx_image_registry_blob_handler);
    }

    if (rc != NGX_OK) {
        ngx_image_registry_error(ctx, IMAGE_OVERLOADED,
                                 "the request could not be made");
    }
}


static void
ngx_image_registry_child_handler(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_t *f)
{
    image_manifest_t  manifest;

    if (f->status != 200) {
        ngx_image_registry_status(ctx, f);
        return;
    }

    if (ngx_image_registry_verify(ctx, f) != NGX_OK
        || ngx_image_registry_parse(ctx, f, &manifest) != NGX_OK)
    {
        return;
    }

    /* an index must not pass for the manifest that another index named */

    if (ctx->matched && manifest.media != IMAGE_MEDIA_MANIFEST) {
        ngx_image_registry_error(ctx, IMAGE_BAD_RESPONSE,
                                 "an index where its index has a manifest");
        return;
    }

    ctx->digest = ctx->expected;

    (void) ngx_pfree(f->pool, f->body.data);
    f->body.len = 0;

    ngx_image_registry_follow(ctx, &manifest);
}


static void
ngx_image_registry_blob_handler(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_t *f)
{
    image_reason_e  reason;

    if (f->status == 404) {

        /* the image is there, but broken */

        ngx_image_registry_error(ctx, IMAGE_BAD_RESPONSE, "%ui", f->status);
        return;
    }

    if (f->status != 200) {
        ngx_image_registry_status(ctx, f);
        return;
    }

    if (ngx_image_registry_verify(ctx, f) != NGX_OK) {
        return;
    }

    reason = image_configuration_is(f->body.data, f->body.len,
                                    ctx->call->platform);

    if (reason != IMAGE_OK) {
        ngx_image_registry_error(ctx, reason, "%s",
                                 reason == IMAGE_PLATFORM_NOT_FOUND
                                 ? "the image is for another platform"
                                 : "no image configuration");
        return;
    }

    ngx_image_registry_done(ctx, &ctx->digest);
}


/* both: NGX_OK, or NGX_ERROR, and the call has ended */

static ngx_int_t
ngx_image_registry_parse(ngx_image_registry_ctx_t *ctx, ngx_image_fetch_t *f,
    image_manifest_t *manifest)
{
    ngx_str_t       *type;
    image_reason_e   reason;

    type = ngx_image_registry_header(f, "content-type");

    if (type == NULL) {
        ngx_image_registry_error(ctx, IMAGE_BAD_RESPONSE,
                                 "no single Content-Type");
        return NGX_ERROR;
    }

    reason = image_manifest_parse(manifest, type->data, type->len,
                                  f->body.data, f->body.len,
                                  ctx->call->platform);

    if (reason != IMAGE_OK) {
        ngx_image_registry_error(ctx, reason, "%s",
                                 reason == IMAGE_PLATFORM_NOT_FOUND
                                 ? "the index does not have the platform"
                                 : "no valid manifest or index");
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_image_registry_verify(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_t *f)
{
    image_digest_t  digest;

    if (image_digest_compute(&digest, ctx->expected.algorithm, f->body.data,
                             f->body.len)
        != 0)
    {
        ngx_image_registry_error(ctx, IMAGE_OVERLOADED,
                                 "the answer could not be hashed");
        return NGX_ERROR;
    }

    if (!image_digest_equal(&digest, &ctx->expected)) {
        ngx_image_registry_error(ctx, IMAGE_DIGEST_MISMATCH,
                                 "the answer has another digest");
        return NGX_ERROR;
    }

    return NGX_OK;
}
