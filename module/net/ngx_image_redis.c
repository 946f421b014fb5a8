/*
 * One connection of a worker to a Redis server (ngx_image_redis.h).
 *
 * net/ moves bytes.  This file may use nginx's core and event modules, and
 * hiredis as a library of the protocol: its formatter and its reader, not
 * its sockets.  It knows nothing of what the commands mean.
 *
 * The states of an attempt:
 *
 *     away ─> naming ─> connecting ─> handshaking ─> greeting ─> ready
 *       ^                                                          │
 *       └──────────── failed, with back-off; or asleep ────────────┘
 *
 * Commands wait in one queue of slots, in the order of their replies.  A slot
 * is the connection's own, so that a command that is cancelled leaves its
 * place behind.  None is sent before the greeting was answered: it must not
 * reach another database than the one that was written.
 */

#include <ngx_image_redis.h>
#include <ngx_image_fetch.h>

#include <ngx_event_connect.h>
#include <hiredis/hiredis.h>


#define NGX_IMAGE_REDIS_BACKOFF_MIN  50                /* milliseconds */
#define NGX_IMAGE_REDIS_BACKOFF_MAX  2000

/*
 * A name may take longer than a command: while it is looked up, commands
 * fail by their own time-outs, and then are not taken at all.
 */
#define NGX_IMAGE_REDIS_NAME_TIME    5000

#define NGX_IMAGE_REDIS_UNSENT       (1024 * 1024)     /* bytes queued */
#define NGX_IMAGE_REDIS_UNREAD       (64 * 1024)       /* of one reply */
#define NGX_IMAGE_REDIS_CHUNK        4096

#define NGX_IMAGE_REDIS_ADDRS        4


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
    const char                 *steps[3];    /* of the greeting */
    ngx_uint_t                  nsteps;
    ngx_uint_t                  step;

    redisReader                *reader;
    const char                 *error;       /* of our object functions */
    ngx_image_redis_reply_t     reply;
    u_char                      bytes[NGX_IMAGE_REDIS_BYTES];
    size_t                      nbytes;

    ngx_event_t                 flush;       /* posted */
    ngx_event_t                 retry;       /* posted, or the back-off */
    ngx_event_t                 patience;    /* with one attempt */
    ngx_event_t                 deadline;    /* of the pending commands */

    ngx_msec_t                  backoff;     /* before the next attempt */
    ngx_msec_t                  since;       /* it is ready */

    unsigned                    fixed:1;     /* the address needs no name */
    unsigned                    hopeful:1;   /* commands may wait for it */
    unsigned                    asleep:1;    /* until a command comes */
    unsigned                    said:1;      /* that it is away */
};


static ngx_int_t ngx_image_redis_init_addr(ngx_image_redis_t *redis);
static void ngx_image_redis_retry_handler(ngx_event_t *ev);
static void ngx_image_redis_names_handler(ngx_image_names_t *n);
static void ngx_image_redis_connect(ngx_image_redis_t *redis);
static void ngx_image_redis_connect_next(ngx_image_redis_t *redis,
    ngx_err_t err, const char *why);
static void ngx_image_redis_connected(ngx_image_redis_t *redis);
static void ngx_image_redis_patience_handler(ngx_event_t *ev);
#if (NGX_SSL)
static void ngx_image_redis_handshake(ngx_image_redis_t *redis);
static void ngx_image_redis_handshake_handler(ngx_connection_t *c);
static ngx_int_t ngx_image_redis_check_name(ngx_image_redis_t *redis);
static ngx_flag_t ngx_image_redis_is_literal(ngx_str_t *host);
#endif

static void ngx_image_redis_greet(ngx_image_redis_t *redis);
static ngx_int_t ngx_image_redis_greet_with(ngx_image_redis_t *redis,
    const char *name, ngx_str_t *first, ngx_str_t *second);
static ngx_int_t ngx_image_redis_greeted(ngx_image_redis_t *redis);
static void ngx_image_redis_refused(ngx_image_redis_t *redis,
    const char *step, ngx_str_t *error);

static void ngx_image_redis_write_handler(ngx_event_t *wev);
static void ngx_image_redis_flush_handler(ngx_event_t *ev);
static void ngx_image_redis_flush(ngx_image_redis_t *redis);
static ngx_int_t ngx_image_redis_flush_buf(ngx_image_redis_t *redis,
    ngx_image_redis_buf_t *buf);
static void ngx_image_redis_read_handler(ngx_event_t *rev);
static ngx_int_t ngx_image_redis_replies(ngx_image_redis_t *redis);
static ngx_int_t ngx_image_redis_deliver(ngx_image_redis_t *redis);
static void ngx_image_redis_deadline_handler(ngx_event_t *ev);

static void ngx_image_redis_failed(ngx_image_redis_t *redis, ngx_err_t err,
    const char *why);
static void ngx_image_redis_forsake(ngx_image_redis_t *redis);
static void ngx_image_redis_close(ngx_image_redis_t *redis);
static void ngx_image_redis_hush(ngx_image_redis_t *redis, ngx_flag_t hush);
static u_char *ngx_image_redis_log_error(ngx_log_t *log, u_char *buf,
    size_t len);

static ngx_int_t ngx_image_redis_append(ngx_image_redis_buf_t *buf,
    ngx_uint_t argc, ngx_str_t *argv, ngx_log_t *log);
static void ngx_image_redis_empty(ngx_image_redis_buf_t *buf);

static ngx_int_t ngx_image_redis_open_reader(ngx_image_redis_t *redis);
static ngx_image_redis_value_t *ngx_image_redis_add_value(
    const redisReadTask *task);
static void *ngx_image_redis_bad_value(const redisReadTask *task,
    const char *error);
static void *ngx_image_redis_create_string(const redisReadTask *task,
    char *text, size_t len);
#if (HIREDIS_MAJOR >= 1)
static void *ngx_image_redis_create_array(const redisReadTask *task,
    size_t elements);
static void *ngx_image_redis_create_double(const redisReadTask *task,
    double value, char *text, size_t len);
static void *ngx_image_redis_create_bool(const redisReadTask *task,
    int value);
#else
static void *ngx_image_redis_create_array(const redisReadTask *task,
    int elements);
#endif
static void *ngx_image_redis_create_integer(const redisReadTask *task,
    long long value);
static void *ngx_image_redis_create_nil(const redisReadTask *task);
static void ngx_image_redis_free_object(void *object);


static redisReplyObjectFunctions  ngx_image_redis_objects = {
    .createString = ngx_image_redis_create_string,
    .createArray = ngx_image_redis_create_array,
    .createInteger = ngx_image_redis_create_integer,
#if (HIREDIS_MAJOR >= 1)
    .createDouble = ngx_image_redis_create_double,
    .createBool = ngx_image_redis_create_bool,
#endif
    .createNil = ngx_image_redis_create_nil,
    .freeObject = ngx_image_redis_free_object
};


ngx_image_redis_t *
ngx_image_redis_create(ngx_image_redis_conf_t *conf, ngx_cycle_t *cycle)
{
    ngx_pool_t         *pool;
    ngx_image_redis_t  *redis;

    pool = ngx_create_pool(1024, cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    redis = ngx_pcalloc(pool, sizeof(ngx_image_redis_t));
    if (redis == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    redis->conf = conf;
    redis->pool = pool;
    redis->ident = -1;
    redis->action = "connecting to redis";

    redis->log = *cycle->log;
    redis->log.handler = ngx_image_redis_log_error;
    redis->log.data = redis;
    redis->quiet = redis->log;

    pool->log = &redis->log;

    ngx_queue_init(&redis->pending);
    ngx_queue_init(&redis->spare);

    redis->flush.handler = ngx_image_redis_flush_handler;
    redis->flush.data = redis;
    redis->flush.log = &redis->log;

    redis->retry.handler = ngx_image_redis_retry_handler;
    redis->retry.data = redis;
    redis->retry.log = &redis->log;
    redis->retry.cancelable = 1;

    redis->patience.handler = ngx_image_redis_patience_handler;
    redis->patience.data = redis;
    redis->patience.log = &redis->log;
    redis->patience.cancelable = 1;

    /* not cancelable: a graceful exit waits for what is under way */

    redis->deadline.handler = ngx_image_redis_deadline_handler;
    redis->deadline.data = redis;
    redis->deadline.log = &redis->log;

    redis->backoff = NGX_IMAGE_REDIS_BACKOFF_MIN;
    redis->hopeful = 1;

    if (ngx_image_redis_init_addr(redis) != NGX_OK) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    ngx_image_redis_retry_handler(&redis->retry);

    return redis;
}


/* what needs no name service: a unix socket, or a numeric address */

static ngx_int_t
ngx_image_redis_init_addr(ngx_image_redis_t *redis)
{
    ngx_int_t                rc;
    ngx_addr_t               addr;
    struct sockaddr_un      *sun;
    ngx_image_redis_addr_t  *a;
    ngx_image_redis_conf_t  *conf;

    conf = redis->conf;
    a = &redis->addrs[0];

    if (conf->host.len == 0) {
        sun = &a->sockaddr.sockaddr_un;

        if (conf->path.len >= sizeof(sun->sun_path)) {
            ngx_log_error(NGX_LOG_EMERG, &redis->log, 0,
                          "image digest: too long a path of a unix socket");
            return NGX_ERROR;
        }

        sun->sun_family = AF_UNIX;
        (void) ngx_cpystrn((u_char *) sun->sun_path, conf->path.data,
                           conf->path.len + 1);

        a->socklen = sizeof(struct sockaddr_un);

    } else {
        rc = ngx_parse_addr(redis->pool, &addr, conf->host.data,
                            conf->host.len);

        if (rc != NGX_OK) {
            return rc == NGX_DECLINED ? NGX_OK : NGX_ERROR;
        }

        ngx_inet_set_port(addr.sockaddr, conf->port);

        ngx_memcpy(&a->sockaddr, addr.sockaddr, addr.socklen);
        a->socklen = addr.socklen;
    }

    redis->naddrs = 1;
    redis->fixed = 1;

    return NGX_OK;
}


void
ngx_image_redis_destroy(ngx_image_redis_t *redis)
{
    ngx_queue_t             *q;
    ngx_image_redis_slot_t  *slot;

    ngx_image_redis_close(redis);

    /* nobody is called any more, and nobody may point here */

    for (q = ngx_queue_head(&redis->pending);
         q != ngx_queue_sentinel(&redis->pending);
         q = ngx_queue_next(q))
    {
        slot = ngx_queue_data(q, ngx_image_redis_slot_t, queue);

        if (slot->command) {
            slot->command->slot = NULL;
        }
    }

    if (redis->retry.timer_set) {
        ngx_del_timer(&redis->retry);
    }

    if (redis->retry.posted) {
        ngx_delete_posted_event(&redis->retry);
    }

    if (redis->deadline.timer_set) {
        ngx_del_timer(&redis->deadline);
    }

    ngx_destroy_pool(redis->pool);
}


ngx_int_t
ngx_image_redis_send(ngx_image_redis_t *redis, ngx_image_redis_command_t *cmd,
    ngx_uint_t argc, ngx_str_t *argv)
{
    ngx_queue_t             *q;
    ngx_image_redis_slot_t  *slot;

    if (!redis->hopeful && redis->state != NGX_IMAGE_REDIS_READY) {
        return NGX_DECLINED;
    }

    if (ngx_queue_empty(&redis->spare)) {
        slot = ngx_palloc(redis->pool, sizeof(ngx_image_redis_slot_t));
        if (slot == NULL) {
            return NGX_DECLINED;
        }

    } else {
        q = ngx_queue_head(&redis->spare);
        ngx_queue_remove(q);
        slot = ngx_queue_data(q, ngx_image_redis_slot_t, queue);
    }

    if (ngx_image_redis_append(&redis->out, argc, argv, &redis->log)
        != NGX_OK)
    {
        ngx_queue_insert_head(&redis->spare, &slot->queue);
        return NGX_DECLINED;
    }

    slot->command = cmd;
    slot->deadline = ngx_current_msec + redis->conf->timeout;
    cmd->slot = slot;

    ngx_queue_insert_tail(&redis->pending, &slot->queue);

    if (!redis->deadline.timer_set) {
        ngx_add_timer(&redis->deadline, redis->conf->timeout);
    }

    if (redis->connection) {
        redis->connection->idle = 0;
    }

    /*
     * from a posted event: what one turn of the event loop asks goes out
     * together, and no handler runs inside of this
     */

    if (redis->asleep) {
        redis->asleep = 0;
        ngx_post_event(&redis->retry, &ngx_posted_events);

    } else if (redis->state == NGX_IMAGE_REDIS_READY) {
        ngx_post_event(&redis->flush, &ngx_posted_events);
    }

    return NGX_OK;
}


void
ngx_image_redis_cancel(ngx_image_redis_command_t *cmd)
{
    if (cmd->slot) {
        cmd->slot->command = NULL;
        cmd->slot = NULL;
    }
}


/* begins an attempt */

static void
ngx_image_redis_retry_handler(ngx_event_t *ev)
{
    ngx_image_names_t  *n;
    ngx_image_redis_t  *redis;

    redis = ev->data;

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, ev->log, 0,
                   "image redis connect: \"%V\"", &redis->conf->name);

    redis->addr = 0;

    if (redis->fixed) {
        ngx_image_redis_connect(redis);
        return;
    }

    redis->state = NGX_IMAGE_REDIS_NAMING;
    redis->action = "looking up the name of redis";

    n = &redis->names;
    ngx_memzero(n, sizeof(ngx_image_names_t));

    n->host = redis->conf->host;
    n->port = redis->conf->port;
    n->timeout = NGX_IMAGE_REDIS_NAME_TIME;
    n->log = &redis->quiet;
    n->handler = ngx_image_redis_names_handler;
    n->data = redis;

    if (ngx_image_names_start(n) != NGX_OK) {
        redis->state = NGX_IMAGE_REDIS_AWAY;
        ngx_image_redis_failed(redis, 0, "its name could not be looked up");
    }
}


static void
ngx_image_redis_names_handler(ngx_image_names_t *n)
{
    ngx_uint_t          i;
    ngx_image_redis_t  *redis;

    redis = n->data;

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, &redis->log, 0,
                   "image redis addresses: %ui", n->naddrs);

    redis->state = NGX_IMAGE_REDIS_AWAY;
    redis->naddrs = ngx_min(n->naddrs, NGX_IMAGE_REDIS_ADDRS);

    if (redis->naddrs == 0) {
        ngx_image_redis_failed(redis, 0, "no address was found for its name");
        return;
    }

    for (i = 0; i < redis->naddrs; i++) {
        redis->addrs[i].sockaddr = n->addrs[i].sockaddr;
        redis->addrs[i].socklen = n->addrs[i].socklen;
    }

    ngx_image_redis_connect(redis);
}


static void
ngx_image_redis_connect(ngx_image_redis_t *redis)
{
    ngx_int_t                rc;
    ngx_connection_t        *c;
    ngx_peer_connection_t    peer;
    ngx_image_redis_addr_t  *a;

    a = &redis->addrs[redis->addr];

    redis->state = NGX_IMAGE_REDIS_CONNECTING;
    redis->action = "connecting to redis";

    redis->text.data = redis->text_data;
    redis->text.len = ngx_sock_ntop(&a->sockaddr.sockaddr, a->socklen,
                                    redis->text_data, NGX_SOCKADDR_STRLEN, 1);

    /* of several addresses only the last one's failure is of interest */

    ngx_image_redis_hush(redis, redis->addr + 1 < redis->naddrs);

    if (ngx_cycle->free_connection_n == 0
        && ngx_cycle->reusable_connections_n == 0)
    {
        ngx_image_redis_failed(redis, 0, "no free worker_connections");
        return;
    }

    ngx_memzero(&peer, sizeof(ngx_peer_connection_t));

    peer.sockaddr = &a->sockaddr.sockaddr;
    peer.socklen = a->socklen;
    peer.name = &redis->text;
    peer.get = ngx_event_get_peer;
    peer.log = &redis->quiet;
    peer.log_error = NGX_ERROR_ERR;
    peer.so_keepalive = (a->sockaddr.sockaddr.sa_family != AF_UNIX);

    rc = ngx_event_connect_peer(&peer);

    if (rc != NGX_OK && rc != NGX_AGAIN) {
        ngx_image_redis_connect_next(redis, 0, "could not connect");
        return;
    }

    c = peer.connection;

    c->data = redis;
    c->read->handler = ngx_image_redis_read_handler;
    c->write->handler = ngx_image_redis_write_handler;

    redis->connection = c;

    ngx_add_timer(&redis->patience, redis->conf->timeout);

    if (rc == NGX_OK) {
        ngx_image_redis_connected(redis);
    }
}


static void
ngx_image_redis_connect_next(ngx_image_redis_t *redis, ngx_err_t err,
    const char *why)
{
    if (redis->addr + 1 == redis->naddrs) {
        ngx_image_redis_failed(redis, err, why);
        return;
    }

    ngx_image_redis_close(redis);

    redis->addr++;

    ngx_image_redis_connect(redis);
}


static void
ngx_image_redis_connected(ngx_image_redis_t *redis)
{
    int                err;
    socklen_t          len;
    ngx_connection_t  *c;

    c = redis->connection;

    err = 0;
    len = sizeof(int);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, (void *) &err, &len) == -1) {
        err = ngx_socket_errno;
    }

    if (err) {
        ngx_image_redis_connect_next(redis, err, "could not connect");
        return;
    }

    ngx_image_redis_hush(redis, 0);

    if (ngx_tcp_nodelay(c) != NGX_OK) {
        ngx_image_redis_connect_next(redis, 0, "could not connect");
        return;
    }

#if (NGX_SSL)

    if (redis->conf->tls) {
        ngx_image_redis_handshake(redis);
        return;
    }

#endif

    ngx_image_redis_greet(redis);
}


static void
ngx_image_redis_patience_handler(ngx_event_t *ev)
{
    ngx_image_redis_t  *redis;

    redis = ev->data;

    ngx_log_debug0(NGX_LOG_DEBUG_EVENT, ev->log, 0,
                   "image redis connect timed out");

    if (redis->state == NGX_IMAGE_REDIS_CONNECTING) {
        ngx_image_redis_connect_next(redis, NGX_ETIMEDOUT,
                                     "could not connect in time");
        return;
    }

    ngx_image_redis_failed(redis, NGX_ETIMEDOUT, "no answer in time");
}


#if (NGX_SSL)

static void
ngx_image_redis_handshake(ngx_image_redis_t *redis)
{
    ngx_int_t          rc;
    ngx_connection_t  *c;

    c = redis->connection;

    redis->state = NGX_IMAGE_REDIS_HANDSHAKING;
    redis->action = "SSL handshaking to redis";

    c->pool = ngx_create_pool(512, &redis->quiet);
    if (c->pool == NULL) {
        ngx_image_redis_failed(redis, 0, "no memory");
        return;
    }

    if (ngx_ssl_create_connection(redis->conf->ssl, c, NGX_SSL_CLIENT)
        != NGX_OK)
    {
        ngx_image_redis_failed(redis, 0, "no TLS connection could be made");
        return;
    }

    /* the queue grows, and moves, between the tries of a write */

    SSL_set_mode(c->ssl->connection, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);

#ifdef SSL_CTRL_SET_TLSEXT_HOSTNAME

    /* an address is no server name (RFC 6066, 3) */

    if (!ngx_image_redis_is_literal(&redis->conf->host)
        && SSL_set_tlsext_host_name(c->ssl->connection,
                                    (char *) redis->conf->host.data)
           == 0)
    {
        ngx_image_redis_failed(redis, 0, "its TLS name could not be set");
        return;
    }

#endif

    rc = ngx_ssl_handshake(c);

    if (rc == NGX_AGAIN) {
        c->ssl->handler = ngx_image_redis_handshake_handler;
        return;
    }

    ngx_image_redis_handshake_handler(c);
}


static void
ngx_image_redis_handshake_handler(ngx_connection_t *c)
{
    long                rc;
    ngx_image_redis_t  *redis;

    redis = c->data;

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, c->log, 0,
                   "image redis ssl handshake: %d", c->ssl->handshaked);

    if (!c->ssl->handshaked) {
        ngx_image_redis_failed(redis, 0,
                               "the TLS handshake failed: check that the "
                               "server speaks TLS there");
        return;
    }

    rc = SSL_get_verify_result(c->ssl->connection);

    if (rc != X509_V_OK) {
        ngx_log_error(NGX_LOG_ERR, c->log, 0,
                      "redis SSL certificate verify error: (%l:%s)",
                      rc, X509_verify_cert_error_string(rc));

        ngx_image_redis_failed(redis, 0,
                               "its certificate is not trusted: check its "
                               "authority and its dates");
        return;
    }

    if (ngx_image_redis_check_name(redis) != NGX_OK) {
        ngx_image_redis_failed(redis, 0,
                               "its certificate is for another name");
        return;
    }

    c->read->handler = ngx_image_redis_read_handler;
    c->write->handler = ngx_image_redis_write_handler;

    ngx_image_redis_greet(redis);
}


static ngx_int_t
ngx_image_redis_check_name(ngx_image_redis_t *redis)
{
    int                rc;
    X509              *cert;
    ngx_str_t         *host;
    ngx_connection_t  *c;

    c = redis->connection;
    host = &redis->conf->host;

    if (!ngx_image_redis_is_literal(host)) {
        return ngx_ssl_check_host(c, host);
    }

    /* nginx's own check knows names alone */

    cert = SSL_get_peer_certificate(c->ssl->connection);
    if (cert == NULL) {
        return NGX_ERROR;
    }

    rc = X509_check_ip_asc(cert, (char *) host->data, 0);

    X509_free(cert);

    return rc == 1 ? NGX_OK : NGX_ERROR;
}


static ngx_flag_t
ngx_image_redis_is_literal(ngx_str_t *host)
{
    return ngx_inet_addr(host->data, host->len) != INADDR_NONE
           || ngx_strlchr(host->data, host->data + host->len, ':') != NULL;
}

#endif


/*
 * AUTH, SELECT, and a PING: a server counts as there when it has answered,
 * not when its kernel has taken a connection.
 */

static void
ngx_image_redis_greet(ngx_image_redis_t *redis)
{
    u_char                   text[NGX_INT_T_LEN];
    ngx_str_t                number;
    ngx_connection_t        *c;
    ngx_image_redis_conf_t  *conf;

    conf = redis->conf;
    c = redis->connection;

    redis->state = NGX_IMAGE_REDIS_GREETING;
    redis->action = "logging in to redis";
    redis->nsteps = 0;
    redis->step = 0;

    if (ngx_image_redis_open_reader(redis) != NGX_OK) {
        goto failed;
    }

    if (conf->username.len) {
        if (ngx_image_redis_greet_with(redis, "AUTH", &conf->username,
                                       &conf->password)
            != NGX_OK)
        {
            goto failed;
        }

    } else if (conf->password.len) {
        if (ngx_image_redis_greet_with(redis, "AUTH", &conf->password, NULL)
            != NGX_OK)
        {
            goto failed;
        }
    }

    if (conf->database) {
        number.data = text;
        number.len = ngx_sprintf(text, "%ui", conf->database) - text;

        if (ngx_image_redis_greet_with(redis, "SELECT", &number, NULL)
            != NGX_OK)
        {
            goto failed;
        }
    }

    if (ngx_image_redis_greet_with(redis, "PING", NULL, NULL) != NGX_OK) {
        goto failed;
    }

    ngx_post_event(&redis->flush, &ngx_posted_events);

    if (c->read->ready) {

        /* edge-triggered: what came before is not told again */

        ngx_post_event(c->read, &ngx_posted_events);
    }

    return;

failed:

    ngx_image_redis_failed(redis, 0, "no memory");
}


static ngx_int_t
ngx_image_redis_greet_with(ngx_image_redis_t *redis, const char *name,
    ngx_str_t *first, ngx_str_t *second)
{
    ngx_str_t   argv[3];
    ngx_uint_t  argc;

    argc = 1;
    argv[0].data = (u_char *) name;
    argv[0].len = ngx_strlen(name);

    if (first) {
        argv[argc++] = *first;
    }

    if (second) {
        argv[argc++] = *second;
    }

    redis->steps[redis->nsteps++] = name;

    return ngx_image_redis_append(&redis->hello, argc, argv, &redis->log);
}


/* a step of the greeting was answered; NGX_ERROR: it has failed */

static ngx_int_t
ngx_image_redis_greeted(ngx_image_redis_t *redis)
{
    const char               *step;
    ngx_image_redis_value_t  *value;

    value = &redis->reply.values[0];
    step = redis->steps[redis->step++];

    ngx_log_debug2(NGX_LOG_DEBUG_EVENT, &redis->log, 0,
                   "image redis greeting: %s: %d", step, value->type);

    if (redis->reply.array) {
        ngx_image_redis_failed(redis, 0, "not the answer of a redis");
        return NGX_ERROR;
    }

    /* to be denied a PING is an answer too */

    if (value->type == NGX_IMAGE_REDIS_ERROR
        && (step[0] != 'P'
            || ngx_strncmp(value->text.data, "NOPERM ", 7) != 0))
    {
        ngx_image_redis_refused(redis, step, &value->text);
        return NGX_ERROR;
    }

    if (redis->step < redis->nsteps) {
        return NGX_OK;
    }

    if (redis->reader->pos < redis->reader->len) {

        /* it would pass for the reply of a command that is not sent yet */

        ngx_image_redis_failed(redis, 0, "a reply that nobody asked for");
        return NGX_ERROR;
    }

    ngx_image_redis_empty(&redis->hello);

    if (redis->patience.timer_set) {
        ngx_del_timer(&redis->patience);
    }

    redis->state = NGX_IMAGE_REDIS_READY;
    redis->action = "talking to redis";
    redis->since = ngx_current_msec;
    redis->hopeful = 1;

    redis->connection->idle = ngx_queue_empty(&redis->pending);

    ngx_post_event(&redis->flush, &ngx_posted_events);

    return NGX_OK;
}


/*
 * The server's own words are not repeated, but for the code in front: they
 * might hold what it was sent.
 */

static void
ngx_image_redis_refused(ngx_image_redis_t *redis, const char *step,
    ngx_str_t *error)
{
    u_char      *p, *last;
    u_char       text[256];
    ngx_str_t    code;
    ngx_uint_t   i;

    static struct {
        const char  *prefix;
        const char  *advice;
    } advice[] = {
        { "WRONGPASS", "check username= and password=, or password_file=" },
        { "NOAUTH", "it wants password= or password_file=" },
        { "DENIED", "it is in protected mode: give it a password" },
        { "LOADING", "it loads its data, wait for it" },
        { "MASTERDOWN", "the URL has to reach a primary" },
        { "BUSY", "a script of another client keeps it busy" },
        { "ERR max number of clients", "raise its maxclients" },
        { "", NULL }
    };

    code.data = error->data;
    code.len = 0;

    while (code.len < error->len && code.len < 16
           && code.data[code.len] >= 'A' && code.data[code.len] <= 'Z')
    {
        code.len++;
    }

    for (i = 0; advice[i].advice; i++) {
        if (error->len >= ngx_strlen(advice[i].prefix)
            && ngx_strncmp(error->data, advice[i].prefix,
                           ngx_strlen(advice[i].prefix))
               == 0)
        {
            break;
        }
    }

    last = text + sizeof(text) - 1;

    p = ngx_slprintf(text, last, "it refused %s (%V): %s", step, &code,
                     advice[i].advice ? advice[i].advice
                     : step[0] == 'A'
                       ? "check username= and password=, or password_file="
                     : step[0] == 'S'
                       ? "check the database's number, a cluster has 0 alone"
                       : "see the log of the server");
    *p = '\0';

    ngx_image_redis_failed(redis, 0, (char *) text);
}


static void
ngx_image_redis_write_handler(ngx_event_t *wev)
{
    ngx_connection_t   *c;
    ngx_image_redis_t  *redis;

    c = wev->data;
    redis = c->data;

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, wev->log, 0,
                   "image redis write handler: %d", redis->state);

    if (redis->state == NGX_IMAGE_REDIS_CONNECTING) {
        ngx_image_redis_connected(redis);
        return;
    }

    ngx_image_redis_flush(redis);
}


static void
ngx_image_redis_flush_handler(ngx_event_t *ev)
{
    ngx_image_redis_t  *redis;

    redis = ev->data;

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, ev->log, 0,
                   "image redis flush: %d", redis->state);

    if (redis->state >= NGX_IMAGE_REDIS_GREETING) {
        ngx_image_redis_flush(redis);
    }
}


static void
ngx_image_redis_flush(ngx_image_redis_t *redis)
{
    ngx_int_t          rc;
    ngx_connection_t  *c;

    c = redis->connection;

    rc = ngx_image_redis_flush_buf(redis, &redis->hello);

    if (rc == NGX_OK && redis->state == NGX_IMAGE_REDIS_READY) {
        rc = ngx_image_redis_flush_buf(redis, &redis->out);
    }

    if (rc == NGX_ERROR) {
        ngx_image_redis_failed(redis, 0, "the connection broke");
        return;
    }

    if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
        ngx_image_redis_failed(redis, 0, "the connection broke");
    }
}


static ngx_int_t
ngx_image_redis_flush_buf(ngx_image_redis_t *redis,
    ngx_image_redis_buf_t *buf)
{
    ssize_t            n;
    ngx_connection_t  *c;

    c = redis->connection;

    while (buf->pos < buf->last) {

        if (!c->write->ready) {
            return NGX_AGAIN;
        }

        n = c->send(c, buf->start + buf->pos, buf->last - buf->pos);

        if (n == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (n <= 0) {
            return NGX_AGAIN;
        }

        buf->pos += n;
    }

    ngx_image_redis_empty(buf);

    return NGX_OK;
}


static void
ngx_image_redis_read_handler(ngx_event_t *rev)
{
    u_char              chunk[NGX_IMAGE_REDIS_CHUNK];
    ssize_t             n;
    ngx_connection_t   *c;
    ngx_image_redis_t  *redis;

    c = rev->data;
    redis = c->data;

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, rev->log, 0,
                   "image redis read handler: %d", redis->state);

    if (c->close) {

        /* an exiting worker; what it has under way may still wake it */

        ngx_image_redis_close(redis);
        redis->asleep = 1;

        return;
    }

    if (redis->state < NGX_IMAGE_REDIS_GREETING) {
        return;
    }

    do {
        n = c->recv(c, chunk, NGX_IMAGE_REDIS_CHUNK);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n == NGX_ERROR) {
            ngx_image_redis_failed(redis, 0, "the connection broke");
            return;
        }

        if (n == 0) {
            ngx_image_redis_failed(redis, 0, "it closed the connection");
            return;
        }

        if (redis->state == NGX_IMAGE_REDIS_READY
            && ngx_queue_empty(&redis->pending))
        {
            ngx_image_redis_failed(redis, 0, "a reply that nobody asked for");
            return;
        }

        if (redisReaderFeed(redis->reader, (char *) chunk, n) != REDIS_OK) {
            ngx_image_redis_failed(redis, 0, "no memory");
            return;
        }

        if (ngx_image_redis_replies(redis) != NGX_OK) {
            return;
        }

    } while (rev->ready);

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_image_redis_failed(redis, 0, "the connection broke");
    }
}


/* delivers all that is complete; NGX_ERROR: the connection is gone */

static ngx_int_t
ngx_image_redis_replies(ngx_image_redis_t *redis)
{
    void         *object;
    redisReader  *reader;

    reader = redis->reader;

    for ( ;; ) {

        if (redisReaderGetReply(reader, &object) != REDIS_OK) {
            ngx_image_redis_failed(redis, 0,
                                   redis->error ? redis->error
                                                : reader->errstr);
            return NGX_ERROR;
        }

        if (object == NULL) {
            break;
        }

        if (ngx_image_redis_deliver(redis) != NGX_OK) {
            return NGX_ERROR;
        }

        redis->reply.nvalues = 0;
        redis->reply.array = 0;
        redis->nbytes = 0;

        if (reader->pos < reader->len
            && redis->state == NGX_IMAGE_REDIS_READY
            && ngx_queue_empty(&redis->pending))
        {
            ngx_image_redis_failed(redis, 0, "a reply that nobody asked for");
            return NGX_ERROR;
        }
    }

    if (reader->len - reader->pos > NGX_IMAGE_REDIS_UNREAD) {
        ngx_image_redis_failed(redis, 0, "too large a reply");
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_image_redis_deliver(ngx_image_redis_t *redis)
{
    ngx_flag_t                  readonly;
    ngx_queue_t                *q;
    ngx_image_redis_slot_t     *slot;
    ngx_image_redis_value_t    *value;
    ngx_image_redis_command_t  *cmd;

    if (redis->state == NGX_IMAGE_REDIS_GREETING) {
        return ngx_image_redis_greeted(redis);
    }

    if (ngx_queue_empty(&redis->pending)) {
        ngx_image_redis_failed(redis, 0, "a reply that nobody asked for");
        return NGX_ERROR;
    }

    value = &redis->reply.values[0];

    readonly = (!redis->reply.array
                && value->type == NGX_IMAGE_REDIS_ERROR
                && ngx_strncmp(value->text.data, "READONLY", 8) == 0);

    if (!readonly) {
        redis->backoff = 0;

        if (redis->said) {
            redis->said = 0;

            ngx_log_error(NGX_LOG_NOTICE, &redis->log, 0,
                          "image digest: redis is back");

            ngx_image_redis_hush(redis, 0);
        }
    }

    q = ngx_queue_head(&redis->pending);
    ngx_queue_remove(q);

    slot = ngx_queue_data(q, ngx_image_redis_slot_t, queue);
    cmd = slot->command;

    ngx_queue_insert_head(&redis->spare, &slot->queue);

    if (cmd) {
        cmd->slot = NULL;
        cmd->handler(cmd, &redis->reply);
    }

    if (readonly) {

        /* a primary no more: its name may lead to the new one by now */

        ngx_image_redis_failed(redis, 0, "it is a read-only replica, the URL "
                               "has to reach a primary");
        return NGX_ERROR;
    }

    if (ngx_queue_empty(&redis->pending)) {

        if (redis->deadline.timer_set) {
            ngx_del_timer(&redis->deadline);
        }

        redis->connection->idle = 1;
    }

    return NGX_OK;
}


static void
ngx_image_redis_deadline_handler(ngx_event_t *ev)
{
    ngx_msec_int_t           left;
    ngx_queue_t             *q;
    ngx_image_redis_t       *redis;
    ngx_image_redis_slot_t  *slot;

    redis = ev->data;

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, ev->log, 0,
                   "image redis deadline: %d", redis->state);

    if (ngx_queue_empty(&redis->pending)) {
        return;
    }

    q = ngx_queue_head(&redis->pending);
    slot = ngx_queue_data(q, ngx_image_redis_slot_t, queue);

    left = (ngx_msec_int_t) (slot->deadline - ngx_current_msec);

    if (left > 0) {

        /* the one that it was set for has been answered */

        ngx_add_timer(ev, left);
        return;
    }

    if (redis->state == NGX_IMAGE_REDIS_READY) {
        ngx_image_redis_failed(redis, NGX_ETIMEDOUT, "no answer in time");
        return;
    }

    /* the attempt goes on by itself, and commands do not wait for it */

    redis->hopeful = 0;

    ngx_image_redis_forsake(redis);
}


/*
 * The end of a connection or an attempt: the only one, but for sleep.  Makes
 * the next attempt due and fails all commands; their handlers may send again.
 */

static void
ngx_image_redis_failed(ngx_image_redis_t *redis, ngx_err_t err,
    const char *why)
{
    ngx_msec_t  delay;
    ngx_flag_t  quiet;

    quiet = redis->said;

    if (redis->state == NGX_IMAGE_REDIS_READY) {

        if (err == NGX_ETIMEDOUT) {
            redis->backoff = ngx_max(redis->backoff,
                                     NGX_IMAGE_REDIS_BACKOFF_MIN);

        } else if (ngx_current_msec - redis->since
                   > NGX_IMAGE_REDIS_BACKOFF_MAX)
        {
            redis->backoff = 0;
        }

        if (redis->backoff == 0 && redis->connection->read->eof) {

            /*
             * its right: it closes idle connections, or restarts.  It is
             * tried again at once, and away if that fails
             */

            ngx_log_error(NGX_LOG_INFO, &redis->log, 0,
                          "image digest: redis closed the connection");
            quiet = 1;
        }
    }

    if (!quiet) {
        redis->said = 1;

        ngx_log_error(NGX_LOG_ERR, &redis->log, err,
                      "image digest: redis is away, nothing is shared until "
                      "it is back: %s", why);
    }

    ngx_image_redis_close(redis);

    delay = redis->backoff;

    redis->backoff = ngx_min(ngx_max(delay * 2, NGX_IMAGE_REDIS_BACKOFF_MIN),
                             NGX_IMAGE_REDIS_BACKOFF_MAX);

    /* commands wait for a first try, not for one that is likely to fail */

    redis->hopeful = (delay == 0);

    if (delay == 0) {
        ngx_post_event(&redis->retry, &ngx_posted_events);

    } else {
        ngx_add_timer(&redis->retry,
                      delay / 2 + (ngx_msec_t) ngx_random() % (delay / 2 + 1));
    }

    ngx_image_redis_forsake(redis);
}


/* no command that waits will have a reply */

static void
ngx_image_redis_forsake(ngx_image_redis_t *redis)
{
    ngx_queue_t                *q, forsaken;
    ngx_image_redis_slot_t     *slot;
    ngx_image_redis_command_t  *cmd;

    ngx_image_redis_empty(&redis->out);

    if (redis->deadline.timer_set) {
        ngx_del_timer(&redis->deadline);
    }

    /* handlers may send anew, and cancel others of these */

    ngx_queue_init(&forsaken);

    if (!ngx_queue_empty(&redis->pending)) {
        ngx_queue_add(&forsaken, &redis->pending);
        ngx_queue_init(&redis->pending);
    }

    while (!ngx_queue_empty(&forsaken)) {
        q = ngx_queue_head(&forsaken);
        ngx_queue_remove(q);

        slot = ngx_queue_data(q, ngx_image_redis_slot_t, queue);
        cmd = slot->command;

        ngx_queue_insert_head(&redis->spare, &slot->queue);

        if (cmd) {
            cmd->slot = NULL;
            cmd->handler(cmd, NULL);
        }
    }
}


/* the connection, or the attempt at one, without a word to anybody */

static void
ngx_image_redis_close(ngx_image_redis_t *redis)
{
    ngx_pool_t        *pool;
    ngx_connection_t  *c;

    if (redis->state == NGX_IMAGE_REDIS_NAMING) {
        ngx_image_names_cancel(&redis->names);
    }

    redis->state = NGX_IMAGE_REDIS_AWAY;

    if (redis->patience.timer_set) {
        ngx_del_timer(&redis->patience);
    }

    if (redis->flush.posted) {
        ngx_delete_posted_event(&redis->flush);
    }

    ngx_image_redis_empty(&redis->hello);
    ngx_image_redis_empty(&redis->out);

    if (redis->reader) {
        redisReaderFree(redis->reader);
        redis->reader = NULL;
    }

    c = redis->connection;

    if (c == NULL) {
        return;
    }

    redis->connection = NULL;

    pool = c->pool;

#if (NGX_SSL)

    if (c->ssl) {
        c->ssl->no_wait_shutdown = 1;
        c->ssl->no_send_shutdown = !c->idle;

        (void) ngx_ssl_shutdown(c);
    }

#endif

    ngx_close_connection(c);

    if (pool) {
        ngx_destroy_pool(pool);
    }
}


/* nginx's functions speak once of what goes on failing; an alert is said in
 * any case */

static void
ngx_image_redis_hush(ngx_image_redis_t *redis, ngx_flag_t hush)
{
    redis->quiet.log_level = redis->log.log_level;

    if (redis->said || hush) {
        redis->quiet.log_level = ngx_min(redis->log.log_level, NGX_LOG_ALERT);
    }
}


static u_char *
ngx_image_redis_log_error(ngx_log_t *log, u_char *buf, size_t len)
{
    ngx_image_redis_t  *redis;

    redis = log->data;

    return ngx_snprintf(buf, len, " while %s, server: \"%V\"", redis->action,
                        &redis->conf->name);
}


/* NGX_DECLINED: too much waits to be sent */

static ngx_int_t
ngx_image_redis_append(ngx_image_redis_buf_t *buf, ngx_uint_t argc,
    ngx_str_t *argv, ngx_log_t *log)
{
    int          n;
    char        *text;
    size_t       len, size, lens[NGX_IMAGE_REDIS_ARGS];
    u_char      *start;
    ngx_int_t    rc;
    ngx_uint_t   i;
    const char  *args[NGX_IMAGE_REDIS_ARGS];

    if (argc > NGX_IMAGE_REDIS_ARGS) {
        return NGX_ERROR;
    }

    for (i = 0; i < argc; i++) {
        args[i] = (char *) argv[i].data;
        lens[i] = argv[i].len;
    }

    n = redisFormatCommandArgv(&text, argc, args, lens);
    if (n < 0) {
        return NGX_ERROR;
    }

    rc = NGX_DECLINED;
    len = buf->last - buf->pos;

    if (len + n > NGX_IMAGE_REDIS_UNSENT) {
        goto done;
    }

    if (buf->size - buf->last < (size_t) n) {

        if (buf->size - len >= (size_t) n) {
            ngx_memmove(buf->start, buf->start + buf->pos, len);

        } else {
            size = ngx_max(2 * buf->size, NGX_IMAGE_REDIS_CHUNK);
            size = ngx_max(size, len + n);

            start = ngx_alloc(size, log);
            if (start == NULL) {
                rc = NGX_ERROR;
                goto done;
            }

            if (buf->start) {
                ngx_memcpy(start, buf->start + buf->pos, len);
                ngx_explicit_memzero(buf->start, buf->size);
                ngx_free(buf->start);
            }

            buf->start = start;
            buf->size = size;
        }

        buf->pos = 0;
        buf->last = len;
    }

    ngx_memcpy(buf->start + buf->last, text, n);
    buf->last += n;

    rc = NGX_OK;

done:

    /* it may have been the password */

    ngx_explicit_memzero(text, n);
    redisFreeCommand(text);

    return rc;
}


static void
ngx_image_redis_empty(ngx_image_redis_buf_t *buf)
{
    if (buf->start) {
        ngx_explicit_memzero(buf->start, buf->last);
        ngx_free(buf->start);
    }

    ngx_memzero(buf, sizeof(ngx_image_redis_buf_t));
}


/*
 * The reader hands each value to these functions, and they fill the one
 * reply that the connection has: no reply costs an allocation, and none can
 * grow past it.  The object is the connection itself.
 */

static ngx_int_t
ngx_image_redis_open_reader(ngx_image_redis_t *redis)
{
    redis->error = NULL;
    redis->reply.nvalues = 0;
    redis->reply.array = 0;
    redis->nbytes = 0;

    redis->reader = redisReaderCreateWithFunctions(&ngx_image_redis_objects);
    if (redis->reader == NULL) {
        return NGX_ERROR;
    }

    redis->reader->privdata = redis;

    return NGX_OK;
}


static ngx_image_redis_value_t *
ngx_image_redis_add_value(const redisReadTask *task)
{
    ngx_image_redis_t        *redis;
    ngx_image_redis_value_t  *value;

    redis = task->privdata;

    if (redis->reply.nvalues == NGX_IMAGE_REDIS_VALUES) {
        return ngx_image_redis_bad_value(task, "too many values in a reply");
    }

    value = &redis->reply.values[redis->reply.nvalues++];

    ngx_memzero(value, sizeof(ngx_image_redis_value_t));

    return value;
}


/* the reader takes NULL for want of memory, and fails */

static void *
ngx_image_redis_bad_value(const redisReadTask *task, const char *error)
{
    ngx_image_redis_t  *redis;

    redis = task->privdata;
    redis->error = error;

    return NULL;
}


static void *
ngx_image_redis_create_string(const redisReadTask *task, char *text,
    size_t len)
{
    ngx_image_redis_t        *redis;
    ngx_image_redis_value_t  *value;

    redis = task->privdata;

    switch (task->type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_ERROR:
        break;

    default:
        return ngx_image_redis_bad_value(task, "a value of another protocol");
    }

    /* one byte more: what reads a text may count on a NUL */

    if (len >= NGX_IMAGE_REDIS_BYTES - redis->nbytes) {
        return ngx_image_redis_bad_value(task, "too large a reply");
    }

    value = ngx_image_redis_add_value(task);
    if (value == NULL) {
        return NULL;
    }

    value->type = (task->type == REDIS_REPLY_ERROR) ? NGX_IMAGE_REDIS_ERROR
                                                    : NGX_IMAGE_REDIS_STRING;
    value->text.data = redis->bytes + redis->nbytes;
    value->text.len = len;

    ngx_memcpy(value->text.data, text, len);
    value->text.data[len] = '\0';

    redis->nbytes += len + 1;

    return redis;
}


#if (HIREDIS_MAJOR >= 1)
static void *
ngx_image_redis_create_array(const redisReadTask *task, size_t elements)
#else
static void *
ngx_image_redis_create_array(const redisReadTask *task, int elements)
#endif
{
    ngx_image_redis_t  *redis;

    redis = task->privdata;

    if (task->type != REDIS_REPLY_ARRAY) {
        return ngx_image_redis_bad_value(task, "a value of another protocol");
    }

    if (task->parent) {
        return ngx_image_redis_bad_value(task, "an array in an array");
    }

    if (elements > NGX_IMAGE_REDIS_VALUES) {
        return ngx_image_redis_bad_value(task, "too many values in a reply");
    }

    redis->reply.array = 1;

    return redis;
}


static void *
ngx_image_redis_create_integer(const redisReadTask *task, long long value)
{
    ngx_image_redis_value_t  *v;

    v = ngx_image_redis_add_value(task);
    if (v == NULL) {
        return NULL;
    }

    v->type = NGX_IMAGE_REDIS_INTEGER;
    v->integer = value;

    return task->privdata;
}


#if (HIREDIS_MAJOR >= 1)

static void *
ngx_image_redis_create_double(const redisReadTask *task, double value,
    char *text, size_t len)
{
    return ngx_image_redis_bad_value(task, "a value of another protocol");
}


static void *
ngx_image_redis_create_bool(const redisReadTask *task, int value)
{
    return ngx_image_redis_bad_value(task, "a value of another protocol");
}

#endif


static void *
ngx_image_redis_create_nil(const redisReadTask *task)
{
    if (ngx_image_redis_add_value(task) == NULL) {
        return NULL;
    }

    return task->privdata;
}


static void
ngx_image_redis_free_object(void *object)
{
    /* it is the connection's own memory */
}
