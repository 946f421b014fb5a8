/*
 * One connection of a worker to a Redis server (ngx_image_redis.h): the
 * object, and its commands from the call to the queue.
 *
 * Commands wait in one queue of slots, in the order of their replies.  A slot
 * is the connection's own, so that a command that is cancelled leaves its
 * place behind.  None is sent before the greeting was answered: it must not
 * reach another database than the one that was written.
 */

#include <ngx_image_redis_conn.h>


static ngx_image_redis_t *ngx_image_redis_new(ngx_image_redis_conf_t *conf,
    ngx_cycle_t *cycle);
static ngx_int_t ngx_image_redis_init_addr(ngx_image_redis_t *redis);
static void ngx_image_redis_deadline_handler(ngx_event_t *ev);
static u_char *ngx_image_redis_log_error(ngx_log_t *log, u_char *buf,
    size_t len);


ngx_image_redis_t *
ngx_image_redis_create(ngx_image_redis_conf_t *conf, ngx_cycle_t *cycle)
{
    ngx_image_redis_t  *redis;

    redis = ngx_image_redis_new(conf, cycle);

    if (redis) {
        ngx_image_redis_retry_handler(&redis->retry);
    }

    return redis;
}


ngx_image_redis_t *
ngx_image_redis_subscribe(ngx_image_redis_conf_t *conf, ngx_str_t *channel,
    ngx_image_redis_news_pt handler, void *data, ngx_cycle_t *cycle)
{
    ngx_image_redis_t  *redis;

    redis = ngx_image_redis_new(conf, cycle);

    if (redis) {
        redis->channel = *channel;
        redis->news = handler;
        redis->news_data = data;

        ngx_image_redis_retry_handler(&redis->retry);
    }

    return redis;
}


ngx_flag_t
ngx_image_redis_is_ready(ngx_image_redis_t *redis)
{
    return redis->state == NGX_IMAGE_REDIS_READY;
}


void
ngx_image_redis_renew(ngx_image_redis_t *redis)
{
    if (redis->state == NGX_IMAGE_REDIS_READY) {
        ngx_image_redis_failed(redis, 0, "it is connected to anew");
    }
}


static ngx_image_redis_t *
ngx_image_redis_new(ngx_image_redis_conf_t *conf, ngx_cycle_t *cycle)
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

    /* such as the ends of leases, which others wait for */

    ngx_image_redis_flush_handler(&redis->flush);

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


/* no command that waits will have a reply */

void
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
            (void) cmd->handler(cmd, NULL);
        }
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

ngx_int_t
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


void
ngx_image_redis_empty(ngx_image_redis_buf_t *buf)
{
    if (buf->start) {
        ngx_explicit_memzero(buf->start, buf->last);
        ngx_free(buf->start);
    }

    ngx_memzero(buf, sizeof(ngx_image_redis_buf_t));
}
