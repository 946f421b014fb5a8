/*
 * Lookups: zone, then Redis, then the origin, and who waits for whom.
 *
 * lookup/ is the only room that knows all three.  It knows nothing of
 * clients' requests: a waiter is a deadline and a callback.
 */

#ifndef NGX_IMAGE_LOOKUP_H
#define NGX_IMAGE_LOOKUP_H


#include <ngx_image_zone.h>
#include <ngx_image_shared.h>
#include <ngx_image_origin.h>


/* a resolver: an image_resolver block, and what a worker has under way */

typedef struct {
    ngx_str_t                  name;
    size_t                     size;           /* of the zone */
    ngx_image_zone_t          *zone;
    ngx_image_shared_conf_t   *shared;         /* NULL: no Redis */
    ngx_array_t               *registries;     /* ngx_image_registry_t */
    ngx_array_t               *engines;        /* ngx_image_engine_t; the first
                                                  one is "registry" */
    ngx_str_t                  node;           /* this host */
    ngx_image_zone_t          *claimed;        /* where all resolvers of this
                                                  host claim what must not
                                                  happen twice at a time */

    int64_t                    retention;      /* microseconds */
    int64_t                    negative_ttl;   /* microseconds */
    ngx_uint_t                 refresh;        /* per cent; 0: off */
    ngx_msec_t                 timeout;
    ngx_uint_t                 connections;

    /* of this worker; private */

    ngx_rbtree_t               lookups;
    ngx_rbtree_node_t          sentinel;
    ngx_queue_t                waiting;        /* lookups, for others */
    ngx_uint_t                 calls;
    ngx_uint_t                 claims;         /* of them, held */
    ngx_uint_t                 waits;          /* of calls for a claim, which
                                                  ask nobody meanwhile */
    u_char                     random[16];     /* of this worker, hex digits */
    time_t                     said;           /* that they are too many */
    time_t                     said_sessions;  /* that there is no room */
} ngx_image_resolver_t;


/* what is asked; all of it is the caller's, and copied where it must last */

typedef struct {
    ngx_image_engine_t        *engine;
    ngx_image_registry_t      *registry;       /* NULL: no line allows it */
    image_reference_t         *reference;
    image_platform_t          *platform;
    ngx_str_t                  pod;            /* an IP address, or empty */
    ngx_str_t                  session;        /* its name, or empty */
    ngx_image_subject_t        subject;        /* set by _identify() */
} ngx_image_question_t;


typedef enum {
    NGX_IMAGE_FROM_NOWHERE = 0,
    NGX_IMAGE_FROM_ZONE,
    NGX_IMAGE_FROM_SHARED,
    NGX_IMAGE_FROM_ORIGIN,
    NGX_IMAGE_FROM_SESSION
} ngx_image_from_e;


typedef struct ngx_image_lookup_s          ngx_image_lookup_t;
typedef struct ngx_image_lookup_session_s  ngx_image_lookup_session_t;
typedef struct ngx_image_waiter_s          ngx_image_waiter_t;

typedef void (*ngx_image_waiter_pt)(ngx_image_waiter_t *w);

/* owned by the caller, which zeroes it, and leaves before it frees it */

struct ngx_image_waiter_s {
    int64_t                    ttl;            /* microseconds */
    image_moment_t             arrived;
    ngx_msec_t                 timeout;        /* how long it may wait */
    ngx_pool_t                *pool;           /* lives as long as it waits */
    ngx_image_waiter_pt        handler;
    void                      *data;

    /* the answer: a digest where the reason is IMAGE_OK */

    image_reason_e             reason;
    ngx_image_from_e           from;
    image_digest_t             digest;
    int64_t                    age;            /* microseconds, both */
    int64_t                    held;

    /* private */

    ngx_queue_t                queue;
    ngx_event_t                timer;
    ngx_image_lookup_session_t  *session;      /* NULL: it has none */
    unsigned                   queued:1;
};


/* for init_process and exit_process; NGX_OK, NGX_ERROR: no memory */
ngx_int_t ngx_image_lookup_init(ngx_image_resolver_t *resolver,
    ngx_cycle_t *cycle);
void ngx_image_lookup_exit(ngx_image_resolver_t *resolver);

/* fills ->subject from the rest; pool keeps its strings.  NGX_OK, NGX_ERROR */
ngx_int_t ngx_image_lookup_identify(ngx_image_question_t *question,
    ngx_pool_t *pool);

/*
 * Asks.  NGX_OK: answered at once.  NGX_AGAIN: the handler will be
 * called once, from the event loop, when the answer is there or the time is
 * over (IMAGE_TIMEOUT); the lookup itself goes on and is stored (rule 8).
 * NGX_ERROR: no memory.
 */
ngx_int_t ngx_image_lookup(ngx_image_resolver_t *resolver,
    ngx_image_question_t *question, ngx_image_waiter_t *w);

/* a waiter that does not wait any longer; its handler is not called */
void ngx_image_lookup_leave(ngx_image_waiter_t *w);

/*
 * Says once for a reference on this host, at "warn", that nobody was asked
 * for it, and why; no answer is kept.
 */
void ngx_image_lookup_refused(ngx_image_resolver_t *resolver,
    image_reference_t *reference, image_reason_e reason, ngx_log_t *log);


#endif /* NGX_IMAGE_LOOKUP_H */
