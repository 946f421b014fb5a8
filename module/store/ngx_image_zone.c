/*
 * The mapping on this host: the memory, its mutex and its table.
 * ngx_image_zone_sh.h has the list of the other files.
 */

#include <ngx_image_zone_sh.h>

#include <time.h>


/* one entry in so many */
#define NGX_IMAGE_ZONE_FAILURES_PART    10
#define NGX_IMAGE_ZONE_SESSIONS_PART    5
#define NGX_IMAGE_ZONE_SMALL_PART       100      /* claims, tombstones, marks */

#define NGX_IMAGE_ZONE_CLAIMS_LEAST     32
#define NGX_IMAGE_ZONE_ENTRIES          90       /* fewer are of no use */


static ngx_int_t ngx_image_zone_init(ngx_shm_zone_t *shm_zone, void *data);
static void ngx_image_zone_lay_out(ngx_image_zone_sh_t *sh);
static void ngx_image_zone_link(ngx_image_zone_sh_t *sh, uint32_t n);
static void ngx_image_zone_unlink(ngx_image_zone_sh_t *sh, uint32_t n);
static uint32_t *ngx_image_zone_bucket(ngx_image_zone_sh_t *sh,
    ngx_image_id_t *id);


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
    image_moment_t        now;
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

    ngx_memzero(&sh->clock, sizeof(image_window_clock_t));

    sh->invalid = NGX_IMAGE_ZONE_VALID;
    sh->invalidated = 0;
    sh->source = zone->source;
    sh->clock_source = zone->source;
    sh->nonce = (uint64_t) ngx_random() << 32 ^ (uint64_t) ngx_random()
                ^ (uint64_t) ngx_pid << 16;

    sh->busy = 0;

    ngx_image_zone_lay_out(sh);

    zone->shpool->data = sh;
    zone->shpool->log_nomem = 0;
    zone->sh = sh;

    return NGX_OK;

found:

    /* another server's moments say nothing of this one's */

    ngx_image_zone_lock(zone, &now);

    if (zone->sh->source != zone->source) {
        zone->sh->source = zone->source;
        zone->sh->invalidated = 0;
    }

    ngx_image_zone_unlock(zone);

    return NGX_OK;
}


static void
ngx_image_zone_lay_out(ngx_image_zone_sh_t *sh)
{
    uint32_t                 i, pool, n, end;
    uint32_t                 sizes[NGX_IMAGE_ZONE_POOLS];
    ngx_image_zone_pool_t   *p;
    ngx_image_zone_entry_t  *e;

    n = sh->nentries;

    sizes[NGX_IMAGE_ZONE_SESSIONS] = n / NGX_IMAGE_ZONE_SESSIONS_PART;
    sizes[NGX_IMAGE_ZONE_FAILURES] = n / NGX_IMAGE_ZONE_FAILURES_PART;
    sizes[NGX_IMAGE_ZONE_MARKS] = ngx_max(n / NGX_IMAGE_ZONE_SMALL_PART, 1);
    sizes[NGX_IMAGE_ZONE_TOMBSTONES] = sizes[NGX_IMAGE_ZONE_MARKS];
    sizes[NGX_IMAGE_ZONE_CLAIMS] = ngx_max(n / NGX_IMAGE_ZONE_SMALL_PART,
                                           NGX_IMAGE_ZONE_CLAIMS_LEAST);

    /* the first pool has what the others leave */

    sizes[NGX_IMAGE_ZONE_DIGESTS] = n;

    for (pool = 1; pool < NGX_IMAGE_ZONE_POOLS; pool++) {
        sizes[NGX_IMAGE_ZONE_DIGESTS] -= sizes[pool];
    }

    for (i = 0; i < sh->nbuckets; i++) {
        sh->buckets[i] = NGX_IMAGE_ZONE_NONE;
    }

    i = 0;
    end = 0;

    for (pool = 0; pool < NGX_IMAGE_ZONE_POOLS; pool++) {
        p = &sh->pools[pool];
        p->free = NGX_IMAGE_ZONE_NONE;
        p->newest = NGX_IMAGE_ZONE_NONE;
        p->oldest = NGX_IMAGE_ZONE_NONE;

        for (end += sizes[pool]; i < end; i++) {
            e = &sh->entries[i];
            e->pool = pool;
            e->next = p->free;
            p->free = i;
        }
    }

    sh->ntombstones = 0;
}


void
ngx_image_zone_lock(ngx_image_zone_t *zone, image_moment_t *now)
{
    ngx_shmtx_lock(&zone->shpool->mutex);

    ngx_image_now(now);

    /*
     * the master unlocks the mutex of a worker that was killed, but what the
     * worker was at is left as it was
     */

    if (zone->sh->busy) {
        ngx_image_zone_lay_out(zone->sh);
        zone->torn = 1;

        /* the tombstones are gone, too, and calls under way could come late */

        zone->sh->invalid = now->boot;

        image_window_forget(&zone->sh->clock, now->boot);
    }

    zone->sh->busy = 1;
    ngx_memory_barrier();
}


void
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


void
ngx_image_zone_listen(ngx_image_zone_t *zone, ngx_image_bell_pt handler,
    void *data, ngx_cycle_t *cycle)
{
    zone->bell = ngx_image_bell_create(zone->sh->nonce, handler, data, cycle);
}


void
ngx_image_zone_deafen(ngx_image_zone_t *zone)
{
    if (zone->bell) {
        ngx_image_bell_destroy(zone->bell);
        zone->bell = NULL;
    }
}


static uint32_t *
ngx_image_zone_bucket(ngx_image_zone_sh_t *sh, ngx_image_id_t *id)
{
    uint32_t  hash;

    ngx_memcpy(&hash, id->hash, sizeof(uint32_t));

    return &sh->buckets[hash & (sh->nbuckets - 1)];
}


ngx_image_zone_entry_t *
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


ngx_image_zone_entry_t *
ngx_image_zone_take(ngx_image_zone_sh_t *sh, ngx_image_id_t *id,
    ngx_image_zone_pool_e pool)
{
    uint32_t                 n, *bucket;
    ngx_image_zone_pool_t   *p;
    ngx_image_zone_entry_t  *e;

    p = &sh->pools[pool];

    if (p->free == NGX_IMAGE_ZONE_NONE) {
        ngx_image_zone_forget(sh, &sh->entries[p->oldest]);
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


ngx_image_zone_entry_t *
ngx_image_zone_oldest(ngx_image_zone_sh_t *sh, ngx_image_zone_pool_e pool)
{
    ngx_image_zone_pool_t  *p;

    p = &sh->pools[pool];

    return p->free == NGX_IMAGE_ZONE_NONE ? &sh->entries[p->oldest] : NULL;
}


void
ngx_image_zone_touch(ngx_image_zone_sh_t *sh, ngx_image_zone_entry_t *e)
{
    uint32_t  n;

    n = e - sh->entries;

    if (sh->pools[e->pool].newest != n) {
        ngx_image_zone_unlink(sh, n);
        ngx_image_zone_link(sh, n);
    }
}


void
ngx_image_zone_forget(ngx_image_zone_sh_t *sh, ngx_image_zone_entry_t *e)
{
    uint32_t  n, *place;

    n = e - sh->entries;

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
