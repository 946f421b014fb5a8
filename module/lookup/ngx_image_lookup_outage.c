/*
 * Origins that do not answer (rule 4): a registry or an engine, remembered on
 * this host.  After three failures in a row, over a second at the least in
 * which nobody was answered, requests that may use such a memory fall back at
 * once, and a single lookup at a time, about one a second, finds out when the
 * origin is back.
 *
 * It is clients who choose what is asked for.  So the failures of a repository
 * count for it alone, and for all only where those of others come between.
 */

#include <ngx_image_lookup_state.h>


#define NGX_IMAGE_LOOKUP_PROBE  1000000    /* between probes, microseconds */

/* room for the names of an origin and of a repository of it */
#define NGX_IMAGE_LOOKUP_NAME   1024


static ngx_image_id_t *ngx_image_lookup_outage_get(
    ngx_image_lookup_t *lookup, image_observation_t *o);
static ngx_flag_t ngx_image_lookup_outage_is(ngx_image_lookup_t *lookup);
static void ngx_image_lookup_outage_opens(ngx_image_lookup_t *lookup,
    ngx_uint_t failures, ngx_flag_t whole);
static void ngx_image_lookup_outage_closes(ngx_image_lookup_t *lookup,
    ngx_flag_t whole);
static u_char *ngx_image_lookup_outage_name(ngx_image_lookup_t *lookup,
    ngx_flag_t whole, const char *does, u_char *text);


ngx_int_t
ngx_image_lookup_outage(ngx_image_lookup_t *lookup)
{
    int64_t               left;
    ngx_image_id_t       *probe;
    image_observation_t   o;

    if (lookup->probe) {
        return NGX_OK;
    }

    probe = ngx_image_lookup_outage_get(lookup, &o);

    if (probe == NULL) {
        return NGX_OK;
    }

    (void) ngx_image_lookup_serve_all(lookup, &o, NGX_IMAGE_FROM_ZONE);

    if (!ngx_queue_empty(&lookup->waiters)) {

        /* such as TTL 0, which asks in any case */

        return NGX_OK;
    }

    if (ngx_image_zone_claim(lookup->resolver->zone, probe, lookup->owner,
                             NGX_IMAGE_LOOKUP_PROBE, 0, &left)
        != NGX_OK)
    {
        return NGX_DONE;
    }

    ngx_log_debug0(NGX_LOG_DEBUG_CORE, lookup->log, 0,
                   "image lookup: probe");

    lookup->probe = probe;

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


/*
 * An outage that may be used by somebody, as a failure of the image, and the
 * identity of the claim on its probe; or NULL.
 */

static ngx_image_id_t *
ngx_image_lookup_outage_get(ngx_image_lookup_t *lookup,
    image_observation_t *o)
{
    int64_t             age;
    ngx_uint_t          n;
    image_moment_t      now;
    ngx_image_id_t     *ids[2];
    ngx_image_outage_t  outage;

    ids[0] = &lookup->outage_id;
    ids[1] = &lookup->repository_id;

    for (n = 0; n < 2; n++) {

        if (ngx_image_zone_outage(lookup->resolver->zone, ids[n], &outage)
            != NGX_OK)
        {
            continue;
        }

        ngx_image_now(&now);

        age = image_age(&outage.at, &now);

        if (age >= 0 && age < lookup->resolver->negative_ttl) {
            ngx_memzero(o, sizeof(image_observation_t));

            o->failure = outage.reason;
            o->failure_at = outage.at;

            return &lookup->probe_ids[n];
        }
    }

    return NULL;
}


void
ngx_image_lookup_outage_learn(ngx_image_lookup_t *lookup)
{
    ngx_uint_t         failures;
    ngx_image_call_t  *call;
    ngx_image_zone_t  *zone;

    call = &lookup->call;
    zone = lookup->resolver->zone;

    if (call->reason == IMAGE_OVERLOADED || call->limited) {
        return;
    }

    if (!ngx_image_lookup_outage_is(lookup)) {

        if (ngx_image_zone_answered(zone, &lookup->repository_id)) {
            ngx_image_lookup_outage_closes(lookup, 0);
        }

        if (ngx_image_zone_answered(zone, &lookup->outage_id)) {
            ngx_image_lookup_outage_closes(lookup, 1);
        }

        ngx_image_lookup_probe_done(lookup);

        return;
    }

    if (ngx_image_zone_failed(zone, &lookup->repository_id, NULL,
                              call->reason, &lookup->began, &failures))
    {
        ngx_image_lookup_outage_opens(lookup, failures, 0);
    }

    if (ngx_image_zone_failed(zone, &lookup->outage_id,
                              &lookup->repository_id, call->reason,
                              &lookup->began, &failures))
    {
        ngx_image_lookup_outage_opens(lookup, failures, 1);
    }

    /* a failed probe keeps its claim, and so the next one away for a while */

    ngx_image_lookup_probe_renew(lookup);
    lookup->probe = NULL;
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
ngx_image_lookup_outage_opens(ngx_image_lookup_t *lookup,
    ngx_uint_t failures, ngx_flag_t whole)
{
    u_char  text[NGX_IMAGE_LOOKUP_NAME], *last;

    last = ngx_image_lookup_outage_name(lookup, whole, "does not answer",
                                        text);

    ngx_log_error(NGX_LOG_ERR, lookup->log, 0,
                  "image digest: %*s, %ui times in a row: for now it is asked "
                  "about once a second, and requests do not wait for it",
                  (size_t) (last - text), text, failures);
}


static void
ngx_image_lookup_outage_closes(ngx_image_lookup_t *lookup, ngx_flag_t whole)
{
    u_char  text[NGX_IMAGE_LOOKUP_NAME], *last;

    last = ngx_image_lookup_outage_name(lookup, whole, "answers again", text);

    ngx_log_error(NGX_LOG_NOTICE, lookup->log, 0, "image digest: %*s",
                  (size_t) (last - text), text);
}


/* what does what, and for which repository, if not for all; its end */

static u_char *
ngx_image_lookup_outage_name(ngx_image_lookup_t *lookup, ngx_flag_t whole,
    const char *does, u_char *text)
{
    u_char              *p, *last;
    ngx_flag_t           registry;
    image_reference_t   *reference;
    ngx_image_engine_t  *engine;

    engine = lookup->question.engine;
    registry = (engine->type == &ngx_image_registry_engine);
    last = text + NGX_IMAGE_LOOKUP_NAME;

    p = ngx_slprintf(text, last, "%s \"%V\" %s",
                     registry ? "registry" : "engine",
                     registry ? &lookup->question.subject.registry
                              : &engine->name,
                     does);

    if (whole) {
        return p;
    }

    reference = lookup->question.reference;

    return ngx_slprintf(p, last, " for %*s/%*s",
                        reference->domain.len, reference->domain.data,
                        reference->path.len, reference->path.data);
}


void
ngx_image_lookup_probe_renew(ngx_image_lookup_t *lookup)
{
    int64_t  left;

    if (lookup->probe) {
        (void) ngx_image_zone_claim(lookup->resolver->zone, lookup->probe,
                                    lookup->owner, NGX_IMAGE_LOOKUP_PROBE, 0,
                                    &left);
    }
}


void
ngx_image_lookup_probe_done(ngx_image_lookup_t *lookup)
{
    if (lookup->probe) {
        ngx_image_zone_release(lookup->resolver->zone, lookup->probe,
                               lookup->owner);

        lookup->probe = NULL;
    }
}
