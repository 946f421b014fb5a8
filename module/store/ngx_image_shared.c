/*
 * A worker's connections to Redis, and the news that other hosts tell
 * (ngx_image_shared.h).  A message is
 *
 *     image ID             something was stored under it, or given up
 *     invalid AT REFERENCE
 *
 * and it is believed as little as anything else: it makes this host look
 * again, and never do without looking.
 */

#include <ngx_image_shared_command.h>


/* after Redis did not tell what was missed, milliseconds */
#define NGX_IMAGE_SHARED_AGAIN  1000

#define NGX_IMAGE_SHARED_LATEST  NGX_IMAGE_SHARED_MORE


static void ngx_image_shared_message(void *data, image_str_t *message);
static void ngx_image_shared_message_image(ngx_image_shared_conf_t *conf,
    image_str_t *hex);
static void ngx_image_shared_message_invalid(ngx_image_shared_conf_t *conf,
    image_str_t *text);
static void ngx_image_shared_catch_up(ngx_image_shared_conf_t *conf);
static ngx_int_t ngx_image_shared_catch_up_send(
    ngx_image_shared_command_t *cmd);
static ngx_int_t ngx_image_shared_catch_up_read(
    ngx_image_shared_command_t *cmd, image_reply_t *reply);
static void ngx_image_shared_catch_up_done(ngx_image_shared_command_t *cmd,
    ngx_int_t rc, image_reply_t *reply);
static void ngx_image_shared_catch_up_later(ngx_image_shared_conf_t *conf);
static void ngx_image_shared_again_handler(ngx_event_t *ev);


ngx_int_t
ngx_image_shared_init(ngx_image_shared_conf_t *conf,
    ngx_image_shared_news_pt handler, void *data, ngx_cycle_t *cycle)
{
    conf->news = handler;
    conf->data = data;

    conf->again.handler = ngx_image_shared_again_handler;
    conf->again.data = conf;
    conf->again.log = cycle->log;
    conf->again.cancelable = 1;

    conf->connection = ngx_image_redis_create(&conf->redis, cycle);
    if (conf->connection == NULL) {
        return NGX_ERROR;
    }

    conf->subscription = ngx_image_redis_subscribe(&conf->redis,
                                                   &conf->channel,
                                                   ngx_image_shared_message,
                                                   conf, cycle);

    if (conf->subscription == NULL) {
        return NGX_ERROR;
    }

    ngx_image_shared_time_init(conf, cycle);

    return NGX_OK;
}


void
ngx_image_shared_exit(ngx_image_shared_conf_t *conf)
{
    if (conf->again.timer_set) {
        ngx_del_timer(&conf->again);
    }

    ngx_image_shared_time_exit(conf);

    if (conf->subscription) {
        ngx_image_redis_destroy(conf->subscription);
        conf->subscription = NULL;
    }

    if (conf->connection) {
        ngx_image_redis_destroy(conf->connection);
        conf->connection = NULL;
    }
}


ngx_flag_t
ngx_image_shared_listens(ngx_image_shared_conf_t *conf)
{
    return ngx_image_redis_is_ready(conf->subscription);
}


static void
ngx_image_shared_message(void *data, image_str_t *message)
{
    ngx_image_shared_conf_t *conf = data;

    image_str_t  rest;

    ngx_log_debug1(NGX_LOG_DEBUG_CORE, ngx_cycle->log, 0,
                   "image shared message: %p", message);

    if (message == NULL) {

        /* a subscription has begun: whatever was said before was missed */

        conf->in_step = 0;
        ngx_image_shared_catch_up(conf);
        conf->news(conf->data, NULL);

        return;
    }

    rest = *message;

    if (rest.len > 6 && ngx_strncmp(rest.data, "image ", 6) == 0) {
        rest.data += 6;
        rest.len -= 6;
        ngx_image_shared_message_image(conf, &rest);

    } else if (rest.len > 8 && ngx_strncmp(rest.data, "invalid ", 8) == 0) {
        rest.data += 8;
        rest.len -= 8;
        ngx_image_shared_message_invalid(conf, &rest);
    }
}


static void
ngx_image_shared_message_image(ngx_image_shared_conf_t *conf,
    image_str_t *hex)
{
    ngx_int_t       n;
    ngx_uint_t      i;
    ngx_image_id_t  id;

    if (hex->len != 2 * IMAGE_HASH) {
        return;
    }

    for (i = 0; i < IMAGE_HASH; i++) {
        n = ngx_hextoi((u_char *) hex->data + 2 * i, 2);

        if (n == NGX_ERROR) {
            return;
        }

        id.hash[i] = n;
    }

    conf->news(conf->data, &id);
}


/*
 * Rule 12.  The moment is Redis', but what this host has is held against its
 * own clock, by which it was not before now.
 */

static void
ngx_image_shared_message_invalid(ngx_image_shared_conf_t *conf,
    image_str_t *text)
{
    u_char          *p, *last;
    int64_t          at;
    ngx_str_t        reference;
    image_str_t      number;
    image_moment_t   now;

    last = (u_char *) text->data + text->len;

    p = ngx_strlchr((u_char *) text->data, last, ' ');

    if (p == NULL) {
        return;
    }

    number.data = text->data;
    number.len = p - text->data;

    at = image_record_number(&number);

    if (at <= 0) {
        return;
    }

    reference.data = p + 1;
    reference.len = last - reference.data;

    ngx_image_now(&now);

    ngx_image_zone_invalidate(conf->zone, &reference, at, now.boot);

    if (conf->in_step) {
        ngx_image_zone_invalidated(conf->zone, at, 1);
    }
}


static void
ngx_image_shared_catch_up(ngx_image_shared_conf_t *conf)
{
    ngx_image_shared_command_t  *cmd;

    cmd = &conf->catch_up;

    ngx_image_redis_cancel(&cmd->redis);

    cmd->conf = conf;
    cmd->kind = NGX_IMAGE_SHARED_NEWS;
    cmd->send = ngx_image_shared_catch_up_send;
    cmd->read = ngx_image_shared_catch_up_read;
    cmd->done = ngx_image_shared_catch_up_done;

    if (ngx_image_shared_begin(cmd, 0) != NGX_OK) {
        ngx_image_shared_catch_up_later(conf);
    }
}


static ngx_int_t
ngx_image_shared_catch_up_send(ngx_image_shared_command_t *cmd)
{
    ngx_image_shared_key_t  key;

    ngx_memzero(&key, sizeof(ngx_image_shared_key_t));
    key.kind = "invalidated";

    return ngx_image_shared_send(cmd, NGX_IMAGE_SHARED_INVALIDATED, 1, &key,
                                 0, NULL);
}


static ngx_int_t
ngx_image_shared_catch_up_read(ngx_image_shared_command_t *cmd,
    image_reply_t *reply)
{
    int64_t                   at;
    image_str_t               latest;
    ngx_image_shared_conf_t  *conf;

    conf = cmd->conf;

    if (!ngx_image_shared_is(reply, "ok", NGX_IMAGE_SHARED_LATEST + 1)) {
        ngx_image_shared_malformed(conf, NULL, "the answer");
        return NGX_DECLINED;
    }

    if (ngx_image_shared_fields(conf, reply, NGX_IMAGE_SHARED_LATEST, &latest,
                                1)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    at = image_record_number(&latest);

    if (at < 0 || at > cmd->now) {
        ngx_image_shared_malformed(conf, NULL, "the time");
        return NGX_DECLINED;
    }

    ngx_image_zone_invalidated(conf->zone, at, 0);

    conf->in_step = 1;

    return NGX_OK;
}


static void
ngx_image_shared_catch_up_done(ngx_image_shared_command_t *cmd, ngx_int_t rc,
    image_reply_t *reply)
{
    if (rc != NGX_OK) {
        ngx_image_shared_catch_up_later(cmd->conf);
    }
}


static void
ngx_image_shared_catch_up_later(ngx_image_shared_conf_t *conf)
{
    if (!conf->again.timer_set) {
        ngx_add_timer(&conf->again, NGX_IMAGE_SHARED_AGAIN);
    }
}


static void
ngx_image_shared_again_handler(ngx_event_t *ev)
{
    ngx_image_shared_conf_t  *conf;

    conf = ev->data;

    ngx_log_debug0(NGX_LOG_DEBUG_CORE, ev->log, 0,
                   "image shared again handler");

    /* not connected: the next subscription does it */

    if (!conf->in_step && ngx_image_shared_listens(conf)) {
        ngx_image_shared_catch_up(conf);
    }
}
