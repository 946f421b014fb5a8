/*
 * What is known of one tag, and who may use it: the zone of one host, Redis,
 * calls of this host and of another, readers, invalidations.  Two digests;
 * the tag moves from one to the other at any moment.
 *
 * Leases are not in here (lease.pml has them): any worker may begin a call at
 * any time, stop between any two steps for as long as it likes, or die there.
 * So nothing below depends on calls being alone, and a paused owner's late
 * store is among the runs.
 *
 * Time goes in ticks, at any moment.  Two things in one tick have the same
 * time in whatever order they happened, so a comparison that should be strict
 * and is not fails here.  What a reader may be given is judged by the order
 * itself ("truth", below), never by what the parts believe.
 *
 * Left out: failures, retention, `since`, sessions, rate limits.  Redis' clock
 * is one tick ahead until a failover sets it back; that someone runs a script
 * in each tick, and so notices, is assumed (LIMIT_IDLE_REDIS: what if not).
 *
 * rule 2, 3   a digest that is used was the tag's at some moment between the
 *             reader's arrival - T and now
 * rule 5      in the zone and in Redis, what replaces is newer, also what is
 *             in doubt since an invalidation may have been missed
 * rule 6      both of these with a late store, and with a clock set back
 * rule 12     what began before an invalidation is not read from Redis or
 *             stored there after it, nor used by a host that has the news
 * progress    what Redis calls usable, the host that asked finds usable
 */

#define TTL     2
#define START   3

/*
 * Five runs, as all at once would be too many states: the tag moves (MOVE),
 * Redis' clock is set back, an invalidation, an outage of the news of two, and
 * of one while the tag moves (DOUBT).
 */

#if defined(RUN_CLOCK)
#define END            7
#define MOVES          1
#define FAILOVERS      1
#define PURGED         0
#define OUTAGES        0
#define WORKERS        1
#elif defined(RUN_PURGE)
#define END            4
#define MOVES          0
#define FAILOVERS      0
#define PURGED         1
#define OUTAGES        0
#define WORKERS        2
#elif defined(RUN_DOUBT)
#define END            5
#define MOVES          1
#define FAILOVERS      0
#define PURGED         1
#define OUTAGES        1
#define WORKERS        1
#elif defined(RUN_OUTAGE)
#define END            5
#define MOVES          0
#define FAILOVERS      0
#define PURGED         2
#define OUTAGES        1
#define WORKERS        1
#else
#define END            5
#define MOVES          1
#define FAILOVERS      0
#define PURGED         0
#define OUTAGES        0
#define WORKERS        2
#endif

#define NONE    0
#define MAX(a, b)  ((a) > (b) -> (a) : (b))

mtype = { IDLE, ASK, TOLD, CALL, ANSWERED, STORE, STORED };
mtype = { UP, DOWN, JOINED, READ };

typedef Observation {
    byte  digest;
    short began;                /* on the clock of whoever keeps it */
    bool  old                   /* truth: began before an invalidation */
};

typedef Call {
    mtype at = IDLE;
    byte  sent;                 /* this host's clock when Redis was asked */
    byte  began;                /* Redis' clock in its answer, or NONE */
    byte  digest;
    short found;                /* begin of the record, on Redis' clock */
    byte  invalid;              /* invalidation that Redis has told of */
    bool  old                   /* truth, as above */
};

byte now = START;

/* the origin, and since when each digest is no longer the tag's */

byte tag = 1;
byte left[3];
byte moves;

/* Redis */

byte ahead = FAILOVERS;
byte seen, void_until;
byte invalid;                   /* the tag's last invalidation */
byte invalidated;               /* the last of any tag */
Observation record;

#define REDIS_NOW  (now + ahead)
#define BEHIND     (REDIS_NOW < seen)

/* this host: its zone, its subscription */

Observation zone;
short told;                     /* when that was last known to be valid */
byte tomb, tomb_of;             /* tombstone; the invalidation it is for */
byte doubt;                     /* all that was known up to here is in doubt */
byte known;                     /* up to here no invalidation was missed */
mtype subscription = UP;
byte missed;                    /* answer to the reading after an outage */
chan news = [2] of { bool, byte };
bool heard = true;              /* truth: this host has the latest news */

byte purges, outages;
bool same_host;                 /* is the second worker on this host? */

Call call[WORKERS];

/* the reader */

bool waiting;
byte arrival, ttl;
byte fit;                       /* truth: digests that it may be given */

#define BIT(digest)  (1 << ((digest) - 1))
#define UNDER_WAY(w) (call[w].at != IDLE && call[w].at != ASK)
#define LOCAL(w)     (w == 0 || same_host)
#define FOUND(w)     (SENT(w) - (call[w].began - call[w].found))


/* the ways in which it can be made wrong; t/model.t has what each breaks */

#ifdef BUG_OLDER_WINS
#define NEWER(a, b)  true
#else
#define NEWER(a, b)  ((a) > (b))
#endif

#ifdef BUG_T0_JOINS
bool joins;
#define JOINS        joins
#define JOINED(yes)  joins = yes
#else
#define JOINS        false
#define JOINED(yes)  skip
#endif

#ifdef BUG_AGE_FROM_ANSWER
#define SENT(w)      now
#else
#define SENT(w)      call[w].sent
#endif

#ifdef BUG_LATE_STORE_FRESH
#define BEGAN(w)     REDIS_NOW
#else
#define BEGAN(w)     call[w].began
#endif

#ifdef BUG_PURGE_OVERTAKEN
#define TOMB_PUT     0
#define TOMB_GET     0
#else
#define TOMB_PUT     tomb
#define TOMB_GET     tomb
#endif

#ifdef BUG_STORE_AFTER_PURGE
#define INVALID      0
#else
#define INVALID      invalid
#endif

#ifdef LIMIT_IDLE_REDIS
#define NOTICED      skip
#else
#define NOTICED      look_at_clock()
#endif

#ifdef BUG_ANSWER_UNHEARD
#define TOLD_OF(t)   heard = (heard || t == invalid)
#else
#define TOLD_OF(t)   tombstone(t)
#endif

#ifdef BUG_FLOOR_IGNORED
#define FLOOR        0
#else
#define FLOOR        void_until
#endif

#ifdef BUG_SAME_MOMENT
#define MOMENT       REDIS_NOW
#else
#define MOMENT       MAX(REDIS_NOW, invalidated + 1)
#endif

#ifdef BUG_DOUBT_GIVES_WAY
#define DISAGREE(w)  false
#else
#define DISAGREE(w)  (zone.digest != NONE && told > TOMB_PUT &&             \
                      told <= doubt && FOUND(w) <= zone.began &&            \
                      call[w].digest != zone.digest)
#endif


/* the zone */

inline keep(w, moment, valid)
{
    if
    :: valid > TOMB_PUT && valid > doubt &&
       (zone.digest == NONE || told <= TOMB_PUT || told <= doubt ||
        NEWER(moment, zone.began)) ->
        assert(zone.digest == NONE || told <= tomb ||
               (told <= doubt && zone.digest == call[w].digest) ||
               moment > zone.began);                            /* rule 5 */
        zone.digest = call[w].digest;
        zone.began = moment;
        zone.old = call[w].old;
        told = valid;
        JOINED(true)
    :: else
    fi
}


/* Redis has just told when the tag was invalidated: what it has of it is
   valid.  Where something newer is in doubt here, neither is used */

inline zone_told(w)
{
    if
    :: LOCAL(w) && !DISAGREE(w) -> keep(w, FOUND(w), SENT(w))
    :: else
    fi
}


inline zone_put(w)
{
    if
    :: LOCAL(w) -> keep(w, SENT(w), SENT(w))
    :: else
    fi
}


#define USABLE(d, b, valid)  ((d) != NONE &&                                \
                              (valid) > TOMB_GET && (valid) > doubt &&      \
                              ((b) > arrival || now - (b) < ttl || JOINS))


/* by this host's clock at receipt, which is never too early */

inline tombstone(t)
{
    if
    :: t > tomb_of ->
        tomb_of = t;
        tomb = now
    :: else
    fi;

    heard = (heard || t == invalid)
}


/* Redis: each script looks at the clock first */

inline look_at_clock()
{
    if
    :: BEHIND -> void_until = seen
    :: else -> seen = REDIS_NOW
    fi
}


#define VALID  (record.digest != NONE && record.began > INVALID &&          \
                record.began > FLOOR && record.began <= REDIS_NOW)


inline script_lookup(w)
{
    look_at_clock();

    if
    :: BEHIND ->
        call[w].began = NONE

    :: else ->
        call[w].began = REDIS_NOW;
        call[w].invalid = invalid;

        if
        :: VALID ->
            assert(!record.old);                                /* rule 12 */
            call[w].digest = record.digest;
            call[w].found = record.began;

            /* the age that its host asks for; is the answer of use to it? */

            if
            :: w == 0 && waiting && call[w].sent == now &&
               now > tomb && now > doubt && !DISAGREE(w) &&
               REDIS_NOW - record.began < MAX(ttl, now - arrival) ->
                assert(USABLE(record.digest,
                              now - (REDIS_NOW - record.began), now))
            :: else
            fi
        :: else
        fi
    fi
}


inline script_store(w)
{
    look_at_clock();

    if
    :: BEHIND

    :: else ->
        call[w].invalid = invalid;

        if
        :: BEGAN(w) > INVALID && BEGAN(w) > FLOOR && BEGAN(w) <= REDIS_NOW &&
           (!VALID || NEWER(BEGAN(w), record.began)) ->
            assert(!call[w].old);                               /* rule 12 */
            assert(!VALID || BEGAN(w) > record.began);          /* rule 5 */
            record.digest = call[w].digest;
            record.began = BEGAN(w);
            record.old = call[w].old
        :: else
        fi
    fi
}


/* times rise, so that a later invalidation is never taken for a known one */

inline script_invalidate(own)
{
    look_at_clock();

    if
    :: BEHIND

    :: else ->
        invalidated = MOMENT;

        if
        :: own ->
            invalid = invalidated;
            heard = false;
            zone.old = (zone.digest != NONE);
            record.old = (record.digest != NONE);
            call[0].old = UNDER_WAY(0);
            call[WORKERS - 1].old = UNDER_WAY(WORKERS - 1)
        :: else
        fi;

        if
        :: subscription != DOWN -> news!own(invalidated)
        :: else
        fi
    fi
}


/* one call after the other; what it left behind is forgotten at its end */

inline end_call(w)
{
    call[w].at = IDLE;
    call[w].sent = 0;
    call[w].began = NONE;
    call[w].digest = NONE;
    call[w].found = 0;
    call[w].invalid = 0;
    call[w].old = false
}


/* an answer that tells of an invalidation is news of it, too */

inline hear(w)
{
    if
    :: LOCAL(w) -> TOLD_OF(call[w].invalid)
    :: else
    fi
}


proctype Worker(byte w)
{
end:
    do
    :: d_step { call[w].at == IDLE ->
        call[w].sent = now;
        call[w].at = ASK }

    /* Redis' time and the record, or nothing, where Redis is away */

    :: d_step { call[w].at == ASK ->
        script_lookup(w);
        call[w].at = TOLD }

    :: d_step { call[w].at == ASK ->
        call[w].at = TOLD }

    /* moments are brought to this host's clock as it was before it asked, so
       that nothing looks younger than it is */

    :: d_step { call[w].at == TOLD ->
        hear(w);

        if
        :: call[w].digest != NONE -> zone_told(w)
        :: else
        fi;

        call[w].digest = NONE;
        call[w].found = 0;
        call[w].invalid = 0;
        call[w].at = CALL }

    :: d_step { call[w].at == CALL ->
        call[w].digest = tag;
        call[w].at = ANSWERED }

    :: d_step { call[w].at == ANSWERED ->
        zone_put(w);
        call[w].at = STORE }

    :: d_step { call[w].at == STORE && call[w].began != NONE ->
        script_store(w);
        call[w].at = STORED }

    :: d_step { call[w].at == STORED ->
        hear(w);
        end_call(w) }

    /* nothing to store, enough known, or dead: what it sent may be done */

    :: d_step { call[w].at != IDLE ->
        end_call(w) }
    od
}


inline arrive(t)
{
    waiting = true;
    arrival = now;
    ttl = t;
    fit = BIT(tag);
    JOINED(false);

    if
    :: left[3 - tag] > now - ttl -> fit = fit | BIT(3 - tag)
    :: else
    fi
}


/* one reader, which never leaves: at any time it may find what it may use */

proctype Reader()
{
end:
    do
    :: d_step { !waiting -> arrive(0) }

    :: d_step { !waiting -> arrive(TTL) }

    :: d_step { waiting && USABLE(zone.digest, zone.began, told) ->
        assert(fit & BIT(zone.digest));                         /* 2, 3, 6 */
        assert(!(zone.old && heard)) }                          /* rule 12 */
    od
}


/* the second connection of this host: news, and what an outage has hidden */

proctype Subscription()
{
    bool own;
    byte t;

end:
    do
    :: d_step { news?own(t) ->
        if
        :: own -> tombstone(t)
        :: else
        fi;

        /* before the reading is done, a number that is higher than one that
           was missed must not hide it */

        if
#ifdef BUG_NEWS_HIDES_GAP
        :: true -> known = t
#else
        :: subscription == UP -> known = t
        :: else
#endif
        fi;

        own = false;
        t = 0 }

    :: d_step { subscription == UP && outages < OUTAGES ->
        outages++;
        subscription = DOWN;

        do
        :: news?own(t)
        :: empty(news) -> break
        od;

        own = false;
        t = 0;
#ifdef BUG_READ_BEFORE_JOIN
        missed = invalidated
#endif
        }

    :: d_step { subscription == DOWN ->
        subscription = JOINED }

    :: d_step { subscription == JOINED && !BEHIND ->
#ifndef BUG_READ_BEFORE_JOIN
        missed = invalidated;
#endif
        subscription = READ }

    :: d_step { subscription == READ ->
        if
        :: missed > known ->
            known = missed;
            doubt = now
        :: else
        fi;

        heard = (heard || !news??[1, eval(invalid)]);
        missed = 0;
        subscription = UP }
    od
}


proctype World()
{
end:
    do
    :: d_step { now < END ->
        now++;
        NOTICED }

    :: d_step { moves < MOVES ->
        moves++;
        left[tag] = now;
        tag = 3 - tag;

        if
        :: waiting -> fit = fit | BIT(tag)
        :: else
        fi }

    :: d_step { purges < PURGED ->
        purges++;
        script_invalidate(true) }

    :: d_step { purges < PURGED ->
        purges++;
        script_invalidate(false) }

    :: d_step { ahead > 0 ->                    /* failover */
        ahead = 0;
        NOTICED }
    od
}


init
{
    atomic {
        seen = REDIS_NOW;

        run Worker(0);

        if
        :: WORKERS > 1 -> run Worker(1)
        :: WORKERS > 1 -> same_host = true; run Worker(1)
        :: else
        fi;

        run Reader();
        run Subscription();
        run World()
    }
}
