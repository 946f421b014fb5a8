/*
 * Freshness: what was observed of an identity, and who may use it
 * (contract, "Freshness").  Pure: the clocks are read by the caller.
 *
 * All times and spans are in microseconds.
 */

#ifndef IMAGE_OBSERVATION_H
#define IMAGE_OBSERVATION_H


#include "image_digest.h"
#include "image_reason.h"


/* a rate limit ends after this at the latest (rule 4) */
#define IMAGE_LIMIT_MAX  ((int64_t) 300 * 1000000)


/* a moment on two clocks of one host: CLOCK_BOOTTIME and CLOCK_REALTIME */

typedef struct {
    int64_t  boot;
    int64_t  wall;
} image_moment_t;


/* the two slots of an identity; each has the begin of its origin call */

typedef struct {
    image_moment_t  digest_at;
    int64_t         held;         /* digest_at - since: how long it had been
                                     this digest when that call began */
    image_moment_t  failure_at;
    int64_t         failure_for;  /* "rate_limited": how long it holds from
                                     failure_at on, whatever the TTL; goes
                                     with the failure slot; else 0 */
    image_digest_t  digest;       /* IMAGE_DIGEST_NONE: slot is empty */
    uint8_t         failure;      /* image_reason_e; IMAGE_OK: slot is empty */
} image_observation_t;


#define IMAGE_MERGE_DIGEST   1    /* the digest slot was replaced */
#define IMAGE_MERGE_MOVED    2    /* ... by another digest */
#define IMAGE_MERGE_FAILURE  4    /* the failure slot was replaced */
#define IMAGE_MERGE_NEW      8    /* ... by another reason, or it was empty */


/*
 * Age of what began at a moment: by the boot-time clock, never less than the
 * wall clock says (rule 6).  Negative where it lies in the future: void.
 */
int64_t image_age(const image_moment_t *at, const image_moment_t *now);

/*
 * Rules 2, 3 and 4: may a reader with this TTL, who arrived then, use what
 * began at that moment?  For a failure, ttl is the smaller of the reader's
 * TTL and negative_ttl.
 */
int image_usable(const image_moment_t *at, int64_t ttl,
    const image_moment_t *arrived, const image_moment_t *now);

/*
 * Rule 5: takes into *into each slot of *from that is newer, or where *into
 * holds none or one from the future.  "now" judges the future.  A newer
 * observation of the same digest carries its run on, unless from_run says
 * that from->held tells the run itself (Redis speaks for the fleet).  An
 * older observation of another digest inside the run cuts it, and a from_run
 * that is not newer corrects the run of the same digest: to its own where it
 * is of the same moment, else only to a shorter one.
 * Returns IMAGE_MERGE_ flags.
 */
unsigned image_observation_merge(image_observation_t *into,
    const image_observation_t *from, int from_run,
    const image_moment_t *now);


#endif /* IMAGE_OBSERVATION_H */
