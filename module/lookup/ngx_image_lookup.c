/*
 * The states of one lookup (docs/architecture.md, "A lookup"):
 *
 *     zone --> shared --> origin --> done
 *                ^                    |
 *                +-- who is not served
 *
 * There is one lookup for an identity in a worker.  Whoever asks for it while
 * it is under way waits for it; after each step all waiters are held against
 * what is known by their own rules, those who may use it leave, and for the
 * rest it goes on.  That is all there is to coalescing and to TTL 0: a
 * waiter that came after a call began is not served by it, and so waits for
 * the next one together with all who wait likewise (rule 3).
 */

#include <ngx_image_lookup.h>


/* how often it is said that there are too many calls, seconds */
#define NGX_IMAGE_LOOKUP_SAY    10

/* how long what a call claims is its own, microseconds */
#define NGX_IMAGE_LOOKUP_CLAIM  2000000

/* how often Redis is asked for nothing but its time, seconds */
#define NGX_IMAGE_LOOKUP_CLOCK  60


struct ngx_image_lookup_s {
    ngx_rbtree_node_t          node;           /* key: of the identity */
    ngx_image_resolver_t      *resolver;
    ngx_image_question_t       question;       /* our own copy */
    ngx_pool_t                *pool;
    ngx_log_t                 *log;

    ngx_queue_t                waiters;
    int64_t                    renewal;        /* TTL to renew for; 0: none */

    image_observation_t        observation;
    image_moment_t             began;          /* of the origin call */
    int64_t                    began_shared;   /* by Redis; 0: not known */

    ngx_image_shared_op_t      op;
    ngx_image_call_t           call;
    ngx_pool_t                *call_pool;      /* of this round */
    uint64_t                   owner;          /* of what the call claims */

    unsigned                   asking:1;       /* op is under way */
    unsigned                   calling:1;      /* call is under way */
    unsigned                   lost:1;         /* redis has no digest of it */
    unsigned                   claimed:1;      /* the call has a claim */
    unsigned                   waits:1;        /* ... or waits for one */
};


static ngx_image_lookup_t *ngx_image_lookup_find(
    ngx_image_resolver_t *resolver, ngx_image_id_t *id);
static ngx_image_lookup_t *ngx_image_lookup_create(
    ngx_image_resolver_t *resolver, ngx_image_question_t *question);
static void ngx_image_lookup_shared(ngx_image_lookup_t *lookup);
static void ngx_image_lookup_shared_handler(ngx_image_shared_op_t *op);
static void ngx_image_lookup_origin(ngx_image_lookup_t *lookup);
static void ngx_image_lookup_origin_handler(ngx_image_call_t *call);
static uint64_t ngx_image_lookup_owner(void);
static ngx_int_t ngx_image_lookup_claim(ngx_image_call_t *call,
    uint8_t *hash);
static void ngx_image_lookup_go_on(ngx_image_lookup_t *lookup);
static void ngx_image_lookup_release(ngx_image_call_t *call, uint8_t *hash);
static ngx_flag_t ngx_image_lookup_changed(ngx_image_lookup_t *lookup,
    ngx_pool_t *pool);
static void ngx_image_lookup_outcome(ngx_image_lookup_t *lookup);
static int64_t ngx_image_lookup_span(ngx_image_lookup_t *lookup);
static void ngx_image_lookup_store(ngx_image_lookup_t *lookup);
static void ngx_image_lookup_done(ngx_image_lookup_t *lookup);

static ngx_int_t ngx_image_lookup_answer(ngx_image_resolver_t *resolver,
    ngx_image_waiter_t *w, image_observation_t *o, image_moment_t *now);
static int64_t ngx_image_lookup_limited(ngx_image_resolver_t *resolver,
    ngx_image_id_t *id, image_moment_t *now);
static ngx_flag_t ngx_image_lookup_settle(ngx_image_lookup_t *lookup,
    ngx_image_from_e from);
static void ngx_image_lookup_fail(ngx_image_lookup_t *lookup,
    image_reason_e reason);
static void ngx_image_lookup_serve(ngx_image_waiter_t *w);
static void ngx_image_lookup_served_handler(ngx_event_t *ev);
static void ngx_image_lookup_timeout_handler(ngx_event_t *ev);
static void ngx_image_lookup_renew(ngx_image_resolver_t *resolver,
    ngx_image_question_t *question, ngx_image_waiter_t *w,
    image_observation_t *o, image_moment_t *now);

static ngx_uint_t ngx_image_lookup_keep(ngx_image_lookup_t *lookup,
    image_observation_t *o, ngx_flag_t from_run);
static void ngx_image_lookup_keep_limit(ngx_image_lookup_t *lookup,
    image_moment_t *at, int64_t span);
static void ngx_image_lookup_log_failure(ngx_image_lookup_t *lookup,
    image_reason_e reason, ngx_str_t *detail);
static u_char *ngx_image_lookup_log_error(ngx_log_t *log, u_char *buf,
    size_t len);


/* what Redis is asked about when it is its time that is wanted */

static ngx_image_subject_t  ngx_image_lookup_clock = {
    .reference = ngx_string("time"),
    .engine = ngx_string("time"),
    .registry = ngx_string("time")
};

/* waiters with an answer, whose handlers run from a posted event */

static ngx_queue_t  ngx_image_lookup_served;
static ngx_event_t  ngx_image_lookup_served_event;


void
ngx_image_lookup_init(ngx_image_resolver_t *resolver)
{
    ngx_rbtree_init(&resolver->lookups, &resolver->sentinel,
                    ngx_rbtree_insert_value);

    if (ngx_image_lookup_served_event.handler == NULL) {
        ngx_queue_init(&ngx_image_lookup_served);

        ngx_image_lookup_served_event.handler =
                                            ngx_image_lookup_served_handler;
        ngx_image_lookup_served_event.log = ngx_cycle->log;
    }
}


void
ngx_image_lookup_exit(ngx_image_resolver_t *resolver)
{
    ngx_image_lookup_t  *lookup;

    while (resolver->lookups.root != resolver->lookups.sentinel) {
        lookup = (ngx_image_lookup_t *) resolver->lookups.root;

        if (lookup->asking) {
            ngx_image_shared_cancel(&lookup->op);
        }

        if (lookup->calling) {
            lookup->question.engine->type->cancel(&lookup->call);
        }

        ngx_image_lookup_done(lookup);
    }
}


ngx_int_t
ngx_image_lookup_identify(ngx_image_question_t *question, ngx_pool_t *pool)
{
    ngx_uint_t            n;
    image_str_t           parts[NGX_IMAGE_IDENTITY_PARTS + 3];
    ngx_image_subject_t  *subject;

    subject = &question->subject;

    subject->reference.data = question->reference->text;
    subject->reference.len = question->reference->len;
    subject->platform.data = question->platform->text;
    subject->platform.len = question->platform->len;
    subject->registry.data = (u_char *) question->reference->domain.data;
    subject->registry.len = question->reference->domain.len;
    subject->engine = question->engine->name;

    if (question->engine->type->identity(question->engine, question->registry,
                                         question->reference, pool, parts, &n)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* the whole registry, as this engine asks it, or the whole engine */

    if (question->engine->type->flags
        & (NGX_IMAGE_ENGINE_REGISTRIES|NGX_IMAGE_ENGINE_PULL))
    {
        parts[n] = question->reference->domain;

    } else {
        parts[n].len = 0;
        parts[n].data = (u_char *) "";

        subject->registry = question->engine->type->name;
    }

    if (image_hash(subject->limit_id.hash, parts, n + 1) != 0) {
        return NGX_ERROR;
    }

    parts[n].data = subject->reference.data;
    parts[n].len = subject->reference.len;
    parts[n + 1].data = subject->platform.data;
    parts[n + 1].len = subject->platform.len;
    parts[n + 2].data = question->pod.data;
    parts[n + 2].len = question->pod.len;

    if (image_hash(subject->id.hash, parts, n + 3) != 0) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_image_lookup(ngx_image_resolver_t *resolver,
    ngx_image_question_t *question, ngx_image_waiter_t *w)
{
    image_moment_t        now;
    ngx_image_lookup_t   *lookup;
    image_observation_t   o;

    ngx_image_now(&now);

    if (ngx_image_zone_get(resolver->zone, &question->subject.id, &o)
        != NGX_OK)
    {
        ngx_memzero(&o, sizeof(image_observation_t));

    } else if (ngx_image_lookup_answer(resolver, w, &o, &now) == NGX_OK) {
        w->from = NGX_IMAGE_FROM_ZONE;

        if (w->reason == IMAGE_OK) {
            ngx_image_lookup_renew(resolver, question, w, &o, &now);
        }

        return NGX_OK;
    }

    lookup = ngx_image_lookup_find(resolver, &question->subject.id);

    if (lookup == NULL) {
        lookup = ngx_image_lookup_create(resolver, question);
        if (lookup == NULL) {
            return NGX_ERROR;
        }

        lookup->observation = o;
    }

    w->timer.handler = ngx_image_lookup_timeout_handler;
    w->timer.data = w;
    w->timer.log = ngx_cycle->log;

    /* not cancelable: a graceful exit waits for those who wait */

    ngx_add_timer(&w->timer, w->timeout);

    ngx_queue_insert_tail(&lookup->waiters, &w->queue);
    w->queued = 1;

    if (!lookup->asking && !lookup->calling) {
        ngx_image_lookup_shared(lookup);
    }

    return NGX_AGAIN;
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
}


void
ngx_image_lookup_refused(ngx_image_resolver_t *resolver,
    image_reference_t *reference, image_reason_e reason, ngx_log_t *log)
{
    const char      *name;
    image_str_t      parts[3];
    ngx_image_id_t   id;

    static const image_str_t  kind = image_str("refused");

    name = image_reason_name(reason);

    parts[0] = kind;
    parts[1].data = (u_char *) name;
    parts[1].len = ngx_strlen(name);
    parts[2].data = reference->text;
    parts[2].len = reference->len;

    if (image_hash(id.hash, parts, 3) != 0) {
        return;
    }

    if (!ngx_image_zone_mark(resolver->zone, &id)) {
        return;
    }

    ngx_log_error(NGX_LOG_WARN, log, 0,
                  "image digest: \"%*s\": %s, resolver \"%V\", registry "
                  "\"%*s\": %s",
                  reference->len, reference->text, name, &resolver->name,
                  reference->domain.len, reference->domain.data,
                  image_reason_advice(reason));
}


static ngx_image_lookup_t *
ngx_image_lookup_find(ngx_image_resolver_t *resolver, ngx_image_id_t *id)
{
    ngx_rbtree_key_t     key;
    ngx_rbtree_node_t   *node, *sentinel;
    ngx_image_lookup_t  *lookup;

    ngx_memcpy(&key, id->hash, sizeof(ngx_rbtree_key_t));

    node = resolver->lookups.root;
    sentinel = resolver->lookups.sentinel;

    while (node != sentinel) {

        if (key != node->key) {
            node = (key < node->key) ? node->left : node->right;
            continue;
        }

        lookup = (ngx_image_lookup_t *) node;

        if (ngx_memcmp(lookup->question.subject.id.hash, id->hash,
                       IMAGE_HASH)
            == 0)
        {
            return lookup;
        }

        /* equal keys of other identities are inserted to the right */

        node = node->right;
    }

    return NULL;
}


static ngx_image_lookup_t *
ngx_image_lookup_create(ngx_image_resolver_t *resolver,
    ngx_image_question_t *question)
{
    ngx_log_t             *log;
    ngx_pool_t            *pool;
    ngx_image_lookup_t    *lookup;
    ngx_image_question_t  *copy;

    pool = ngx_create_pool(2048, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    lookup = ngx_pcalloc(pool, sizeof(ngx_image_lookup_t));
    if (lookup == NULL) {
        goto failed;
    }

    log = ngx_palloc(pool, sizeof(ngx_log_t));
    if (log == NULL) {
        goto failed;
    }

    *log = *ngx_cycle->log;
    log->handler = ngx_image_lookup_log_error;
    log->data = lookup;
    log->action = "resolving an image";

    pool->log = log;

    lookup->pool = pool;
    lookup->log = log;
    lookup->resolver = resolver;

    copy = &lookup->question;
    *copy = *question;

    copy->reference = ngx_palloc(pool, sizeof(image_reference_t));
    copy->platform = ngx_palloc(pool, sizeof(image_platform_t));

    if (copy->reference == NULL || copy->platform == NULL) {
        goto failed;
    }

    image_reference_copy(copy->reference, question->reference);
    *copy->platform = *question->platform;

    if (question->pod.len) {
        copy->pod.data = ngx_pstrdup(pool, &question->pod);
        if (copy->pod.data == NULL) {
            goto failed;
        }
    }

    if (ngx_image_lookup_identify(copy, pool) != NGX_OK) {
        goto failed;
    }

    ngx_queue_init(&lookup->waiters);

    ngx_memcpy(&lookup->node.key, copy->subject.id.hash,
               sizeof(ngx_rbtree_key_t));

    ngx_rbtree_insert(&resolver->lookups, &lookup->node);

    return lookup;

failed:

    ngx_destroy_pool(pool);

    return NULL;
}


/* the first step of a round: what the other hosts know, and Redis' time */

static void
ngx_image_lookup_shared(ngx_image_lookup_t *lookup)
{
    ngx_image_shared_op_t  *op;
    ngx_image_subject_t    *subject;
    ngx_image_resolver_t   *resolver;

    lookup->began_shared = 0;
    lookup->lost = 0;

    resolver = lookup->resolver;
    subject = &lookup->question.subject;

    if (resolver->shared == NULL) {
        ngx_image_lookup_origin(lookup);
        return;
    }

    /*
     * What an engine tells of this host alone stays on it (rule 11), but the
     * windows of its tag keys have Redis' time like all others.
     */

    if (lookup->question.engine->local) {

        if (resolver->clocked
            && ngx_time() - resolver->clocked < NGX_IMAGE_LOOKUP_CLOCK)
        {
            ngx_image_lookup_origin(lookup);
            return;
        }

        subject = &ngx_image_lookup_clock;
    }

    op = &lookup->op;

    ngx_memzero(op, sizeof(ngx_image_shared_op_t));

    op->conf = resolver->shared;
    op->subject = subject;
    op->log = lookup->log;
    op->handler = ngx_image_lookup_shared_handler;
    op->data = lookup;

    lookup->log->action = "asking redis for an image";

    if (ngx_image_shared_lookup(op) == NGX_OK) {
        lookup->asking = 1;
        return;
    }

    /* redis away costs sharing only (rule 10) */

    ngx_image_lookup_origin(lookup);
}


static void
ngx_image_lookup_shared_handler(ngx_image_shared_op_t *op)
{
    ngx_str_t            detail;
    ngx_uint_t           flags;
    ngx_image_from_e     from;
    ngx_image_lookup_t  *lookup;
    image_observation_t  o;

    lookup = op->data;
    lookup->asking = 0;

    ngx_log_debug1(NGX_LOG_DEBUG_CORE, lookup->log, 0,
                   "image lookup: redis answered: %i", op->rc);

    if (lookup->question.engine->local) {

        if (op->rc == NGX_OK) {
            lookup->resolver->clocked = ngx_time();
        }

        ngx_image_lookup_origin(lookup);
        return;
    }

    if (op->rc == NGX_OK) {
        lookup->began_shared = op->now;

        o = op->observation;
        lookup->lost = (o.digest.algorithm == IMAGE_DIGEST_NONE);

        if (op->limited_for) {
            ngx_image_lookup_keep_limit(lookup, &op->limited_at,
                                        op->limited_for);
        }

        from = NGX_IMAGE_FROM_ZONE;

        if (o.digest.algorithm != IMAGE_DIGEST_NONE || o.failure != IMAGE_OK) {
            flags = ngx_image_lookup_keep(lookup, &o, 1);

            if (flags & (IMAGE_MERGE_DIGEST|IMAGE_MERGE_FAILURE)) {
                from = NGX_IMAGE_FROM_SHARED;
            }

            if (flags & IMAGE_MERGE_NEW) {
                ngx_str_set(&detail, "another host has asked");
                ngx_image_lookup_log_failure(lookup, o.failure, &detail);
            }

        } else {
            (void) ngx_image_zone_get(lookup->resolver->zone,
                                      &lookup->question.subject.id,
                                      &lookup->observation);
        }

        if (ngx_image_lookup_settle(lookup, from)) {
            ngx_image_lookup_done(lookup);
            return;
        }
    }

    ngx_image_lookup_origin(lookup);
}


static void
ngx_image_lookup_origin(ngx_image_lookup_t *lookup)
{
    ngx_flag_t             limited;
    ngx_image_call_t      *call;
    ngx_image_engine_t    *engine;
    ngx_image_resolver_t  *resolver;

    resolver = lookup->resolver;
    engine = lookup->question.engine;
    call = &lookup->call;

    ngx_image_now(&lookup->began);

    limited = ngx_image_lookup_limited(resolver,
                                       &lookup->question.subject.limit_id,
                                       &lookup->began)
              != 0;

    if (limited && !(engine->type->flags & NGX_IMAGE_ENGINE_PULL)) {
        ngx_image_lookup_fail(lookup, IMAGE_RATE_LIMITED);
        return;
    }

    if (resolver->calls >= resolver->connections) {

        if (ngx_time() - resolver->said >= NGX_IMAGE_LOOKUP_SAY) {
            resolver->said = ngx_time();

            ngx_log_error(NGX_LOG_ERR, lookup->log, 0,
                          "image digest: %s, %ui calls are under way: %s",
                          image_reason_name(IMAGE_OVERLOADED),
                          resolver->calls,
                          image_reason_advice(IMAGE_OVERLOADED));
        }

        ngx_image_lookup_fail(lookup, IMAGE_OVERLOADED);
        return;
    }

    lookup->call_pool = ngx_create_pool(4096, lookup->log);
    if (lookup->call_pool == NULL) {
        ngx_image_lookup_fail(lookup, IMAGE_OVERLOADED);
        return;
    }

    ngx_memzero(call, sizeof(ngx_image_call_t));

    if (ngx_image_lookup_changed(lookup, lookup->call_pool)) {
        ngx_destroy_pool(lookup->call_pool);
        ngx_image_lookup_fail(lookup, IMAGE_OVERLOADED);
        return;
    }

    call->pool = lookup->call_pool;
    call->log = lookup->log;
    call->engine = engine;
    call->registry = lookup->question.registry;
    call->reference = lookup->question.reference;
    call->platform = lookup->question.platform;
    call->pod = lookup->question.pod;
    call->timeout = resolver->timeout;
    call->limited = limited;
    call->claim = ngx_image_lookup_claim;
    call->release = ngx_image_lookup_release;
    call->handler = ngx_image_lookup_origin_handler;
    call->data = lookup;

    lookup->log->action = "asking an engine for an image";
    lookup->owner = ngx_image_lookup_owner();

    if (engine->type->start(call) != NGX_OK) {
        ngx_destroy_pool(lookup->call_pool);
        ngx_image_lookup_fail(lookup, IMAGE_OVERLOADED);
        return;
    }

    lookup->calling = 1;
    resolver->calls++;
}


/* a number that no other call on this host has */

static uint64_t
ngx_image_lookup_owner(void)
{
    static uint32_t  n;

    return (uint64_t) ngx_pid << 32 | ++n;
}


static ngx_int_t
ngx_image_lookup_claim(ngx_image_call_t *call, uint8_t *hash)
{
    ngx_int_t              rc;
    ngx_image_id_t         id;
    ngx_image_lookup_t    *lookup;
    ngx_image_resolver_t  *resolver;

    lookup = call->data;
    resolver = lookup->resolver;

    ngx_memcpy(id.hash, hash, IMAGE_HASH);

    rc = ngx_image_zone_claim(resolver->claimed, &id, lookup->owner,
                              NGX_IMAGE_LOOKUP_CLAIM);

    /* it is clients who choose what is pulled: there is room for the rest */

    if (rc == NGX_OK && !lookup->claimed
        && resolver->claims >= ngx_max(resolver->connections / 2, 1))
    {
        ngx_image_zone_release(resolver->claimed, &id, lookup->owner);

        return lookup->waits ? NGX_BUSY : NGX_DECLINED;
    }

    if (rc == NGX_OK && !lookup->claimed) {
        ngx_image_lookup_go_on(lookup);

        lookup->claimed = 1;
        resolver->claims++;
    }

    if (rc == NGX_BUSY && !lookup->claimed && !lookup->waits) {

        if (resolver->waits >= resolver->connections) {
            return NGX_DECLINED;
        }

        lookup->waits = 1;
        resolver->waits++;
        resolver->calls--;
    }

    return rc;
}


/* a call that waits for a claim is none of those under way */

static void
ngx_image_lookup_go_on(ngx_image_lookup_t *lookup)
{
    if (lookup->waits) {
        lookup->waits = 0;
        lookup->resolver->waits--;
        lookup->resolver->calls++;
    }
}


static void
ngx_image_lookup_release(ngx_image_call_t *call, uint8_t *hash)
{
    ngx_image_id_t       id;
    ngx_image_lookup_t  *lookup;

    lookup = call->data;

    lookup->claimed = 0;
    lookup->resolver->claims--;

    ngx_memcpy(id.hash, hash, IMAGE_HASH);

    ngx_image_zone_release(lookup->resolver->claimed, &id, lookup->owner);
}


static void
ngx_image_lookup_origin_handler(ngx_image_call_t *call)
{
    ngx_image_lookup_t  *lookup;

    lookup = call->data;

    ngx_image_lookup_go_on(lookup);

    lookup->calling = 0;
    lookup->resolver->calls--;

    ngx_log_debug1(NGX_LOG_DEBUG_CORE, lookup->log, 0,
                   "image lookup: origin answered: \"%s\"",
                   image_reason_name(call->reason));

    if (ngx_image_lookup_changed(lookup, lookup->call_pool)) {
        ngx_destroy_pool(lookup->call_pool);
        ngx_image_lookup_fail(lookup, IMAGE_OVERLOADED);
        return;
    }

    ngx_image_lookup_outcome(lookup);
    ngx_image_lookup_store(lookup);

    ngx_destroy_pool(lookup->call_pool);

    if (call->reason == IMAGE_OVERLOADED
        || call->reason == IMAGE_RATE_LIMITED)
    {
        ngx_image_lookup_fail(lookup, call->reason);
        return;
    }

    if (ngx_image_lookup_settle(lookup, NGX_IMAGE_FROM_ORIGIN)) {
        ngx_image_lookup_done(lookup);
        return;
    }

    /* some came after the call began, and may not use what it gave */

    lookup->renewal = 0;

    ngx_image_lookup_shared(lookup);
}


/*
 * Credentials may have been replaced since this was asked for: then what was
 * obtained is not of the identity that it would be stored under.
 */

static ngx_flag_t
ngx_image_lookup_changed(ngx_image_lookup_t *lookup, ngx_pool_t *pool)
{
    ngx_image_question_t  question;

    question = lookup->question;

    if (ngx_image_lookup_identify(&question, pool) == NGX_OK
        && ngx_memcmp(question.subject.id.hash,
                      lookup->question.subject.id.hash, IMAGE_HASH)
           == 0)
    {
        return 0;
    }

    ngx_log_error(NGX_LOG_NOTICE, lookup->log, 0,
                  "image digest: credentials have changed while \"%V\" was "
                  "looked up: nothing is taken from it",
                  &lookup->question.subject.reference);

    return 1;
}


/* what a call gave, for this host and its log */

static void
ngx_image_lookup_outcome(ngx_image_lookup_t *lookup)
{
    ngx_uint_t           flags;
    ngx_image_call_t    *call;
    image_observation_t  o;

    call = &lookup->call;
    flags = IMAGE_MERGE_NEW;

    ngx_memzero(&o, sizeof(image_observation_t));

    switch (call->reason) {

    case IMAGE_OK:
        o.digest = call->digest;
        o.digest_at = lookup->began;

        /* a run ends with a lost record: other hosts may have seen it end */

        (void) ngx_image_lookup_keep(lookup, &o, lookup->lost);
        return;

    case IMAGE_OVERLOADED:
        break;

    case IMAGE_RATE_LIMITED:

        if (call->limited) {
            return;
        }

        ngx_image_lookup_keep_limit(lookup, &lookup->began,
                                    ngx_image_lookup_span(lookup));
        break;

    default:
        o.failure = call->reason;
        o.failure_at = lookup->began;

        flags = ngx_image_lookup_keep(lookup, &o, 0);
    }

    /* a permanent failure is said once for a reference */

    if ((flags & IMAGE_MERGE_NEW) || !image_reason_permanent(call->reason)) {
        ngx_image_lookup_log_failure(lookup, call->reason, &call->detail);
    }
}


/* how long a rate limit holds, in microseconds */

static int64_t
ngx_image_lookup_span(ngx_image_lookup_t *lookup)
{
    int64_t  span;

    span = lookup->call.retry_after
           ? (int64_t) lookup->call.retry_after * 1000000
           : lookup->resolver->negative_ttl;

    return ngx_min(span, IMAGE_LIMIT_MAX);
}


/* for the other hosts: with the time that redis gave before the call began */

static void
ngx_image_lookup_store(ngx_image_lookup_t *lookup)
{
    ngx_image_call_t           *call;
    ngx_image_shared_record_t   record;

    call = &lookup->call;

    if (lookup->began_shared == 0
        || (call->reason == IMAGE_RATE_LIMITED && call->limited))
    {
        return;
    }

    ngx_memzero(&record, sizeof(ngx_image_shared_record_t));

    record.began = lookup->began_shared;

    if (call->reason == IMAGE_OK) {
        record.digest = call->digest;

    } else if (call->reason == IMAGE_RATE_LIMITED) {
        record.failure = call->reason;
        record.limited_for = ngx_image_lookup_span(lookup);

    } else if (image_reason_shared(call->reason)) {
        record.failure = call->reason;

    } else {
        return;
    }

    ngx_image_shared_store(lookup->resolver->shared,
                           &lookup->question.subject, &record, lookup->log);
}


static void
ngx_image_lookup_done(ngx_image_lookup_t *lookup)
{
    ngx_rbtree_delete(&lookup->resolver->lookups, &lookup->node);

    ngx_destroy_pool(lookup->pool);
}


/* may this waiter use what is known?  NGX_OK with the answer, or not */

static ngx_int_t
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


/* how long the registry still wants to be left alone; 0: it does not */

static int64_t
ngx_image_lookup_limited(ngx_image_resolver_t *resolver, ngx_image_id_t *id,
    image_moment_t *now)
{
    int64_t              age;
    image_observation_t  o;

    if (ngx_image_zone_get(resolver->zone, id, &o) != NGX_OK
        || o.failure != IMAGE_RATE_LIMITED)
    {
        return 0;
    }

    age = image_age(&o.failure_at, now);

    return (age >= 0 && age < o.failure_for) ? o.failure_for - age : 0;
}


/*
 * Serves all waiters that may use what is known now.  True where nobody is
 * left for whom the lookup has to go on.
 */

static ngx_flag_t
ngx_image_lookup_settle(ngx_image_lookup_t *lookup, ngx_image_from_e from)
{
    ngx_flag_t            served;
    ngx_queue_t          *q, *next;
    image_moment_t        now;
    ngx_image_waiter_t   *w;
    image_observation_t  *o;

    o = &lookup->observation;
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

    if (!ngx_queue_empty(&lookup->waiters)) {
        return 0;
    }

    if (from == NGX_IMAGE_FROM_ORIGIN) {
        return 1;
    }

    if (lookup->renewal) {
        return o->digest.algorithm != IMAGE_DIGEST_NONE
               && image_usable(&o->digest_at, lookup->renewal, &now, &now);
    }

    /* those who gave up waiting still want it stored for the next (rule 8) */

    return served;
}


/* nothing can be asked now, and that is not remembered for the identity */

static void
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


static void
ngx_image_lookup_serve(ngx_image_waiter_t *w)
{
    ngx_queue_remove(&w->queue);
    ngx_queue_insert_tail(&ngx_image_lookup_served, &w->queue);

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


/*
 * Rule 7: a digest past so much of the TTL is used at once, and a lookup
 * that nobody waits for renews it; not while the last one failed.
 */

static void
ngx_image_lookup_renew(ngx_image_resolver_t *resolver,
    ngx_image_question_t *question, ngx_image_waiter_t *w,
    image_observation_t *o, image_moment_t *now)
{
    int64_t              due;
    ngx_image_lookup_t  *lookup;

    due = w->ttl / 100 * resolver->refresh;

    if (due == 0 || w->age < due) {
        return;
    }

    if (o->failure != IMAGE_OK
        && image_usable(&o->failure_at, ngx_min(w->ttl,
                                                resolver->negative_ttl),
                        now, now))
    {
        return;
    }

    if ((!(question->engine->type->flags & NGX_IMAGE_ENGINE_PULL)
         && ngx_image_lookup_limited(resolver, &question->subject.limit_id,
                                     now))
        || ngx_image_lookup_find(resolver, &question->subject.id))
    {
        return;
    }

    lookup = ngx_image_lookup_create(resolver, question);
    if (lookup == NULL) {
        return;
    }

    lookup->observation = *o;
    lookup->renewal = due;

    ngx_image_lookup_shared(lookup);
}


/* into the zone, and what the zone makes of it back into the lookup */

static ngx_uint_t
ngx_image_lookup_keep(ngx_image_lookup_t *lookup, image_observation_t *o,
    ngx_flag_t from_run)
{
    u_char          was[IMAGE_DIGEST_TEXT], is[IMAGE_DIGEST_TEXT];
    size_t          was_len, is_len;
    ngx_uint_t      flags;
    image_digest_t  old;

    lookup->observation = *o;

    flags = ngx_image_zone_put(lookup->resolver->zone,
                               &lookup->question.subject.id,
                               &lookup->observation, from_run, &old);

    if (flags & IMAGE_MERGE_MOVED) {
        was_len = image_digest_format(&old, was);
        is_len = image_digest_format(&lookup->observation.digest, is);

        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "image tag moved: %V %*s -> %*s",
                      &lookup->question.subject.reference,
                      was_len, was, is_len, is);
    }

    return flags;
}


static void
ngx_image_lookup_keep_limit(ngx_image_lookup_t *lookup, image_moment_t *at,
    int64_t span)
{
    image_digest_t       old;
    image_observation_t  o;

    ngx_memzero(&o, sizeof(image_observation_t));

    o.failure = IMAGE_RATE_LIMITED;
    o.failure_at = *at;
    o.failure_for = ngx_min(span, IMAGE_LIMIT_MAX);

    (void) ngx_image_zone_put(lookup->resolver->zone,
                              &lookup->question.subject.limit_id, &o, 0,
                              &old);
}


static void
ngx_image_lookup_log_failure(ngx_image_lookup_t *lookup,
    image_reason_e reason, ngx_str_t *detail)
{
    ngx_str_t            *name;
    ngx_uint_t            level, registry;
    ngx_image_engine_t   *engine;

    engine = lookup->question.engine;
    registry = (engine->type == &ngx_image_registry_engine);

    name = registry ? &lookup->question.subject.registry : &engine->name;

    level = image_reason_permanent(reason) ? NGX_LOG_WARN : NGX_LOG_ERR;

    ngx_log_error(level, lookup->log, 0,
                  "image digest: \"%V\": %s, %s \"%V\" (%V): %s",
                  &lookup->question.subject.reference,
                  image_reason_name(reason),
                  registry ? "registry" : "engine", name, detail,
                  image_reason_advice(reason));
}


static u_char *
ngx_image_lookup_log_error(ngx_log_t *log, u_char *buf, size_t len)
{
    u_char              *p;
    ngx_image_lookup_t  *lookup;

    lookup = log->data;

    p = ngx_snprintf(buf, len, " while %s", log->action);
    len -= p - buf;
    buf = p;

    return ngx_snprintf(buf, len, ", resolver: \"%V\", image: \"%V\"",
                        &lookup->resolver->name,
                        &lookup->question.subject.reference);
}
