/*
 * The mapping of all hosts: records in Redis (docs/redis.md), read and
 * written by server-side scripts, one round trip each.
 */

#ifndef NGX_IMAGE_SHARED_H
#define NGX_IMAGE_SHARED_H


#include <ngx_image_redis.h>
#include <ngx_image_zone.h>


/* a resolver's share of a server, filled at configuration time */

typedef struct {
    ngx_image_redis_conf_t   redis;
    ngx_str_t                prefix;
    int64_t                  retention;    /* microseconds */
    ngx_image_zone_t        *zone;         /* is told Redis' time */

    ngx_image_redis_t       *connection;   /* of this worker */

    /* what is said once in the log, until it is over; private */
    time_t                   malformed;    /* when it was said */
    unsigned                 clock_behind:1;
    unsigned                 refused:2;    /* a bit for reads and for writes */
} ngx_image_shared_conf_t;


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
     * the answer of a lookup: NGX_OK with ->now, Redis' time before the
     * origin is called, and what is known, its moments on this host's
     * clocks, never younger than it is; NGX_DECLINED: away or a surprise
     */
    ngx_int_t                   rc;
    int64_t                     now;           /* microseconds, Redis */
    image_observation_t         observation;
    image_moment_t              limited_at;
    int64_t                     limited_for;   /* from then; 0: it is not */

    /* private */
    ngx_image_redis_command_t   command;
    image_moment_t              sent;
    ngx_uint_t                  serial;        /* comes back in the reply */
    unsigned                    whole:1;       /* sent as EVAL */
};


/* NGX_OK: the handler will be called, later; NGX_DECLINED: Redis is away */
ngx_int_t ngx_image_shared_lookup(ngx_image_shared_op_t *op);
void ngx_image_shared_cancel(ngx_image_shared_op_t *op);

/*
 * Stores what an origin call gave: one of a digest, a failure that is true
 * for all hosts, or "rate_limited" for the whole registry, ->limited_for
 * microseconds.  "began" is ->now of the lookup before that call.  Fire and
 * forget: copies what it needs, and failing costs sharing only.
 */

typedef struct {
    int64_t          began;
    image_digest_t   digest;
    image_reason_e   failure;
    int64_t          limited_for;
} ngx_image_shared_record_t;

void ngx_image_shared_store(ngx_image_shared_conf_t *conf,
    ngx_image_subject_t *subject, ngx_image_shared_record_t *record,
    ngx_log_t *log);


#endif /* NGX_IMAGE_SHARED_H */
