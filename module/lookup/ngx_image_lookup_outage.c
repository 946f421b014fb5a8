/*
 * Origins that do not answer (rule 4): a registry or an engine, remembered on
 * this host.  After three failures in a row, over a second at the least in
 * which nobody was answered, requests that may use such a memory fall back at
 * once, and a single lookup at a time, about one a second, finds out when the
 * origin is back.
 *
 * It is clients who choose what is asked for: as long as all failures are of
 * one repository, and of a kind that can be its own, they count for it alone.
 */

#include <ngx_image_lookup_state.h>


#define NGX_IMAGE_LOOKUP_OUTAGE  3         /* failures in a row */
#define NGX_IMAGE_LOOKUP_LASTS   1000000   /* ... for so many microseconds */
#define NGX_IMAGE_LOOKUP_PROBE   1000000   /* between probes, likewise */


static ngx_flag_t ngx_image_lookup_outage_known(ngx_image_lookup_t *lookup,
    ngx_image_outage_t *outage);
static ngx_flag_t ngx_image_lookup_outage_get(ngx_image_lookup_t *lookup,
    image_observation_t *o);
static ngx_flag_t ngx_image_lookup_outage_is(ngx_image_lookup_t *lookup);
static void ngx_image_lookup_outage_name(ngx_image_lookup_t *lookup,
    ngx_str_t *kind, ngx_str_t *name);


ngx_int_t
ngx_image_lookup_outage(ngx_image_lookup_t *lookup)
{
    int64_t              left;
    image_observation_t  o;

    if (lookup->probe || !ngx_image_lookup_outage_get(lookup, &o)) {
        return NGX_OK;
    }

    (void) ngx_image_lookup_serve_all(lookup, &o, NGX_IMAGE_FROM_ZONE);

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
    image_observation_t  o;

    if (ngx_image_lookup_outage_get(lookup, &o)) {
        (void) ngx_image_lookup_serve_all(lookup, &o, NGX_IMAGE_FROM_ZONE);
    }
}


static ngx_flag_t
ngx_image_lookup_outage_known(ngx_image_lookup_t *lookup,
    ngx_image_outage_t *outage)
{
    return ngx_image_zone_outage(lookup->resolver->zone, &lookup->outage_id,
                                 &lookup->repository_id, outage)
           == NGX_OK
           && outage->failures >= NGX_IMAGE_LOOKUP_OUTAGE
           && outage->last.boot + outage->took - outage->first.boot
              >= NGX_IMAGE_LOOKUP_LASTS;
}


/* ... and may be used by somebody: as the failure of any image */

static ngx_flag_t
ngx_image_lookup_outage_get(ngx_image_lookup_t *lookup,
    image_observation_t *o)
{
    int64_t             age;
    image_moment_t      now;
    ngx_image_outage_t  outage;

    if (!ngx_image_lookup_outage_known(lookup, &outage)) {
        return 0;
    }

    ngx_memzero(o, sizeof(image_observation_t));

    o->failure = outage.reason;
    o->failure_at = outage.last;

    ngx_image_now(&now);

    age = image_age(&o->failure_at, &now);

    return age >= 0 && age < lookup->resolver->negative_ttl;
}


void
ngx_image_lookup_outage_learn(ngx_image_lookup_t *lookup)
{
    ngx_str_t            kind, name;
    ngx_flag_t           was;
    image_str_t          path;
    ngx_image_id_t      *repository;
    ngx_image_call_t    *call;
    ngx_image_zone_t    *zone;
    ngx_image_outage_t   outage;

    call = &lookup->call;
    zone = lookup->resolver->zone;

    if (call->reason == IMAGE_OVERLOADED || call->limited) {
        return;
    }

    ngx_image_lookup_outage_name(lookup, &kind, &name);

    was = ngx_image_lookup_outage_known(lookup, &outage);

    if (!ngx_image_lookup_outage_is(lookup)) {
        ngx_image_zone_answered(zone, &lookup->outage_id,
                                &lookup->repository_id);

        if (was) {
            ngx_log_error(NGX_LOG_NOTICE, lookup->log, 0,
                          "image digest: %V \"%V\" answers again",
                          &kind, &name);
        }

        ngx_image_lookup_probe_done(lookup);

        return;
    }

    repository = (call->reason == IMAGE_UNREACHABLE
                  || call->reason == IMAGE_TLS)
                 ? NULL : &lookup->repository_id;

    ngx_image_zone_failed(zone, &lookup->outage_id, repository, call->reason,
                          &lookup->began);

    if (!was && ngx_image_lookup_outage_known(lookup, &outage)) {
        path = lookup->question.reference->path;

        ngx_log_error(NGX_LOG_ERR, lookup->log, 0,
                      "image digest: %V \"%V\" does not answer, %ui times in "
                      "a row%s%*s: for now it is asked about once a second, "
                      "and requests do not wait for it",
                      &kind, &name, outage.failures,
                      outage.whole ? "" : " for ",
                      outage.whole ? 0 : path.len, path.data);
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
