/*
 * The request: asked for its image after access control, suspended while the
 * lookup runs, decided once.
 */

#include <ngx_http_image_digest.h>

#include <openssl/rand.h>


static ngx_int_t ngx_http_image_digest_foreign(ngx_http_request_t *r,
    ngx_http_image_digest_loc_conf_t *ilcf, ngx_http_image_decision_t **d);
static ngx_flag_t ngx_http_image_digest_is_same(ngx_http_image_decision_t *a,
    ngx_http_image_decision_t *b);
static ngx_http_image_decision_t *ngx_http_image_digest_create(
    ngx_http_request_t *r, ngx_http_image_digest_loc_conf_t *ilcf);
static void ngx_http_image_digest_keep(void *data);
static void ngx_http_image_digest_cleanup(void *data);

static ngx_int_t ngx_http_image_digest_begin(ngx_http_request_t *r,
    ngx_http_image_decision_t *d);
static ngx_int_t ngx_http_image_digest_ask(ngx_http_request_t *r,
    ngx_http_image_decision_t *d);
static ngx_int_t ngx_http_image_digest_suspend(ngx_http_request_t *r,
    ngx_http_image_decision_t *d);
static void ngx_http_image_digest_resume(ngx_image_waiter_t *w);

static void ngx_http_image_digest_fail(ngx_http_image_decision_t *d);
static ngx_int_t ngx_http_image_digest_answered(ngx_http_image_decision_t *d);
static ngx_int_t ngx_http_image_digest_decide(ngx_http_image_decision_t *d);
static ngx_flag_t ngx_http_image_digest_write_held(
    ngx_http_image_decision_t *d);
static ngx_int_t ngx_http_image_digest_make_key(ngx_http_image_decision_t *d,
    ngx_flag_t *matches);
static size_t ngx_http_image_digest_window(ngx_http_image_decision_t *d,
    u_char *text);


ngx_int_t
ngx_http_image_digest_handler(ngx_http_request_t *r)
{
    ngx_http_image_decision_t         *d;
    ngx_http_image_digest_loc_conf_t  *ilcf;

    ngx_http_image_digest_passed(r);

    ilcf = ngx_http_get_module_loc_conf(r, ngx_http_image_digest_module);

    if (!ilcf->enable) {
        return NGX_DECLINED;
    }

    d = ngx_http_image_digest_decision(r);

    if (d == NULL) {

        if (ngx_http_image_digest_refused(r)) {
            return NGX_DECLINED;
        }

        /*
         * a subrequest skips the access phase, so it may ask only once the
         * main request is past it: auth_request's is made before its verdict
         */

        if (r != r->main && r->main->phase_handler < r->phase_handler) {
            return NGX_DECLINED;
        }

        d = ngx_http_image_digest_create(r, ilcf);
        if (d == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        if (ngx_http_image_digest_begin(r, d) == NGX_ERROR) {
            ngx_http_image_digest_fail(d);
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

    } else if (r != r->main
               && ngx_http_image_digest_foreign(r, ilcf, &d) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (d->status == NGX_HTTP_IMAGE_WAITING) {
        return ngx_http_image_digest_suspend(r, d);
    }

    if (d->answer) {
        return ngx_http_image_digest_answer(r, d);
    }

    return NGX_DECLINED;
}


ngx_http_image_decision_t *
ngx_http_image_digest_decision(ngx_http_request_t *r)
{
    ngx_http_request_t         *main;
    ngx_pool_cleanup_t         *cln;
    ngx_http_image_decision_t  *d;

    main = r->main;

    for ( /* void */ ; r != main; r = r->parent) {

        d = ngx_http_get_module_ctx(r, ngx_http_image_digest_module);

        if (d) {
            return d;
        }
    }

    d = ngx_http_get_module_ctx(main, ngx_http_image_digest_module);

    if (d == NULL && (main->internal || main->filter_finalize)) {

        /* a redirect clears the contexts, but not the pool */

        for (cln = main->pool->cleanup; cln; cln = cln->next) {

            if (cln->handler == ngx_http_image_digest_keep) {
                d = cln->data;
                ngx_http_set_ctx(main, d, ngx_http_image_digest_module);
                break;
            }
        }
    }

    return d;
}


void
ngx_http_image_digest_random_key(u_char *key)
{
    uint8_t  bytes[IMAGE_KEY_TEXT / 2];

    if (RAND_bytes(bytes, sizeof(bytes)) != 1) {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0,
                      "image digest: RAND_bytes() failed");

        /* not secret, but of this moment alone */

        ngx_memset(bytes, 0, sizeof(bytes));
        *(uint64_t *) (void *) bytes = (uint64_t) ngx_random() << 32
                                       | (uint32_t) ngx_random();
    }

    image_hex(key, bytes, sizeof(bytes));
}


/*
 * A subrequest finds the decision of its client's request; but should it name
 * another image, platform, engine, pod or session, such as one part of a page
 * beside another, the key of that one would be a false hit.  So it gets a
 * decision of its own: no digest, and a key that matches nothing.
 */

static ngx_int_t
ngx_http_image_digest_foreign(ngx_http_request_t *r,
    ngx_http_image_digest_loc_conf_t *ilcf, ngx_http_image_decision_t **d)
{
    ngx_int_t                   rc;
    ngx_http_image_decision_t  *own;

    own = ngx_pcalloc(r->main->pool, sizeof(ngx_http_image_decision_t));
    if (own == NULL) {
        return NGX_ERROR;
    }

    own->main = r->main;
    own->conf = ilcf;

    rc = ngx_http_image_digest_evaluate_image(r, own);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_OK ? ngx_http_image_digest_is_same(own, *d)
                     : own->waiter.reason == IMAGE_INVALID_REFERENCE)
    {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "a subrequest names another image, platform, engine, pod or "
                  "session than the one that was resolved for this request, "
                  "and gets no digest: one request is about one image");

    ngx_http_image_digest_fail(own);
    ngx_http_set_ctx(r, own, ngx_http_image_digest_module);

    *d = own;

    return NGX_OK;
}


static ngx_flag_t
ngx_http_image_digest_is_same(ngx_http_image_decision_t *a,
    ngx_http_image_decision_t *b)
{
    return a->conf->image->resolver == b->conf->image->resolver
           && a->reference.len == b->reference.len
           && ngx_memcmp(a->reference.text, b->reference.text,
                         a->reference.len)
              == 0
           && a->platform.len == b->platform.len
           && ngx_memcmp(a->platform.text, b->platform.text, a->platform.len)
              == 0
           && a->engine.len == b->engine.len
           && ngx_memcmp(a->engine.data, b->engine.data, a->engine.len) == 0
           && a->session.len == b->session.len
           && (a->session.len == 0
               || ngx_memcmp(a->session.data, b->session.data,
                             a->session.len)
                  == 0)
           && a->podless == b->podless
           && a->pod.len == b->pod.len
           && (a->pod.len == 0
               || ngx_memcmp(a->pod.data, b->pod.data, a->pod.len) == 0)
           && a->pinned == b->pinned
           && (!a->pinned
               || image_digest_equal(&a->reference.digest,
                                     &b->reference.digest));
}


static ngx_http_image_decision_t *
ngx_http_image_digest_create(ngx_http_request_t *r,
    ngx_http_image_digest_loc_conf_t *ilcf)
{
    ngx_http_cleanup_t         *hcln;
    ngx_pool_cleanup_t         *cln;
    ngx_http_image_decision_t  *d;

    cln = ngx_pool_cleanup_add(r->main->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    hcln = ngx_http_cleanup_add(r->main, 0);
    if (hcln == NULL) {
        return NULL;
    }

    d = ngx_pcalloc(r->main->pool, sizeof(ngx_http_image_decision_t));
    if (d == NULL) {
        return NULL;
    }

    d->main = r->main;
    d->conf = ilcf;

    cln->handler = ngx_http_image_digest_keep;
    cln->data = d;

    hcln->handler = ngx_http_image_digest_cleanup;
    hcln->data = d;

    ngx_http_set_ctx(r->main, d, ngx_http_image_digest_module);

    return d;
}


static void
ngx_http_image_digest_keep(void *data)
{
    /* a mark to find the decision by: the pool frees it */
}


static void
ngx_http_image_digest_cleanup(void *data)
{
    ngx_http_image_decision_t  *d = data;

    ngx_image_lookup_leave(&d->waiter);
}


/* NGX_OK: decided; NGX_AGAIN: a lookup is under way; NGX_ERROR */

static ngx_int_t
ngx_http_image_digest_begin(ngx_http_request_t *r,
    ngx_http_image_decision_t *d)
{
    ngx_int_t  rc;

    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "image digest begin");

    ngx_image_now(&d->waiter.arrived);

    rc = ngx_http_image_digest_method(d);

    if (rc == NGX_OK) {
        rc = ngx_http_image_digest_evaluate(r, d);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_image_digest_ask(r, d);
    }

    if (rc == NGX_AGAIN || rc == NGX_ERROR) {
        return rc;
    }

    return ngx_http_image_digest_answered(d);
}


/* NGX_OK: there is an answer; NGX_AGAIN: it will come; NGX_ERROR */

static ngx_int_t
ngx_http_image_digest_ask(ngx_http_request_t *r, ngx_http_image_decision_t *d)
{
    image_reason_e                     refused;
    ngx_image_waiter_t                *w;
    ngx_image_resolver_t              *resolver;
    ngx_image_question_t              *question;
    ngx_http_image_digest_loc_conf_t  *ilcf;

    w = &d->waiter;
    ilcf = d->conf;
    resolver = ilcf->image->resolver;
    question = &d->question;

    if (d->pinned) {
        w->reason = IMAGE_OK;
        w->digest = d->reference.digest;

        return NGX_OK;
    }

    refused = IMAGE_OK;

    question->engine = ngx_http_image_resolver_engine_find(resolver,
                                                           &d->engine);

    question->registry = ngx_image_registry_find(resolver->registries,
                                                 d->reference.domain.data,
                                                 d->reference.domain.len);

    if (question->engine == NULL) {
        refused = IMAGE_ENGINE_UNKNOWN;

    } else if (question->registry == NULL
               && (question->engine->type->flags
                   & NGX_IMAGE_ENGINE_REGISTRIES))
    {
        refused = IMAGE_REGISTRY_NOT_ALLOWED;
    }

    if (refused != IMAGE_OK) {
        ngx_image_lookup_refused(resolver, &d->reference, refused,
                                 r->connection->log);
        w->reason = refused;

        return NGX_OK;
    }

    question->reference = &d->reference;
    question->platform = &d->platform;
    question->session = d->session;

    w->ttl = d->ttl;

    if (question->engine->type->flags & NGX_IMAGE_ENGINE_PODS) {

        if (d->podless) {
            w->reason = IMAGE_NOT_FOUND;
            return NGX_OK;
        }

        /* an address is used again by another pod */

        if (d->pod.len) {
            question->pod = d->pod;
            w->ttl = ngx_min(w->ttl, NGX_HTTP_IMAGE_POD_TTL);
        }
    }

    if (ngx_image_lookup_identify(question, d->main->pool) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!d->read && ilcf->writes == NGX_HTTP_IMAGE_WRITES_SETTLED) {
        w->ttl = ngx_min(w->ttl, ilcf->fresh);
    }

    w->timeout = ilcf->timeout;
    w->pool = d->main->pool;
    w->handler = ngx_http_image_digest_resume;
    w->data = d;

    return ngx_image_lookup(resolver, question, w);
}


static ngx_int_t
ngx_http_image_digest_suspend(ngx_http_request_t *r,
    ngx_http_image_decision_t *d)
{
    ngx_uint_t            i;
    ngx_http_request_t  **rr;

    if (d->suspended == NULL) {
        d->suspended = ngx_array_create(d->main->pool, 1,
                                        sizeof(ngx_http_request_t *));
        if (d->suspended == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    rr = d->suspended->elts;

    for (i = 0; i < d->suspended->nelts; i++) {
        if (rr[i] == r) {
            return NGX_AGAIN;
        }
    }

    if (!r->background) {

        /*
         * the body stays unread, but a client that leaves is noticed; one
         * that has left already gives no other event
         */

        if (r->connection->read->ready) {
            ngx_post_event(r->connection->read, &ngx_posted_events);

        } else if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    rr = ngx_array_push(d->suspended);
    if (rr == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    *rr = r;

    if (!r->background) {
        r->read_event_handler = ngx_http_test_reading;
    }

    r->write_event_handler = ngx_http_request_empty_handler;

    return NGX_AGAIN;
}


static void
ngx_http_image_digest_resume(ngx_image_waiter_t *w)
{
    ngx_uint_t                  i;
    ngx_connection_t           *c;
    ngx_http_request_t         *r, **rr;
    ngx_http_image_decision_t  *d;

    d = w->data;
    r = d->main;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, c->log, 0,
                   "image digest resume: \"%V\" \"%s\"",
                   &d->question.subject.reference,
                   image_reason_name(w->reason));

    if (ngx_http_image_digest_answered(d) != NGX_OK) {
        ngx_http_image_digest_fail(d);
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        ngx_http_run_posted_requests(c);
        return;
    }

    if (d->suspended == NULL) {
        return;
    }

    rr = d->suspended->elts;

    for (i = 0; i < d->suspended->nelts; i++) {

        rr[i]->read_event_handler = ngx_http_block_reading;
        rr[i]->write_event_handler = ngx_http_core_run_phases;

        if (ngx_http_post_request(rr[i], NULL) != NGX_OK) {
            ngx_http_finalize_request(r, NGX_ERROR);
            break;
        }
    }

    ngx_http_run_posted_requests(c);
}


/* nothing can be decided: whoever goes on with the request finds nothing */

static void
ngx_http_image_digest_fail(ngx_http_image_decision_t *d)
{
    d->status = NGX_HTTP_IMAGE_FALLBACK;
    d->reason = IMAGE_OVERLOADED;
    d->answer = 0;

    ngx_memzero(&d->digest, sizeof(image_digest_t));
    ngx_http_image_digest_random_key(d->key);
}


/* the lookup has ended, or none was needed: what becomes of the request */

static ngx_int_t
ngx_http_image_digest_answered(ngx_http_image_decision_t *d)
{
    image_moment_t       now;
    ngx_image_waiter_t  *w;

    w = &d->waiter;

    ngx_image_now(&now);
    d->wait = now.boot - w->arrived.boot;

    d->reason = w->reason;

    if (d->answer) {
        d->status = NGX_HTTP_IMAGE_INVALID;
        ngx_http_image_digest_random_key(d->key);

        return NGX_OK;
    }

    if (w->reason != IMAGE_OK) {
        d->status = NGX_HTTP_IMAGE_FALLBACK;

        return ngx_http_image_digest_decide(d);
    }

    d->digest = w->digest;
    d->age = w->age;
    d->held = w->held;

    switch (w->from) {

    case NGX_IMAGE_FROM_NOWHERE:
        d->status = NGX_HTTP_IMAGE_PINNED;
        break;

    case NGX_IMAGE_FROM_ZONE:
        d->status = NGX_HTTP_IMAGE_HIT;
        break;

    case NGX_IMAGE_FROM_SHARED:
        d->status = NGX_HTTP_IMAGE_SHARED;
        break;

    case NGX_IMAGE_FROM_ORIGIN:
        d->status = NGX_HTTP_IMAGE_RESOLVED;
        break;

    case NGX_IMAGE_FROM_SESSION:
        d->status = NGX_HTTP_IMAGE_SESSION;
        break;
    }

    return ngx_http_image_digest_decide(d);
}


/* in the contract's order: "error", then writes, then the fallback */

static ngx_int_t
ngx_http_image_digest_decide(ngx_http_image_decision_t *d)
{
    ngx_flag_t  matches;

    if (ngx_http_image_digest_make_key(d, &matches) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!matches) {
        ngx_http_image_digest_random_key(d->key);
    }

    if (d->status == NGX_HTTP_IMAGE_FALLBACK
        && d->conf->fallback == NGX_HTTP_IMAGE_FALLBACK_ERROR)
    {
        d->answer = NGX_HTTP_SERVICE_UNAVAILABLE;
        return NGX_OK;
    }

    if (d->read) {
        if (!matches) {
            d->answer = NGX_HTTP_NOT_FOUND;
        }

        return NGX_OK;
    }

    if (matches && !ngx_http_image_digest_write_held(d)) {
        d->passed = 1;
        return NGX_OK;
    }

    d->dropped = 1;

    d->answer = (ngx_http_image_digest_is(d, "PUT")
                 || ngx_http_image_digest_is(d, "POST"))
                ? NGX_HTTP_OK : NGX_HTTP_NOT_FOUND;

    return NGX_OK;
}


/* does "image_digest_writes" keep this write from the store? */

static ngx_flag_t
ngx_http_image_digest_write_held(ngx_http_image_decision_t *d)
{
    if (d->pinned) {
        return 0;
    }

    switch (d->conf->writes) {

    case NGX_HTTP_IMAGE_WRITES_PINNED:
        return 1;

    case NGX_HTTP_IMAGE_WRITES_SETTLED:
        return d->digest.algorithm == IMAGE_DIGEST_NONE
               || d->held < d->conf->settled;

    default:
        return 0;
    }
}


/* *matches: there is a key under which something can be found */

static ngx_int_t
ngx_http_image_digest_make_key(ngx_http_image_decision_t *d,
    ngx_flag_t *matches)
{
    int                    rc;
    u_char                 window[2 * NGX_INT64_LEN + 1], *p;
    image_key_t            key;
    ngx_image_engine_t    *engine;
    ngx_image_resolver_t  *resolver;

    *matches = 1;

    ngx_memzero(&key, sizeof(image_key_t));

    key.platform.data = d->platform.text;
    key.platform.len = d->platform.len;
    key.parts = d->parts;
    key.nparts = d->nparts;

    if (d->status != NGX_HTTP_IMAGE_FALLBACK) {
        rc = image_key_of_digest(d->key, &key, &d->digest);
        return rc == 0 ? NGX_OK : NGX_ERROR;
    }

    if (d->conf->fallback != NGX_HTTP_IMAGE_FALLBACK_TAG) {
        *matches = 0;
        return NGX_OK;
    }

    if (d->conf->window != NGX_HTTP_IMAGE_WINDOW_OFF) {
        key.window.data = window;
        key.window.len = ngx_http_image_digest_window(d, window);

        if (key.window.len == 0) {
            *matches = 0;
            return NGX_OK;
        }
    }

    resolver = d->conf->image->resolver;
    engine = d->question.engine;

    /* "NAME@NODE" is of an engine of one host, whatever a client calls one */

    if (engine == NULL
        && ngx_strlchr(d->engine.data, d->engine.data + d->engine.len, '@'))
    {
        *matches = 0;
        return NGX_OK;
    }

    key.resolver.data = resolver->name.data;
    key.resolver.len = resolver->name.len;
    key.engine.data = d->engine.data;
    key.engine.len = d->engine.len;

    if (engine && engine->local) {
        key.engine.len = engine->name.len + 1 + resolver->node.len;

        p = ngx_pnalloc(d->main->pool, key.engine.len);
        if (p == NULL) {
            return NGX_ERROR;
        }

        key.engine.data = p;

        ngx_sprintf(p, "%V@%V", &engine->name, &resolver->node);
    }

    key.reference.data = d->reference.text;
    key.reference.len = d->reference.len;

    rc = image_key_of_tag(d->key, &key);

    return rc == 0 ? NGX_OK : NGX_ERROR;
}


/* "LENGTH/NUMBER", or nothing where no window could ever match */

static size_t
ngx_http_image_digest_window(ngx_http_image_decision_t *d, u_char *text)
{
    int64_t                window, length, number;
    ngx_image_resolver_t  *resolver;

    resolver = d->conf->image->resolver;

    window = d->conf->window;

    if (window == NGX_HTTP_IMAGE_WINDOW_TTL) {
        window = d->ttl;
    }

    length = image_window_length(window, d->ttl);
    if (length == 0) {
        return 0;
    }

    /* for the next request; or at once, where redis is away */

    if (resolver->shared) {
        ngx_image_shared_time(resolver->shared);
    }

    number = ngx_image_zone_window(resolver->zone, resolver->shared != NULL,
                                   length * NGX_HTTP_IMAGE_SECOND, !d->read);
    if (number < 0) {
        return 0;
    }

    return ngx_sprintf(text, "%L/%L", length, number) - text;
}
