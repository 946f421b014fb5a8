/*
 * One round of a lookup: who of all is to ask (rule 9).  On a host that is
 * the worker that has claimed the identity in the zone; of the hosts it is
 * the one with the lease in Redis.  Both are held for two seconds and renewed
 * while the lookup lives, so that a dead owner's end by themselves.
 *
 * Those who wait are told when it is over, by a bell or by Redis' news, and
 * look again by themselves should they not hear it.
 */

#include <ngx_image_lookup_state.h>


static ngx_flag_t ngx_image_lookup_wanted(ngx_image_lookup_t *lookup);
static void ngx_image_lookup_wait_for(ngx_image_lookup_t *lookup,
    ngx_image_lookup_state_e state, ngx_msec_t delay);
static void ngx_image_lookup_look(ngx_image_resolver_t *resolver,
    ngx_image_lookup_state_e state);
static void ngx_image_lookup_look_again(ngx_image_lookup_t *lookup);
static void ngx_image_lookup_fleet(ngx_image_lookup_t *lookup);
static void ngx_image_lookup_alone(ngx_image_lookup_t *lookup);
static void ngx_image_lookup_fleet_handler(ngx_image_shared_op_t *op);
static ngx_flag_t ngx_image_lookup_fleet_keep(ngx_image_lookup_t *lookup);
static void ngx_image_lookup_go(ngx_image_lookup_t *lookup);
static ngx_int_t ngx_image_lookup_hold(ngx_image_lookup_t *lookup);


void
ngx_image_lookup_round(ngx_image_lookup_t *lookup)
{
    int64_t                left;
    ngx_int_t              rc;
    image_moment_t         now;
    ngx_image_subject_t   *subject;
    ngx_image_resolver_t  *resolver;

    resolver = lookup->resolver;
    subject = &lookup->question.subject;

    lookup->doubted = 0;
    lookup->late = 0;
    left = 0;

    /* what was sent for another round says nothing of this one's lease */

    ngx_image_lookup_token(lookup);

    /* first the claim, then the look: what its last owner learnt is there */

    rc = ngx_image_zone_claim(resolver->zone, &lookup->lease_id,
                              lookup->owner, NGX_IMAGE_LOOKUP_LEASE, 1,
                              &left);

    ngx_log_debug1(NGX_LOG_DEBUG_CORE, lookup->log, 0,
                   "image lookup: round: %i", rc);

    lookup->leased = (rc == NGX_OK);

    if (ngx_image_zone_get(resolver->zone, &subject->id, &subject->reference,
                           &lookup->observation)
        != NGX_OK)
    {
        ngx_memzero(&lookup->observation, sizeof(image_observation_t));
    }

    if (ngx_image_lookup_settle(lookup, NGX_IMAGE_FROM_ZONE)
        || !ngx_image_lookup_wanted(lookup))
    {
        ngx_image_lookup_done(lookup);
        return;
    }

    if (rc == NGX_BUSY) {
        ngx_image_lookup_outage_serve(lookup);

        if (ngx_queue_empty(&lookup->waiters)) {

            /* a renewal, or a probe, and another worker is at it */

            ngx_image_lookup_done(lookup);
            return;
        }

        ngx_image_lookup_wait_for(lookup, NGX_IMAGE_LOOKUP_HOST,
                                  ngx_min((ngx_msec_t) (left / 1000) + 1,
                                          NGX_IMAGE_LOOKUP_TICK));
        return;
    }

    if (rc == NGX_DECLINED) {
        ngx_image_lookup_fail(lookup, IMAGE_OVERLOADED);
        return;
    }

    ngx_image_now(&now);

    if (!(lookup->question.engine->type->flags & NGX_IMAGE_ENGINE_PULL)
        && ngx_image_lookup_limited(resolver, &subject->limit_id, &now))
    {
        ngx_image_lookup_fail(lookup, IMAGE_RATE_LIMITED);
        return;
    }

    ngx_image_lookup_fleet(lookup);
}


static ngx_flag_t
ngx_image_lookup_wanted(ngx_image_lookup_t *lookup)
{
    return !ngx_queue_empty(&lookup->waiters) || lookup->renewal
           || lookup->probe;
}


void
ngx_image_lookup_tick(ngx_image_lookup_t *lookup, ngx_msec_t delay)
{
    /* nginx would keep the old time where the new one is near */

    if (lookup->timer.timer_set) {
        ngx_del_timer(&lookup->timer);
    }

    ngx_add_timer(&lookup->timer, delay);
}


static void
ngx_image_lookup_wait_for(ngx_image_lookup_t *lookup,
    ngx_image_lookup_state_e state, ngx_msec_t delay)
{
    lookup->state = state;

    if (!lookup->listed) {
        lookup->listed = 1;
        ngx_queue_insert_tail(&lookup->resolver->waiting, &lookup->queue);
    }

    ngx_image_lookup_tick(lookup, delay);
}


/* another worker of this host has released something */

void
ngx_image_lookup_rung(void *data, ngx_flag_t closed)
{
    if (closed) {
        ngx_image_lookup_abandon(data);
        return;
    }

    ngx_image_lookup_look(data, NGX_IMAGE_LOOKUP_HOST);
}


/* another host has stored or released it; NULL: anything, perhaps */

void
ngx_image_lookup_news(void *data, ngx_image_id_t *id)
{
    ngx_image_lookup_t    *lookup;
    ngx_image_resolver_t  *resolver;

    resolver = data;

    if (id == NULL) {
        ngx_image_lookup_look(resolver, NGX_IMAGE_LOOKUP_FLEET_WAIT);
        return;
    }

    lookup = ngx_image_lookup_find(resolver, id);

    if (lookup == NULL) {
        return;
    }

    if (lookup->state == NGX_IMAGE_LOOKUP_FLEET_WAIT) {
        ngx_image_lookup_look_again(lookup);

    } else if (lookup->state == NGX_IMAGE_LOOKUP_FLEET) {

        /* its answer may be of before */

        lookup->told = 1;
    }
}


static void
ngx_image_lookup_look(ngx_image_resolver_t *resolver,
    ngx_image_lookup_state_e state)
{
    ngx_queue_t          waiting, *q;
    ngx_image_lookup_t  *lookup;

    if (ngx_queue_empty(&resolver->waiting)) {
        return;
    }

    /* those that go on waiting come back into the list */

    ngx_queue_init(&waiting);
    ngx_queue_add(&waiting, &resolver->waiting);
    ngx_queue_init(&resolver->waiting);

    while (!ngx_queue_empty(&waiting)) {
        q = ngx_queue_head(&waiting);
        ngx_queue_remove(q);
        ngx_queue_insert_tail(&resolver->waiting, q);

        lookup = ngx_queue_data(q, ngx_image_lookup_t, queue);

        if (lookup->state == state) {
            ngx_image_lookup_look_again(lookup);
        }
    }
}


static void
ngx_image_lookup_look_again(ngx_image_lookup_t *lookup)
{
    ngx_queue_remove(&lookup->queue);
    lookup->listed = 0;

    if (lookup->state == NGX_IMAGE_LOOKUP_HOST) {
        ngx_image_lookup_round(lookup);
        return;
    }

    if (ngx_queue_empty(&lookup->waiters)) {

        /* who asks stores it */

        ngx_image_lookup_done(lookup);
        return;
    }

    (void) ngx_image_lookup_hold(lookup);
    ngx_image_lookup_fleet(lookup);
}


void
ngx_image_lookup_timer_handler(ngx_event_t *ev)
{
    ngx_image_lookup_t  *lookup;

    lookup = ev->data;

    ngx_log_debug1(NGX_LOG_DEBUG_CORE, lookup->log, 0,
                   "image lookup timer: %d", lookup->state);

    switch (lookup->state) {

    case NGX_IMAGE_LOOKUP_DELAYED:
        ngx_image_lookup_round(lookup);
        return;

    case NGX_IMAGE_LOOKUP_HOST:
    case NGX_IMAGE_LOOKUP_FLEET_WAIT:
        ngx_image_lookup_look_again(lookup);
        return;

    case NGX_IMAGE_LOOKUP_CALL:
        if (lookup->fleet) {
            ngx_image_shared_renew(lookup->resolver->shared,
                                   &lookup->question.subject, &lookup->token,
                                   lookup->log);
        }

        ngx_image_lookup_probe_renew(lookup);

        /* fall through */

    case NGX_IMAGE_LOOKUP_FLEET:
        (void) ngx_image_lookup_hold(lookup);
        ngx_image_lookup_tick(lookup, NGX_IMAGE_LOOKUP_TICK);
    }
}


/* NGX_BUSY: lost, since this worker was stopped for long, and another one
 * asks; what comes of a call is then an old observation */

static ngx_int_t
ngx_image_lookup_hold(ngx_image_lookup_t *lookup)
{
    int64_t  left;

    return ngx_image_zone_claim(lookup->resolver->zone, &lookup->lease_id,
                                lookup->owner, NGX_IMAGE_LOOKUP_LEASE, 0,
                                &left);
}


void
ngx_image_lookup_release(ngx_image_lookup_t *lookup)
{
    if (lookup->leased) {
        lookup->leased = 0;

        ngx_image_zone_release(lookup->resolver->zone, &lookup->lease_id,
                               lookup->owner);
    }
}


void
ngx_image_lookup_release_fleet(ngx_image_lookup_t *lookup,
    ngx_image_shared_record_t *record)
{
    ngx_image_shared_record_t  none;

    if (!lookup->fleet && (record == NULL || record->began == 0)) {
        return;
    }

    if (record == NULL || record->began == 0) {
        ngx_memzero(&none, sizeof(ngx_image_shared_record_t));
        record = &none;
    }

    lookup->fleet = 0;

    ngx_image_shared_store(lookup->resolver->shared,
                           &lookup->question.subject, record, &lookup->token,
                           lookup->log);
}


/* what the other hosts know, Redis' time, and who is to ask */

static void
ngx_image_lookup_fleet(ngx_image_lookup_t *lookup)
{
    ngx_image_shared_op_t  *op;
    ngx_image_resolver_t   *resolver;

    lookup->began_shared = 0;
    lookup->lost = 0;
    lookup->told = 0;

    ngx_memzero(&lookup->run, sizeof(ngx_image_run_t));

    resolver = lookup->resolver;

    /* what an engine tells of this host alone stays on it (rule 11) */

    if (resolver->shared == NULL || lookup->question.engine->local) {
        ngx_image_lookup_alone(lookup);
        return;
    }

    op = &lookup->op;

    ngx_memzero(op, sizeof(ngx_image_shared_op_t));

    op->conf = resolver->shared;
    op->subject = &lookup->question.subject;
    op->log = lookup->log;
    op->handler = ngx_image_lookup_fleet_handler;
    op->data = lookup;

    op->token = lookup->token;

    if (!lookup->doubted && !lookup->probe) {
        ngx_image_lookup_wants(lookup, &op->want, &op->want_failure);
    }

    lookup->log->action = "asking redis for an image";

    if (ngx_image_shared_lookup(op) == NGX_OK) {
        lookup->asking = 1;

        /* until an answer says otherwise: without one it may be given */

        lookup->fleet = 1;
        lookup->state = NGX_IMAGE_LOOKUP_FLEET;
        ngx_image_lookup_tick(lookup, NGX_IMAGE_LOOKUP_TICK);
        return;
    }

    /* redis away costs sharing only (rule 10) */

    ngx_image_lookup_alone(lookup);
}


/* no other host has a say */

static void
ngx_image_lookup_alone(ngx_image_lookup_t *lookup)
{
    if (ngx_image_lookup_outage(lookup) != NGX_OK) {
        ngx_image_lookup_done(lookup);
        return;
    }

    ngx_image_lookup_call(lookup);
}


static void
ngx_image_lookup_fleet_handler(ngx_image_shared_op_t *op)
{
    ngx_msec_t           most;
    ngx_image_lookup_t  *lookup;

    lookup = op->data;

    lookup->asking = 0;

    ngx_log_debug2(NGX_LOG_DEBUG_CORE, lookup->log, 0,
                   "image lookup: redis answered: %i, lease:%d",
                   op->rc, op->lease);

    lookup->fleet = (op->lease == NGX_IMAGE_LEASE_OURS
                     || op->lease == NGX_IMAGE_LEASE_UNKNOWN);

    if (op->rc == NGX_OK) {
        lookup->began_shared = op->now;
        lookup->run = op->run;

        if (ngx_image_lookup_fleet_keep(lookup)) {
            ngx_image_lookup_done(lookup);
            return;
        }
    }

    /* what others know is used, whether the origin answers this host or not */

    if (ngx_image_lookup_outage(lookup) != NGX_OK) {
        ngx_image_lookup_done(lookup);
        return;
    }

    if (op->rc != NGX_OK) {
        ngx_image_lookup_go(lookup);
        return;
    }

    if (op->lease == NGX_IMAGE_LEASE_OURS
        || (op->limited_for
            && !(lookup->question.engine->type->flags
                 & NGX_IMAGE_ENGINE_PULL)))
    {
        ngx_image_lookup_go(lookup);
        return;
    }

    if (op->lease == NGX_IMAGE_LEASE_NONE) {

        if (!ngx_image_lookup_wanted(lookup)) {
            ngx_image_lookup_done(lookup);
            return;
        }

        /* by Redis it was enough, but we have not believed it */

        if (lookup->doubted) {
            ngx_image_lookup_go(lookup);
            return;
        }

        lookup->doubted = 1;
        ngx_image_lookup_fleet(lookup);
        return;
    }

    if (lookup->told) {
        ngx_image_lookup_fleet(lookup);
        return;
    }

    if (ngx_queue_empty(&lookup->waiters)) {

        /* a renewal, and another host is at it */

        ngx_image_lookup_done(lookup);
        return;
    }

    most = ngx_image_shared_listens(op->conf)
           ? NGX_IMAGE_LOOKUP_TICK : NGX_IMAGE_LOOKUP_DEAF;

    ngx_image_lookup_wait_for(lookup, NGX_IMAGE_LOOKUP_FLEET_WAIT,
                              ngx_min(op->left + 1, most));
}


/*
 * The call, if it is still ours to make: this worker may have been stopped
 * after Redis gave it the lease, and both may be another's by now.
 */

static void
ngx_image_lookup_go(ngx_image_lookup_t *lookup)
{
    image_moment_t  now;

    if (ngx_image_lookup_hold(lookup) == NGX_BUSY) {
        ngx_image_lookup_release_fleet(lookup, NULL);
        ngx_image_lookup_round(lookup);
        return;
    }

    ngx_image_now(&now);

    if (lookup->op.lease == NGX_IMAGE_LEASE_OURS
        && now.boot - lookup->op.command.sent.boot > NGX_IMAGE_LOOKUP_LATE
        && lookup->late++ < NGX_IMAGE_LOOKUP_TRIES)
    {
        ngx_image_lookup_fleet(lookup);
        return;
    }

    ngx_image_lookup_call(lookup);
}


/* what the other hosts know, on this one; true where that is all */

static ngx_flag_t
ngx_image_lookup_fleet_keep(ngx_image_lookup_t *lookup)
{
    ngx_str_t               detail;
    ngx_uint_t              flags;
    ngx_image_from_e        from;
    image_observation_t     o;
    ngx_image_shared_op_t  *op;

    op = &lookup->op;
    o = op->observation;

    lookup->lost = (o.digest.algorithm == IMAGE_DIGEST_NONE);

    if (op->limited_for) {
        ngx_image_lookup_keep_limit(lookup, &op->limited_at,
                                    op->limited_for);
    }

    from = NGX_IMAGE_FROM_ZONE;

    if (o.digest.algorithm != IMAGE_DIGEST_NONE || o.failure != IMAGE_OK) {
        flags = ngx_image_lookup_keep(lookup, &o, op->command.sent.boot, 1);

        if (flags & (IMAGE_MERGE_DIGEST|IMAGE_MERGE_FAILURE)) {
            from = NGX_IMAGE_FROM_SHARED;

            /* it may be enough for those who wait in other workers */

            ngx_image_zone_tell(lookup->resolver->zone, &lookup->lease_id);
        }

        if (flags & IMAGE_MERGE_NEW) {
            ngx_str_set(&detail, "another host has asked");
            ngx_image_lookup_log_failure(lookup, o.failure, &detail);
        }

    } else if (ngx_image_zone_get(lookup->resolver->zone,
                                  &lookup->question.subject.id,
                                  &lookup->question.subject.reference,
                                  &lookup->observation)
               != NGX_OK)
    {
        ngx_memzero(&lookup->observation, sizeof(image_observation_t));
    }

    return ngx_image_lookup_settle(lookup, from);
}
