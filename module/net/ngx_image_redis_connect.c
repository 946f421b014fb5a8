/*
 * The attempts at a connection to Redis, and their ends: name, socket, TLS,
 * greeting, failure and back-off (ngx_image_redis_conn.h has the states).
 *
 * It may use nginx's core and event modules; of what the server says it
 * judges the greeting alone.
 */

#include <ngx_image_redis_conn.h>

#include <ngx_event_connect.h>


static void ngx_image_redis_names_handler(ngx_image_names_t *n);
static void ngx_image_redis_connect(ngx_image_redis_t *redis);
static void ngx_image_redis_connect_next(ngx_image_redis_t *redis,
    ngx_err_t err, const char *why);
#if (NGX_SSL)
static void ngx_image_redis_handshake(ngx_image_redis_t *redis);
static void ngx_image_redis_handshake_handler(ngx_connection_t *c);
static ngx_int_t ngx_image_redis_check_name(ngx_image_redis_t *redis);
static ngx_flag_t ngx_image_redis_is_literal(ngx_str_t *host);
#endif
static void ngx_image_redis_greet(ngx_image_redis_t *redis);
static ngx_int_t ngx_image_redis_greet_with(ngx_image_redis_t *redis,
    const char *name, ngx_str_t *first, ngx_str_t *second);
static void ngx_image_redis_refused(ngx_image_redis_t *redis,
    const char *step, image_str_t *error);
static void ngx_image_redis_pulse(ngx_image_redis_t *redis);
static ngx_flag_t ngx_image_redis_says(ngx_image_redis_t *redis,
    const char *kind);


/* begins an attempt */

void
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


void
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


void
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

    if (redis->state == NGX_IMAGE_REDIS_READY && !redis->pinged) {
        ngx_image_redis_pulse(redis);
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

    redis->reader = image_reply_reader(&redis->reply);
    if (redis->reader == NULL) {
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

    if (redis->channel.len
        && ngx_image_redis_greet_with(redis, "SSUBSCRIBE", &redis->channel,
                                      NULL)
           != NGX_OK)
    {
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

ngx_int_t
ngx_image_redis_greeted(ngx_image_redis_t *redis)
{
    const char           *step;
    image_reply_value_t  *value;

    value = &redis->reply.values[0];
    step = redis->steps[redis->step++];

    ngx_log_debug2(NGX_LOG_DEBUG_EVENT, &redis->log, 0,
                   "image redis greeting: %s: %d", step, value->type);

    if (redis->reply.array && !ngx_image_redis_says(redis, "ssubscribe")) {
        ngx_image_redis_failed(redis, 0, "not the answer of a redis");
        return NGX_ERROR;
    }

    /* to be denied a PING is an answer too */

    if (value->type == IMAGE_REPLY_ERROR
        && (step[0] != 'P'
            || ngx_strncmp(value->text.data, "NOPERM ", 7) != 0))
    {
        ngx_image_redis_refused(redis, step, &value->text);
        return NGX_ERROR;
    }

    if (redis->step < redis->nsteps) {
        return NGX_OK;
    }

    if (image_reply_more(redis->reader) && !redis->channel.len) {

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

    if (redis->channel.len) {
        redis->pinged = 0;
        redis->said = 0;
        redis->refused = 0;

        ngx_add_timer(&redis->patience, NGX_IMAGE_REDIS_PULSE);

        redis->news(redis->news_data, NULL);

        return NGX_OK;
    }

    redis->connection->idle = ngx_queue_empty(&redis->pending);

    ngx_post_event(&redis->flush, &ngx_posted_events);

    return NGX_OK;
}


ngx_int_t
ngx_image_redis_heard(ngx_image_redis_t *redis)
{
    image_reply_value_t  *value;

    value = redis->reply.values;

    if (ngx_image_redis_says(redis, "smessage")) {
        redis->news(redis->news_data, &value[2].text);
        return NGX_OK;
    }

    if (!ngx_image_redis_says(redis, "pong")) {

        /* such as an end that the server puts to the subscription */

        ngx_image_redis_failed(redis, 0, "not the message of a channel");
        return NGX_ERROR;
    }

    redis->pinged = 0;

    ngx_del_timer(&redis->patience);
    ngx_add_timer(&redis->patience, NGX_IMAGE_REDIS_PULSE);

    return NGX_OK;
}


/* is it still there?  Silence is all that it says otherwise */

static void
ngx_image_redis_pulse(ngx_image_redis_t *redis)
{
    static ngx_str_t  ping = ngx_string("PING");

    if (ngx_image_redis_append(&redis->out, 1, &ping, &redis->log) != NGX_OK) {
        ngx_image_redis_failed(redis, 0, "no memory");
        return;
    }

    redis->pinged = 1;

    ngx_add_timer(&redis->patience, redis->conf->timeout);

    ngx_post_event(&redis->flush, &ngx_posted_events);
}


/* an array of that kind, as a subscription has them */

static ngx_flag_t
ngx_image_redis_says(ngx_image_redis_t *redis, const char *kind)
{
    image_reply_value_t  *value;

    value = redis->reply.values;

    return redis->channel.len
           && redis->reply.array
           && redis->reply.nvalues >= 2
           && value[0].type == IMAGE_REPLY_STRING
           && ngx_strcmp(value[0].text.data, kind) == 0
           && (kind[0] == 'p'
               || (redis->reply.nvalues == 3
                   && value[1].type == IMAGE_REPLY_STRING
                   && value[1].text.len == redis->channel.len
                   && ngx_memcmp(value[1].text.data, redis->channel.data,
                                 redis->channel.len)
                      == 0
                   && (kind[1] == 's'
                       || value[2].type == IMAGE_REPLY_STRING)));
}


/*
 * The server's own words are not repeated, but for the code in front: they
 * might hold what it was sent.
 */

static void
ngx_image_redis_refused(ngx_image_redis_t *redis, const char *step,
    image_str_t *error)
{
    u_char      *p, *last;
    u_char       text[256];
    ngx_uint_t   i;
    image_str_t  code;

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
                     : step[0] == 'S' && step[1] == 'S'
                       ? "other hosts' answers and invalidations are "
                         "heard of later: it takes Redis 7 or Valkey, and "
                         "the ACL rule of docs/redis.md"
                     : step[0] == 'S'
                       ? "check the database's number, a cluster has 0 alone"
                       : "see the log of the server");
    *p = '\0';

    /* what only an operator can mend is said, whatever was said before */

    if (!redis->refused && (!redis->channel.len || step[1] == 'S')) {
        redis->refused = 1;
        redis->said = 0;
    }

    ngx_image_redis_failed(redis, 0, (char *) text);
}


/*
 * The end of a connection or an attempt: the only one, but for sleep.  Makes
 * the next attempt due and fails all commands; their handlers may send again.
 */

void
ngx_image_redis_failed(ngx_image_redis_t *redis, ngx_err_t err,
    const char *why)
{
    ngx_msec_t  delay;
    ngx_flag_t  quiet;

    quiet = redis->said;

    if (redis->channel.len && !redis->refused) {

        /* the connection that takes the commands says so */

        quiet = 1;

        if (redis->state == NGX_IMAGE_REDIS_READY
            && ngx_current_msec - redis->since > NGX_IMAGE_REDIS_BACKOFF_MAX)
        {
            redis->backoff = 0;
        }

    } else if (redis->state == NGX_IMAGE_REDIS_READY) {

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

        } else if (!quiet) {

            /*
             * it may well be back at once, and do so again with the next
             * command.  If it is not, the next attempt says so
             */

            quiet = (redis->surprised
                     && ngx_time() - redis->surprised < NGX_IMAGE_REDIS_SAY);

            if (!quiet) {
                redis->surprised = ngx_time();
            }
        }
    }

    if (!quiet) {
        redis->said = 1;

        ngx_log_error(NGX_LOG_ERR, &redis->log, err,
                      redis->channel.len
                      ? "image digest: redis tells no news: %s"
                      : "image digest: redis is away, nothing is shared until "
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


/* the connection, or the attempt at one, without a word to anybody */

void
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

void
ngx_image_redis_hush(ngx_image_redis_t *redis, ngx_flag_t hush)
{
    redis->quiet.log_level = redis->log.log_level;

    if (redis->said || hush || redis->channel.len) {
        redis->quiet.log_level = ngx_min(redis->log.log_level, NGX_LOG_ALERT);
    }
}
