/*
 * What the files of lookup/ share; nobody else includes this.
 *
 *     ngx_image_lookup.c          lookups, from their begin to their end
 *     ngx_image_lookup_round.c    one round: who of all is to ask
 *     ngx_image_lookup_call.c     the call to the origin
 *     ngx_image_lookup_settle.c   waiters, and what may serve them
 *     ngx_image_lookup_outage.c   origins that do not answer
 *     ngx_image_lookup_session.c  sessions
 *
 * The states (docs/architecture.md, "A lookup"):
 *
 *     DELAYED --> HOST --> FLEET --> CALL --> settled, or HOST again
 *                          |   ^
 *                          v   |
 *                        FLEET_WAIT
 */

#ifndef NGX_IMAGE_LOOKUP_STATE_H
#define NGX_IMAGE_LOOKUP_STATE_H


#include <ngx_image_lookup.h>


/* how long a claim is its owner's, microseconds (rule 9) */
#define NGX_IMAGE_LOOKUP_LEASE  2000000

/* how often it is claimed again, and how long news is waited for without a
 * look, milliseconds */
#define NGX_IMAGE_LOOKUP_TICK   500

/* ... and where no news is heard, milliseconds */
#define NGX_IMAGE_LOOKUP_DEAF   100

/* an answer of Redis that took longer may speak of a lease that has ended,
 * microseconds; and how often it is asked again then */
#define NGX_IMAGE_LOOKUP_LATE   1000000
#define NGX_IMAGE_LOOKUP_TRIES  2

/* calls whose digests were invalidated under way, one after the other */
#define NGX_IMAGE_LOOKUP_VAIN   3


typedef enum {
    NGX_IMAGE_LOOKUP_DELAYED = 0,  /* a renewal that is not due yet */
    NGX_IMAGE_LOOKUP_HOST,         /* another worker of this host asks */
    NGX_IMAGE_LOOKUP_FLEET,        /* Redis is asked */
    NGX_IMAGE_LOOKUP_FLEET_WAIT,   /* another host asks */
    NGX_IMAGE_LOOKUP_CALL          /* the origin is asked */
} ngx_image_lookup_state_e;


struct ngx_image_lookup_s {
    ngx_rbtree_node_t          node;           /* key: of the identity */
    ngx_image_resolver_t      *resolver;
    ngx_image_question_t       question;       /* our own copy */
    ngx_pool_t                *pool;
    ngx_log_t                 *log;

    ngx_image_lookup_state_e   state;
    ngx_event_t                timer;          /* of the state */
    ngx_queue_t                queue;          /* of those that wait */
    ngx_queue_t                waiters;
    int64_t                    renewal;        /* TTL to renew for; 0: none */

    image_observation_t        observation;
    image_moment_t             began;          /* of the origin call */
    int64_t                    began_shared;   /* by Redis; 0: not known */
    ngx_image_run_t            run;            /* in Redis, before it */
    ngx_uint_t                 late;           /* answers of this round */
    ngx_uint_t                 vain;           /* calls that gave nothing that
                                                  may be used, in a row */

    ngx_image_shared_op_t      op;
    ngx_image_call_t           call;
    ngx_pool_t                *call_pool;      /* of this round */

    uint64_t                   owner;          /* of claims on this host */
    ngx_str_t                  token;          /* of leases in Redis */
    u_char                     token_data[NGX_IMAGE_SHARED_TOKEN];
    ngx_image_id_t             lease_id;       /* of the claim to ask */
    ngx_image_id_t             outage_id;      /* of its origin as a whole */
    ngx_image_id_t             repository_id;  /* ... and of a part of it */
    ngx_image_id_t             probe_ids[2];   /* of claims on probes of them */
    ngx_image_id_t            *probe;          /* the one that we have */

    unsigned                   listed:1;       /* in that queue */
    unsigned                   asking:1;       /* op is under way */
    unsigned                   calling:1;      /* call is under way */
    unsigned                   lost:1;         /* redis has no digest of it */
    unsigned                   leased:1;       /* on this host */
    unsigned                   fleet:1;        /* ... and in Redis */
    unsigned                   told:1;         /* news came while asking */
    unsigned                   doubted:1;      /* what Redis had was no use */
    unsigned                   pulls:1;        /* the call has had a claim */
    unsigned                   claimed:1;      /* ... and has it now */
    unsigned                   waits:1;        /* ... or waits for one */
};


/* ngx_image_lookup.c */

ngx_image_lookup_t *ngx_image_lookup_find(ngx_image_resolver_t *resolver,
    ngx_image_id_t *id);

/* what is known of an identity under another name: that of a kind, and of
 * what is of that kind, or NULL; NGX_OK, NGX_ERROR */
ngx_int_t ngx_image_lookup_derive(ngx_image_id_t *id, const char *kind,
    ngx_str_t *name, ngx_image_id_t *from);

/* all lookups of this worker: their waiters have no digest */
void ngx_image_lookup_abandon(ngx_image_resolver_t *resolver);

/* who it is for the other hosts, until the next one */
void ngx_image_lookup_token(ngx_image_lookup_t *lookup);

/* the end: what it holds is released, and nobody waits for it */
void ngx_image_lookup_done(ngx_image_lookup_t *lookup);


/* ngx_image_lookup_round.c */

/* begins a round */
void ngx_image_lookup_round(ngx_image_lookup_t *lookup);

/* handlers of the lookup's timer, of this worker's bell and of Redis' news */
void ngx_image_lookup_timer_handler(ngx_event_t *ev);
void ngx_image_lookup_rung(void *data, ngx_flag_t closed);
void ngx_image_lookup_news(void *data, ngx_image_id_t *id);

/* the timer of the state, anew */
void ngx_image_lookup_tick(ngx_image_lookup_t *lookup, ngx_msec_t delay);

/* what the lookup holds of this host is free for others */
void ngx_image_lookup_release(ngx_image_lookup_t *lookup);

/* ... and of the fleet; record: what is stored with it, or NULL */
void ngx_image_lookup_release_fleet(ngx_image_lookup_t *lookup,
    ngx_image_shared_record_t *record);


/* ngx_image_lookup_call.c */

void ngx_image_lookup_call(ngx_image_lookup_t *lookup);

/* of a call that was cancelled: what it had of this worker */
void ngx_image_lookup_call_ended(ngx_image_lookup_t *lookup);

/* into the zone, and what the zone makes of it back into the lookup */
ngx_uint_t ngx_image_lookup_keep(ngx_image_lookup_t *lookup,
    image_observation_t *o, int64_t known, ngx_flag_t from_run);
void ngx_image_lookup_keep_limit(ngx_image_lookup_t *lookup,
    image_moment_t *at, int64_t span);

/* how long the registry still wants to be left alone, in microseconds */
int64_t ngx_image_lookup_limited(ngx_image_resolver_t *resolver,
    ngx_image_id_t *id, image_moment_t *now);

void ngx_image_lookup_log_failure(ngx_image_lookup_t *lookup,
    image_reason_e reason, ngx_str_t *detail);


/* ngx_image_lookup_settle.c */

void ngx_image_lookup_settle_init(void);

/* may this waiter use what is known?  NGX_OK with the answer, or not */
ngx_int_t ngx_image_lookup_answer(ngx_image_resolver_t *resolver,
    ngx_image_waiter_t *w, image_observation_t *o, image_moment_t *now);

/*
 * Serves all waiters that may use what is known now.  True where nobody is
 * left for whom the lookup has to go on.
 */
ngx_flag_t ngx_image_lookup_settle(ngx_image_lookup_t *lookup,
    ngx_image_from_e from);

/* serves all waiters that may use an observation; true where there were any */
ngx_flag_t ngx_image_lookup_serve_all(ngx_image_lookup_t *lookup,
    image_observation_t *o, ngx_image_from_e from);

/* the ages in microseconds that are enough for all of them (rule 2) */
void ngx_image_lookup_wants(ngx_image_lookup_t *lookup, int64_t *digest,
    int64_t *failure);

/* nothing can be asked now, and that is not remembered: ends the lookup */
void ngx_image_lookup_fail(ngx_image_lookup_t *lookup, image_reason_e reason);

/* its handler is called, later; it waits in no lookup */
void ngx_image_lookup_serve(ngx_image_waiter_t *w);

/* it waits from now on, for ->timeout */
void ngx_image_lookup_wait(ngx_image_waiter_t *w);


/* ngx_image_lookup_outage.c */

/*
 * Rule 4: does its origin answer at all?  NGX_OK: the lookup goes on;
 * NGX_DONE: all of its waiters were served, and another one finds out.
 */
ngx_int_t ngx_image_lookup_outage(ngx_image_lookup_t *lookup);

/* ... for those who come to wait for a call of whomever: nobody waits for the
 * probe */
void ngx_image_lookup_outage_serve(ngx_image_lookup_t *lookup);

/* that is now known better */
void ngx_image_lookup_outage_learn(ngx_image_lookup_t *lookup);

/* the claim on the probe lasts for its whole time again; the end of it */
void ngx_image_lookup_probe_renew(ngx_image_lookup_t *lookup);
void ngx_image_lookup_probe_done(ngx_image_lookup_t *lookup);


/* ngx_image_lookup_session.c */

/* as ngx_image_lookup() */
ngx_int_t ngx_image_lookup_session(ngx_image_resolver_t *resolver,
    ngx_image_question_t *question, ngx_image_waiter_t *w);
void ngx_image_lookup_session_leave(ngx_image_lookup_session_t *s);


#endif /* NGX_IMAGE_LOOKUP_STATE_H */
