/*
 * Bytes to Redis and back: what is queued goes out, and what comes in becomes
 * replies, which go to the commands in their order.
 *
 * hiredis' reader hands each value to the functions at the end, and they fill
 * the one reply that the connection has: no reply costs an allocation, and
 * none can grow past it.  Everything that is no proper reply to a question of
 * ours ends the connection.
 */

#include <ngx_image_redis_conn.h>


static void ngx_image_redis_flush(ngx_image_redis_t *redis);
static ngx_int_t ngx_image_redis_flush_buf(ngx_image_redis_t *redis,
    ngx_image_redis_buf_t *buf);
static ngx_int_t ngx_image_redis_replies(ngx_image_redis_t *redis);
static ngx_int_t ngx_image_redis_deliver(ngx_image_redis_t *redis);
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
            && ngx_queue_empty(&redis->pending) && !redis->channel.len)
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

    if (redis->channel.len) {
        return ngx_image_redis_heard(redis);
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


/*
 * The reader hands each value to these functions, and they fill the one
 * reply that the connection has: no reply costs an allocation, and none can
 * grow past it.  The object is the connection itself.
 */

ngx_int_t
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
