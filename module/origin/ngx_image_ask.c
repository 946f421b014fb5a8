/*
 * Calls that ask an engine's API, one request after the other.
 *
 * May use core/, net/ and nginx's core; knows no engine.
 */

#include <ngx_image_ask.h>


#define NGX_IMAGE_ASK_DETAIL  512


static void ngx_image_ask_handler(ngx_image_fetch_t *f);
static void ngx_image_ask_close(ngx_image_ask_t *ask);


ngx_int_t
ngx_image_ask_identity(ngx_image_engine_t *engine,
    ngx_image_registry_t *registry, image_reference_t *reference,
    ngx_pool_t *pool, image_str_t *parts, ngx_uint_t *nparts)
{
    parts[0].data = engine->type->name.data;
    parts[0].len = engine->type->name.len;

    parts[1].data = engine->url.data;
    parts[1].len = engine->url.len;

    parts[2].data = engine->namespace.data;
    parts[2].len = engine->namespace.len;

    parts[3].data = engine->token ? engine->token->name.data : NULL;
    parts[3].len = engine->token ? engine->token->name.len : 0;

    parts[4].data = engine->subject.data;
    parts[4].len = engine->subject.len;

    *nparts = 5;

    return NGX_OK;
}


void
ngx_image_ask_begin(ngx_image_ask_t *ask, ngx_msec_t timeout)
{
    ask->deadline = ngx_current_msec + timeout;
}


ngx_image_fetch_t *
ngx_image_ask_fetch(ngx_image_ask_t *ask, ngx_image_fetch_method_e method,
    ngx_str_t *path, size_t max_body)
{
    u_char              *p;
    ngx_msec_int_t       left;
    ngx_image_call_t    *call;
    ngx_image_fetch_t   *f;
    ngx_image_engine_t  *engine;

    call = ask->call;
    engine = call->engine;

    f = ngx_pcalloc(call->pool, sizeof(ngx_image_fetch_t));
    p = ngx_pnalloc(call->pool, engine->base.len + path->len + 1);

    if (f == NULL || p == NULL) {
        return NULL;
    }

    f->url.data = p;
    f->url.len = engine->base.len + path->len;

    p = ngx_cpymem(p, engine->base.data, engine->base.len);
    p = ngx_cpymem(p, path->data, path->len);
    *p = '\0';

    left = (ngx_msec_int_t) (ask->deadline - ngx_current_msec);

    f->pool = call->pool;
    f->log = call->log;
    f->method = method;
    f->max_body = max_body;
    f->timeout = (left > 0) ? (ngx_msec_t) left : 1;
    f->socket = engine->socket;

    ngx_str_set(&f->accept, "application/json");

    if (engine->tls.ca.len || engine->tls.certificate.len) {
        f->tls = &engine->tls;
    }

    f->handler = ngx_image_ask_handler;
    f->data = ask;

    return f;
}


ngx_int_t
ngx_image_ask_bearer(ngx_image_engine_t *engine, ngx_image_fetch_t *f)
{
    u_char       *p;
    image_str_t  *token;

    if (engine->token == NULL) {
        return NGX_OK;
    }

    token = ngx_image_file_value(engine->token);

    p = ngx_pnalloc(f->pool, sizeof("Bearer ") - 1 + token->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    f->authorization.data = p;
    f->authorization.len = sizeof("Bearer ") - 1 + token->len;

    p = ngx_cpymem(p, "Bearer ", sizeof("Bearer ") - 1);
    ngx_memcpy(p, token->data, token->len);

    return NGX_OK;
}


ngx_int_t
ngx_image_ask_send(ngx_image_ask_t *ask, ngx_image_fetch_t *f,
    ngx_image_ask_answer_pt handler)
{
    if (ngx_image_fetch_start(f) != NGX_OK) {
        return NGX_ERROR;
    }

    ask->fetch = f;
    ask->handler = handler;
    ask->call->state = ask;

    return NGX_OK;
}


static void
ngx_image_ask_handler(ngx_image_fetch_t *f)
{
    ngx_image_ask_t  *ask;

    ask = f->data;

    ngx_log_debug2(NGX_LOG_DEBUG_CORE, f->log, 0,
                   "image engine answer: result:%ui, status:%ui",
                   (ngx_uint_t) f->result, f->status);

    ask->fetch = NULL;

    if (f->result != NGX_IMAGE_FETCH_OK) {
        ngx_image_ask_error(ask, ngx_image_ask_reason(f), "%s",
                            f->error ? f->error : "no answer");
        return;
    }

    ask->handler(ask, f);
}


void
ngx_image_ask_cancel(ngx_image_call_t *call)
{
    if (call->state) {
        ngx_image_ask_close(call->state);
    }
}


void
ngx_image_ask_done(ngx_image_ask_t *ask, image_digest_t *digest)
{
    ngx_image_call_t  *call;

    call = ask->call;

    call->reason = IMAGE_OK;
    call->digest = *digest;

    ngx_image_ask_close(ask);

    call->handler(call);
}


void
ngx_image_ask_error(ngx_image_ask_t *ask, image_reason_e reason,
    const char *fmt, ...)
{
    u_char            *p, *last, text[NGX_IMAGE_ASK_DETAIL];
    va_list            args;
    ngx_image_call_t  *call;

    call = ask->call;

    va_start(args, fmt);
    last = ngx_vslprintf(text, text + sizeof(text), fmt, args);
    va_end(args);

    for (p = text; p < last; p++) {
        if (*p < 0x20 || *p >= 0x7f) {
            *p = '?';
        }
    }

    call->reason = reason;

    call->detail.len = last - text;
    call->detail.data = ngx_pnalloc(call->pool, call->detail.len);

    if (call->detail.data) {
        ngx_memcpy(call->detail.data, text, call->detail.len);

    } else {
        call->detail.len = 0;
    }

    ngx_image_ask_close(ask);

    call->handler(call);
}


void
ngx_image_ask_status(ngx_image_ask_t *ask, ngx_image_fetch_t *f)
{
    image_reason_e  reason;

    reason = ngx_image_ask_status_reason(f->status);

    ask->call->down = (f->status >= 500);

    if (reason == IMAGE_RATE_LIMITED) {
        ask->call->retry_after = ngx_image_ask_retry_after(f);
    }

    ngx_image_ask_error(ask, reason, "%ui", f->status);
}


void
ngx_image_ask_failed(ngx_image_ask_t *ask)
{
    ngx_image_ask_error(ask, IMAGE_OVERLOADED, "the request could not be made");
}


static void
ngx_image_ask_close(ngx_image_ask_t *ask)
{
    if (ask->fetch) {
        ngx_image_fetch_cancel(ask->fetch);
        ask->fetch = NULL;
    }

    if (ask->close) {
        ask->close(ask);
    }

    ask->call->state = NULL;
}


image_reason_e
ngx_image_ask_reason(ngx_image_fetch_t *f)
{
    switch (f->result) {

    case NGX_IMAGE_FETCH_TIMEOUT:
        return IMAGE_TIMEOUT;

    case NGX_IMAGE_FETCH_UNREACHABLE:
        return IMAGE_UNREACHABLE;

    case NGX_IMAGE_FETCH_TLS:
        return IMAGE_TLS;

    case NGX_IMAGE_FETCH_OVERLOADED:
        return IMAGE_OVERLOADED;

    default:
        return IMAGE_BAD_RESPONSE;
    }
}


image_reason_e
ngx_image_ask_status_reason(ngx_uint_t status)
{
    switch (status) {

    case 401:
    case 403:
        return IMAGE_UNAUTHORIZED;

    case 404:
        return IMAGE_NOT_FOUND;

    case 429:
        return IMAGE_RATE_LIMITED;

    default:
        return IMAGE_BAD_RESPONSE;
    }
}


time_t
ngx_image_ask_retry_after(ngx_image_fetch_t *f)
{
    time_t      t;
    ngx_str_t  *value;

    value = ngx_image_fetch_header(f, "retry-after");

    if (value == NULL || value->len == 0) {
        return 0;
    }

    t = ngx_atotm(value->data, value->len);

    if (t == (time_t) NGX_ERROR) {
        t = ngx_parse_http_time(value->data, value->len);

        if (t == (time_t) NGX_ERROR) {
            return 0;
        }

        t -= ngx_time();
    }

    /* 0, and a date that has passed: now, which isn't "not said" */

    return ngx_min(ngx_max(t, 1), 86400);
}
