/*
 * Freshness (contract, "Freshness").  Moments come from shared memory and
 * from Redis, so that no arithmetic here trusts them.
 */

#include "image_observation.h"


#define IMAGE_SECOND  1000000


static unsigned image_observation_merge_digest(image_observation_t *into,
    const image_observation_t *from, int from_run,
    const image_moment_t *now);
static unsigned image_observation_merge_failure(image_observation_t *into,
    const image_observation_t *from, const image_moment_t *now);
static int64_t image_span(int64_t from, int64_t to);
static int64_t image_sum(int64_t a, int64_t b);


int64_t
image_age(const image_moment_t *at, const image_moment_t *now)
{
    int64_t  boot, wall;

    boot = image_span(at->boot, now->boot);

    if (boot < 0) {
        return boot;
    }

    /*
     * a wall clock that was set back must not make anything younger; one
     * that ran on while the boot-time clock stood still makes it older
     */

    wall = image_span(at->wall, now->wall);

    return wall > boot ? wall : boot;
}


int
image_usable(const image_moment_t *at, int64_t ttl,
    const image_moment_t *arrived, const image_moment_t *now)
{
    int64_t  age;

    age = image_age(at, now);

    if (age < 0) {
        return 0;
    }

    return age < ttl || at->boot >= arrived->boot;
}


unsigned
image_observation_merge(image_observation_t *into,
    const image_observation_t *from, int from_run, const image_moment_t *now)
{
    return image_observation_merge_digest(into, from, from_run, now)
           | image_observation_merge_failure(into, from, now);
}


static unsigned
image_observation_merge_digest(image_observation_t *into,
    const image_observation_t *from, int from_run, const image_moment_t *now)
{
    int       same, empty;
    int64_t   held, since;
    unsigned  flags;

    if (from->digest.algorithm == IMAGE_DIGEST_NONE
        || image_age(&from->digest_at, now) < 0)
    {
        return 0;
    }

    held = from_run && from->held > 0 ? from->held : 0;

    empty = into->digest.algorithm == IMAGE_DIGEST_NONE
            || image_age(&into->digest_at, now) < 0;

    same = image_digest_equal(&into->digest, &from->digest);

    if (!empty && from->digest_at.boot <= into->digest_at.boot) {

        /* the slot stays, but an older observation can shorten its run */

        since = image_span(into->held, into->digest_at.boot);

        if (!same) {
            if (from->digest_at.boot >= since) {
                into->held = 0;
            }

        } else if (from_run) {
            if (from->digest_at.boot == into->digest_at.boot) {
                into->held = held;

            } else if (image_span(held, from->digest_at.boot) > since) {
                into->held = image_sum(image_span(from->digest_at.boot,
                                                  into->digest_at.boot),
                                       held);
            }
        }

        return 0;
    }

    flags = IMAGE_MERGE_DIGEST;

    if (!empty && !same) {
        flags |= IMAGE_MERGE_MOVED;
    }

    if (!empty && same && !from_run) {
        held = image_sum(image_span(into->digest_at.boot,
                                    from->digest_at.boot),
                         into->held);
    }

    into->digest_at = from->digest_at;
    into->digest = from->digest;
    into->held = held;

    return flags;
}


static unsigned
image_observation_merge_failure(image_observation_t *into,
    const image_observation_t *from, const image_moment_t *now)
{
    int       empty;
    unsigned  flags;

    if (from->failure == IMAGE_OK || image_age(&from->failure_at, now) < 0) {
        return 0;
    }

    empty = into->failure == IMAGE_OK || image_age(&into->failure_at, now) < 0;

    if (!empty && from->failure_at.boot <= into->failure_at.boot) {
        return 0;
    }

    flags = IMAGE_MERGE_FAILURE;

    if (empty || into->failure != from->failure) {
        flags |= IMAGE_MERGE_NEW;
    }

    into->failure_at = from->failure_at;
    into->failure_for = from->failure_for;
    into->failure = from->failure;

    return flags;
}


/* both saturate: an absurd moment is far away, never near */

static int64_t
image_span(int64_t from, int64_t to)
{
    if (from < 0 && to > INT64_MAX + from) {
        return INT64_MAX;
    }

    if (from > 0 && to < INT64_MIN + from) {
        return INT64_MIN;
    }

    return to - from;
}


static int64_t
image_sum(int64_t a, int64_t b)
{
    if (b > 0 && a > INT64_MAX - b) {
        return INT64_MAX;
    }

    if (b < 0 && a < INT64_MIN - b) {
        return INT64_MIN;
    }

    return a + b;
}
