/*
 * Origins that do not answer (rule 4): a registry or an engine as a whole,
 * remembered on this host.  After three failures in a row, over a second at
 * the least in which nobody was answered, requests that may use such a memory
 * fall back at once, and a single lookup at a time, about one a second, finds
 * out when the origin is back.
 */

#include <ngx_image_lookup_state.h>


#define NGX_IMAGE_LOOKUP_OUTAGE  3         /* failures in a row */
#define NGX_IMAGE_LOOKUP_LASTS   1000000   /* ... for so many microseconds */
#define NGX_IMAGE_LOOKUP_PROBE   1000000   /* between probes, likewise */


static ngx_flag_t ngx_image_lookup_outage_known(
    ngx_image_resolver_t *resolver, ngx_image_id_t *id,
    image_observation_t *outage);
static ngx_flag_t ngx_image_lookup_outage_get(ngx_image_resolver_t *resolver,
    ngx_image_id_t *id, image_observation_t *outage);
static ngx_flag_t ngx_image_lookup_outage_is(ngx_image_lookup_t *lookup);
static void ngx_image_lookup_outage_name(ngx_image_lookup_t *lookup,
    ngx_str_t *kind, ngx_str_t *name);


ngx_int_t
ngx_image_lookup_outage(ngx_image_lookup_t *lookup)
{
    int64_t              left;
    image_observation_t  outage;

    if (lookup->probe
        || !ngx_image_lookup_outage_get(lookup->resolver, &lookup->outage_id,
                                        &outage))
    {
        return NGX_OK;
    }

    ngx_image_lookup_settle_outage(lookup, &outage);

    if (!ngx_queue_empty(&lookup->waiters)) {

        /* such as TTL 0, which asks in any case */

        return NGX_OK;
    }

    if (ngx_image_zone_claim(lookup->resolver->zone, &lookup->probe_id,
                             lookup->owner, NGX_IMAGE_LOOKUP_PROBE, 0, &left)
        != NGX_OK)
    {
        return NGX_DONE;
    }

    ngx_log_debug0(NGX_LOG_DEBUG_CORE, lookup->log, 0,
                   "image lookup: probe");

    lookup->probe = 1;

    return NGX_OK;
}


void
ngx_image_lookup_outage_serve(ngx_image_lookup_t *lookup)
{
    image_observation_t  outage;

    if (ngx_image_lookup_outage_get(lookup->resolver, &lookup->outage_id,
                                    &outage))
    {
        ngx_image_lookup_settle_outage(lookup, &outage);
    }
}


static ngx_flag_t
ngx_image_lookup_outage_known(ngx_image_resolver_t *resolver,
    ngx_image_id_t *id, image_observation_t *outage)
{
    return ngx_image_zone_get(resolver->zone, id, NULL, outage) == NGX_OK
           && outage->failure != IMAGE_OK
           && outage->held >= NGX_IMAGE_LOOKUP_OUTAGE
           && outage->failure_at.boot + outage->failure_for
              - outage->digest_at.boot
              >= NGX_IMAGE_LOOKUP_LASTS;
}


/* ... and may be used by somebody */

static ngx_flag_t
ngx_image_lookup_outage_get(ngx_image_resolver_t *resolver,
    ngx_image_id_t *id, image_observation_t *outage)
{
    int64_t         age;
    image_moment_t  now;

    if (!ngx_image_lookup_outage_known(resolver, id, outage)) {
        return 0;
    }

    ngx_image_now(&now);

    age = image_age(&outage->failure_at, &now);

    return age >= 0 && age < resolver->negative_ttl;
}


void
ngx_image_lookup_outage_learn(ngx_image_lookup_t *lookup)
{
    ngx_str_t              kind, name;
    ngx_flag_t             was;
    ngx_image_call_t      *call;
    image_observation_t    outage;
    ngx_image_resolver_t  *resolver;

    call = &lookup->call;
    resolver = lookup->resolver;

    if (call->reason == IMAGE_OVERLOADED || call->limited) {
        return;
    }

    ngx_image_lookup_outage_name(lookup, &kind, &name);

    was = ngx_image_lookup_outage_known(resolver, &lookup->outage_id,
                                        &outage);

    if (!ngx_image_lookup_outage_is(lookup)) {
        ngx_image_zone_answered(resolver->zone, &lookup->outage_id);

        if (was) {
            ngx_log_error(NGX_LOG_NOTICE, lookup->log, 0,
                          "image digest: %V \"%V\" answers again",
                          &kind, &name);
        }

        ngx_image_lookup_probe_done(lookup);

        return;
    }

    ngx_image_zone_failed(resolver->zone, &lookup->outage_id, call->reason,
                          &lookup->began);

    if (!was && ngx_image_lookup_outage_known(resolver, &lookup->outage_id,
                                              &outage))
    {
        ngx_log_error(NGX_LOG_ERR, lookup->log, 0,
                      "image digest: %V \"%V\" does not answer, %L times in "
                      "a row: for now it is asked about once a second, and "
                      "requests do not wait for it", &kind, &name,
                      outage.held);
    }

    /* a failed probe keeps its claim, and so the next one away for a while */

    if (lookup->probe) {
        ngx_image_lookup_probe_renew(lookup);
        lookup->probe = 0;
    }
}


/* does the outcome of the call say that nobody would be answered? */

static ngx_flag_t
ngx_image_lookup_outage_is(ngx_image_lookup_t *lookup)
{
    switch (lookup->call.reason) {

    case IMAGE_UNREACHABLE:
    case IMAGE_TLS:
        return 1;

    case IMAGE_TIMEOUT:

        /* a pull may take long for the image's sake */

        return !lookup->pulls;

    case IMAGE_BAD_RESPONSE:
        return lookup->call.down;

    default:
        return 0;
    }
}


static void
ngx_image_lookup_outage_name(ngx_image_lookup_t *lookup, ngx_str_t *kind,
    ngx_str_t *name)
{
    ngx_image_engine_t  *engine;

    engine = lookup->question.engine;

    if (engine->type == &ngx_image_registry_engine) {
        ngx_str_set(kind, "registry");
        *name = lookup->question.subject.registry;

    } else {
        ngx_str_set(kind, "engine");
        *name = engine->name;
    }
}


void
ngx_image_lookup_probe_renew(ngx_image_lookup_t *lookup)
{
    int64_t  left;

    if (lookup->probe) {
        (void) ngx_image_zone_claim(lookup->resolver->zone,
                                    &lookup->probe_id, lookup->owner,
                                    NGX_IMAGE_LOOKUP_PROBE, 0, &left);
    }
}


void
ngx_image_lookup_probe_done(ngx_image_lookup_t *lookup)
{
    if (lookup->probe) {
        lookup->probe = 0;

        ngx_image_zone_release(lookup->resolver->zone, &lookup->probe_id,
                               lookup->owner);
    }
}
