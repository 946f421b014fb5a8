/*
 * The mapping on this host: observations in shared memory.
 *
 * store/ keeps what was observed: the zone for the workers of a host, Redis
 * for all hosts.  It may use core/ and net/; it knows nothing of lookups or
 * clients.
 *
 * The memory is laid out once, as a hash table over pools of entries of
 * one size: so nothing is allocated later, eviction takes one step, and a
 * zone that a killed worker left half-written is simply laid out anew.
 * Failures alone have the smaller pool, a tenth, so that a flood of unknown
 * references evicts no digest (rule 14).
 */

#ifndef NGX_IMAGE_ZONE_H
#define NGX_IMAGE_ZONE_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_image_bell.h>
#include <image_key.h>
#include <image_observation.h>
#include <image_window.h>


typedef struct ngx_image_zone_s  ngx_image_zone_t;

/* SHA-256 of an identity */

typedef struct {
    uint8_t   hash[IMAGE_HASH];
} ngx_image_id_t;


/* what a session is held to (rule 13) */

typedef struct {
    image_digest_t   digest;
    image_moment_t   at;           /* begin of the call that saw it */
    int64_t          until;        /* boot time in microseconds: then it is
                                      forgotten */
    ngx_flag_t       shared;       /* Redis has it, too */
} ngx_image_session_t;


/* failures in a row of an origin, or of a part of it */

typedef struct {
    ngx_uint_t       failures;
    int64_t          first;        /* when the first one was known; boot time
                                      in microseconds */
    image_moment_t   at;           /* begin of the last one, */
    image_reason_e   reason;       /* ... and what it was */
    ngx_image_id_t   part;         /* which part had it */
    ngx_flag_t       open;         /* it counts as down */
} ngx_image_outage_t;


/* both clocks of this host, now */
void ngx_image_now(image_moment_t *now);

/* for configuration: declares the zone; NULL where cf->log has the reason */
ngx_image_zone_t *ngx_image_zone_add(ngx_conf_t *cf, ngx_str_t *name,
    size_t size, void *tag);

/*
 * Before the zone is initialised: how long an observation is kept, in
 * microseconds; and the name of the Redis server, or none, for the clock of
 * another is another.
 */
void ngx_image_zone_configure(ngx_image_zone_t *zone, int64_t retention,
    ngx_str_t *source);

/* the least size that holds a useful number of observations, in bytes */
size_t ngx_image_zone_least(void);

/*
 * For a worker's begin and end: the handler is called, from the event loop,
 * when something that this worker waits for has been released, and when the
 * worker is to give up all that it does.
 */
void ngx_image_zone_listen(ngx_image_zone_t *zone, ngx_image_bell_pt handler,
    void *data, ngx_cycle_t *cycle);
void ngx_image_zone_deafen(ngx_image_zone_t *zone);


/* observations, ngx_image_zone_observation.c */

/*
 * Copies what is known of an identity; NGX_OK, or NGX_DECLINED: nothing.
 * What began before the reference was invalidated is not known (rule 12);
 * NULL: nothing invalidates it.
 */
ngx_int_t ngx_image_zone_get(ngx_image_zone_t *zone, ngx_image_id_t *id,
    ngx_str_t *reference, image_observation_t *observation);

/*
 * Merges an observation into the zone (image_observation_merge()), and copies
 * the outcome back into *observation.  *old is the digest that was there,
 * where IMAGE_MERGE_MOVED is among the flags returned.  "known" is when Redis
 * was asked, which says what is invalid, by the boot-time clock; else
 * NGX_IMAGE_ZONE_OWN: what a call of this host gives is as old as the call.
 */
#define NGX_IMAGE_ZONE_OWN  INT64_MIN

ngx_uint_t ngx_image_zone_put(ngx_image_zone_t *zone, ngx_image_id_t *id,
    ngx_str_t *reference, image_observation_t *observation, int64_t known,
    ngx_flag_t from_run, image_digest_t *old);

/*
 * Rule 12: nothing of the reference that began up to a moment by the boot-time
 * clock counts any more on this host, unless Redis has told it after that;
 * "at" is when it was invalidated by Redis' clock.  Hearing of one twice is
 * hearing of it once.
 */
void ngx_image_zone_invalidate(ngx_image_zone_t *zone, ngx_str_t *reference,
    int64_t at, int64_t boot);

/*
 * The last invalidation by Redis' clock that is known to be known here.  In
 * step: all up to that one were heard.  Otherwise, if it is another one than
 * this host has heard of, some were missed, and nothing that began before now
 * counts until Redis tells it again.
 */
void ngx_image_zone_invalidated(ngx_image_zone_t *zone, int64_t at,
    ngx_flag_t in_step);

/*
 * True the first time that it is called with an identity, for as long as the
 * retention: something was said, and is not to be said again.  Marks push out
 * nothing but marks.
 */
ngx_flag_t ngx_image_zone_mark(ngx_image_zone_t *zone, ngx_image_id_t *id);


/* claims, ngx_image_zone_claim.c */

/*
 * What must not happen twice at a time on this host: an identity of its own
 * is claimed by an owner, a number that nobody else on the host has, for a
 * span in microseconds, and again before that is over.
 * NGX_OK: the owner has it.  NGX_BUSY: another one has it, for so many
 * microseconds more; with "wait" this worker's handler is called when it is
 * released.  NGX_DECLINED: there are too many claims.
 */
ngx_int_t ngx_image_zone_claim(ngx_image_zone_t *zone, ngx_image_id_t *id,
    uint64_t owner, int64_t span, ngx_flag_t wait, int64_t *left);
void ngx_image_zone_release(ngx_image_zone_t *zone, ngx_image_id_t *id,
    uint64_t owner);

/* those who wait for its release are to look already now */
void ngx_image_zone_tell(ngx_image_zone_t *zone, ngx_image_id_t *id);


/* outages, ngx_image_zone_outage.c */

/* NGX_OK: an origin, known by an identity of its own, counts as down;
 * NGX_DECLINED: it does not */
ngx_int_t ngx_image_zone_outage(ngx_image_zone_t *zone, ngx_image_id_t *id,
    ngx_image_outage_t *outage);

/*
 * Counts a failure of the call that began at a moment; not of the part that
 * has had the last one, too, unless that is NULL.  True where it counts as
 * down from now on.
 */
ngx_flag_t ngx_image_zone_failed(ngx_image_zone_t *zone, ngx_image_id_t *id,
    ngx_image_id_t *part, image_reason_e reason, image_moment_t *at,
    ngx_uint_t *failures);

/* its failures are forgotten; true where it counted as down */
ngx_flag_t ngx_image_zone_answered(ngx_image_zone_t *zone,
    ngx_image_id_t *id);


/* sessions, ngx_image_zone_session.c */

/* NGX_OK, or NGX_DECLINED: it is not known here */
ngx_int_t ngx_image_zone_session(ngx_image_zone_t *zone, ngx_image_id_t *id,
    ngx_image_session_t *session);

/*
 * The first one wins: *session becomes what the identity is held to.  NGX_OK,
 * or NGX_DECLINED: there is no room, and nobody else has it.
 */
ngx_int_t ngx_image_zone_bind(ngx_image_zone_t *zone, ngx_image_id_t *id,
    ngx_image_session_t *session);


/* clocks, ngx_image_zone_clock.c */

/*
 * The clock of the tag key's window, in microseconds of Unix time: Redis' time
 * is given at each answer, as read after a boot-time moment, and the highest
 * one before it was set back, or 0, which other hosts may have used.
 */
void ngx_image_zone_set_shared_clock(ngx_image_zone_t *zone, int64_t time,
    int64_t ahead, int64_t sent);

/* this worker has asked for Redis' time in vain: unless others are told it, it
 * is carried on without Redis */
void ngx_image_zone_clock_away(ngx_image_zone_t *zone);

/* was the clock of this Redis read within so many microseconds? */
ngx_flag_t ngx_image_zone_clock_asked(ngx_image_zone_t *zone, int64_t span);

/* the highest time that this host knows of, for Redis to know it, too */
int64_t ngx_image_zone_clock_highest(ngx_image_zone_t *zone);

/*
 * The number of the tag key's window of so many microseconds now; shared: by
 * Redis' clock, else by this host's.  It never goes below the highest that
 * was used on this host.  -1 where nothing could safely match: this Redis'
 * clock was never seen, or not lately while it could be, or not well enough to
 * tell which of two windows it is in; or the clock was set back, and has not
 * left the window of its highest time behind yet.  That window can still be
 * read for as long as it would have lasted, where this host knows when the
 * clock was there; but not written.
 */
int64_t ngx_image_zone_window(ngx_image_zone_t *zone, ngx_flag_t shared,
    int64_t length, ngx_flag_t write);


#endif /* NGX_IMAGE_ZONE_H */
