/*
 * The engine "http": a resolver of the operator's own, at a URL that names
 * {image} and {platform}.
 *
 * May use core/, net/ and nginx's core; knows nothing of caches.
 */

#include <ngx_image_ask.h>
#include <image_inspect.h>


#define NGX_IMAGE_HTTP_MAX  (64 * 1024)    /* bytes of an answer */


static ngx_int_t ngx_image_http_start(ngx_image_call_t *call);
static ngx_int_t ngx_image_http_url(ngx_image_call_t *call, ngx_str_t *url);
static void ngx_image_http_handler(ngx_image_ask_t *ask,
    ngx_image_fetch_t *f);


ngx_image_engine_type_t  ngx_image_http_engine = {
    ngx_string("http"),
    NGX_IMAGE_ENGINE_TOKEN|NGX_IMAGE_ENGINE_TEMPLATE,
    ngx_image_ask_identity,
    ngx_image_http_start,
    ngx_image_ask_cancel
};


static ngx_int_t
ngx_image_http_start(ngx_image_call_t *call)
{
    ngx_str_t           none;
    ngx_image_ask_t    *ask;
    ngx_image_fetch_t  *f;

    ask = ngx_pcalloc(call->pool, sizeof(ngx_image_ask_t));
    if (ask == NULL) {
        return NGX_ERROR;
    }

    ask->call = call;

    ngx_image_ask_begin(ask, call->timeout);

    ngx_str_set(&none, "");

    f = ngx_image_ask_fetch(ask, NGX_IMAGE_FETCH_GET, &none,
                            NGX_IMAGE_HTTP_MAX);
    if (f == NULL) {
        return NGX_ERROR;
    }

    /* its URL is not a base with a path, but a template */

    if (ngx_image_http_url(call, &f->url) != NGX_OK
        || ngx_image_ask_bearer(call->engine, f) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* how old an answer may be is for us to judge, not for a cache between */

    f->no_cache = 1;

    return ngx_image_ask_send(ask, f, ngx_image_http_handler);
}


static ngx_int_t
ngx_image_http_url(ngx_image_call_t *call, ngx_str_t *url)
{
    size_t       len;
    u_char      *p, *src, *last;
    ngx_str_t    base;

    static const ngx_str_t  image = ngx_string("{image}");
    static const ngx_str_t  platform = ngx_string("{platform}");

    base = call->engine->base;
    last = base.data + base.len;
    len = base.len + 1;

    /* as long as it can get: each byte of a value may take three */

    for (src = base.data; src < last; src++) {
        if (*src == '{') {
            len += 3 * ngx_max(call->reference->len, call->platform->len);
        }
    }

    p = ngx_pnalloc(call->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    url->data = p;
    src = base.data;

    while (src < last) {

        if ((size_t) (last - src) >= image.len
            && ngx_strncmp(src, image.data, image.len) == 0)
        {
            p = (u_char *) ngx_escape_uri(p, call->reference->text,
                                          call->reference->len,
                                          NGX_ESCAPE_URI_COMPONENT);
            src += image.len;

        } else if ((size_t) (last - src) >= platform.len
                   && ngx_strncmp(src, platform.data, platform.len) == 0)
        {
            p = (u_char *) ngx_escape_uri(p, call->platform->text,
                                          call->platform->len,
                                          NGX_ESCAPE_URI_COMPONENT);
            src += platform.len;

        } else {
            *p++ = *src++;
        }
    }

    *p = '\0';

    url->len = p - url->data;

    return NGX_OK;
}


static void
ngx_image_http_handler(ngx_image_ask_t *ask, ngx_image_fetch_t *f)
{
    image_digest_t   digest;
    image_reason_e   reason;

    if (f->status != 200) {
        ngx_image_ask_status(ask, f);
        return;
    }

    reason = image_inspect_answer(&digest, f->body.data, f->body.len);

    if (reason != IMAGE_OK) {
        ngx_image_ask_error(ask, reason,
                            "an answer that is no {\"digest\":\"...\"}");
        return;
    }

    ngx_image_ask_done(ask, &digest);
}
