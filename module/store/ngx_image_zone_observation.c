/*
 * Observations on this host, what invalidates them, and marks.
 */

#include <ngx_image_zone_sh.h>


static ngx_int_t ngx_image_zone_tombstone_id(ngx_str_t *reference,
    ngx_image_id_t *id);
static int64_t ngx_image_zone_buried(ngx_image_zone_t *zone,
    ngx_int_t prepared, ngx_image_id_t *id, image_moment_t *now);
static ngx_int_t ngx_image_zone_prepare(ngx_image_zone_t *zone,
    ngx_str_t *reference, ngx_image_id_t *id);
static void ngx_image_zone_expire(ngx_image_zone_t *zone,
    ngx_image_zone_kept_t *kept, int64_t invalid, image_moment_t *now);
static void ngx_image_zone_doubt(ngx_image_zone_kept_t *fresh,
    ngx_image_zone_kept_t *merged, ngx_image_zone_kept_t *kept);
static void ngx_image_zone_retain(ngx_image_zone_kept_t *merged,
    ngx_image_zone_kept_t *kept);


ngx_int_t
ngx_image_zone_get(ngx_image_zone_t *zone, ngx_image_id_t *id,
    ngx_str_t *reference, image_observation_t *observation)
{
    int64_t                  invalid;
    ngx_int_t                rc, prepared;
    image_moment_t           now;
    ngx_image_id_t           tombstone;
    ngx_image_zone_kept_t    kept;
    ngx_image_zone_entry_t  *e;

    rc = NGX_DECLINED;
    invalid = NGX_IMAGE_ZONE_VALID;
    prepared = ngx_image_zone_prepare(zone, reference, &tombstone);

    ngx_image_zone_lock(zone, &now);

    e = ngx_image_zone_find(zone->sh, id);

    if (e) {
        ngx_image_zone_touch(zone->sh, e);

        kept = e->kept;
        rc = NGX_OK;

        if (reference) {
            invalid = ngx_image_zone_buried(zone, prepared, &tombstone, &now);
            invalid = ngx_max(invalid, zone->sh->invalid);
        }
    }

    ngx_image_zone_unlock(zone);

    if (rc == NGX_OK) {
        ngx_image_zone_expire(zone, &kept, invalid, &now);
        *observation = kept.observation;
    }

    return rc;
}


/*
 * What is older than the retention is lost, and a run of it broken; and so is
 * what was last known not to be invalid before it was invalidated.
 */

static void
ngx_image_zone_expire(ngx_image_zone_t *zone, ngx_image_zone_kept_t *kept,
    int64_t invalid, image_moment_t *now)
{
    image_observation_t  *observation;

    observation = &kept->observation;

    if (image_age(&observation->digest_at, now) >= zone->retention
        || kept->digest_known <= invalid)
    {
        ngx_memzero(&observation->digest, sizeof(image_digest_t));
        observation->held = 0;
    }

    /* a rate limit holds until it ends (rule 4), however long that is */

    if (image_age(&observation->failure_at, now)
        >= ngx_max(zone->retention, observation->failure_for)
        || kept->failure_known <= invalid)
    {
        observation->failure = IMAGE_OK;
    }
}


ngx_uint_t
ngx_image_zone_put(ngx_image_zone_t *zone, ngx_image_id_t *id,
    ngx_str_t *reference, image_observation_t *observation, int64_t known,
    ngx_flag_t from_run, image_digest_t *old)
{
    int64_t                  invalid, buried;
    ngx_int_t                prepared;
    ngx_uint_t               flags;
    image_moment_t           now;
    ngx_image_id_t           tombstone;
    ngx_image_zone_kept_t    kept, merged, fresh;
    ngx_image_zone_pool_e    pool;
    ngx_image_zone_entry_t  *e;

    invalid = NGX_IMAGE_ZONE_VALID;
    buried = NGX_IMAGE_ZONE_VALID;
    prepared = ngx_image_zone_prepare(zone, reference, &tombstone);

    ngx_image_zone_lock(zone, &now);

    if (reference) {
        buried = ngx_image_zone_buried(zone, prepared, &tombstone, &now);
        invalid = ngx_max(buried, zone->sh->invalid);
    }

    e = ngx_image_zone_find(zone->sh, id);

    if (e) {
        kept = e->kept;
        ngx_image_zone_expire(zone, &kept, buried, &now);

    } else {
        ngx_memzero(&kept, sizeof(ngx_image_zone_kept_t));
    }

    /* what is in doubt serves nobody, but stays until something newer comes */

    merged = kept;
    ngx_image_zone_expire(zone, &merged, invalid, &now);

    *old = merged.observation.digest;

    fresh.observation = *observation;
    fresh.digest_known = ngx_max(observation->digest_at.boot, known);
    fresh.failure_known = ngx_max(observation->failure_at.boot, known);

    ngx_image_zone_expire(zone, &fresh, invalid, &now);
    ngx_image_zone_doubt(&fresh, &merged, &kept);

    flags = image_observation_merge(&merged.observation, &fresh.observation,
                                    from_run, &now);

    if (flags & IMAGE_MERGE_DIGEST) {
        merged.digest_known = fresh.digest_known;
    }

    if (flags & IMAGE_MERGE_FAILURE) {
        merged.failure_known = fresh.failure_known;
    }

    *observation = merged.observation;

    if (flags == 0 && e == NULL) {
        goto done;
    }

    ngx_image_zone_retain(&merged, &kept);

    pool = (merged.observation.digest.algorithm != IMAGE_DIGEST_NONE)
           ? NGX_IMAGE_ZONE_DIGESTS : NGX_IMAGE_ZONE_FAILURES;

    if (e && e->pool != pool) {

        /* its first digest: it leaves the place of a mere failure */

        ngx_image_zone_forget(zone->sh, e);
        e = NULL;
    }

    if (e == NULL) {
        e = ngx_image_zone_take(zone->sh, id, pool);
    }

    e->kept = merged;

done:

    ngx_image_zone_unlock(zone);

    return flags;
}


/*
 * An older observation never replaces a newer one, and be that in doubt (rule
 * 5).  It may be void or not, so neither of them is used, and the origin is
 * asked; where both say the same, there is nothing to ask.
 */

static void
ngx_image_zone_doubt(ngx_image_zone_kept_t *fresh,
    ngx_image_zone_kept_t *merged, ngx_image_zone_kept_t *kept)
{
    image_observation_t  *f, *k;

    f = &fresh->observation;
    k = &kept->observation;

    if (merged->observation.digest.algorithm == IMAGE_DIGEST_NONE
        && k->digest.algorithm != IMAGE_DIGEST_NONE
        && f->digest_at.boot <= k->digest_at.boot
        && !image_digest_equal(&f->digest, &k->digest))
    {
        ngx_memzero(&f->digest, sizeof(image_digest_t));
    }

    if (merged->observation.failure == IMAGE_OK
        && k->failure != IMAGE_OK
        && f->failure_at.boot <= k->failure_at.boot
        && f->failure != k->failure)
    {
        f->failure = IMAGE_OK;
    }
}


/* the slots that are empty are what they were */

static void
ngx_image_zone_retain(ngx_image_zone_kept_t *merged,
    ngx_image_zone_kept_t *kept)
{
    image_observation_t  *m, *k;

    m = &merged->observation;
    k = &kept->observation;

    if (m->digest.algorithm == IMAGE_DIGEST_NONE) {
        m->digest = k->digest;
        m->digest_at = k->digest_at;
        m->held = k->held;
        merged->digest_known = kept->digest_known;
    }

    if (m->failure == IMAGE_OK) {
        m->failure = k->failure;
        m->failure_at = k->failure_at;
        m->failure_for = k->failure_for;
        merged->failure_known = kept->failure_known;
    }
}


void
ngx_image_zone_invalidate(ngx_image_zone_t *zone, ngx_str_t *reference,
    int64_t at, int64_t boot)
{
    image_moment_t           now;
    ngx_image_id_t           id;
    ngx_image_zone_sh_t     *sh;
    ngx_image_zone_entry_t  *e, *oldest;

    sh = zone->sh;

    if (ngx_image_zone_tombstone_id(reference, &id) != NGX_OK) {
        ngx_image_zone_lock(zone, &now);
        sh->invalid = now.boot;
        ngx_image_zone_unlock(zone);
        return;
    }

    ngx_image_zone_lock(zone, &now);

    e = ngx_image_zone_find(sh, &id);

    /* a later one can have an earlier time: clocks are set right */

    if (e && at == e->tombstone.at) {

        /* another worker has heard of it before */

        goto done;
    }

    if (e == NULL) {

        /* what is over the place there is invalidates all, which costs each
         * image a look at Redis */

        oldest = ngx_image_zone_oldest(sh, NGX_IMAGE_ZONE_TOMBSTONES);

        if (oldest) {
            sh->invalid = ngx_max(sh->invalid, oldest->tombstone.boot);
            sh->ntombstones--;
        }

        e = ngx_image_zone_take(sh, &id, NGX_IMAGE_ZONE_TOMBSTONES);
        e->tombstone.boot = NGX_IMAGE_ZONE_VALID;
        sh->ntombstones++;

    } else {
        ngx_image_zone_touch(sh, e);
    }

    /* nothing is invalid that has not begun yet */

    e->tombstone.at = at;
    e->tombstone.boot = ngx_max(e->tombstone.boot, ngx_min(boot, now.boot));

done:

    ngx_image_zone_unlock(zone);
}


void
ngx_image_zone_invalidated(ngx_image_zone_t *zone, int64_t at,
    ngx_flag_t in_step)
{
    image_moment_t  now;

    ngx_image_zone_lock(zone, &now);

    if (at != zone->sh->invalidated) {
        zone->sh->invalidated = at;

        if (!in_step) {
            zone->sh->invalid = now.boot;
        }
    }

    ngx_image_zone_unlock(zone);
}


static ngx_int_t
ngx_image_zone_tombstone_id(ngx_str_t *reference, ngx_image_id_t *id)
{
    image_str_t  parts[2];

    static const image_str_t  kind = image_str("invalid");

    parts[0] = kind;
    parts[1].data = reference->data;
    parts[1].len = reference->len;

    return image_hash(id->hash, parts, 2) == 0 ? NGX_OK : NGX_ERROR;
}


/* hashing is not for the critical section; most often there is no tombstone */

static ngx_int_t
ngx_image_zone_prepare(ngx_image_zone_t *zone, ngx_str_t *reference,
    ngx_image_id_t *id)
{
    return (reference && zone->sh->ntombstones)
           ? ngx_image_zone_tombstone_id(reference, id) : NGX_DECLINED;
}


/* until when a reference is known to have been invalidated */

static int64_t
ngx_image_zone_buried(ngx_image_zone_t *zone, ngx_int_t prepared,
    ngx_image_id_t *id, image_moment_t *now)
{
    ngx_image_zone_sh_t     *sh;
    ngx_image_zone_entry_t  *e;

    sh = zone->sh;

    if (prepared == NGX_ERROR) {
        return now->boot;
    }

    e = (prepared == NGX_OK) ? ngx_image_zone_find(sh, id) : NULL;

    if (e == NULL) {
        return NGX_IMAGE_ZONE_VALID;
    }

    if (now->boot - e->tombstone.boot >= zone->retention) {

        /* what it is about has gone with the retention, too */

        ngx_image_zone_forget(sh, e);
        sh->ntombstones--;

        return NGX_IMAGE_ZONE_VALID;
    }

    return e->tombstone.boot;
}


ngx_flag_t
ngx_image_zone_mark(ngx_image_zone_t *zone, ngx_image_id_t *id)
{
    ngx_flag_t               fresh;
    image_moment_t           now;
    ngx_image_zone_entry_t  *e;

    ngx_image_zone_lock(zone, &now);

    e = ngx_image_zone_find(zone->sh, id);

    fresh = (e == NULL
             || image_age(&e->kept.observation.failure_at, &now)
                >= zone->retention);

    if (e == NULL) {
        e = ngx_image_zone_take(zone->sh, id, NGX_IMAGE_ZONE_MARKS);
        ngx_memzero(&e->kept, sizeof(ngx_image_zone_kept_t));
    }

    if (fresh) {
        e->kept.observation.failure_at = now;
    }

    ngx_image_zone_unlock(zone);

    return fresh;
}
