/*
 * Lookup or lease (ngx_image_shared.h): what all hosts know of an image, and
 * who of them is to ask for it.
 */

#include <ngx_image_shared_command.h>


/* the places in the answer */

enum {
    NGX_IMAGE_SHARED_FLOOR = NGX_IMAGE_SHARED_MORE,
    NGX_IMAGE_SHARED_INVALID,
    NGX_IMAGE_SHARED_LEASED,
    NGX_IMAGE_SHARED_LEFT,
    NGX_IMAGE_SHARED_RECORD,
    NGX_IMAGE_SHARED_LIMITED = NGX_IMAGE_SHARED_RECORD + IMAGE_RECORD_FIELDS,
    NGX_IMAGE_SHARED_VALUES = NGX_IMAGE_SHARED_LIMITED
                              + IMAGE_RECORD_LIMIT_FIELDS
};


static ngx_int_t ngx_image_shared_lookup_send(
    ngx_image_shared_command_t *cmd);
static ngx_int_t ngx_image_shared_lookup_read(
    ngx_image_shared_command_t *cmd, image_reply_t *reply);
static void ngx_image_shared_lookup_done(ngx_image_shared_command_t *cmd,
    ngx_int_t rc, image_reply_t *reply);
static ngx_int_t ngx_image_shared_lease(image_str_t *word,
    ngx_image_lease_e *lease);
static void ngx_image_shared_moment(ngx_image_shared_op_t *op, int64_t at,
    image_moment_t *moment);


ngx_int_t
ngx_image_shared_lookup(ngx_image_shared_op_t *op)
{
    ngx_image_shared_command_t  *cmd;

    cmd = &op->command;

    cmd->conf = op->conf;
    cmd->kind = NGX_IMAGE_SHARED_READ;
    cmd->send = ngx_image_shared_lookup_send;
    cmd->read = ngx_image_shared_lookup_read;
    cmd->done = ngx_image_shared_lookup_done;
    cmd->data = op;

    return ngx_image_shared_begin(cmd, 0);
}


void
ngx_image_shared_cancel(ngx_image_shared_op_t *op)
{
    ngx_image_redis_cancel(&op->command.redis);
}


static ngx_int_t
ngx_image_shared_lookup_send(ngx_image_shared_command_t *cmd)
{
    u_char                   want[NGX_INT64_LEN], failure[NGX_INT64_LEN];
    u_char                   lease[NGX_INT64_LEN];
    ngx_str_t                argv[4];
    ngx_image_subject_t     *subject;
    ngx_image_shared_op_t   *op;
    ngx_image_shared_key_t   keys[4];

    op = cmd->data;
    subject = op->subject;

    keys[0].kind = "image:";
    keys[0].name = &subject->reference;
    keys[0].id = &subject->id;

    keys[1].kind = "registry:";
    keys[1].name = &subject->registry;
    keys[1].id = &subject->limit_id;

    keys[2].kind = "invalid:";
    keys[2].name = &subject->reference;
    keys[2].id = NULL;

    keys[3].kind = "lease:";
    keys[3].name = &subject->reference;
    keys[3].id = &subject->id;

    ngx_image_shared_decimal(&argv[0], want, op->want);
    ngx_image_shared_decimal(&argv[1], failure, op->want_failure);
    argv[2] = op->token;
    ngx_image_shared_decimal(&argv[3], lease, NGX_IMAGE_SHARED_LEASE);

    return ngx_image_shared_send(cmd, NGX_IMAGE_SHARED_LOOKUP, 4, keys, 4,
                                 argv);
}


/* an answer in time and in form: what of it is known */

static ngx_int_t
ngx_image_shared_lookup_read(ngx_image_shared_command_t *cmd,
    image_reply_t *reply)
{
    int64_t                  at, left;
    const char              *error;
    image_str_t              fields[NGX_IMAGE_SHARED_VALUES];
    image_moment_t           received;
    image_record_t           record;
    image_record_clock_t     clock;
    image_observation_t     *o;
    ngx_image_shared_op_t   *op;
    image_record_subject_t   subject;

    op = cmd->data;

    if (!ngx_image_shared_is(reply, "ok", NGX_IMAGE_SHARED_VALUES)) {
        ngx_image_shared_malformed(op->conf, NULL, "the answer");
        return NGX_DECLINED;
    }

    if (ngx_image_shared_fields(op->conf, reply, 0, fields,
                                NGX_IMAGE_SHARED_VALUES)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    clock.now = cmd->now;
    clock.floor = image_record_number(&fields[NGX_IMAGE_SHARED_FLOOR]);
    clock.invalid = image_record_number(&fields[NGX_IMAGE_SHARED_INVALID]);
    clock.keep = op->conf->retention;

    left = image_record_number(&fields[NGX_IMAGE_SHARED_LEFT]);

    if (clock.floor < 0 || clock.floor > clock.now
        || left < 0 || clock.invalid < 0 || clock.invalid > clock.now
        || ngx_image_shared_lease(&fields[NGX_IMAGE_SHARED_LEASED],
                                  &op->lease)
           != NGX_OK)
    {
        ngx_image_shared_malformed(op->conf, NULL, "the time");
        return NGX_DECLINED;
    }

    op->now = clock.now;
    op->left = ngx_min(left, NGX_IMAGE_SHARED_LEASE);

    ngx_image_now(&received);

    o = &op->observation;
    ngx_memzero(o, sizeof(image_observation_t));
    ngx_memzero(&op->run, sizeof(ngx_image_run_t));

    ngx_image_shared_subject(op->conf, op->subject, &subject);

    error = image_record_read(&record, &fields[NGX_IMAGE_SHARED_RECORD],
                              &subject, &clock);
    if (error) {
        ngx_image_shared_malformed(op->conf, &op->subject->reference, error);
    }

    if (record.digest.algorithm != IMAGE_DIGEST_NONE) {
        o->digest = record.digest;
        o->held = record.at - record.since;
        ngx_image_shared_moment(op, record.at, &o->digest_at);

        op->run.digest = record.digest;
        op->run.at = record.at;
        op->run.since = record.since;
    }

    if (record.failure != IMAGE_OK) {
        o->failure = record.failure;
        ngx_image_shared_moment(op, record.failure_at, &o->failure_at);
    }

    ngx_image_shared_subject_limit(op->conf, op->subject, &subject);

    error = image_record_read_limit(&at, &op->limited_for,
                                    &fields[NGX_IMAGE_SHARED_LIMITED],
                                    &subject, &clock);
    if (error) {
        ngx_image_shared_malformed(op->conf, &op->subject->registry, error);
    }

    if (op->limited_for) {
        ngx_image_shared_moment(op, at, &op->limited_at);
    }

    /* rule 12, for what this host has kept, where it missed the news; not
     * earlier than it was */

    if (clock.invalid) {
        ngx_image_zone_invalidate(op->conf->zone, &op->subject->reference,
                                  clock.invalid,
                                  received.boot - (op->now - clock.invalid));
    }

    return NGX_OK;
}


static void
ngx_image_shared_lookup_done(ngx_image_shared_command_t *cmd, ngx_int_t rc,
    image_reply_t *reply)
{
    ngx_image_shared_op_t  *op;

    op = cmd->data;
    op->rc = rc;

    /* it may have been given, in whatever form that is said; not in an error */

    if (rc == NGX_DECLINED && (reply == NULL || reply->array)) {
        op->lease = NGX_IMAGE_LEASE_UNKNOWN;
    }

    op->handler(op);
}


static ngx_int_t
ngx_image_shared_lease(image_str_t *word, ngx_image_lease_e *lease)
{
    ngx_uint_t  n;

    /* by ngx_image_lease_e */

    static const image_str_t  words[] = {
        image_str("none"), image_str("ours"), image_str("theirs")
    };

    for (n = 0; n < sizeof(words) / sizeof(words[0]); n++) {

        if (words[n].len == word->len
            && ngx_memcmp(words[n].data, word->data, word->len) == 0)
        {
            *lease = n;
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


/*
 * A moment of redis' clock on the clocks of this host.  Redis read its clock
 * after the lookup was sent, so this is never later than it was, and nothing
 * is younger here than it is (rule 6).
 */

static void
ngx_image_shared_moment(ngx_image_shared_op_t *op, int64_t at,
    image_moment_t *moment)
{
    moment->boot = op->command.sent.boot - (op->now - at);
    moment->wall = op->command.sent.wall - (op->now - at);
}
