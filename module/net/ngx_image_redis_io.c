/*
 * Bytes to Redis and back: what is queued goes out, and what comes in becomes
 * replies, which go to the commands in their order.
 *
 * They are read into the one reply that the connection has.  Everything that
 * is no proper reply to a question of ours ends the connection.
 */

#include <ngx_image_redis_conn.h>


static void ngx_image_redis_flush(ngx_image_redis_t *redis);
static ngx_int_t ngx_image_redis_flush_buf(ngx_image_redis_t *redis,
    ngx_image_redis_buf_t *buf);
static ngx_int_t ngx_image_redis_replies(ngx_image_redis_t *redis);
static ngx_int_t ngx_image_redis_deliver(ngx_image_redis_t *redis);


void
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


void
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


void
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

        /* after worker_shutdown_timeout it is closed with replies due */

        ngx_image_redis_forsake(redis);

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
            && ngx_queue_empty(&redis->pending) && !redis->channel.len)
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
    int          rc;
    const char  *error;

    for ( ;; ) {
        rc = image_reply_next(redis->reader, &error);

        if (rc == -1) {
            ngx_image_redis_failed(redis, 0, error);
            return NGX_ERROR;
        }

        if (rc == 0) {
            return NGX_OK;
        }

        if (ngx_image_redis_deliver(redis) != NGX_OK) {
            return NGX_ERROR;
        }

        if (image_reply_more(redis->reader)
            && redis->state == NGX_IMAGE_REDIS_READY
            && ngx_queue_empty(&redis->pending) && !redis->channel.len)
        {
            ngx_image_redis_failed(redis, 0, "a reply that nobody asked for");
            return NGX_ERROR;
        }
    }
}


static ngx_int_t
ngx_image_redis_deliver(ngx_image_redis_t *redis)
{
    ngx_flag_t                  readonly;
    ngx_queue_t                *q;
    ngx_image_redis_slot_t     *slot;
    image_reply_value_t        *value;
    ngx_image_redis_command_t  *cmd;

    if (redis->state == NGX_IMAGE_REDIS_GREETING) {
        return ngx_image_redis_greeted(redis);
    }

    if (redis->channel.len) {
        return ngx_image_redis_heard(redis);
    }

    if (ngx_queue_empty(&redis->pending)) {
        ngx_image_redis_failed(redis, 0, "a reply that nobody asked for");
        return NGX_ERROR;
    }

    value = &redis->reply.values[0];

    readonly = (!redis->reply.array
                && value->type == IMAGE_REPLY_ERROR
                && ngx_strncmp(value->text.data, "READONLY", 8) == 0);

    if (!readonly) {
        redis->backoff = 0;

        if (redis->said) {
            redis->said = 0;
            redis->refused = 0;

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

        if (cmd->handler(cmd, &redis->reply) != NGX_OK) {
            ngx_image_redis_failed(redis, 0, "a reply to another question");
            return NGX_ERROR;
        }
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
