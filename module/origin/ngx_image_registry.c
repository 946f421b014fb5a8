/*
 * The engine "registry": what a tag names at a registry (OCI distribution
 * spec; Docker's registry API, version 2).
 *
 * HEAD, then GET and hash where HEAD cannot tell.  The hash of a GET's body
 * is the truth; a host's word in a header counts as long as it has been held
 * against that.  No URL is ever taken out of a document (CVE-2020-15157).
 *
 * May use core/, net/ and nginx's core; knows nothing of caches.
 */

#include <ngx_image_registry.h>


#define NGX_IMAGE_REGISTRY_LEARNT  64      /* hosts of one line */
#define NGX_IMAGE_REGISTRY_CHECK   128     /* one HEAD in so many is checked,
                                              and one tried again where HEAD
                                              does not work */


static ngx_int_t ngx_image_registry_identity(ngx_image_engine_t *engine,
    ngx_image_registry_t *registry, image_reference_t *reference,
    ngx_pool_t *pool, image_str_t *parts, ngx_uint_t *nparts);
static ngx_int_t ngx_image_registry_identity_mirrors(
    ngx_image_registry_t *registry, image_reference_t *reference,
    ngx_pool_t *pool, image_str_t *part);
static ngx_int_t ngx_image_registry_start(ngx_image_call_t *call);
static void ngx_image_registry_cancel(ngx_image_call_t *call);

static ngx_int_t ngx_image_registry_manifest(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_method_e method);
static void ngx_image_registry_head_handler(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_t *f);
static void ngx_image_registry_get_handler(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_t *f);
static void ngx_image_registry_check(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_t *f, ngx_uint_t agrees);


ngx_image_engine_type_t  ngx_image_registry_engine = {
    ngx_string("registry"),
    NGX_IMAGE_ENGINE_REGISTRIES,
    ngx_image_registry_identity,
    ngx_image_registry_start,
    ngx_image_registry_cancel
};


static ngx_int_t
ngx_image_registry_identity(ngx_image_engine_t *engine,
    ngx_image_registry_t *registry, image_reference_t *reference,
    ngx_pool_t *pool, image_str_t *parts, ngx_uint_t *nparts)
{
    ngx_str_t           endpoint;
    image_credential_t  credential;

    if (ngx_image_registry_endpoint(registry, reference, pool, &endpoint)
        != NGX_OK
        || ngx_image_registry_identity_mirrors(registry, reference, pool,
                                               &parts[2])
           != NGX_OK
        || ngx_image_credential(registry->credentials, reference, NULL,
                                &credential)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    parts[0].data = engine->type->name.data;
    parts[0].len = engine->type->name.len;

    parts[1].data = endpoint.data;
    parts[1].len = endpoint.len;

    parts[3].data = registry->subject.len ? registry->subject.data
                                          : (u_char *) "";
    parts[3].len = registry->subject.len;

    *nparts = 5;

    return ngx_image_credential_who(&credential, pool, &parts[4]);
}


/* which mirrors are asked, in their order, and as whom; empty: none */

static ngx_int_t
ngx_image_registry_identity_mirrors(ngx_image_registry_t *registry,
    image_reference_t *reference, ngx_pool_t *pool, image_str_t *part)
{
    u_char              *hash;
    ngx_uint_t           i, n;
    image_str_t         *parts;
    image_credential_t   credential;
    ngx_image_mirror_t  *mirror;

    part->data = (u_char *) "";
    part->len = 0;

    if (registry->mirrors == NULL || registry->mirrors->nelts == 0) {
        return NGX_OK;
    }

    n = registry->mirrors->nelts;
    mirror = registry->mirrors->elts;

    parts = ngx_palloc(pool, 2 * n * sizeof(image_str_t));
    hash = ngx_pnalloc(pool, IMAGE_HASH);

    if (parts == NULL || hash == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {

        parts[2 * i].data = mirror[i].url.data;
        parts[2 * i].len = mirror[i].url.len;

        if (ngx_image_registry_mirror_credential(registry, &mirror[i],
                                                 reference, NULL,
                                                 &credential)
            != NGX_OK
            || ngx_image_credential_who(&credential, pool, &parts[2 * i + 1])
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (image_hash(hash, parts, 2 * n) != 0) {
        return NGX_ERROR;
    }

    part->data = hash;
    part->len = IMAGE_HASH;

    return NGX_OK;
}


static ngx_int_t
ngx_image_registry_start(ngx_image_call_t *call)
{
    /* a reference with a digest is its own answer: nobody is asked */

    if (image_reference_is_pinned(call->reference)) {
        return NGX_ERROR;
    }

    return ngx_image_registry_next(call, NULL);
}


ngx_int_t
ngx_image_registry_begin(ngx_image_registry_ctx_t *ctx)
{
    ngx_image_learnt_t  *learnt;

    if (ctx->call->platform && ctx->call->platform->len) {
        return ngx_image_registry_manifest(ctx, NGX_IMAGE_FETCH_GET);
    }

    learnt = ngx_image_registry_learnt(ctx);

    if (learnt && learnt->get
        && (learnt->liar || ++learnt->gets < NGX_IMAGE_REGISTRY_CHECK))
    {
        return ngx_image_registry_manifest(ctx, NGX_IMAGE_FETCH_GET);
    }

    return ngx_image_registry_manifest(ctx, NGX_IMAGE_FETCH_HEAD);
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

        if (ngx_memcmp(learnt->host, ctx->host, IMAGE_HASH) == 0) {
            ngx_queue_remove(q);
            ngx_queue_insert_head(list, q);

            return learnt;
        }

        n++;
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

    ngx_memcpy(learnt->host, ctx->host, IMAGE_HASH);

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
    ngx_int_t            rc;
    ngx_str_t           *value;
    ngx_uint_t           agrees;
    image_digest_t       digest, said;
    image_manifest_t     manifest;
    ngx_image_learnt_t  *learnt;

    if (f->status != 200) {
        ngx_image_registry_status(ctx, f);
        return;
    }

    rc = ngx_image_registry_parse(ctx, f, &manifest);

    if (rc == NGX_ERROR) {
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
                      "%s \"%V\" answers GET with a "
                      "Docker-Content-Digest that is not the body's: "
                      "the body counts",
                      ctx->mirror ? "mirror" : "registry",
                      ctx->mirror ? &ctx->mirror->url : &ctx->domain);
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
        ngx_image_registry_follow(ctx, rc == NGX_OK ? &manifest : NULL);
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
                      "%s \"%V\" answers HEAD with a digest that is "
                      "not the manifest's: it is asked by GET from now on",
                      ctx->mirror ? "mirror" : "registry",
                      ctx->mirror ? &ctx->mirror->url : &ctx->domain);
    }

    learnt->get = 1;
    learnt->liar = 1;
}


ngx_int_t
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

    if (reason == IMAGE_PLATFORM_NOT_FOUND) {
        return NGX_DECLINED;
    }

    if (reason != IMAGE_OK) {
        ngx_image_registry_error(ctx, reason, "no valid manifest or index");
        return NGX_ERROR;
    }

    return NGX_OK;
}
