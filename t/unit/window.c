/*
 * image_window.c: which window it is, and that nothing is found for longer
 * than a window, whatever is done to the shared clock.
 */

#include <stdlib.h>

#include "tap.h"
#include "image_window.h"


#define MS    INT64_C(1000)
#define S     INT64_C(1000000)
#define UNIX  (INT64_C(1700000000) * S)         /* a window begins */

#define L     (100 * S)

#define SEEDS    2000
#define HOSTS    3
#define ANSWERS  64
#define WRITES   20000


/* a shared clock as a Redis is that keeps what it has seen, and its hosts */

typedef struct {
    image_window_clock_t  clock;
    int64_t               boot;        /* of it, at 0 */
    int64_t               drift;       /* one in so many */
    int64_t               idle;        /* until then it asks nothing */
    int                   life;        /* it has started anew so often */
} host_t;

typedef struct {
    int64_t  at;
    host_t  *host;
    int64_t  sent, late, highest;
    int64_t  now, ahead;               /* 0: not read yet */
    int      life;
} answer_t;

typedef struct {
    int64_t  length, number, at;
} stored_t;

typedef struct {
    int64_t   t, offset;
    int64_t   seen, ahead;
    int64_t   peak;                    /* the highest offset since it is known
                                          that it was set back */
    host_t    hosts[HOSTS];
    answer_t  answers[ANSWERS];
    int       nanswers;
    stored_t  stored[WRITES];
    int       nstored, found, late, lost;
} world_t;


static void fixed(void);
static void unasked(void);
static void highest(void);
static int64_t window(image_window_clock_t *clock, int64_t boot);
static int64_t stored(image_window_clock_t *clock, int64_t boot);
static void told(image_window_clock_t *clock, int64_t time, int64_t boot);
static void simulate(world_t *w, unsigned seed);
static void deliver(world_t *w);
static void look(world_t *w, answer_t *answer);
static void ask(world_t *w, host_t *h);
static void use(world_t *w, host_t *h, const int64_t *lengths);
static int64_t slow(void);
static int64_t boot_of(const host_t *h, int64_t t);
static int64_t drawn(int64_t below);

static uint64_t  state;
static world_t   world;


int
main(void)
{
    int       found, lost, late;
    unsigned  seed;

    number(image_window_length(300 * S, 60 * S), 60, "the TTL is smaller");
    number(image_window_length(30 * S, 60 * S), 30, "the window is smaller");
    number(image_window_length(S, 60 * S), 1, "one second");
    number(image_window_length(S - 1, 60 * S), 0, "under one second");
    number(image_window_length(60 * S, 0), 0, "T = 0");
    number(image_window_length(2 * S - 1, 60 * S), 1, "whole seconds");
    number(image_window_length(-S, 60 * S), 0, "a negative window");

    fixed();
    unasked();
    highest();

    found = 0;
    lost = 0;
    late = 0;

    for (seed = 0; seed < SEEDS; seed++) {
        simulate(&world, seed);

        found += world.found;
        lost += world.lost;
        late += world.late;

        if (world.late) {
            ok(0, "seed %u: something is found for too long", seed);
        }
    }

    number(late, 0, "whatever is done to the clock: nothing is found too late");
    ok(found > 50 * SEEDS, "%d were found", found);
    ok(lost < SEEDS / 5, "%d times nobody could notice", lost);

    return done();
}


static void
fixed(void)
{
    image_window_clock_t  clock;

    memset(&clock, 0, sizeof(clock));

    number(window(&clock, 50 * S), -1, "never told");

    /* within one window, or not */

    image_window_told(&clock, UNIX + 10 * S, 0, 10 * S, 11 * S);
    number(window(&clock, 11 * S), 0, "an answer that took a second");
    number(window(&clock, 100 * S), -1, "which of two?");
    number(stored(&clock, 100 * S), -1, "... nor is it stored in");
    number(window(&clock, 102 * S), 1, "the next one");

    told(&clock, UNIX + 110 * S, 110 * S);
    number(window(&clock, 200 * S - 20 * MS), 1, "a quick one is more precise");
    number(window(&clock, 200 * S - 5 * MS), -1, "... but clocks part");

    image_window_told(&clock, UNIX + 210 * S, 0, 209 * S, 210 * S);
    number(window(&clock, 300 * S - 50 * MS), 2, "a slow one changes nothing");

    /* overtaken */

    image_window_told(&clock, UNIX + 900 * S, 0, 209 * S, 302 * S);
    number(window(&clock, 302 * S), -1, "one from before, which was ahead");
    told(&clock, UNIX + 303 * S, 303 * S);
    number(window(&clock, 303 * S), 3, "... and one from after it");

    /* still slower */

    image_window_told(&clock, UNIX + 305 * S, 0, 303 * S, 309 * S);
    number(window(&clock, 399 * S), -1, "it may have been set meanwhile");
    told(&clock, UNIX + 310 * S, 310 * S);
    number(window(&clock, 399 * S), 3, "it was not");

    /* corrected by less than a second */

    told(&clock, UNIX + 309 * S + 500 * MS, 310 * S);
    number(stored(&clock, 310 * S), 3, "corrected");
    number(window(&clock, 400 * S + 700 * MS), 4, "and on it goes");
    told(&clock, UNIX + 399 * S + 900 * MS, 400 * S + 800 * MS);
    number(window(&clock, 400 * S + 800 * MS), 4, "never below");

    /* set back */

    told(&clock, UNIX + 450 * S, 450 * S);
    number(stored(&clock, 450 * S), 4, "before it is set back");
    told(&clock, UNIX + 120 * S, 460 * S);
    number(window(&clock, 460 * S), 4, "what is there is found");
    number(stored(&clock, 460 * S), -1, "nothing is stored");
    number(window(&clock, 501 * S), -1, "... as long as it would have been");
    number(window(&clock, 460 * S + 290 * S), -1, "it comes to that window");
    told(&clock, UNIX + 419 * S, 759 * S);
    told(&clock, UNIX + 400 * S, 760 * S);
    number(window(&clock, 760 * S), -1, "... and is set back there");
    number(stored(&clock, 860 * S + S), 5, "it has left it behind");

    /* others went on by what it was, for a while */

    memset(&clock, 0, sizeof(clock));

    told(&clock, UNIX + 495 * S, 495 * S);
    number(stored(&clock, 495 * S), 4, "near the end of a window");
    told(&clock, UNIX + 200 * S, 496 * S);
    number(window(&clock, 497 * S), 4, "set back");
    told(&clock, UNIX + 150 * S, 498 * S);
    number(window(&clock, 499 * S), 4, "... and once more");
    number(stored(&clock, 851 * S), -1, "others may have used the next one");
    number(stored(&clock, 955 * S), 6, "... but not that after it");

    /* others were further ahead, and this one did not hear of it */

    memset(&clock, 0, sizeof(clock));

    told(&clock, UNIX + 510 * S, 870 * S);
    number(stored(&clock, 870 * S), 5, "a window");
    image_window_told(&clock, UNIX + 300 * S, UNIX + 750 * S, 1080 * S,
                      1080 * S);
    number(window(&clock, 1080 * S), -1, "where others may have been before");
    number(stored(&clock, 1570 * S), -1, "all windows that others have used");
    number(stored(&clock, 1581 * S), 8, "... are left behind");

    /* a killed worker */

    image_window_forget(&clock, 1582 * S);
    number(window(&clock, 1582 * S), -1, "forgotten");
    told(&clock, UNIX + 803 * S, 1583 * S);
    number(window(&clock, 1583 * S), -1, "the window of then");
    number(stored(&clock, 1681 * S), 9, "the next one");

    told(&clock, UNIX + 1450 * S, 1700 * S);
    image_window_forget(&clock, 1701 * S);
    told(&clock, UNIX + 1452 * S, 1702 * S);
    number(window(&clock, 1702 * S), -1, "... that nobody has used here");

    told(&clock, UNIX + 1050 * S, 1703 * S);
    image_window_forget(&clock, 1704 * S);
    told(&clock, UNIX + 1052 * S, 1705 * S);
    number(stored(&clock, 2100 * S), -1, "that to which it was ahead");
    number(stored(&clock, 2154 * S), 15, "the next one");

    told(&clock, UNIX + 1610 * S, 2200 * S);
    told(&clock, UNIX + 1300 * S, 2201 * S);
    number(window(&clock, 2201 * S), 16, "that to read");
    image_window_forget(&clock, 2202 * S);
    told(&clock, UNIX + 1302 * S, 2203 * S);
    number(window(&clock, 2203 * S), -1, "... forgotten");

    /* it may have been set back by more than a second */

    told(&clock, UNIX + 4010 * S, 3000 * S);
    image_window_told(&clock, UNIX + 4018 * S + 500 * MS, 0, 3009 * S,
                      3010 * S);
    number(stored(&clock, 3010 * S), -1, "a slow answer after a set-back");

    /* the highest time counts */

    told(&clock, UNIX + 3500 * S, 3020 * S);
    told(&clock, UNIX + 3200 * S, 3030 * S);
    number(stored(&clock, 3850 * S), -1, "set back twice");
    number(stored(&clock, 3935 * S), 41, "the next one");

    image_window_told(&clock, UNIX + 4106 * S, UNIX + 4550 * S, 3936 * S,
                      3936 * S);
    image_window_forget(&clock, 3937 * S);
    told(&clock, UNIX + 4108 * S, 3938 * S);
    number(stored(&clock, 4340 * S), -1, "forgotten, but what others said");
    number(stored(&clock, 4435 * S), 46, "the next one");

    /* an answer that came late is old */

    told(&clock, UNIX + 6010 * S, 5000 * S);
    image_window_told(&clock, UNIX + 6013 * S, 0, 5003 * S, 5090 * S);
    told(&clock, UNIX + 5800 * S, 5105 * S);
    number(window(&clock, 5105 * S), -1, "where it was is long ago");

    /* its own */

    memset(&clock, 0, sizeof(clock));

    image_window_told_own(&clock, UNIX + 550 * S, 10 * S);
    number(stored(&clock, 10 * S), 5, "its own clock");
    image_window_told_own(&clock, UNIX + 50 * S, 70 * S);
    number(window(&clock, 20 * S), 5, "the last time that was used counts");
    number(stored(&clock, 20 * S), -1, "... to read");
    image_window_told_own(&clock, UNIX + 52 * S, 72 * S);
    number(window(&clock, 72 * S), -1, "... for as long as it would have been");
    image_window_told_own(&clock, UNIX + 30 * S, 80 * S);
    image_window_told_own(&clock, UNIX + 551 * S, 601 * S);
    number(stored(&clock, 601 * S), -1, "it comes to that window");
    image_window_told_own(&clock, UNIX + 601 * S, 651 * S);
    number(stored(&clock, 651 * S), 6, "... and leaves it behind");
    image_window_told_own(&clock, UNIX + 602 * S, 652 * S);
    number(stored(&clock, 652 * S), 6, "... for good");
}


/* it is carried on for a while, unless it is away */

static void
unasked(void)
{
    image_window_clock_t  clock;

    memset(&clock, 0, sizeof(clock));

    told(&clock, UNIX + 10 * S, 10 * S);

    number(image_window_number(&clock, 4 * S, 1, 15 * S), UNIX / (4 * S) + 3,
           "a short window");
    number(image_window_number(&clock, 4 * S, 0, 15 * S), -1,
           "... in which others may have stored by now");
    number(image_window_number(&clock, L, 1, 19 * S), UNIX / L, "carried on");
    number(image_window_number(&clock, L, 0, 19 * S), UNIX / L, "... to read");
    number(image_window_number(&clock, L, 1, 21 * S), -1, "not for ever");
    number(image_window_number(&clock, L, 0, 21 * S), -1, "... to read");

    ok(image_window_asked(&clock, S, 11 * S - 100), "read lately");
    ok(!image_window_asked(&clock, S, 11 * S), "... not any more");
    image_window_away(&clock, 12 * S);
    number(image_window_number(&clock, S, 0, 12 * S), -1,
           "one has asked in vain, but another was answered");
    image_window_away(&clock, 20 * S);
    ok(!image_window_asked(&clock, S, 20 * S), "asked in vain, but asked");
    number(image_window_number(&clock, L, 1, 21 * S), UNIX / L, "it is away");
    number(image_window_number(&clock, 4 * S, 0, 21 * S), UNIX / (4 * S) + 5,
           "... to read a short window");
    number(image_window_number(&clock, L, 1, 31 * S), -1, "was it?");
}


/* what whoever keeps it should know */

static void
highest(void)
{
    image_window_clock_t  clock;

    memset(&clock, 0, sizeof(clock));

    number(image_window_highest(&clock, 5 * S), 0, "never told");

    told(&clock, UNIX + 10 * S, 10 * S);
    number(image_window_highest(&clock, 12 * S) - UNIX, 12 * S - 200,
           "it drifts away");
    told(&clock, UNIX + 20 * S - 900 * MS, 20 * S);
    number(image_window_highest(&clock, 20 * S) - UNIX, 20 * S - S / 1000,
           "corrected");
    number(stored(&clock, 20 * S), 0, "... not set back");
    told(&clock, UNIX + 21 * S - 1800 * MS, 21 * S);
    number(stored(&clock, 21 * S), -1, "set back in two steps");
    number(image_window_highest(&clock, 22 * S) - UNIX,
           22 * S - 1800 * MS - 100, "... and since then");

    told(&clock, UNIX + 500 * S, 30 * S);
    told(&clock, UNIX + 400 * S, 31 * S);
    ok(image_window_highest(&clock, 31 * S) > UNIX + 500 * S,
       "before it was set back");
    image_window_forget(&clock, 32 * S);
    ok(image_window_highest(&clock, 32 * S) > UNIX + 500 * S,
       "... is not forgotten");

    memset(&clock, 0, sizeof(clock));

    image_window_told_own(&clock, UNIX + 10 * S, 10 * S);
    number(stored(&clock, 10 * S), 0, "its own clock");
    image_window_told_own(&clock, UNIX + 10 * S + 50 * MS, 10 * S + 950 * MS);
    number(stored(&clock, 10 * S + 950 * MS), 0, "... corrected");
    image_window_told_own(&clock, UNIX + 10 * S + 100 * MS,
                          11 * S + 900 * MS);
    number(stored(&clock, 11 * S + 900 * MS), -1, "... set back in two steps");
}


/* it is away, so that its clock is carried on */

static int64_t
window(image_window_clock_t *clock, int64_t boot)
{
    int64_t  n;

    image_window_away(clock, boot);

    n = image_window_number(clock, L, 0, boot);

    return n < 0 ? n : n - UNIX / L;
}


static int64_t
stored(image_window_clock_t *clock, int64_t boot)
{
    int64_t  n;

    image_window_away(clock, boot);

    n = image_window_number(clock, L, 1, boot);

    return n < 0 ? n : n - UNIX / L;
}


static void
told(image_window_clock_t *clock, int64_t time, int64_t boot)
{
    (void) image_window_told(clock, time, 0, boot - 100, boot);
}


/*
 * Hosts ask for the time, or don't for a while, start anew, and are killed in
 * the critical section; they store in windows, and find what is there.
 * Meanwhile the clock is set, and corrected.
 */

static void
simulate(world_t *w, unsigned seed)
{
    int      i;
    host_t  *h;
    int64_t  n, sizes, span, often;

    static const int64_t  lengths[][3] = {
        { S, 2 * S, 5 * S }, { 10 * S, 10 * S, 10 * S },
        { 3 * S, 30 * S, 30 * S }, { 100 * S, 100 * S, 100 * S }
    };

    memset(w, 0, sizeof(*w));

    state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;

    often = 50 + drawn(450);
    sizes = drawn(4);

    for (i = 0; i < HOSTS; i++) {
        w->hosts[i].boot = (1 + drawn(1000000)) * S;
        w->hosts[i].drift = (drawn(2) ? 1 : -1) * (25000 + drawn(1000000));
    }

    while (w->t < 300 * S && w->nstored < WRITES && !w->late) {
        w->t += 1 + drawn(100 * MS);

        deliver(w);

        if (w->lost) {
            return;
        }

        n = drawn(10 * often);
        h = &w->hosts[drawn(HOSTS)];

        if (n < 10) {
            span = (1500 + drawn(2000)) * MS;
            span *= 1 + sizes * sizes * sizes;
            span = drawn(3) ? span : drawn(S);
            span = drawn(3) ? span : -span;

            w->offset -= span;

        } else if (n < 12) {
            image_window_forget(&h->clock, boot_of(h, w->t));

        } else if (n < 13) {
            memset(&h->clock, 0, sizeof(h->clock));
            h->life++;

        } else if (n < 40) {
            h->idle = w->t + drawn(3 * IMAGE_WINDOW_UNASKED);

        } else if (drawn(2)) {
            ask(w, h);

        } else {
            use(w, h, lengths[seed % items(lengths)]);
        }
    }
}


/* what has arrived, in the order of its arrival */

static void
deliver(world_t *w)
{
    int        i, first;
    host_t    *h;
    answer_t  *a, answer;

    for ( ;; ) {
        first = -1;

        for (i = 0; i < w->nanswers; i++) {
            if (w->answers[i].at <= w->t
                && (first < 0 || w->answers[i].at < w->answers[first].at))
            {
                first = i;
            }
        }

        if (first < 0) {
            return;
        }

        a = &w->answers[first];

        if (a->now == 0) {
            look(w, a);
            a->at += a->late;
            continue;
        }

        answer = *a;
        *a = w->answers[--w->nanswers];
        h = answer.host;

        if (answer.life == h->life) {
            image_window_told(&h->clock, answer.now, answer.ahead,
                              answer.sent, boot_of(h, answer.at));
        }
    }
}


/* what the script in Redis does.  Where it was set back while nobody asked, and
 * who asks now does not know of it, nobody can notice */

static void
look(world_t *w, answer_t *answer)
{
    int64_t  now;

    now = UNIX + answer->at + w->offset;

    if (answer->highest - now > IMAGE_WINDOW_SLEW
        && answer->highest > w->ahead)
    {
        w->ahead = answer->highest;
    }

    if (w->seen - now > S || w->ahead > now || w->offset > w->peak) {
        w->peak = w->offset;
    }

    w->lost |= (w->peak - w->offset > S);

    if (w->seen <= now) {
        w->seen = now;

    } else if (w->seen - now > IMAGE_WINDOW_SLEW && w->seen > w->ahead) {
        w->ahead = w->seen;
    }

    answer->now = now;
    answer->ahead = w->ahead;
}


static void
ask(world_t *w, host_t *h)
{
    answer_t  *a;

    if (w->t < h->idle || w->nanswers == ANSWERS) {
        return;
    }

    a = &w->answers[w->nanswers++];

    memset(a, 0, sizeof(*a));

    a->host = h;
    a->life = h->life;
    a->sent = boot_of(h, w->t);
    a->highest = image_window_highest(&h->clock, a->sent);
    a->at = w->t + slow();
    a->late = slow();
}


static void
use(world_t *w, host_t *h, const int64_t *lengths)
{
    int        i, write;
    int64_t    length, n;
    stored_t  *s;

    length = lengths[drawn(3)];
    write = (int) drawn(2);

    n = image_window_number(&h->clock, length, write, boot_of(h, w->t));

    if (n < 0) {
        return;
    }

    /* the first one that was stored under a key is what counts */

    for (i = 0; i < w->nstored; i++) {
        s = &w->stored[i];

        if (s->length == length && s->number == n) {
            break;
        }
    }

    if (i < w->nstored) {
        w->found += !write;

        /* no more than a second, in which no clock counts as set back */

        if (!write && w->t - w->stored[i].at > length + S + 300 * MS) {
            w->late++;
        }

    } else if (write) {
        s = &w->stored[w->nstored++];
        s->length = length;
        s->number = n;
        s->at = w->t;
    }
}


/* how long a question or an answer is under way */

static int64_t
slow(void)
{
    int64_t  n;

    n = drawn(1000);

    return drawn(n < 950 ? 5 * MS : n < 995 ? 300 * MS : 10 * S);
}


static int64_t
boot_of(const host_t *h, int64_t t)
{
    return h->boot + t + t / h->drift;
}


/* xorshift64 */

static int64_t
drawn(int64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;

    return (int64_t) (state >> 1) % below;
}
