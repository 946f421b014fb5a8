/*
 * The call to the origin: within bounds, with what was claimed renewed, and
 * its outcome kept and told.
 */

#include <ngx_image_lookup_state.h>


/* how often it is said that there are too many calls, seconds */
#define NGX_IMAGE_LOOKUP_SAY  10


static void ngx_image_lookup_call_handler(ngx_image_call_t *call);
static ngx_int_t ngx_image_lookup_claim(ngx_image_call_t *call,
    uint8_t *hash);
static void ngx_image_lookup_go_on(ngx_image_lookup_t *lookup);
static void ngx_image_lookup_unclaim(ngx_image_call_t *call, uint8_t *hash);
static ngx_flag_t ngx_image_lookup_changed(ngx_image_lookup_t *lookup,
    ngx_pool_t *pool);
static void ngx_image_lookup_outcome(ngx_image_lookup_t *lookup);
static int64_t ngx_image_lookup_span(ngx_image_lookup_t *lookup);
static void ngx_image_lookup_store(ngx_image_lookup_t *lookup);


void
ngx_image_lookup_call(ngx_image_lookup_t *lookup)
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
    call->release = ngx_image_lookup_unclaim;
    call->handler = ngx_image_lookup_call_handler;
    call->data = lookup;

    lookup->log->action = "asking an engine for an image";
    lookup->pulls = 0;

    if (engine->type->start(call) != NGX_OK) {
        ngx_destroy_pool(lookup->call_pool);
        ngx_image_lookup_fail(lookup, IMAGE_OVERLOADED);
        return;
    }

    lookup->calling = 1;
    resolver->calls++;

    lookup->state = NGX_IMAGE_LOOKUP_CALL;
    ngx_image_lookup_tick(lookup, NGX_IMAGE_LOOKUP_TICK);
}


void
ngx_image_lookup_call_ended(ngx_image_lookup_t *lookup)
{
    ngx_image_lookup_go_on(lookup);

    lookup->resolver->calls--;

    ngx_destroy_pool(lookup->call_pool);
}


static void
ngx_image_lookup_call_handler(ngx_image_call_t *call)
{
    ngx_image_lookup_t  *lookup;

    lookup = call->data;
    lookup->calling = 0;

    ngx_log_debug1(NGX_LOG_DEBUG_CORE, lookup->log, 0,
                   "image lookup: origin answered: \"%s\"",
                   image_reason_name(call->reason));

    if (ngx_image_lookup_changed(lookup, lookup->call_pool)) {
        ngx_image_lookup_call_ended(lookup);
        ngx_image_lookup_fail(lookup, IMAGE_OVERLOADED);
        return;
    }

    /* kept before it is released: whoever comes next finds it */

    ngx_image_lookup_outcome(lookup);
    ngx_image_lookup_outage_learn(lookup);
    ngx_image_lookup_store(lookup);
    ngx_image_lookup_release(lookup);
    ngx_image_lookup_call_ended(lookup);

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

    if (call->reason == IMAGE_OK
        && !image_digest_equal(&call->digest, &lookup->observation.digest))
    {
        /* nor may anybody else: it is void, or older than what is known */

        if (++lookup->vain == NGX_IMAGE_LOOKUP_VAIN) {
            ngx_image_lookup_fail(lookup, IMAGE_OVERLOADED);
            return;
        }

    } else {
        lookup->vain = 0;
    }

    ngx_image_lookup_round(lookup);
}


static ngx_int_t
ngx_image_lookup_claim(ngx_image_call_t *call, uint8_t *hash)
{
    int64_t                left;
    ngx_int_t              rc;
    ngx_image_id_t         id;
    ngx_image_lookup_t    *lookup;
    ngx_image_resolver_t  *resolver;

    lookup = call->data;
    resolver = lookup->resolver;

    ngx_memcpy(id.hash, hash, IMAGE_HASH);

    rc = ngx_image_zone_claim(resolver->claimed, &id, lookup->owner,
                              NGX_IMAGE_LOOKUP_LEASE, 0, &left);

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
        lookup->pulls = 1;
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
ngx_image_lookup_unclaim(ngx_image_call_t *call, uint8_t *hash)
{
    ngx_image_id_t       id;
    ngx_image_lookup_t  *lookup;

    lookup = call->data;

    lookup->claimed = 0;
    lookup->resolver->claims--;

    ngx_memcpy(id.hash, hash, IMAGE_HASH);

    ngx_image_zone_release(lookup->resolver->claimed, &id, lookup->owner);
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

        (void) ngx_image_lookup_keep(lookup, &o, NGX_IMAGE_ZONE_OWN,
                                     lookup->lost);
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

        flags = ngx_image_lookup_keep(lookup, &o, NGX_IMAGE_ZONE_OWN, 0);
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


/*
 * For the other hosts: with the time that redis gave before the call began.
 * Those who wait for the end of the call are told, whatever it gave.
 */

static void
ngx_image_lookup_store(ngx_image_lookup_t *lookup)
{
    ngx_image_call_t           *call;
    ngx_image_shared_record_t   record;

    call = &lookup->call;

    ngx_memzero(&record, sizeof(ngx_image_shared_record_t));

    record.began = lookup->began_shared;

    if (call->reason == IMAGE_OK) {
        record.digest = call->digest;
        record.run = lookup->run;

    } else if (call->reason == IMAGE_RATE_LIMITED) {

        if (!call->limited) {
            record.failure = call->reason;
            record.limited_for = ngx_image_lookup_span(lookup);
        }

    } else if (image_reason_shared(call->reason)) {
        record.failure = call->reason;
    }

    ngx_image_lookup_release_fleet(lookup, &record);
}


int64_t
ngx_image_lookup_limited(ngx_image_resolver_t *resolver, ngx_image_id_t *id,
    image_moment_t *now)
{
    int64_t              age;
    image_observation_t  o;

    if (ngx_image_zone_get(resolver->zone, id, NULL, &o) != NGX_OK
        || o.failure != IMAGE_RATE_LIMITED)
    {
        return 0;
    }

    age = image_age(&o.failure_at, now);

    return (age >= 0 && age < o.failure_for) ? o.failure_for - age : 0;
}


ngx_uint_t
ngx_image_lookup_keep(ngx_image_lookup_t *lookup, image_observation_t *o,
    int64_t known, ngx_flag_t from_run)
{
    u_char          was[IMAGE_DIGEST_TEXT], is[IMAGE_DIGEST_TEXT];
    size_t          was_len, is_len;
    ngx_uint_t      flags;
    image_digest_t  old;

    lookup->observation = *o;

    flags = ngx_image_zone_put(lookup->resolver->zone,
                               &lookup->question.subject.id,
                               &lookup->question.subject.reference,
                               &lookup->observation, known, from_run, &old);

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


void
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
                              &lookup->question.subject.limit_id, NULL, &o,
                              NGX_IMAGE_ZONE_OWN, 0, &old);
}


void
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
