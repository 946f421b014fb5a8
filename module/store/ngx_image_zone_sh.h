/*
 * What the files of the zone share; nobody else includes this.
 *
 *     ngx_image_zone.c              the memory, its mutex, its table
 *     ngx_image_zone_observation.c  observations, and what invalidates them
 *     ngx_image_zone_claim.c        what must not happen twice at a time
 *     ngx_image_zone_outage.c       origins that do not answer
 *     ngx_image_zone_session.c      sessions
 *     ngx_image_zone_clock.c        the clock of windows
 *
 * Under the mutex there is memory work alone; what is to be said, or rung, is
 * said after it.
 */

#ifndef NGX_IMAGE_ZONE_SH_H
#define NGX_IMAGE_ZONE_SH_H


#include <ngx_image_zone.h>


#define NGX_IMAGE_ZONE_NONE   0xffffffff

/* nothing is invalid; moments before this host's boot are below 0 */
#define NGX_IMAGE_ZONE_VALID  INT64_MIN


/* by the boot-time clock: when each slot was last known not to be invalid */

typedef struct {
    image_observation_t       observation;
    int64_t                   digest_known;
    int64_t                   failure_known;
} ngx_image_zone_kept_t;

typedef struct {
    uint64_t                  owner;
    int64_t                   until;         /* boot time in microseconds */
    ngx_image_bells_t         waiting;
} ngx_image_zone_claim_t;

typedef struct {
    int64_t                   at;            /* by Redis */
    int64_t                   boot;          /* by this host */
} ngx_image_zone_tombstone_t;


/* entries are named by their index, so torn data can be bounded */

typedef struct {
    uint32_t                        next;    /* of its bucket, or free */
    uint32_t                        newer;
    uint32_t                        older;
    uint32_t                        pool;
    ngx_image_id_t                  id;
    union {
        ngx_image_zone_kept_t       kept;
        ngx_image_session_t         session;
        ngx_image_outage_t          outage;
        ngx_image_zone_claim_t      claim;
        ngx_image_zone_tombstone_t  tombstone;
    };
} ngx_image_zone_entry_t;


typedef struct {
    uint32_t                  free;
    uint32_t                  newest;
    uint32_t                  oldest;
} ngx_image_zone_pool_t;

typedef enum {
    NGX_IMAGE_ZONE_DIGESTS = 0,
    NGX_IMAGE_ZONE_SESSIONS,
    NGX_IMAGE_ZONE_FAILURES,
    NGX_IMAGE_ZONE_CLAIMS,
    NGX_IMAGE_ZONE_TOMBSTONES,
    NGX_IMAGE_ZONE_MARKS,
    NGX_IMAGE_ZONE_POOLS
} ngx_image_zone_pool_e;


typedef struct {
    volatile uint32_t         busy;          /* inside a critical section */
    uint32_t                  nentries;
    uint32_t                  nbuckets;      /* a power of two */
    volatile uint32_t         ntombstones;
    int64_t                   invalid;       /* nothing that was last known
                                                before it counts; boot time */
    int64_t                   invalidated;   /* the last one by Redis' clock
                                                that this host has heard of, */
    uint32_t                  source;        /* ... and of which Redis */
    uint64_t                  nonce;         /* in the names of bells */
    ngx_image_zone_pool_t     pools[NGX_IMAGE_ZONE_POOLS];
    image_window_clock_t      clock;
    uint32_t                  clock_source;  /* ... and whose it is */
    ngx_image_zone_entry_t   *entries;
    uint32_t                  buckets[1];
} ngx_image_zone_sh_t;


struct ngx_image_zone_s {
    ngx_image_zone_sh_t      *sh;
    ngx_slab_pool_t          *shpool;
    ngx_shm_zone_t           *shm_zone;
    ngx_image_bell_t         *bell;          /* of this worker; or NULL */
    int64_t                   retention;
    uint32_t                  source;
    unsigned                  torn:1;
};


/* the critical section; "now" is read in it, or what another worker has just
 * put would be of the future */
void ngx_image_zone_lock(ngx_image_zone_t *zone, image_moment_t *now);
void ngx_image_zone_unlock(ngx_image_zone_t *zone);

/* the entry of an identity, or NULL */
ngx_image_zone_entry_t *ngx_image_zone_find(ngx_image_zone_sh_t *sh,
    ngx_image_id_t *id);

/* an entry of a pool for an identity: a free one, else the oldest */
ngx_image_zone_entry_t *ngx_image_zone_take(ngx_image_zone_sh_t *sh,
    ngx_image_id_t *id, ngx_image_zone_pool_e pool);

/* the oldest entry of a pool that has no free one, else NULL */
ngx_image_zone_entry_t *ngx_image_zone_oldest(ngx_image_zone_sh_t *sh,
    ngx_image_zone_pool_e pool);

/* it becomes the newest of its pool */
void ngx_image_zone_touch(ngx_image_zone_sh_t *sh, ngx_image_zone_entry_t *e);

void ngx_image_zone_forget(ngx_image_zone_sh_t *sh,
    ngx_image_zone_entry_t *e);


#endif /* NGX_IMAGE_ZONE_SH_H */
