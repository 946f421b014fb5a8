/*
 * image_observation.c: the boundaries of freshness (contract, "Freshness").
 */

#include "tap.h"
#include "image_observation.h"


#define S     INT64_C(1000000)
#define WALL  (INT64_C(1700000000) * S)

#define D  1
#define E  2

#define OK       IMAGE_OK
#define GONE     IMAGE_NOT_FOUND
#define TIMEOUT  IMAGE_TIMEOUT

#define FUTURE   (1000 * S)
#define NOW      (900 * S)


static const struct {
    const char  *name;
    int64_t      at, at_wall;
    int64_t      ttl;
    int64_t      arrived;
    int64_t      now, now_wall;
    int64_t      age;
    int          usable;
} uses[] = {
    { "fresh", 100 * S, 100 * S, 10 * S, 105 * S, 105 * S, 105 * S,
      5 * S, 1 },
    { "a microsecond under the TTL", 100 * S, 100 * S, 10 * S,
      110 * S - 1, 110 * S - 1, 110 * S - 1, 10 * S - 1, 1 },
    { "as old as the TTL", 100 * S, 100 * S, 10 * S, 110 * S, 110 * S, 110 * S,
      10 * S, 0 },
    { "older than the TTL, but begun after the arrival", 100 * S, 100 * S,
      10 * S, 99 * S, 200 * S, 200 * S, 100 * S, 1 },
    { "begun in the microsecond of the arrival", 100 * S, 100 * S,
      10 * S, 100 * S, 200 * S, 200 * S, 100 * S, 1 },
    { "begun a microsecond before the arrival", 100 * S, 100 * S,
      10 * S, 100 * S + 1, 200 * S, 200 * S, 100 * S, 0 },
    { "T = 0, begun before the arrival", 100 * S, 100 * S,
      0, 100 * S + 1, 100 * S + 2, 100 * S + 2, 2, 0 },
    { "T = 0, of this very moment but begun before", 100 * S, 100 * S,
      0, 100 * S + 1, 100 * S, 100 * S, 0, 0 },
    { "T = 0, begun after the arrival", 100 * S, 100 * S,
      0, 100 * S - 1, 100 * S + 2, 100 * S + 2, 2, 1 },
    { "a negative TTL is none", 100 * S, 100 * S,
      -S, 101 * S, 102 * S, 102 * S, 2 * S, 0 },
    { "from the future", 100 * S, 100 * S, 10 * S, 90 * S, 100 * S - 1,
      100 * S - 1, -1, 0 },
    { "from the future, of a wall clock that says otherwise",
      100 * S, 100 * S, 10 * S, 90 * S, 100 * S - 1, 101 * S, -1, 0 },
    { "the wall clock ran on", 100 * S, 100 * S, 10 * S, 105 * S, 105 * S,
      111 * S, 11 * S, 0 },
    { "the wall clock was set back", 100 * S, 100 * S, 10 * S, 105 * S,
      105 * S, 50 * S, 5 * S, 1 },
    { "the wall clock was set back, and the TTL is over", 100 * S, 100 * S,
      10 * S, 111 * S, 111 * S, 50 * S, 11 * S, 0 },
    { "absurdly old", INT64_MIN, INT64_MIN, 10 * S, S, S, S, INT64_MAX, 0 },
    { "absurdly old, with the longest TTL", INT64_MIN, INT64_MIN, INT64_MAX,
      S, S, S, INT64_MAX, 0 },
    { "absurdly far ahead", INT64_MAX, INT64_MAX, INT64_MAX, -S, -S, -S,
      INT64_MIN, 0 }
};


/* slots as "digest, begin, held" and "failure, begin"; 0: empty */

typedef struct {
    int      digest;
    int64_t  at;
    int64_t  held;
    int      failure;
    int64_t  failure_at;
} slots_t;


static const struct {
    const char  *name;
    slots_t      into;
    slots_t      from;
    int          from_run;
    unsigned     flags;
    slots_t      result;
} merges[] = {

    /* digests */

    { "into nothing", { 0, 0, 0, 0, 0 }, { D, 100, 0, 0, 0 }, 0,
      IMAGE_MERGE_DIGEST, { D, 100, 0, 0, 0 } },
    { "into nothing, held counts with a run alone",
      { 0, 0, 0, 0, 0 }, { D, 100, 70, 0, 0 }, 0,
      IMAGE_MERGE_DIGEST, { D, 100, 0, 0, 0 } },
    { "into nothing, with a run",
      { 0, 0, 0, 0, 0 }, { D, 100, 70, 0, 0 }, 1,
      IMAGE_MERGE_DIGEST, { D, 100, 70, 0, 0 } },
    { "nothing from nothing", { D, 100, 5, GONE, 50 }, { 0, 200, 9, 0, 300 },
      0, 0, { D, 100, 5, GONE, 50 } },
    { "newer, the same: the run goes on",
      { D, 100, 30, 0, 0 }, { D, 150, 0, 0, 0 }, 0,
      IMAGE_MERGE_DIGEST, { D, 150, 80, 0, 0 } },
    { "newer, the same, with the fleet's longer run",
      { D, 100, 30, 0, 0 }, { D, 150, 140, 0, 0 }, 1,
      IMAGE_MERGE_DIGEST, { D, 150, 140, 0, 0 } },
    { "newer, the same, with the fleet's shorter run",
      { D, 100, 30, 0, 0 }, { D, 150, 10, 0, 0 }, 1,
      IMAGE_MERGE_DIGEST, { D, 150, 10, 0, 0 } },
    { "newer, another", { D, 100, 30, 0, 0 }, { E, 150, 40, 0, 0 }, 0,
      IMAGE_MERGE_DIGEST|IMAGE_MERGE_MOVED, { E, 150, 0, 0, 0 } },
    { "newer, another, with the fleet's run",
      { D, 100, 30, 0, 0 }, { E, 150, 40, 0, 0 }, 1,
      IMAGE_MERGE_DIGEST|IMAGE_MERGE_MOVED, { E, 150, 40, 0, 0 } },
    { "a negative run is none",
      { D, 100, 30, 0, 0 }, { E, 150, -40, 0, 0 }, 1,
      IMAGE_MERGE_DIGEST|IMAGE_MERGE_MOVED, { E, 150, 0, 0, 0 } },
    { "older, the same", { D, 100, 30, 0, 0 }, { D, 80, 0, 0, 0 }, 0,
      0, { D, 100, 30, 0, 0 } },
    { "older, another, inside the run: cut",
      { D, 100, 30, 0, 0 }, { E, 80, 0, 0, 0 }, 0,
      0, { D, 100, 0, 0, 0 } },
    { "older, another, at the begin of the run: cut",
      { D, 100, 30, 0, 0 }, { E, 70, 0, 0, 0 }, 0,
      0, { D, 100, 0, 0, 0 } },
    { "older, another, before the run",
      { D, 100, 30, 0, 0 }, { E, 69, 0, 0, 0 }, 0,
      0, { D, 100, 30, 0, 0 } },
    { "of the same moment, the same",
      { D, 100, 30, 0, 0 }, { D, 100, 0, 0, 0 }, 0,
      0, { D, 100, 30, 0, 0 } },
    { "of the same moment, another: stays, cut",
      { D, 100, 30, 0, 0 }, { E, 100, 0, 0, 0 }, 0,
      0, { D, 100, 0, 0, 0 } },
    { "of the same moment, the fleet tells the run",
      { D, 100, 30, 0, 0 }, { D, 100, 90, 0, 0 }, 1,
      0, { D, 100, 90, 0, 0 } },
    { "older, the fleet's run is shorter",
      { D, 100, 60, 0, 0 }, { D, 80, 20, 0, 0 }, 1,
      0, { D, 100, 40, 0, 0 } },
    { "older, the fleet's run is longer: not known for the time since",
      { D, 100, 60, 0, 0 }, { D, 80, 60, 0, 0 }, 1,
      0, { D, 100, 60, 0, 0 } },
    { "a newer one from the future is never taken",
      { D, 100, 30, 0, 0 }, { E, FUTURE, 0, 0, 0 }, 0,
      0, { D, 100, 30, 0, 0 } },
    { "nor into nothing", { 0, 0, 0, 0, 0 }, { E, FUTURE, 9, 0, 0 }, 1,
      0, { 0, 0, 0, 0, 0 } },
    { "of now is not of the future", { D, 100, 30, 0, 0 },
      { D, NOW, 0, 0, 0 }, 0,
      IMAGE_MERGE_DIGEST, { D, NOW, NOW - 70, 0, 0 } },
    { "a slot from the future is void, replaced by another: not moved",
      { D, FUTURE, 30, 0, 0 }, { E, 100, 0, 0, 0 }, 0,
      IMAGE_MERGE_DIGEST, { E, 100, 0, 0, 0 } },
    { "a slot from the future is void: its run is none",
      { D, FUTURE, 30, 0, 0 }, { D, 100, 0, 0, 0 }, 0,
      IMAGE_MERGE_DIGEST, { D, 100, 0, 0, 0 } },
    { "both from the future", { D, FUTURE, 30, 0, 0 },
      { E, FUTURE + 1, 0, 0, 0 }, 0, 0, { D, FUTURE, 30, 0, 0 } },
    { "an absurd run saturates", { D, 100, INT64_MAX, 0, 0 },
      { D, 150, 0, 0, 0 }, 0,
      IMAGE_MERGE_DIGEST, { D, 150, INT64_MAX, 0, 0 } },

    /* failures */

    { "a failure into nothing", { 0, 0, 0, 0, 0 }, { 0, 0, 0, GONE, 100 }, 0,
      IMAGE_MERGE_FAILURE|IMAGE_MERGE_NEW, { 0, 0, 0, GONE, 100 } },
    { "a failure beside a digest", { D, 90, 5, 0, 0 }, { 0, 0, 0, GONE, 100 },
      0, IMAGE_MERGE_FAILURE|IMAGE_MERGE_NEW, { D, 90, 5, GONE, 100 } },
    { "a newer failure of the same reason", { 0, 0, 0, GONE, 90 },
      { 0, 0, 0, GONE, 100 }, 0, IMAGE_MERGE_FAILURE, { 0, 0, 0, GONE, 100 } },
    { "a newer failure of another reason", { 0, 0, 0, GONE, 90 },
      { 0, 0, 0, TIMEOUT, 100 }, 0,
      IMAGE_MERGE_FAILURE|IMAGE_MERGE_NEW, { 0, 0, 0, TIMEOUT, 100 } },
    { "an older failure", { 0, 0, 0, GONE, 90 }, { 0, 0, 0, TIMEOUT, 80 }, 0,
      0, { 0, 0, 0, GONE, 90 } },
    { "a failure of the same moment", { 0, 0, 0, GONE, 90 },
      { 0, 0, 0, TIMEOUT, 90 }, 0, 0, { 0, 0, 0, GONE, 90 } },
    { "a failure from the future", { 0, 0, 0, GONE, 90 },
      { 0, 0, 0, TIMEOUT, FUTURE }, 0, 0, { 0, 0, 0, GONE, 90 } },
    { "a void failure is replaced, and that is new",
      { 0, 0, 0, GONE, FUTURE }, { 0, 0, 0, GONE, 100 }, 0,
      IMAGE_MERGE_FAILURE|IMAGE_MERGE_NEW, { 0, 0, 0, GONE, 100 } },
    { "a digest leaves a failure alone", { 0, 0, 0, GONE, 100 },
      { D, 200, 0, 0, 0 }, 0,
      IMAGE_MERGE_DIGEST, { D, 200, 0, GONE, 100 } },
    { "both slots, each by itself", { D, 100, 0, GONE, 300 },
      { E, 200, 0, TIMEOUT, 250 }, 0,
      IMAGE_MERGE_DIGEST|IMAGE_MERGE_MOVED, { E, 200, 0, GONE, 300 } }
};


static void fill(image_observation_t *observation, const slots_t *slots);


int
main(void)
{
    size_t               i;
    unsigned             flags;
    image_moment_t       at, arrived, now;
    image_observation_t  into, from, result;

    for (i = 0; i < items(uses); i++) {
        at.boot = uses[i].at;
        at.wall = uses[i].at_wall;
        arrived.boot = uses[i].arrived;
        arrived.wall = 0;
        now.boot = uses[i].now;
        now.wall = uses[i].now_wall;

        number(image_usable(&at, uses[i].ttl, &arrived, &now), uses[i].usable,
               uses[i].name);
        number(image_age(&at, &now), uses[i].age, "  age");
    }

    now.boot = NOW;
    now.wall = WALL + NOW;

    for (i = 0; i < items(merges); i++) {
        fill(&into, &merges[i].into);
        fill(&from, &merges[i].from);
        fill(&result, &merges[i].result);

        flags = image_observation_merge(&into, &from, merges[i].from_run,
                                        &now);

        number(flags, merges[i].flags, merges[i].name);
        number(into.digest.bytes[0], result.digest.bytes[0], "  digest");
        number(into.failure, result.failure, "  failure");

        if (result.digest.algorithm != IMAGE_DIGEST_NONE) {
            number(into.digest_at.boot, result.digest_at.boot, "  begin");
            number(into.digest_at.wall, result.digest_at.wall, "  on the wall");
            number(into.held, result.held, "  held");
        }

        if (result.failure != IMAGE_OK) {
            number(into.failure_at.boot, result.failure_at.boot,
                   "  begin of the failure");
        }
    }

    return done();
}


static void
fill(image_observation_t *observation, const slots_t *slots)
{
    memset(observation, 0, sizeof(image_observation_t));

    observation->digest_at.boot = slots->at;
    observation->digest_at.wall = WALL + slots->at;
    observation->held = slots->held;
    observation->failure_at.boot = slots->failure_at;
    observation->failure_at.wall = WALL + slots->failure_at;
    observation->failure = (uint8_t) slots->failure;

    if (slots->digest) {
        observation->digest.algorithm = IMAGE_DIGEST_SHA256;
        observation->digest.bytes[0] = (uint8_t) slots->digest;
    }
}
