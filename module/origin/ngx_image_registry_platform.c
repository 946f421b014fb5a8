/*
 * From what a tag names down to the manifest of a platform: through nested
 * indexes, depth first and in their order.  Each document is asked for by its
 * digest and held against it, and has to be what the document before it says
 * that it is (CVE-2021-41190).
 */

#include <ngx_image_registry.h>


static void ngx_image_registry_nested(ngx_image_registry_ctx_t *ctx,
    image_manifest_t *manifest);
static void ngx_image_registry_by_digest(ngx_image_registry_ctx_t *ctx,
    const char *kind, const char *accept, ngx_image_registry_pt handler);
static void ngx_image_registry_child_handler(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_t *f);
static void ngx_image_registry_blob_handler(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_t *f);
static ngx_int_t ngx_image_registry_verify(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_t *f);


void
ngx_image_registry_follow(ngx_image_registry_ctx_t *ctx,
    image_manifest_t *manifest)
{
    if (manifest && manifest->media == IMAGE_MEDIA_MANIFEST) {

        if (ctx->media == IMAGE_MEDIA_MANIFEST) {
            ngx_image_registry_done(ctx, &ctx->digest);
            return;
        }

        /* no index told its platform: its configuration does */

        ctx->expected = manifest->next;

        ngx_image_registry_by_digest(ctx, "blobs", "",
                                     ngx_image_registry_blob_handler);
        return;
    }

    if (manifest && manifest->next.algorithm != IMAGE_DIGEST_NONE) {
        ctx->expected = manifest->next;
        ctx->media = IMAGE_MEDIA_MANIFEST;

        ngx_image_registry_by_digest(ctx, "manifests", IMAGE_MANIFEST_ACCEPT,
                                     ngx_image_registry_child_handler);
        return;
    }

    ngx_image_registry_nested(ctx, manifest);
}


/* the next index that may have the platform */

static void
ngx_image_registry_nested(ngx_image_registry_ctx_t *ctx,
    image_manifest_t *manifest)
{
    size_t               i;
    ngx_image_nested_t  *nested;

    if (manifest && manifest->nnested) {

        if (ctx->depth == NGX_IMAGE_REGISTRY_DEPTH) {
            ngx_image_registry_error(ctx, IMAGE_BAD_RESPONSE,
                                     "indexes are nested too deep");
            return;
        }

        if (ctx->nested == NULL) {
            ctx->nested = ngx_palloc(ctx->call->pool,
                                     NGX_IMAGE_REGISTRY_DEPTH
                                     * IMAGE_MANIFEST_NESTED
                                     * sizeof(ngx_image_nested_t));
            if (ctx->nested == NULL) {
                ngx_image_registry_error(ctx, IMAGE_OVERLOADED,
                                         "out of memory");
                return;
            }
        }

        /* of a level one at least has been taken before the next one comes,
         * so there is room */

        for (i = manifest->nnested; i > 0; i--) {
            nested = &ctx->nested[ctx->nnested++];
            nested->digest = manifest->nested[i - 1];
            nested->depth = ctx->depth + 1;
        }
    }

    if (ctx->nnested == 0) {
        ngx_image_registry_error(ctx, IMAGE_PLATFORM_NOT_FOUND,
                                 "the index does not have the platform");
        return;
    }

    nested = &ctx->nested[--ctx->nnested];

    ctx->expected = nested->digest;
    ctx->depth = nested->depth;
    ctx->media = IMAGE_MEDIA_INDEX;

    ngx_image_registry_by_digest(ctx, "manifests", IMAGE_MANIFEST_ACCEPT,
                                 ngx_image_registry_child_handler);
}


/* by ->expected, which is a digest in our own spelling */

static void
ngx_image_registry_by_digest(ngx_image_registry_ctx_t *ctx,
    const char *kind, const char *accept, ngx_image_registry_pt handler)
{
    u_char             *p;
    ngx_str_t           path;
    image_reference_t  *reference;

    /* the first one was asked for by its tag */

    if (++ctx->documents == NGX_IMAGE_REGISTRY_DOCUMENTS) {
        ngx_image_registry_error(ctx, IMAGE_BAD_RESPONSE,
                                 "too many nested indexes");
        return;
    }

    reference = ctx->call->reference;

    path.data = ngx_pnalloc(ctx->call->pool,
                            sizeof("/v2///") + reference->path.len
                            + ngx_strlen(kind) + IMAGE_DIGEST_TEXT);
    if (path.data == NULL) {
        ngx_image_registry_error(ctx, IMAGE_OVERLOADED, "out of memory");
        return;
    }

    p = ngx_cpymem(path.data, "/v2/", sizeof("/v2/") - 1);
    p = ngx_cpymem(p, reference->path.data, reference->path.len);
    *p++ = '/';
    p = ngx_cpymem(p, kind, ngx_strlen(kind));
    *p++ = '/';
    p += image_digest_format(&ctx->expected, p);

    path.len = p - path.data;

    if (ngx_image_registry_ask(ctx, NGX_IMAGE_FETCH_GET, &path, accept,
                               handler)
        != NGX_OK)
    {
        ngx_image_registry_error(ctx, IMAGE_OVERLOADED,
                                 "the request could not be made");
    }
}


static void
ngx_image_registry_child_handler(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_t *f)
{
    ngx_int_t         rc;
    image_media_e     media;
    image_manifest_t  manifest;

    if (f->status != 200) {
        ngx_image_registry_status(ctx, f);
        return;
    }

    if (ngx_image_registry_verify(ctx, f) != NGX_OK) {
        return;
    }

    rc = ngx_image_registry_parse(ctx, f, &manifest);

    if (rc == NGX_ERROR) {
        return;
    }

    media = (rc == NGX_OK) ? manifest.media : IMAGE_MEDIA_INDEX;

    if (media != ctx->media) {
        ngx_image_registry_error(ctx, IMAGE_BAD_RESPONSE, "%s",
                                 media == IMAGE_MEDIA_INDEX
                                 ? "an index where its index has a manifest"
                                 : "a manifest where its index has an index");
        return;
    }

    ctx->digest = ctx->expected;

    (void) ngx_pfree(f->pool, f->body.data);
    f->body.len = 0;

    ngx_image_registry_follow(ctx, rc == NGX_OK ? &manifest : NULL);
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


/* NGX_OK, or NGX_ERROR, and the attempt has ended */

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
