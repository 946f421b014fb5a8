/*
 * One connection of a worker to a Redis server: the protocol by hiredis'
 * reader and formatter, the socket, the timers and TLS by nginx.
 *
 * Commands are pipelined and answered in their order.  Each has its answer
 * or its failure within the time-out; after a failure of the connection it is
 * made anew, with back-off.  Knows nothing of what the commands mean.
 */

#ifndef NGX_IMAGE_REDIS_H
#define NGX_IMAGE_REDIS_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <image_reply.h>


#define NGX_IMAGE_REDIS_ARGS  28       /* of a command */


typedef struct ngx_image_redis_s  ngx_image_redis_t;


typedef struct ngx_image_redis_command_s  ngx_image_redis_command_t;

/* the reply lives until the handler returns; NULL where there is none: away,
 * timed out, malformed.  NGX_OK, NGX_ERROR: that reply is another's, and the
 * connection is made anew */

typedef ngx_int_t (*ngx_image_redis_pt)(ngx_image_redis_command_t *cmd,
    image_reply_t *reply);

/* owned by the caller, which zeroes it; it stays put until the handler is
 * called or the command is cancelled */

struct ngx_image_redis_command_s {
    ngx_image_redis_pt              handler;
    void                           *data;

    /* private: its place among those that wait; NULL: it does not */
    struct ngx_image_redis_slot_s  *slot;
};


/* the server, filled at configuration time */

typedef struct {
    ngx_str_t    name;                 /* for the log: no password in it */
    ngx_str_t    host;                 /* NUL-terminated; empty: unix */
    in_port_t    port;
    ngx_str_t    path;                 /* of the unix socket; NUL-terminated */
    ngx_str_t    username;
    ngx_str_t    password;             /* secret */
    ngx_uint_t   database;
    ngx_msec_t   timeout;
    ngx_flag_t   tls;
    ngx_ssl_t   *ssl;                  /* set where tls */
} ngx_image_redis_conf_t;


/* for init_process: makes the object and starts connecting; conf outlives
 * it.  NULL: no memory */
ngx_image_redis_t *ngx_image_redis_create(ngx_image_redis_conf_t *conf,
    ngx_cycle_t *cycle);

/*
 * The same, but it takes no commands: it is subscribed to a sharded channel.
 * The handler gets each message, and NULL when a subscription begins: what was
 * said since the last one was missed.  channel outlives it.
 */

typedef void (*ngx_image_redis_news_pt)(void *data, image_str_t *message);

ngx_image_redis_t *ngx_image_redis_subscribe(ngx_image_redis_conf_t *conf,
    ngx_str_t *channel, ngx_image_redis_news_pt handler, void *data,
    ngx_cycle_t *cycle);

/* is it connected, greeted, and subscribed where it was to be? */
ngx_flag_t ngx_image_redis_is_ready(ngx_image_redis_t *redis);

/* what it had is given up, and made anew */
void ngx_image_redis_renew(ngx_image_redis_t *redis);

/* for exit_process: closes; no handler is called */
void ngx_image_redis_destroy(ngx_image_redis_t *redis);

/*
 * Sends a command.  NGX_OK: the handler will be called once, later, never
 * from here.  NGX_DECLINED: the server is away, and it will not be called.
 * The arguments are copied.
 */
ngx_int_t ngx_image_redis_send(ngx_image_redis_t *redis,
    ngx_image_redis_command_t *cmd, ngx_uint_t argc, ngx_str_t *argv);

/* forgets a command whose handler has not been called; its reply is dropped
 * when it comes */
void ngx_image_redis_cancel(ngx_image_redis_command_t *cmd);


#endif /* NGX_IMAGE_REDIS_H */
