/*
 * Waiters: what may serve them, and how they leave.  One function holds each
 * of them against the rules, whatever was learnt and wherever.
 */

#include <ngx_image_lookup_state.h>


static void ngx_image_lookup_served_handler(ngx_event_t *ev);
static void ngx_image_lookup_timeout_handler(ngx_event_t *ev);


/* waiters with an answer, whose handlers run from a posted event */

static ngx_queue_t  ngx_image_lookup_served;
static ngx_event_t  ngx_image_lookup_served_event;


void
ngx_image_lookup_settle_init(void)
{
    if (ngx_image_lookup_served_event.handler == NULL) {
        ngx_queue_init(&ngx_image_lookup_served);

        ngx_image_lookup_served_event.handler =
                                            ngx_image_lookup_served_handler;
        ngx_image_lookup_served_event.log = ngx_cycle->log;
    }
}


ngx_int_t
ngx_image_lookup_answer(ngx_image_resolver_t *resolver, ngx_image_waiter_t *w,
    image_observation_t *o, image_moment_t *now)
{
    int64_t  ttl;

    if (o->digest.algorithm != IMAGE_DIGEST_NONE
        && image_usable(&o->digest_at, w->ttl, &w->arrived, now))
    {
        w->reason = IMAGE_OK;
        w->digest = o->digest;
        w->age = image_age(&o->digest_at, now);
        w->held = o->held;

        return NGX_OK;
    }

    ttl = ngx_min(w->ttl, resolver->negative_ttl);

    if (o->failure != IMAGE_OK
        && image_usable(&o->failure_at, ttl, &w->arrived, now))
    {
        w->reason = o->failure;

        return NGX_OK;
    }

    return NGX_DECLINED;
}


ngx_flag_t
ngx_image_lookup_serve_all(ngx_image_lookup_t *lookup,
    image_observation_t *o, ngx_image_from_e from)
{
    ngx_flag_t           served;
    ngx_queue_t         *q, *next;
    image_moment_t       now;
    ngx_image_waiter_t  *w;

    served = 0;

    ngx_image_now(&now);

    for (q = ngx_queue_head(&lookup->waiters);
         q != ngx_queue_sentinel(&lookup->waiters);
         q = next)
    {
        next = ngx_queue_next(q);

        w = ngx_queue_data(q, ngx_image_waiter_t, queue);

        if (ngx_image_lookup_answer(lookup->resolver, w, o, &now) == NGX_OK) {
            w->from = from;
            ngx_image_lookup_serve(w);
            served = 1;
        }
    }

    return served;
}


ngx_flag_t
ngx_image_lookup_settle(ngx_image_lookup_t *lookup, ngx_image_from_e from)
{
    ngx_flag_t            served;
    image_moment_t        now;
    image_observation_t  *o;

    o = &lookup->observation;

    served = ngx_image_lookup_serve_all(lookup, o, from);

    if (!ngx_queue_empty(&lookup->waiters)) {
        return 0;
    }

    if (from == NGX_IMAGE_FROM_ORIGIN) {
        return 1;
    }

    if (lookup->renewal) {
        ngx_image_now(&now);

        return (o->digest.algorithm != IMAGE_DIGEST_NONE
                && image_usable(&o->digest_at, lookup->renewal, &now, &now))
               || (o->failure != IMAGE_OK
                   && image_usable(&o->failure_at,
                                   lookup->resolver->negative_ttl, &now,
                                   &now));
    }

    /* those who gave up waiting still want it stored for the next (rule 8) */

    return served && !lookup->probe;
}


void
ngx_image_lookup_wants(ngx_image_lookup_t *lookup, int64_t *digest,
    int64_t *failure)
{
    int64_t              waited;
    ngx_queue_t         *q;
    image_moment_t       now;
    ngx_image_waiter_t  *w;

    ngx_image_now(&now);

    *digest = lookup->renewal ? lookup->renewal
                              : lookup->resolver->retention;
    *failure = lookup->resolver->negative_ttl;

    for (q = ngx_queue_head(&lookup->waiters);
         q != ngx_queue_sentinel(&lookup->waiters);
         q = ngx_queue_next(q))
    {
        w = ngx_queue_data(q, ngx_image_waiter_t, queue);

        /* younger than its TTL, or begun since it arrived */

        waited = ngx_max(now.boot - w->arrived.boot, 0);

        *digest = ngx_min(*digest, ngx_max(w->ttl, waited));
        *failure = ngx_min(*failure,
                           ngx_max(ngx_min(w->ttl,
                                           lookup->resolver->negative_ttl),
                                   waited));
    }
}


void
ngx_image_lookup_fail(ngx_image_lookup_t *lookup, image_reason_e reason)
{
    ngx_queue_t         *q;
    ngx_image_waiter_t  *w;

    ngx_log_debug1(NGX_LOG_DEBUG_CORE, lookup->log, 0,
                   "image lookup: \"%s\"", image_reason_name(reason));

    while (!ngx_queue_empty(&lookup->waiters)) {
        q = ngx_queue_head(&lookup->waiters);
        w = ngx_queue_data(q, ngx_image_waiter_t, queue);

        w->reason = reason;
        w->from = NGX_IMAGE_FROM_ORIGIN;

        ngx_image_lookup_serve(w);
    }

    ngx_image_lookup_done(lookup);
}


void
ngx_image_lookup_wait(ngx_image_waiter_t *w)
{
    w->timer.handler = ngx_image_lookup_timeout_handler;
    w->timer.data = w;
    w->timer.log = ngx_cycle->log;

    /* not cancelable: a graceful exit waits for those who wait */

    ngx_add_timer(&w->timer, w->timeout);
}


void
ngx_image_lookup_leave(ngx_image_waiter_t *w)
{
    if (w->queued) {
        ngx_queue_remove(&w->queue);
        w->queued = 0;
    }

    if (w->timer.timer_set) {
        ngx_del_timer(&w->timer);
    }

    if (w->session) {
        ngx_image_lookup_session_leave(w->session);
        w->session = NULL;
    }
}


void
ngx_image_lookup_serve(ngx_image_waiter_t *w)
{
    if (w->queued) {
        ngx_queue_remove(&w->queue);
    }

    ngx_queue_insert_tail(&ngx_image_lookup_served, &w->queue);
    w->queued = 1;

    /* a handler may do anything, so none runs inside a lookup */

    ngx_post_event(&ngx_image_lookup_served_event, &ngx_posted_events);
}


static void
ngx_image_lookup_served_handler(ngx_event_t *ev)
{
    ngx_queue_t         *q;
    ngx_image_waiter_t  *w;

    ngx_log_debug0(NGX_LOG_DEBUG_CORE, ev->log, 0, "image lookup served");

    while (!ngx_queue_empty(&ngx_image_lookup_served)) {
        q = ngx_queue_head(&ngx_image_lookup_served);
        w = ngx_queue_data(q, ngx_image_waiter_t, queue);

        ngx_image_lookup_leave(w);

        w->handler(w);
    }
}


static void
ngx_image_lookup_timeout_handler(ngx_event_t *ev)
{
    ngx_image_waiter_t  *w;

    w = ev->data;

    ngx_log_debug0(NGX_LOG_DEBUG_CORE, ev->log, 0, "image lookup timed out");

    ngx_image_lookup_leave(w);

    w->reason = IMAGE_TIMEOUT;
    w->from = NGX_IMAGE_FROM_NOWHERE;

    w->handler(w);
}
