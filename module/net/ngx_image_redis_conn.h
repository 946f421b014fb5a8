/*
 * What the files of the Redis connection share; nobody else includes this.
 *
 *     ngx_image_redis.c           the object, its commands and their queue
 *     ngx_image_redis_connect.c   attempts and their ends
 *     ngx_image_redis_io.c        bytes out, replies in
 *
 * net/ moves bytes.  These files may use nginx's core and event modules, and
 * hiredis as a library of the protocol: its formatter and, by core/, its
 * reader, not its sockets.  They know nothing of what the commands mean.
 *
 * The states of an attempt:
 *
 *     away -> naming -> connecting -> handshaking -> greeting -> ready
 *       ^                                                          |
 *       +------------ failed, with back-off; or asleep ------------+
 */

#ifndef NGX_IMAGE_REDIS_CONN_H
#define NGX_IMAGE_REDIS_CONN_H


#include <ngx_image_redis.h>
#include <ngx_image_fetch.h>


#define NGX_IMAGE_REDIS_BACKOFF_MIN  50                /* milliseconds */
#define NGX_IMAGE_REDIS_BACKOFF_MAX  2000

/*
 * A name may take longer than a command: while it is looked up, commands
 * fail by their own time-outs, and then are not taken at all.
 */
#define NGX_IMAGE_REDIS_NAME_TIME    5000

#define NGX_IMAGE_REDIS_UNSENT       (1024 * 1024)     /* bytes queued */
#define NGX_IMAGE_REDIS_CHUNK        4096

#define NGX_IMAGE_REDIS_ADDRS        4

/* how often a subscription is asked whether it is there, milliseconds */
#define NGX_IMAGE_REDIS_PULSE        5000

/* a good connection that fails is said at most once in so many seconds */
#define NGX_IMAGE_REDIS_SAY          60


typedef enum {
    NGX_IMAGE_REDIS_AWAY = 0,
    NGX_IMAGE_REDIS_NAMING,
    NGX_IMAGE_REDIS_CONNECTING,
    NGX_IMAGE_REDIS_HANDSHAKING,
    NGX_IMAGE_REDIS_GREETING,
    NGX_IMAGE_REDIS_READY
} ngx_image_redis_state_e;


typedef struct ngx_image_redis_slot_s  ngx_image_redis_slot_t;

struct ngx_image_redis_slot_s {
    ngx_queue_t                 queue;
    ngx_image_redis_command_t  *command;     /* NULL: it was cancelled */
    ngx_msec_t                  deadline;
};


/* bytes to be sent are from ->pos to ->last */

typedef struct {
    u_char                     *start;
    size_t                      size;
    size_t                      pos;
    size_t                      last;
} ngx_image_redis_buf_t;


typedef struct {
    ngx_sockaddr_t              sockaddr;
    socklen_t                   socklen;
} ngx_image_redis_addr_t;


struct ngx_image_redis_s {
    ngx_image_redis_conf_t     *conf;
    ngx_pool_t                 *pool;
    ngx_connection_t           *connection;

    /* for the debug log of timers: after three pointers, as a connection's */
    ngx_int_t                   ident;

    ngx_image_redis_state_e     state;
    const char                 *action;
    ngx_log_t                   log;

    /* of nginx's own functions: they need not say again what was said */
    ngx_log_t                   quiet;

    ngx_image_names_t           names;
    ngx_image_redis_addr_t      addrs[NGX_IMAGE_REDIS_ADDRS];
    ngx_uint_t                  naddrs;
    ngx_uint_t                  addr;        /* that is tried now */
    ngx_str_t                   text;        /* ... as text */
    u_char                      text_data[NGX_SOCKADDR_STRLEN];

    ngx_queue_t                 pending;     /* ngx_image_redis_slot_t */
    ngx_queue_t                 spare;
    ngx_image_redis_buf_t       hello;       /* the greeting; secret */
    ngx_image_redis_buf_t       out;
    const char                 *steps[4];    /* of the greeting */
    ngx_uint_t                  nsteps;
    ngx_uint_t                  step;

    redisReader                *reader;
    image_reply_t               reply;

    /* of a subscription; else empty */
    ngx_str_t                   channel;
    ngx_image_redis_news_pt     news;
    void                       *news_data;

    ngx_event_t                 flush;       /* posted */
    ngx_event_t                 retry;       /* posted, or the back-off */
    ngx_event_t                 patience;    /* with one attempt, and with a
                                                subscription */
    ngx_event_t                 deadline;    /* of the pending commands */

    ngx_msec_t                  backoff;     /* before the next attempt */
    ngx_msec_t                  since;       /* it is ready */
    time_t                      surprised;   /* ... and that its end was said */

    unsigned                    fixed:1;     /* the address needs no name */
    unsigned                    hopeful:1;   /* commands may wait for it */
    unsigned                    asleep:1;    /* until a command comes */
    unsigned                    said:1;      /* that it is away */
    unsigned                    refused:1;   /* ... and that it refused us */
    unsigned                    pinged:1;    /* a subscription, unanswered */
};


/* ngx_image_redis.c */

/* no command that waits will have a reply */
void ngx_image_redis_forsake(ngx_image_redis_t *redis);

/* NGX_DECLINED: too much waits to be sent */
ngx_int_t ngx_image_redis_append(ngx_image_redis_buf_t *buf,
    ngx_uint_t argc, ngx_str_t *argv, ngx_log_t *log);

/* frees it, and leaves nothing of it in memory: it may be the password */
void ngx_image_redis_empty(ngx_image_redis_buf_t *buf);


/* ngx_image_redis_connect.c */

/* begins an attempt */
void ngx_image_redis_retry_handler(ngx_event_t *ev);
void ngx_image_redis_patience_handler(ngx_event_t *ev);

/* the socket is writable for the first time */
void ngx_image_redis_connected(ngx_image_redis_t *redis);

/* a step of the greeting was answered; NGX_ERROR: it has failed */
ngx_int_t ngx_image_redis_greeted(ngx_image_redis_t *redis);

/* a subscription has a message; NGX_ERROR: it has failed */
ngx_int_t ngx_image_redis_heard(ngx_image_redis_t *redis);

/* the end of a connection or an attempt, for the reason that the log has */
void ngx_image_redis_failed(ngx_image_redis_t *redis, ngx_err_t err,
    const char *why);

/* ... without a word to anybody */
void ngx_image_redis_close(ngx_image_redis_t *redis);

/* whether nginx's own functions may speak */
void ngx_image_redis_hush(ngx_image_redis_t *redis, ngx_flag_t hush);


/* ngx_image_redis_io.c */

void ngx_image_redis_flush_handler(ngx_event_t *ev);
void ngx_image_redis_write_handler(ngx_event_t *wev);
void ngx_image_redis_read_handler(ngx_event_t *rev);

#endif /* NGX_IMAGE_REDIS_CONN_H */
