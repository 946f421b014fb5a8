/*
 * The mapping of all hosts: records, leases, sessions and news in Redis
 * (docs/redis.md), read and written by server-side scripts, one round trip
 * each.
 */

#ifndef NGX_IMAGE_SHARED_H
#define NGX_IMAGE_SHARED_H


#include <ngx_image_redis.h>
#include <ngx_image_zone.h>
#include <image_record.h>


/* a lease lasts so long, milliseconds (rule 9), and is renewed before */
#define NGX_IMAGE_SHARED_LEASE   2000

/* room for the token of a lease, who has it: "NODE/PID/NUMBER-RANDOM" */
#define NGX_IMAGE_SHARED_TOKEN   384

/* the bits of ->refused are less */
#define NGX_IMAGE_SHARED_KINDS   8


typedef struct ngx_image_shared_conf_s  ngx_image_shared_conf_t;

/* id: what was stored or given up; NULL: anything may have been */

typedef void (*ngx_image_shared_news_pt)(void *data, ngx_image_id_t *id);


/* a script under way; private to the files of ngx_image_shared*.c */

typedef struct ngx_image_shared_command_s  ngx_image_shared_command_t;

struct ngx_image_shared_command_s {
    ngx_image_redis_command_t  redis;
    ngx_image_shared_conf_t   *conf;
    ngx_uint_t                 kind;         /* a bit of conf->refused */
    void                      *data;

    /* makes the arguments and sends them: maybe twice */
    ngx_int_t                (*send)(ngx_image_shared_command_t *cmd);

    /* takes what is in a good answer: NGX_OK, or NGX_DECLINED: it is not */
    ngx_int_t                (*read)(ngx_image_shared_command_t *cmd,
                                     image_reply_t *reply);

    /* the end: NGX_OK after a good answer; NGX_BUSY: redis' clock is behind,
     * and nothing was done; NGX_DECLINED, and there may be a reply all the
     * same */
    void                     (*done)(ngx_image_shared_command_t *cmd,
                                     ngx_int_t rc, image_reply_t *reply);

    ngx_uint_t                 serial;       /* comes back in the reply */
    image_moment_t             sent;         /* before redis read its clock */
    int64_t                    now;          /* what that was */
    int64_t                    ahead;        /* ... and before it fell behind */
    unsigned                   whole:1;      /* sent as EVAL */
};


/* a resolver's share of a server, filled at configuration time */

struct ngx_image_shared_conf_s {
    ngx_image_redis_conf_t      redis;
    ngx_str_t                   prefix;
    ngx_str_t                   channel;
    ngx_str_t                   secret;      /* empty: records carry no MAC */
    int64_t                     retention;   /* microseconds */
    int64_t                     failures;    /* likewise, of failures */
    ngx_image_zone_t           *zone;        /* is told Redis' time, and what
                                                was invalidated */

    /* of this worker; private */

    ngx_image_redis_t          *connection;
    ngx_image_redis_t          *subscription;
    ngx_image_shared_news_pt    news;
    void                       *data;
    ngx_image_shared_command_t  catch_up;
    ngx_event_t                 again;       /* ... after it failed */
    ngx_image_shared_command_t  time;
    ngx_event_t                 tick;        /* ... is due */
    unsigned                    asked:1;     /* ... is under way */
    unsigned                    in_step:1;   /* no invalidation was missed */

    /* what the log was told, and not yet that it is over; and when */
    unsigned                    clock_behind:1;
    unsigned                    refused:3;   /* a bit for each kind of
                                                command */
    time_t                      said_behind;
    time_t                      said_refused[NGX_IMAGE_SHARED_KINDS];
                                             /* by the bit */
    time_t                      said_malformed;
};


/* what a record is about, as people read it with redis-cli; all strings live
 * as long as the operation */

typedef struct {
    ngx_image_id_t   id;
    ngx_image_id_t   limit_id;     /* of the registry, for rate_limited */
    ngx_str_t        reference;
    ngx_str_t        platform;
    ngx_str_t        engine;
    ngx_str_t        registry;
} ngx_image_subject_t;


/*
 * For a worker's begin and end.  The handler is called, from the event loop,
 * when another host has stored something or given it up, and when news may
 * have been missed.  NGX_OK, NGX_ERROR: no memory.
 */
ngx_int_t ngx_image_shared_init(ngx_image_shared_conf_t *conf,
    ngx_image_shared_news_pt handler, void *data, ngx_cycle_t *cycle);
void ngx_image_shared_exit(ngx_image_shared_conf_t *conf);

/* is news being heard? */
ngx_flag_t ngx_image_shared_listens(ngx_image_shared_conf_t *conf);

/* asks for Redis' time, for the windows of tag keys, unless this host has
 * asked lately; ngx_image_shared_time.c */
void ngx_image_shared_time(ngx_image_shared_conf_t *conf);


/* lookup or lease, ngx_image_shared_lookup.c */

typedef enum {
    NGX_IMAGE_LEASE_NONE = 0,      /* there was enough, or none was wanted */
    NGX_IMAGE_LEASE_OURS,
    NGX_IMAGE_LEASE_THEIRS,
    NGX_IMAGE_LEASE_UNKNOWN        /* no answer: it may have been given */
} ngx_image_lease_e;


/* the run of observations of a digest that a record tells of, by Redis' clock;
 * ->at 0: none */

typedef struct {
    image_digest_t   digest;
    int64_t          at;           /* the newest one */
    int64_t          since;        /* the first one */
} ngx_image_run_t;


typedef struct ngx_image_shared_op_s  ngx_image_shared_op_t;

typedef void (*ngx_image_shared_pt)(ngx_image_shared_op_t *op);

struct ngx_image_shared_op_s {

    /* set by the caller, which zeroes the rest */

    ngx_image_shared_conf_t    *conf;
    ngx_image_subject_t        *subject;
    ngx_log_t                  *log;
    ngx_image_shared_pt         handler;
    void                       *data;

    /*
     * A lease is taken, unless there is a digest younger than want or a
     * failure younger than want_failure, microseconds, or the registry wants
     * to be left alone; with want 0 in any case.
     */
    ngx_str_t                   token;
    int64_t                     want;
    int64_t                     want_failure;

    /*
     * the answer: NGX_OK with ->now, Redis' time before the origin is called,
     * and what is known, its moments on this host's clocks, never younger
     * than it is; NGX_DECLINED: away or a surprise
     */
    ngx_int_t                   rc;
    int64_t                     now;           /* microseconds, Redis */
    image_observation_t         observation;
    ngx_image_run_t             run;
    image_moment_t              limited_at;
    int64_t                     limited_for;   /* from then; 0: it is not */
    ngx_image_lease_e           lease;
    ngx_msec_t                  left;          /* of theirs */

    /* private */
    ngx_image_shared_command_t  command;
};


/* NGX_OK: the handler will be called, later; NGX_DECLINED: Redis is away */
ngx_int_t ngx_image_shared_lookup(ngx_image_shared_op_t *op);
void ngx_image_shared_cancel(ngx_image_shared_op_t *op);


/*
 * These, ngx_image_shared_store.c, are fire and forget: they copy what they
 * need, and failing costs sharing only.
 */

/*
 * Stores what an origin call gave: one of a digest, a failure that is true
 * for all hosts, or "rate_limited" for the whole registry, ->limited_for
 * microseconds; or nothing.  "began" is ->now of the lookup before that call,
 * and "run" what that lookup found.  The lease ends with it, and who waits for
 * it is told.
 */

typedef struct {
    int64_t          began;
    image_digest_t   digest;
    image_reason_e   failure;
    int64_t          limited_for;
    ngx_image_run_t  run;
} ngx_image_shared_record_t;

void ngx_image_shared_store(ngx_image_shared_conf_t *conf,
    ngx_image_subject_t *subject, ngx_image_shared_record_t *record,
    ngx_str_t *token, ngx_log_t *log);

/* the lease lasts for its whole time again */
void ngx_image_shared_renew(ngx_image_shared_conf_t *conf,
    ngx_image_subject_t *subject, ngx_str_t *token, ngx_log_t *log);


/* sessions (rule 13), ngx_image_shared_session.c */

typedef struct ngx_image_shared_session_s  ngx_image_shared_session_t;

typedef void (*ngx_image_shared_session_pt)(ngx_image_shared_session_t *s);

struct ngx_image_shared_session_s {

    /* set by the caller, which zeroes the rest */

    ngx_image_shared_conf_t      *conf;
    ngx_image_subject_t          *subject;
    ngx_str_t                     session;     /* its name */
    ngx_log_t                    *log;
    ngx_image_shared_session_pt   handler;
    void                         *data;

    /* what it is to be, where by an answer before it is none yet; or
     * IMAGE_DIGEST_NONE */
    image_digest_t                digest;
    int64_t                       age;         /* of it, microseconds */

    /*
     * the answer: NGX_OK with what it is: the digest is IMAGE_DIGEST_NONE
     * where it is none; NGX_DECLINED: away or a surprise
     */
    ngx_int_t                     rc;
    ngx_image_session_t           bound;
    ngx_flag_t                    fresh;       /* it was none before */

    /* private */
    ngx_image_shared_command_t    command;
    int64_t                       now;         /* Redis' time, once it was */
    int64_t                       received;    /* ... asked; boot time */
    int64_t                       at;          /* of the digest, by Redis */
};


/* NGX_OK: the handler will be called, later; NGX_DECLINED: Redis is away */
ngx_int_t ngx_image_shared_session(ngx_image_shared_session_t *s);
void ngx_image_shared_session_cancel(ngx_image_shared_session_t *s);


#endif /* NGX_IMAGE_SHARED_H */
