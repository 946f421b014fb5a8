/*
 * What engines of "engine" lines have in common: a call that asks the
 * engine's API one request after the other, each bounded in time, and ends
 * once.  Private to origin/.
 */

#ifndef NGX_IMAGE_ASK_H
#define NGX_IMAGE_ASK_H


#include <ngx_image_origin.h>


typedef struct ngx_image_ask_s  ngx_image_ask_t;

typedef void (*ngx_image_ask_pt)(ngx_image_ask_t *ask);
typedef void (*ngx_image_ask_answer_pt)(ngx_image_ask_t *ask,
    ngx_image_fetch_t *f);

/* the first member of an engine's own context, in the call's pool; zeroed by
 * the engine, which sets the first two */

struct ngx_image_ask_s {
    ngx_image_call_t         *call;
    ngx_image_ask_pt          close;   /* or NULL: gives back, just before the
                                          call ends, what the engine holds */

    /* private */

    ngx_image_fetch_t        *fetch;   /* under way */
    ngx_image_ask_answer_pt   handler;
    ngx_msec_t                deadline;
};


/*
 * For ngx_image_engine_type_t.identity, of types without "credentials=": a
 * token is replaced all the time, so it is its file that tells who asks.
 */
ngx_int_t ngx_image_ask_identity(ngx_image_engine_t *engine,
    ngx_image_registry_t *registry, image_reference_t *reference,
    ngx_pool_t *pool, image_str_t *parts, ngx_uint_t *nparts);

/*
 * A request to the engine: path is what follows ->base, and an Accept of JSON,
 * TLS, socket and the time that is left of ->timeout are set.  NULL: no
 * memory.  ngx_image_ask_begin() starts that time, now and anew for each step
 * that has a time of its own.
 */
void ngx_image_ask_begin(ngx_image_ask_t *ask, ngx_msec_t timeout);
ngx_image_fetch_t *ngx_image_ask_fetch(ngx_image_ask_t *ask,
    ngx_image_fetch_method_e method, ngx_str_t *path, size_t max_body);

/* "Authorization: Bearer" with the token of the line as it is now, where it
 * has one; NGX_OK, NGX_ERROR: no memory */
ngx_int_t ngx_image_ask_bearer(ngx_image_engine_t *engine,
    ngx_image_fetch_t *f);

/*
 * Sends it; the handler gets the answer, whatever its status.  Without an
 * answer the call ends.  NGX_OK, NGX_ERROR: the handler is not called.
 */
ngx_int_t ngx_image_ask_send(ngx_image_ask_t *ask, ngx_image_fetch_t *f,
    ngx_image_ask_answer_pt handler);

/* for ngx_image_engine_type_t.cancel; call->state is the ngx_image_ask_t */
void ngx_image_ask_cancel(ngx_image_call_t *call);

/* the exits of a call: each calls its handler, and the context is gone */

void ngx_image_ask_done(ngx_image_ask_t *ask, image_digest_t *digest);

/* what there is to say may hold bytes from outside: it is made printable */
void ngx_image_ask_error(ngx_image_ask_t *ask, image_reason_e reason,
    const char *fmt, ...);

/* an answer that no state has a use for: 401 and 403, 404, 429, any other */
void ngx_image_ask_status(ngx_image_ask_t *ask, ngx_image_fetch_t *f);

/* no memory, or the request could not be made */
void ngx_image_ask_failed(ngx_image_ask_t *ask);


/* of use to all engines */

/* why a fetch has no answer, but for NGX_IMAGE_FETCH_FORBIDDEN, which is the
 * engine's to judge: then IMAGE_BAD_RESPONSE */
image_reason_e ngx_image_ask_reason(ngx_image_fetch_t *f);

/* of a status that says no; IMAGE_BAD_RESPONSE for all that do not */
image_reason_e ngx_image_ask_status_reason(ngx_uint_t status);

/* Retry-After (RFC 9110, 10.2.3): seconds, or a date; 0: not said */
time_t ngx_image_ask_retry_after(ngx_image_fetch_t *f);


#endif /* NGX_IMAGE_ASK_H */
