/*
 * Who calls the origin, and who waits for whom: two workers of one host and
 * one of another, one identity, the lease of each host, the lease in Redis,
 * bells, news, and a limited number of faults: a worker dies, is stopped and
 * goes on later, a host is cut off from Redis, a message is lost.
 *
 * A reader has TTL 0, the hardest to serve: only a call that began after it
 * arrived will do.  So an observation is here the set of those whom it may
 * serve, which is who waited when its call began; whoever arrives is taken
 * out of all sets.  A later observation may serve all whom an earlier one may,
 * so "newer wins" is the union.
 *
 * A tick is the 500 ms of renewals and polls.  What a worker does between two
 * waits takes no time, in any order with what the others do, unless it is
 * stopped there; so time goes on only when all that run are waiting.  A lease
 * lasts two ticks and a call up to three, which is more.  A client may leave
 * at any time (rule 8).
 *
 * Left out: digests and ages (freshness.pml has them), rule 2's TTLs, limits
 * on connections, reloads.
 *
 * rule 9      two calls of one host are under way at once only if the lease of
 *             the earlier ran out while its owner was stopped; of two hosts,
 *             only if so, or if one of them began without Redis, or could
             not renew there
 * waiters     who waits for a lease that was given back was told, or the
 *             message was lost; nobody waits for longer than PATIENCE ticks
 * progress    time always goes on: no two parts keep each other busy (-l)
 */

#define WORKERS   3
#define LEASE     2
#define CALLS     3

#define MANY      100           /* without end */

/* three runs: one fault of any kind, clients without end, progress */

#if defined(RUN_CROWD)
#define FAULTS    0
#define ARRIVALS  MANY
#define PATIENCE  8
#elif defined(RUN_PROGRESS)
#define FAULTS    1
#define ARRIVALS  2
#define PATIENCE  0             /* not looked at */
#else
#define FAULTS    1
#define ARRIVALS  3
#define PATIENCE  11
#endif

#define HOST(w)   ((w) / 2)
#define BIT(w)    (1 << (w))

/* owners of leases that are no worker that lives */

#define NOBODY    WORKERS
#define DEAD      (WORKERS + 1)

mtype = { IDLE, AT_HOST, ASK, TOLD, AT_FLEET, CALL, RELEASE };
mtype = { RECORD, MINE, OTHERS, ALONE };

typedef Lease {
    byte owner = NOBODY;
    byte left
};

typedef Worker {
    mtype at = IDLE;
    byte  timer;                /* ticks until it acts unasked */
    mtype told;                 /* the answer of the script LOOKUP */
    byte  serves;               /* whom its call serves */
    bool  bell, news;           /* messages that have come */
    bool  due;                  /* its leases are to be renewed */
    bool  alone;                /* calls without the lease in Redis */
    bool  stopped;
    bool  waiting;              /* a client */

    /* truth */

    bool  lost;                 /* a message to it was lost */
    bool  missed;               /* a renewal did not reach Redis */
    bool  host_ended;           /* lease that ran out during its call */
    bool  fleet_ended
};

Worker worker[WORKERS];

/* the zones: what is known, the lease, who is to be rung */

byte  zone[2];
Lease host[2];
byte  bells[2];
bool  cut[2];                   /* off from Redis */

/* Redis */

byte  record;
Lease fleet;

byte  faults, arrivals;
byte  waited;                   /* ticks that the client of worker 0 waits */


/* the ways in which it can be made wrong; t/model.t has what each breaks */

#ifdef BUG_NO_RING_ON_RELEASE
#define RINGS           false
#else
#define RINGS           true
#endif

#ifdef BUG_NO_NEWS
#define PUBLISHES(shared)  shared
#else
#define PUBLISHES(shared)  true
#endif

#ifdef BUG_NEWS_FORGOTTEN
#define HEARS_NEWS(v)   (worker[v].at == AT_FLEET)
#else
#define HEARS_NEWS(v)   (worker[v].at == AT_FLEET || worker[v].at == TOLD)
#endif

#ifdef BUG_LEASE_NOT_RENEWED
#define RENEWS          false
#else
#define RENEWS          true
#endif

#ifdef BUG_NOT_RENEWED_WAITING
#define RENEWS_WAITING  false
#else
#define RENEWS_WAITING  true
#endif

/* the answer came within the time of a renewal, and the host's lease is its */

#ifdef BUG_GRANT_UNCHECKED
#define GRANTED(w)      true
#else
#define GRANTED(w)      (worker[w].timer == LEASE &&                        \
                         host[HOST(w)].owner == w)
#endif

#ifdef BUG_RELEASES_ANY
#define OURS(lease, w)  true
#else
#define OURS(lease, w)  (lease.owner == w)
#endif

#ifdef BUG_RECORD_FOR_ONE
#define FOUND           (record & BIT(w) -> record : 0)
#else
#define FOUND           record
#endif

#ifdef BUG_KNOWN_TOO_OLD
#define KNOWN(w)        (record != 0)
#else
#define KNOWN(w)        (record & BIT(w))
#endif

/* a host whose calls fail may have the lease again and again */

#ifdef LIMIT_UNFAIR
#define UNSHARED(w)     skip
#else
#define UNSHARED(w)     waited = (HOST(w) == HOST(0) -> waited : 0)
#endif

#ifdef BUG_NO_TIMER
#define TIMER(w)        false
#else
#define TIMER(w)        (worker[w].timer == 0)
#endif


#define FREE(lease)     (lease.owner == NOBODY)
#define RUNS(w, state)  (worker[w].at == state && !worker[w].stopped)

#define WOKEN(w, by)    (by || TIMER(w))
#define LOOKS(w)        (RUNS(w, IDLE) && worker[w].waiting ||              \
                         RUNS(w, AT_HOST) && WOKEN(w, worker[w].bell))
#define ASKS(w)         (RUNS(w, ASK) ||                                    \
                         RUNS(w, AT_FLEET) && WOKEN(w, worker[w].news))
#define CALLS_NEXT(w)   (worker[w].told == MINE || worker[w].told == ALONE)
#define WAITERS         (worker[0].waiting * BIT(0) |                       \
                         worker[1].waiting * BIT(1) |                       \
                         worker[2].waiting * BIT(2))


inline forget(w)
{
    record = record & ~BIT(w);
    zone[0] = zone[0] & ~BIT(w);
    zone[1] = zone[1] & ~BIT(w);
    worker[0].serves = worker[0].serves & ~BIT(w);
    worker[1].serves = worker[1].serves & ~BIT(w);
    worker[2].serves = worker[2].serves & ~BIT(w)
}


inline leave(w)
{
    worker[w].waiting = false;
    forget(w);

    if
    :: w == 0 -> waited = 0
    :: else
    fi
}


inline take(lease, w)
{
    lease.owner = w;
    lease.left = LEASE
}


inline give_back(lease, w)
{
    if
    :: OURS(lease, w) ->
        lease.owner = NOBODY;
        lease.left = 0
    :: else
    fi
}


/* a message to one that waits, or that will wait for what it tells */

inline ring(v)
{
    if
    :: RINGS && (bells[HOST(v)] & BIT(v)) && worker[v].at == AT_HOST ->
        worker[v].bell = true
    :: else
    fi
}


inline publish(v)
{
    if
    :: HEARS_NEWS(v) && !cut[HOST(v)] -> worker[v].news = true
    :: HEARS_NEWS(v) && cut[HOST(v)] -> worker[v].lost = true
    :: else
    fi
}


/* the scripts STORE and RELEASE */

inline script_store(w, shared)
{
    if
    :: !cut[HOST(w)] ->
        record = record | (shared -> worker[w].serves : 0);
        give_back(fleet, w);

        if
        :: PUBLISHES(shared) ->
            publish(0);
            publish(1);
            publish(2)
        :: else
        fi
    :: else
    fi;

    worker[w].serves = 0;
    worker[w].alone = false;
    worker[w].missed = false;
    worker[w].host_ended = false;
    worker[w].fleet_ended = false;
    worker[w].due = false;
    worker[w].at = RELEASE
}


/* rule 9, of a call under way and one that begins */

inline rule_9(v, w)
{
    assert(v == w || worker[v].at != CALL ||
           (HOST(v) == HOST(w) && worker[v].host_ended) ||
           (HOST(v) != HOST(w) &&
            (worker[v].fleet_ended || worker[v].alone || worker[w].alone)))
}


proctype Work(byte w)
{
end:
    do
    /* the zone: known, or the lease, or wait for it; under one mutex */

    :: d_step { LOOKS(w) ->
        worker[w].bell = false;
        worker[w].lost = false;
        worker[w].timer = 0;

        if
        :: zone[HOST(w)] & BIT(w) ->
            leave(w);
            worker[w].at = IDLE

        :: else ->
            if
            :: !worker[w].waiting ->
                worker[w].at = IDLE

            :: worker[w].waiting && FREE(host[HOST(w)]) ->
                take(host[HOST(w)], w);
                worker[w].at = ASK

            :: worker[w].waiting && !FREE(host[HOST(w)]) ->
                bells[HOST(w)] = bells[HOST(w)] | BIT(w);
                worker[w].timer = host[HOST(w)].left;
                worker[w].at = AT_HOST
            fi
        fi }

    /* Redis: known, or the lease, or wait for it; in one script */

    :: d_step { ASKS(w) ->
        worker[w].news = false;
        worker[w].lost = false;

        if
        :: RENEWS_WAITING && host[HOST(w)].owner == w ->
            take(host[HOST(w)], w)
        :: else
        fi;

        if
        :: cut[HOST(w)] ->
            worker[w].told = ALONE

        :: else ->
            /* the record is for all of the host, useful to this one or not */

            zone[HOST(w)] = zone[HOST(w)] | FOUND;

            if
            :: KNOWN(w) ->
                worker[w].told = RECORD

            :: !KNOWN(w) && (FREE(fleet) || fleet.owner == w) ->
                take(fleet, w);
                worker[w].told = MINE

            :: !KNOWN(w) && !FREE(fleet) && fleet.owner != w ->
                worker[w].told = OTHERS
            fi
        fi;

        worker[w].serves = (CALLS_NEXT(w) -> WAITERS : 0);
        worker[w].timer = LEASE;                /* of what may be granted */
        worker[w].at = TOLD }

    :: d_step { RUNS(w, TOLD) && worker[w].told == RECORD ->
        worker[w].at = RELEASE }

    :: d_step { RUNS(w, TOLD) && worker[w].told == OTHERS ->
        if
        :: worker[w].waiting && GRANTED(w) ->
            worker[w].timer = 1;
            worker[w].at = AT_FLEET
        :: else ->
            worker[w].at = RELEASE
        fi }

    /* stopped since it asked, it may be the owner no longer */

    :: d_step { RUNS(w, TOLD) && CALLS_NEXT(w) ->
        if
        :: GRANTED(w) ->
            worker[w].alone = (worker[w].told == ALONE);
            worker[w].host_ended = false;
            worker[w].fleet_ended = false;
            rule_9(0, w);
            rule_9(1, w);
            rule_9(2, w);
            worker[w].timer = CALLS;
            worker[w].at = CALL
        :: else ->
            script_store(w, false)
        fi;

        worker[w].told = 0;
        worker[w].news = false;
        worker[w].lost = false }

    /* the call: its leases are renewed, or taken where nobody has them */

    :: d_step { RUNS(w, CALL) && worker[w].due ->
        worker[w].due = false;

        if
        :: RENEWS && (FREE(host[HOST(w)]) || host[HOST(w)].owner == w) ->
            take(host[HOST(w)], w);
            worker[w].host_ended = false
        :: else
        fi;

        if
        :: RENEWS && !cut[HOST(w)] && (FREE(fleet) || fleet.owner == w) ->
            take(fleet, w);
            worker[w].alone = false;
            worker[w].missed = false;
            worker[w].fleet_ended = false
        :: else ->
            worker[w].missed = (worker[w].missed || cut[HOST(w)])
        fi }

    /* an answer that all hosts may have, or one that Redis does not hold */

    :: d_step { RUNS(w, CALL) ->
        zone[HOST(w)] = zone[HOST(w)] | worker[w].serves;
        script_store(w, true) }

    :: d_step { RUNS(w, CALL) ->
        zone[HOST(w)] = zone[HOST(w)] | worker[w].serves;
        UNSHARED(w);
        script_store(w, false) }

    :: d_step { RUNS(w, RELEASE) ->
        give_back(host[HOST(w)], w);
        ring(0);
        ring(1);
        ring(2);
        bells[HOST(w)] = 0;
        worker[w].told = 0;
        worker[w].serves = 0;
        worker[w].timer = 0;
        worker[w].news = false;
        worker[w].at = IDLE }
    od
}


proctype Clients(byte w)
{
end:
    do
    :: d_step { !worker[w].waiting && arrivals < ARRIVALS ->
        arrivals = (ARRIVALS < MANY -> arrivals + 1 : 0);
        worker[w].waiting = true;
        forget(w) }

    /* its time is over (rule 8): whatever its worker does goes on */

    :: d_step { worker[w].waiting -> leave(w) }
    od
}


/* waits for a lease that nobody has, and has not been told */

inline was_told(w)
{
    assert(worker[w].stopped || worker[w].lost ||
           worker[w].at != AT_HOST || !FREE(host[HOST(w)]));
    assert(worker[w].stopped || worker[w].lost || cut[HOST(w)] ||
           worker[w].at != AT_FLEET || !FREE(fleet))
}


inline tick_worker(w)
{
    was_told(w);

    if
    :: worker[w].timer > 0 -> worker[w].timer--
    :: else
    fi;

    worker[w].due = (worker[w].at == CALL)
}


inline tick_host(h)
{
    if
    :: host[h].left > 0 -> host[h].left--
    :: else
    fi;

    if
    :: host[h].left == 0 && host[h].owner < NOBODY ->
        assert(worker[host[h].owner].stopped);
        worker[host[h].owner].host_ended =
            (worker[host[h].owner].at == CALL)
    :: else
    fi;

    if
    :: host[h].left == 0 -> host[h].owner = NOBODY
    :: else
    fi
}


inline tick_fleet()
{
    if
    :: fleet.left > 0 -> fleet.left--
    :: else
    fi;

    if
    :: fleet.left == 0 && fleet.owner < NOBODY ->
        assert(worker[fleet.owner].at != CALL ||
               worker[fleet.owner].stopped || worker[fleet.owner].alone ||
               worker[fleet.owner].missed);
        worker[fleet.owner].fleet_ended = (worker[fleet.owner].at == CALL)
    :: else
    fi;

    if
    :: fleet.left == 0 -> fleet.owner = NOBODY
    :: else
    fi
}


#define WAITS(w, state)  (worker[w].at == state && !TIMER(w))
#define QUIET(w)         (worker[w].stopped ||                              \
                          worker[w].at == IDLE && !worker[w].waiting ||     \
                          WAITS(w, AT_HOST) && !worker[w].bell ||           \
                          WAITS(w, AT_FLEET) && !worker[w].news ||          \
                          WAITS(w, CALL) && !worker[w].due)


proctype Clock()
{
end:
    do
    :: d_step { QUIET(0) && QUIET(1) && QUIET(2) ->
        tick_worker(0);
        tick_worker(1);
        tick_worker(2);
        tick_host(0);
        tick_host(1);
        tick_fleet();

        if
        :: PATIENCE && worker[0].waiting && !worker[0].stopped ->
            waited++;
            assert(waited <= PATIENCE)
        :: else
        fi }
#ifdef RUN_PROGRESS
progress:
        skip
#endif
    od
}


/* its leases are nobody's, and its clients are gone with it */

inline die(w)
{
    leave(w);

    if
    :: fleet.owner == w -> fleet.owner = DEAD
    :: else
    fi;

    if
    :: host[HOST(w)].owner == w -> host[HOST(w)].owner = DEAD
    :: else
    fi;

    worker[w].at = IDLE;
    worker[w].timer = 0;
    worker[w].told = 0;
    worker[w].serves = 0;
    worker[w].bell = false;
    worker[w].news = false;
    worker[w].due = false;
    worker[w].alone = false;
    worker[w].stopped = false;
    worker[w].lost = false;
    worker[w].missed = false;
    worker[w].host_ended = false;
    worker[w].fleet_ended = false
}


proctype Faults(byte w)
{
end:
    do
    :: d_step { faults < FAULTS && worker[w].at != IDLE ->
        faults++;
        die(w) }

    :: d_step { faults < FAULTS && RUNS(w, worker[w].at) ->
        faults++;
        worker[w].stopped = true }

    :: d_step { worker[w].stopped ->
        worker[w].stopped = false }

    :: d_step { faults < FAULTS && worker[w].bell ->
        faults++;
        worker[w].bell = false;
        worker[w].lost = true }

    :: d_step { faults < FAULTS && worker[w].news ->
        faults++;
        worker[w].news = false;
        worker[w].lost = true }

    :: d_step { faults < FAULTS && !cut[HOST(w)] ->
        faults++;
        cut[HOST(w)] = true }

    :: d_step { cut[HOST(w)] ->
        cut[HOST(w)] = false }
    od
}


init
{
    atomic {
        run Work(0);
        run Work(1);
        run Work(2);
        run Clients(0);
        run Clients(1);
        run Clients(2);
        run Faults(0);
        run Faults(2);
        run Clock()
    }
}
