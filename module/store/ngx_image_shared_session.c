/*
 * Sessions of all hosts (ngx_image_shared.h, rule 13).
 */

#include <ngx_image_shared_command.h>


/* the places in the answer */

enum {
    NGX_IMAGE_SHARED_ENDS = NGX_IMAGE_SHARED_MORE,
    NGX_IMAGE_SHARED_INVALID,
    NGX_IMAGE_SHARED_BOUND,
    NGX_IMAGE_SHARED_VALUES = NGX_IMAGE_SHARED_BOUND
                              + IMAGE_RECORD_SESSION_FIELDS
};


static ngx_int_t ngx_image_shared_session_send(
    ngx_image_shared_command_t *cmd);
static ngx_int_t ngx_image_shared_session_read(
    ngx_image_shared_command_t *cmd, image_reply_t *reply);
static void ngx_image_shared_session_done(ngx_image_shared_command_t *cmd,
    ngx_int_t rc, image_reply_t *reply);
static void ngx_image_shared_session_about(ngx_image_shared_session_t *s,
    image_record_subject_t *about);


ngx_int_t
ngx_image_shared_session(ngx_image_shared_session_t *s)
{
    ngx_image_shared_command_t  *cmd;

    cmd = &s->command;

    cmd->conf = s->conf;
    cmd->kind = NGX_IMAGE_SHARED_READ;
    cmd->send = ngx_image_shared_session_send;
    cmd->read = ngx_image_shared_session_read;
    cmd->done = ngx_image_shared_session_done;
    cmd->data = s;

    return ngx_image_shared_begin(cmd, 0);
}


void
ngx_image_shared_session_cancel(ngx_image_shared_session_t *s)
{
    ngx_image_redis_cancel(&s->command.redis);
}


static ngx_int_t
ngx_image_shared_session_send(ngx_image_shared_command_t *cmd)
{
    u_char                       digest[IMAGE_DIGEST_TEXT];
    u_char                       text[NGX_INT64_LEN], mac[IMAGE_RECORD_MAC];
    ngx_str_t                    argv[5];
    image_str_t                  value;
    ngx_image_shared_key_t       keys[2];
    image_record_subject_t       about;
    ngx_image_shared_session_t  *s;

    s = cmd->data;

    keys[0].kind = "session:";
    keys[0].name = &s->session;
    keys[0].id = &s->subject->id;

    keys[1].kind = "invalid:";
    keys[1].name = &s->subject->reference;
    keys[1].id = NULL;

    argv[0] = s->subject->reference;
    argv[1] = s->subject->platform;
    argv[2].data = digest;
    argv[2].len = 0;

    if (s->digest.algorithm != IMAGE_DIGEST_NONE) {
        argv[2].len = image_digest_format(&s->digest, digest);
    }

    /* by Redis' clock, as it was when nothing was known; never too late */

    s->at = ngx_max(s->now + (s->command.sent.boot - s->received) - s->age, 1);

    ngx_image_shared_decimal(&argv[3], text, s->at);

    argv[4].data = mac;
    argv[4].len = 0;

    if (argv[2].len && s->conf->secret.len) {
        ngx_image_shared_session_about(s, &about);

        value.data = digest;
        value.len = argv[2].len;

        if (image_record_mac(mac, &about, IMAGE_RECORD_SESSION, &value,
                             s->at, s->at)
            != 0)
        {
            return NGX_DECLINED;
        }

        argv[4].len = IMAGE_RECORD_MAC;
    }

    return ngx_image_shared_send(cmd, NGX_IMAGE_SHARED_SESSION, 2, keys, 5,
                                 argv);
}


static ngx_int_t
ngx_image_shared_session_read(ngx_image_shared_command_t *cmd,
    image_reply_t *reply)
{
    int64_t                      at, ends, invalid;
    ngx_flag_t                   fresh;
    const char                  *error;
    image_str_t                  fields[NGX_IMAGE_SHARED_VALUES];
    image_moment_t               received;
    ngx_image_session_t         *bound;
    image_record_subject_t       about;
    ngx_image_shared_session_t  *s;

    s = cmd->data;

    /* it can be bound now only where it was to be */

    fresh = (s->digest.algorithm != IMAGE_DIGEST_NONE
             && ngx_image_shared_is(reply, "bound", NGX_IMAGE_SHARED_VALUES));

    if (!fresh && !ngx_image_shared_is(reply, "ok", NGX_IMAGE_SHARED_VALUES)) {
        ngx_image_shared_malformed(s->conf, NULL, "the answer");
        return NGX_DECLINED;
    }

    if (ngx_image_shared_fields(s->conf, reply, 0, fields,
                                NGX_IMAGE_SHARED_VALUES)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    ends = image_record_number(&fields[NGX_IMAGE_SHARED_ENDS]);
    invalid = image_record_number(&fields[NGX_IMAGE_SHARED_INVALID]);

    ngx_image_shared_session_about(s, &about);

    bound = &s->bound;
    s->fresh = fresh;

    error = image_record_read_session(&bound->digest, &at,
                                      &fields[NGX_IMAGE_SHARED_BOUND],
                                      &about);

    if (error == NULL && (ends < 0 || invalid < 0 || invalid > cmd->now)) {
        error = "the time";
    }

    /* it began with a digest that was within the retention, and has ended
     * that much later: somebody has kept it, or brought it back */

    if (error == NULL && bound->digest.algorithm != IMAGE_DIGEST_NONE
        && (cmd->now - at >= 2 * s->conf->retention
            || at - cmd->now >= s->conf->retention))
    {
        error = "digest_at";
    }

    /* it was to be the session's, so that there is something else, unless it
     * was invalidated meanwhile */

    if (error == NULL
        && s->digest.algorithm != IMAGE_DIGEST_NONE
        && bound->digest.algorithm == IMAGE_DIGEST_NONE
        && s->at > invalid)
    {
        error = "digest";
    }

    if (error) {

        /* whatever it was, another digest could be another than it was */

        ngx_image_shared_malformed(s->conf, &s->subject->reference, error);
        return NGX_DECLINED;
    }

    ngx_image_now(&received);

    s->now = cmd->now;
    s->received = received.boot;

    if (invalid) {
        ngx_image_zone_invalidate(s->conf->zone, &s->subject->reference,
                                  invalid,
                                  received.boot - (cmd->now - invalid));
    }

    ends = ngx_min(ends, s->conf->retention / 1000);

    bound->until = s->command.sent.boot + ends * 1000;
    bound->at.boot = s->command.sent.boot - (cmd->now - at);
    bound->at.wall = s->command.sent.wall - (cmd->now - at);

    return NGX_OK;
}


static void
ngx_image_shared_session_done(ngx_image_shared_command_t *cmd, ngx_int_t rc,
    image_reply_t *reply)
{
    ngx_image_shared_session_t  *s;

    s = cmd->data;
    s->rc = rc;

    s->handler(s);
}


static void
ngx_image_shared_session_about(ngx_image_shared_session_t *s,
    image_record_subject_t *about)
{
    ngx_image_shared_subject(s->conf, s->subject, about);

    about->session.data = s->session.data;
    about->session.len = s->session.len;
}
