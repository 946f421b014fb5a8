/*
 * Redis' time, for the windows of tag keys (ngx_image_shared.h).  All answers
 * have it; but where what is known is enough, or nobody is to be asked, no
 * question is sent, and then it is asked for by itself.
 */

#include <ngx_image_shared_command.h>


/* how often, milliseconds: twice that is as old as what is known gets, which is
 * less than IMAGE_WINDOW_ANSWERED, and windows that are not longer may not be
 * read */
#define NGX_IMAGE_SHARED_TICK  1000


static ngx_int_t ngx_image_shared_time_send(ngx_image_shared_command_t *cmd);
static ngx_int_t ngx_image_shared_time_read(ngx_image_shared_command_t *cmd,
    image_reply_t *reply);
static void ngx_image_shared_time_done(ngx_image_shared_command_t *cmd,
    ngx_int_t rc, image_reply_t *reply);
static void ngx_image_shared_tick_handler(ngx_event_t *ev);


/* the first time comes with the subscription's first answer */

void
ngx_image_shared_time_init(ngx_image_shared_conf_t *conf, ngx_cycle_t *cycle)
{
    conf->tick.handler = ngx_image_shared_tick_handler;
    conf->tick.data = conf;
    conf->tick.log = cycle->log;
    conf->tick.cancelable = 1;

    ngx_add_timer(&conf->tick, NGX_IMAGE_SHARED_TICK);
}


void
ngx_image_shared_time_exit(ngx_image_shared_conf_t *conf)
{
    if (conf->tick.timer_set) {
        ngx_del_timer(&conf->tick);
    }
}


void
ngx_image_shared_time(ngx_image_shared_conf_t *conf)
{
    ngx_image_shared_command_t  *cmd;

    if (conf->asked
        || ngx_image_zone_clock_asked(conf->zone, NGX_IMAGE_SHARED_TICK * 1000))
    {
        return;
    }

    cmd = &conf->time;

    cmd->conf = conf;
    cmd->kind = NGX_IMAGE_SHARED_QUIET;
    cmd->send = ngx_image_shared_time_send;
    cmd->read = ngx_image_shared_time_read;
    cmd->done = ngx_image_shared_time_done;

    conf->asked = (ngx_image_shared_begin(cmd, 0) == NGX_OK);

    if (!conf->asked) {
        ngx_image_zone_clock_away(conf->zone);
    }
}


static ngx_int_t
ngx_image_shared_time_send(ngx_image_shared_command_t *cmd)
{
    return ngx_image_shared_send(cmd, NGX_IMAGE_SHARED_TIME, 0, NULL, 0, NULL);
}


static ngx_int_t
ngx_image_shared_time_read(ngx_image_shared_command_t *cmd,
    image_reply_t *reply)
{
    if (!ngx_image_shared_is(reply, "ok", NGX_IMAGE_SHARED_MORE)) {
        ngx_image_shared_malformed(cmd->conf, NULL, "the answer");
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static void
ngx_image_shared_time_done(ngx_image_shared_command_t *cmd, ngx_int_t rc,
    image_reply_t *reply)
{
    ngx_image_shared_conf_t  *conf;

    conf = cmd->conf;
    conf->asked = 0;

    if (rc == NGX_DECLINED) {
        ngx_image_zone_clock_away(conf->zone);
    }
}


static void
ngx_image_shared_tick_handler(ngx_event_t *ev)
{
    ngx_image_shared_conf_t  *conf;

    conf = ev->data;

    ngx_log_debug0(NGX_LOG_DEBUG_CORE, ev->log, 0,
                   "image shared tick handler");

    /* an exiting worker lets its connection sleep, and others ask */

    if (ngx_exiting) {
        return;
    }

    ngx_image_shared_time(conf);

    ngx_add_timer(ev, NGX_IMAGE_SHARED_TICK);
}
