/*
 * The mapping on this host: observations in shared memory.  Memory work
 * alone happens under the mutex; what is to be said is said after it.
 */

#include <ngx_image_zone.h>

#include <time.h>


#define NGX_IMAGE_ZONE_NONE      0xffffffff

/* a clock that is corrected by less was not set back, microseconds */
#define NGX_IMAGE_ZONE_SLEW      1000000

#define NGX_IMAGE_ZONE_FAILURES  10          /* one entry in so many */
#define NGX_IMAGE_ZONE_MARKS     100         /* likewise, and taken of those */
#define NGX_IMAGE_ZONE_CLAIMS    50          /* likewise: the other half */
#define NGX_IMAGE_ZONE_ENTRIES   100         /* fewer are of no use */


/* entries are named by their index, so torn data can be bounded */

typedef struct {
    uint32_t                  next;          /* of its bucket, or free */
    uint32_t                  newer;
    uint32_t                  older;
    uint32_t                  pool;
    ngx_image_id_t            id;
    union {
        image_observation_t   observation;
        struct {
            uint64_t          owner;
            int64_t           until;         /* boot time in microseconds */
        }                     claim;
    };
} ngx_image_zone_entry_t;


typedef struct {
    uint32_t                  free;
    uint32_t                  newest;
    uint32_t                  oldest;
} ngx_image_zone_pool_t;

#define NGX_IMAGE_ZONE_DIGESTS_POOL   0
#define NGX_IMAGE_ZONE_FAILURES_POOL  1
#define NGX_IMAGE_ZONE_MARKS_POOL     2
#define NGX_IMAGE_ZONE_CLAIMS_POOL    3
#define NGX_IMAGE_ZONE_POOLS          4


typedef struct {
    uint32_t                  source;        /* whose clock is shared */
    uint32_t                  known;
    int64_t                   offset;        /* to the boot-time clock */
    int64_t                   window;        /* the highest time used */
    int64_t                   window_boot;   /* ... and when it was */
} ngx_image_zone_clock_t;


typedef struct {
    volatile uint32_t         busy;          /* inside a critical section */
    uint32_t                  nentries;
    uint32_t                  nbuckets;      /* a power of two */
    ngx_image_zone_pool_t     pools[NGX_IMAGE_ZONE_POOLS];
    ngx_image_zone_clock_t    clock;
    ngx_image_zone_entry_t   *entries;
    uint32_t                  buckets[1];
} ngx_image_zone_sh_t;


struct ngx_image_zone_s {
    ngx_image_zone_sh_t      *sh;
    ngx_slab_pool_t          *shpool;
    ngx_shm_zone_t           *shm_zone;
    int64_t                   retention;
    uint32_t                  source;
    unsigned                  torn:1;
};


static ngx_int_t ngx_image_zone_init(ngx_shm_zone_t *shm_zone, void *data);
static void ngx_image_zone_lay_out(ngx_image_zone_sh_t *sh);
static void ngx_image_zone_lock(ngx_image_zone_t *zone);
static void ngx_image_zone_unlock(ngx_image_zone_t *zone);
static ngx_image_zone_entry_t *ngx_image_zone_find(ngx_image_zone_sh_t *sh,
    ngx_image_id_t *id);
static ngx_image_zone_entry_t *ngx_image_zone_take(ngx_image_zone_sh_t *sh,
    ngx_image_id_t *id, uint32_t pool);
static void ngx_image_zone_link(ngx_image_zone_sh_t *sh, uint32_t n);
static void ngx_image_zone_unlink(ngx_image_zone_sh_t *sh, uint32_t n);
static void ngx_image_zone_forget(ngx_image_zone_sh_t *sh, uint32_t n);
static uint32_t *ngx_image_zone_bucket(ngx_image_zone_sh_t *sh,
    ngx_image_id_t *id);
static void ngx_image_zone_expire(ngx_image_zone_t *zone,
    image_observation_t *observation, image_moment_t *now);


void
ngx_image_now(image_moment_t *now)
{
    struct timespec  ts;

    /*
     * read here and now: nginx's cached time lags by a turn of the event
     * loop, and CLOCK_MONOTONIC stops while the machine is suspended
     */

    (void) clock_gettime(CLOCK_BOOTTIME, &ts);
    now->boot = (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;

    (void) clock_gettime(CLOCK_REALTIME, &ts);
    now->wall = (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


size_t
ngx_image_zone_least(void)
{
    /* the slab allocator's own pages, and the entries with their buckets */

    return 8 * ngx_pagesize + sizeof(ngx_image_zone_sh_t)
           + NGX_IMAGE_ZONE_ENTRIES
             * (sizeof(ngx_image_zone_entry_t) + 2 * sizeof(uint32_t));
}


ngx_image_zone_t *
ngx_image_zone_add(ngx_conf_t *cf, ngx_str_t *name, size_t size, void *tag)
{
    ngx_shm_zone_t    *shm_zone;
    ngx_image_zone_t  *zone;

    zone = ngx_pcalloc(cf->pool, sizeof(ngx_image_zone_t));
    if (zone == NULL) {
        return NULL;
    }

    shm_zone = ngx_shared_memory_add(cf, name, size, tag);
    if (shm_zone == NULL) {
        return NULL;
    }

    shm_zone->init = ngx_image_zone_init;
    shm_zone->data = zone;

    zone->shm_zone = shm_zone;

    return zone;
}


void
ngx_image_zone_configure(ngx_image_zone_t *zone, int64_t retention,
    ngx_str_t *source)
{
    zone->retention = retention;
    zone->source = ngx_crc32_short(source->data, source->len);
}


static ngx_int_t
ngx_image_zone_init(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_image_zone_t  *old = data;

    size_t                size, each;
    uint32_t              n, buckets;
    ngx_image_zone_t     *zone;
    ngx_image_zone_sh_t  *sh;

    zone = shm_zone->data;
    zone->shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (old) {
        zone->sh = old->sh;
        goto found;
    }

    if (shm_zone->shm.exists) {
        zone->sh = zone->shpool->data;
        goto found;
    }

    /* all there is in one block, and no allocation ever after */

    size = zone->shpool->pfree * ngx_pagesize;

    sh = ngx_slab_alloc(zone->shpool, size);
    if (sh == NULL) {
        return NGX_ERROR;
    }

    each = sizeof(ngx_image_zone_entry_t) + 2 * sizeof(uint32_t);
    n = (size - sizeof(ngx_image_zone_sh_t) - sizeof(uint64_t)) / each;

    for (buckets = 1; buckets <= n; buckets *= 2) { /* void */ }

    sh->nentries = n;
    sh->nbuckets = buckets;
    sh->entries = (ngx_image_zone_entry_t *)
                  ngx_align_ptr(&sh->buckets[buckets], sizeof(uint64_t));

    ngx_memzero(&sh->clock, sizeof(ngx_image_zone_clock_t));
    sh->clock.source = zone->source;

    ngx_image_zone_lay_out(sh);

    zone->shpool->data = sh;
    zone->shpool->log_nomem = 0;
    zone->sh = sh;

    return NGX_OK;

found:

    /* another server's clock says nothing of this one's */

    ngx_image_zone_lock(zone);

    if (zone->sh->clock.source != zone->source) {
        zone->sh->clock.source = zone->source;
        zone->sh->clock.known = 0;
    }

    ngx_image_zone_unlock(zone);

    return NGX_OK;
}


static void
ngx_image_zone_lay_out(ngx_image_zone_sh_t *sh)
{
    uint32_t                 i, pool;
    ngx_image_zone_pool_t   *p;
    ngx_image_zone_entry_t  *e;

    for (pool = 0; pool < NGX_IMAGE_ZONE_POOLS; pool++) {
        p = &sh->pools[pool];
        p->free = NGX_IMAGE_ZONE_NONE;
        p->newest = NGX_IMAGE_ZONE_NONE;
        p->oldest = NGX_IMAGE_ZONE_NONE;
    }

    for (i = 0; i < sh->nbuckets; i++) {
        sh->buckets[i] = NGX_IMAGE_ZONE_NONE;
    }

    for (i = 0; i < sh->nentries; i++) {
        e = &sh->entries[i];

        if (i % NGX_IMAGE_ZONE_MARKS == 0) {
            e->pool = NGX_IMAGE_ZONE_MARKS_POOL;

        } else if (i % NGX_IMAGE_ZONE_CLAIMS == 0) {
            e->pool = NGX_IMAGE_ZONE_CLAIMS_POOL;

        } else if (i % NGX_IMAGE_ZONE_FAILURES == 0) {
            e->pool = NGX_IMAGE_ZONE_FAILURES_POOL;

        } else {
            e->pool = NGX_IMAGE_ZONE_DIGESTS_POOL;
        }

        p = &sh->pools[e->pool];
        e->next = p->free;
        p->free = i;
    }

    sh->busy = 0;
}


static void
ngx_image_zone_lock(ngx_image_zone_t *zone)
{
    ngx_shmtx_lock(&zone->shpool->mutex);

    /*
     * the master unlocks the mutex of a worker that was killed, but what the
     * worker was at is left as it was
     */

    if (zone->sh->busy) {
        ngx_image_zone_lay_out(zone->sh);
        zone->torn = 1;
    }

    zone->sh->busy = 1;
    ngx_memory_barrier();
}


static void
ngx_image_zone_unlock(ngx_image_zone_t *zone)
{
    ngx_memory_barrier();
    zone->sh->busy = 0;

    ngx_shmtx_unlock(&zone->shpool->mutex);

    if (zone->torn) {
        zone->torn = 0;

        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "image digest: zone \"%V\" was emptied, since a worker "
                      "died while writing to it", &zone->shm_zone->shm.name);
    }
}


ngx_int_t
ngx_image_zone_get(ngx_image_zone_t *zone, ngx_image_id_t *id,
    image_observation_t *observation)
{
    uint32_t                 n;
    ngx_int_t                rc;
    image_moment_t           now;
    ngx_image_zone_entry_t  *e;

    rc = NGX_DECLINED;

    ngx_image_zone_lock(zone);

    /* under the mutex, or what another worker has just put would be of the
     * future */

    ngx_image_now(&now);

    e = ngx_image_zone_find(zone->sh, id);

    if (e) {
        n = e - zone->sh->entries;

        if (zone->sh->pools[e->pool].newest != n) {
            ngx_image_zone_unlink(zone->sh, n);
            ngx_image_zone_link(zone->sh, n);
        }

        *observation = e->observation;
        rc = NGX_OK;
    }

    ngx_image_zone_unlock(zone);

    if (rc == NGX_OK) {
        ngx_image_zone_expire(zone, observation, &now);
    }

    return rc;
}


/* what is older than the retention is lost, and a run of it broken */

static void
ngx_image_zone_expire(ngx_image_zone_t *zone,
    image_observation_t *observation, image_moment_t *now)
{
    if (image_age(&observation->digest_at, now) >= zone->retention) {
        ngx_memzero(&observation->digest, sizeof(image_digest_t));
        observation->held = 0;
    }

    /* a rate limit holds until it ends (rule 4), however long that is */

    if (image_age(&observation->failure_at, now)
        >= ngx_max(zone->retention, observation->failure_for))
    {
        observation->failure = IMAGE_OK;
    }
}


ngx_uint_t
ngx_image_zone_put(ngx_image_zone_t *zone, ngx_image_id_t *id,
    image_observation_t *observation, ngx_flag_t from_run,
    image_digest_t *old)
{
    uint32_t                 pool;
    ngx_uint_t               flags;
    image_moment_t           now;
    image_observation_t      merged;
    ngx_image_zone_entry_t  *e;

    ngx_image_zone_lock(zone);

    ngx_image_now(&now);

    e = ngx_image_zone_find(zone->sh, id);

    if (e) {
        merged = e->observation;
        ngx_image_zone_expire(zone, &merged, &now);

    } else {
        ngx_memzero(&merged, sizeof(image_observation_t));
    }

    *old = merged.digest;

    flags = image_observation_merge(&merged, observation, from_run, &now);

    pool = (merged.digest.algorithm != IMAGE_DIGEST_NONE)
           ? NGX_IMAGE_ZONE_DIGESTS_POOL : NGX_IMAGE_ZONE_FAILURES_POOL;

    if (e && e->pool != pool) {

        /* its first digest: it leaves the place of a mere failure */

        ngx_image_zone_forget(zone->sh, e - zone->sh->entries);
        e = NULL;
    }

    if (e == NULL) {
        e = ngx_image_zone_take(zone->sh, id, pool);
    }

    e->observation = merged;

    ngx_image_zone_unlock(zone);

    *observation = merged;

    return flags;
}


ngx_flag_t
ngx_image_zone_mark(ngx_image_zone_t *zone, ngx_image_id_t *id)
{
    ngx_flag_t               fresh;
    image_moment_t           now;
    ngx_image_zone_entry_t  *e;

    ngx_image_zone_lock(zone);

    ngx_image_now(&now);

    e = ngx_image_zone_find(zone->sh, id);

    fresh = (e == NULL
             || image_age(&e->observation.failure_at, &now)
                >= zone->retention);

    if (e == NULL) {
        e = ngx_image_zone_take(zone->sh, id, NGX_IMAGE_ZONE_MARKS_POOL);
        ngx_memzero(&e->observation, sizeof(image_observation_t));
    }

    if (fresh) {
        e->observation.failure_at = now;
    }

    ngx_image_zone_unlock(zone);

    return fresh;
}


ngx_int_t
ngx_image_zone_claim(ngx_image_zone_t *zone, ngx_image_id_t *id,
    uint64_t owner, int64_t span)
{
    ngx_int_t                rc;
    image_moment_t           now;
    ngx_image_zone_pool_t   *pool;
    ngx_image_zone_entry_t  *e;

    ngx_image_zone_lock(zone);

    ngx_image_now(&now);

    rc = NGX_OK;
    pool = &zone->sh->pools[NGX_IMAGE_ZONE_CLAIMS_POOL];

    e = ngx_image_zone_find(zone->sh, id);

    if (e) {
        if (e->claim.owner != owner && e->claim.until > now.boot) {
            rc = NGX_BUSY;
            goto done;
        }

        ngx_image_zone_unlink(zone->sh, e - zone->sh->entries);
        ngx_image_zone_link(zone->sh, e - zone->sh->entries);

    } else {

        /* nobody's claim is taken away: the oldest is the first to end */

        if (pool->free == NGX_IMAGE_ZONE_NONE
            && zone->sh->entries[pool->oldest].claim.until > now.boot)
        {
            rc = NGX_DECLINED;
            goto done;
        }

        e = ngx_image_zone_take(zone->sh, id, NGX_IMAGE_ZONE_CLAIMS_POOL);
    }

    e->claim.owner = owner;
    e->claim.until = now.boot + span;

done:

    ngx_image_zone_unlock(zone);

    return rc;
}


void
ngx_image_zone_release(ngx_image_zone_t *zone, ngx_image_id_t *id,
    uint64_t owner)
{
    ngx_image_zone_entry_t  *e;

    ngx_image_zone_lock(zone);

    e = ngx_image_zone_find(zone->sh, id);

    if (e && e->claim.owner == owner) {
        ngx_image_zone_forget(zone->sh, e - zone->sh->entries);
    }

    ngx_image_zone_unlock(zone);
}


void
ngx_image_zone_set_shared_clock(ngx_image_zone_t *zone, int64_t now,
    int64_t sent, int64_t received)
{
    ngx_image_zone_clock_t  *clock;

    clock = &zone->sh->clock;

    ngx_image_zone_lock(zone);

    clock->offset = now - (sent + (received - sent) / 2);
    clock->known = 1;

    ngx_image_zone_unlock(zone);
}


int64_t
ngx_image_zone_window(ngx_image_zone_t *zone, ngx_flag_t shared,
    int64_t length, ngx_flag_t write)
{
    int64_t                  time, number;
    image_moment_t           now;
    ngx_image_zone_clock_t  *clock;

    clock = &zone->sh->clock;
    number = -1;

    ngx_image_zone_lock(zone);

    ngx_image_now(&now);

    if (shared && !clock->known) {
        goto done;
    }

    time = shared ? now.boot + clock->offset : now.wall;

    if (clock->window_boot == 0 || time >= clock->window) {
        clock->window = time;
        clock->window_boot = now.boot;

    } else if (clock->window - time > NGX_IMAGE_ZONE_SLEW) {

        /*
         * The clock was ahead, and was set back.  What was stored in its
         * last window may still be found, as long as that would have lasted;
         * but what is stored in it now would be found by others when they
         * come to it, however old it is by then.
         */

        time = clock->window + (now.boot - clock->window_boot);

        if (write || time / length != clock->window / length) {
            goto done;
        }
    }

    number = clock->window / length;

done:

    ngx_image_zone_unlock(zone);

    return number;
}


static uint32_t *
ngx_image_zone_bucket(ngx_image_zone_sh_t *sh, ngx_image_id_t *id)
{
    uint32_t  hash;

    ngx_memcpy(&hash, id->hash, sizeof(uint32_t));

    return &sh->buckets[hash & (sh->nbuckets - 1)];
}


static ngx_image_zone_entry_t *
ngx_image_zone_find(ngx_image_zone_sh_t *sh, ngx_image_id_t *id)
{
    uint32_t                 n;
    ngx_image_zone_entry_t  *e;

    n = *ngx_image_zone_bucket(sh, id);

    while (n != NGX_IMAGE_ZONE_NONE) {
        e = &sh->entries[n];

        if (ngx_memcmp(e->id.hash, id->hash, IMAGE_HASH) == 0) {
            return e;
        }

        n = e->next;
    }

    return NULL;
}


/* an entry of the pool for an identity: a free one, else the oldest */

static ngx_image_zone_entry_t *
ngx_image_zone_take(ngx_image_zone_sh_t *sh, ngx_image_id_t *id,
    uint32_t pool)
{
    uint32_t                 n, *bucket;
    ngx_image_zone_pool_t   *p;
    ngx_image_zone_entry_t  *e;

    p = &sh->pools[pool];

    if (p->free == NGX_IMAGE_ZONE_NONE) {
        ngx_image_zone_forget(sh, p->oldest);
    }

    n = p->free;
    e = &sh->entries[n];
    p->free = e->next;

    e->id = *id;

    bucket = ngx_image_zone_bucket(sh, id);
    e->next = *bucket;
    *bucket = n;

    ngx_image_zone_link(sh, n);

    return e;
}


static void
ngx_image_zone_forget(ngx_image_zone_sh_t *sh, uint32_t n)
{
    uint32_t                *place;
    ngx_image_zone_entry_t  *e;

    e = &sh->entries[n];

    place = ngx_image_zone_bucket(sh, &e->id);

    while (*place != n) {
        place = &sh->entries[*place].next;
    }

    *place = e->next;

    ngx_image_zone_unlink(sh, n);

    e->next = sh->pools[e->pool].free;
    sh->pools[e->pool].free = n;
}


static void
ngx_image_zone_link(ngx_image_zone_sh_t *sh, uint32_t n)
{
    ngx_image_zone_pool_t   *p;
    ngx_image_zone_entry_t  *e;

    e = &sh->entries[n];
    p = &sh->pools[e->pool];

    e->newer = NGX_IMAGE_ZONE_NONE;
    e->older = p->newest;

    if (p->newest != NGX_IMAGE_ZONE_NONE) {
        sh->entries[p->newest].newer = n;

    } else {
        p->oldest = n;
    }

    p->newest = n;
}


static void
ngx_image_zone_unlink(ngx_image_zone_sh_t *sh, uint32_t n)
{
    ngx_image_zone_pool_t   *p;
    ngx_image_zone_entry_t  *e;

    e = &sh->entries[n];
    p = &sh->pools[e->pool];

    if (e->newer != NGX_IMAGE_ZONE_NONE) {
        sh->entries[e->newer].older = e->older;

    } else {
        p->newest = e->older;
    }

    if (e->older != NGX_IMAGE_ZONE_NONE) {
        sh->entries[e->older].newer = e->newer;

    } else {
        p->oldest = e->newer;
    }
}
