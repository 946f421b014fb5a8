/*
 * What of Redis' answers is believed (ngx_image_shared.h), and what the log
 * is told of the rest.
 *
 * Whatever does not validate is a miss (rule 10): a record is read as if
 * anybody could have written it.
 */

#include <ngx_image_shared_answer.h>


/* no moment is later: what a Lua number holds exactly */
#define NGX_IMAGE_SHARED_TIME_MAX   ((int64_t) 1 << 53)

/* a malformed record is said at most once in so many seconds */
#define NGX_IMAGE_SHARED_SAY        60


/* the places in the answer of a lookup */

enum {
    NGX_IMAGE_SHARED_WORD = 0,
    NGX_IMAGE_SHARED_SERIAL,
    NGX_IMAGE_SHARED_NOW,
    NGX_IMAGE_SHARED_FLOOR,

    NGX_IMAGE_SHARED_VERSION,
    NGX_IMAGE_SHARED_REFERENCE,
    NGX_IMAGE_SHARED_PLATFORM,
    NGX_IMAGE_SHARED_DIGEST,
    NGX_IMAGE_SHARED_DIGEST_AT,
    NGX_IMAGE_SHARED_DIGEST_SINCE,
    NGX_IMAGE_SHARED_FAILURE,
    NGX_IMAGE_SHARED_FAILURE_AT,

    NGX_IMAGE_SHARED_LIMIT_VERSION,
    NGX_IMAGE_SHARED_REGISTRY,
    NGX_IMAGE_SHARED_LIMITED_AT,
    NGX_IMAGE_SHARED_LIMITED_UNTIL,

    NGX_IMAGE_SHARED_VALUES,

    /* of the answer "behind" */
    NGX_IMAGE_SHARED_SEEN = NGX_IMAGE_SHARED_NOW + 1
};


static void ngx_image_shared_behind(ngx_image_shared_conf_t *conf,
    ngx_image_redis_reply_t *reply);
static void ngx_image_shared_refused(ngx_image_shared_conf_t *conf,
    ngx_uint_t kind, image_str_t *error);
static void ngx_image_shared_malformed(ngx_image_shared_conf_t *conf,
    ngx_str_t *name, const char *what);
static const char *ngx_image_shared_read_record(ngx_image_shared_op_t *op,
    ngx_image_redis_value_t *v);
static const char *ngx_image_shared_read_digest(ngx_image_shared_op_t *op,
    ngx_image_redis_value_t *v);
static const char *ngx_image_shared_read_failure(ngx_image_shared_op_t *op,
    ngx_image_redis_value_t *v);
static const char *ngx_image_shared_read_limit(ngx_image_shared_op_t *op,
    ngx_image_redis_value_t *v);
static ngx_flag_t ngx_image_shared_is_void(ngx_image_shared_op_t *op,
    ngx_image_redis_value_t *v, int64_t at);
static void ngx_image_shared_moment(ngx_image_shared_op_t *op, int64_t at,
    image_moment_t *moment);
static ngx_flag_t ngx_image_shared_is(ngx_image_redis_value_t *v,
    ngx_str_t *text);
static ngx_flag_t ngx_image_shared_is_nil(ngx_image_redis_value_t *v,
    ngx_uint_t n);
static int64_t ngx_image_shared_number(ngx_image_redis_value_t *v);


ngx_int_t
ngx_image_shared_check(ngx_image_shared_conf_t *conf, ngx_uint_t kind,
    ngx_uint_t serial, ngx_flag_t whole, ngx_image_redis_reply_t *reply)
{
    image_str_t              *text;
    ngx_image_redis_value_t  *v;

    static ngx_str_t  behind = ngx_string("behind");

    if (reply == NULL) {

        /* the connection has its own words for that */

        return NGX_DECLINED;
    }

    v = reply->values;
    text = &v[0].text;

    if (!reply->array && v[0].type == NGX_IMAGE_REDIS_ERROR) {

        if (!whole && text->len >= 8
            && ngx_strncmp(text->data, "NOSCRIPT", 8) == 0)
        {
            return NGX_AGAIN;
        }

        ngx_image_shared_refused(conf, kind, text);

        return NGX_DECLINED;
    }

    /* another's answer has another number: it must not be believed */

    if (!reply->array
        || reply->nvalues <= NGX_IMAGE_SHARED_NOW
        || v[NGX_IMAGE_SHARED_WORD].type != NGX_IMAGE_REDIS_STRING
        || ngx_image_shared_number(&v[NGX_IMAGE_SHARED_SERIAL])
           != (int64_t) serial)
    {
        ngx_image_shared_malformed(conf, NULL, "the answer");
        return NGX_DECLINED;
    }

    if (ngx_image_shared_is(&v[NGX_IMAGE_SHARED_WORD], &behind)) {
        ngx_image_shared_behind(conf, reply);
        return NGX_DECLINED;
    }

    if (conf->clock_behind) {
        conf->clock_behind = 0;

        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "image digest: the clock of redis \"%V\" has caught up, "
                      "it is used again", &conf->redis.name);
    }

    if (conf->refused & kind) {
        conf->refused &= ~kind;

        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "image digest: redis \"%V\" %s again",
                      &conf->redis.name,
                      kind == NGX_IMAGE_SHARED_READ ? "answers" : "stores");
    }

    return NGX_OK;
}


static void
ngx_image_shared_behind(ngx_image_shared_conf_t *conf,
    ngx_image_redis_reply_t *reply)
{
    int64_t  now, seen, behind;

    now = ngx_image_shared_number(&reply->values[NGX_IMAGE_SHARED_NOW]);

    seen = (reply->nvalues > NGX_IMAGE_SHARED_SEEN)
           ? ngx_image_shared_number(&reply->values[NGX_IMAGE_SHARED_SEEN])
           : -1;

    behind = (now > 0 && seen > now) ? seen - now : 0;

    if (conf->clock_behind) {
        return;
    }

    conf->clock_behind = 1;

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "image digest: the clock of redis \"%V\" is %L.%03L seconds "
                  "behind the highest time that it has had: nothing of it is "
                  "used until it has caught up, and what was stored before "
                  "never again; if the higher time was wrong, delete all keys "
                  "\"%V*\"",
                  &conf->redis.name, behind / NGX_IMAGE_SHARED_SECOND,
                  behind % NGX_IMAGE_SHARED_SECOND / 1000, &conf->prefix);
}


static void
ngx_image_shared_refused(ngx_image_shared_conf_t *conf, ngx_uint_t kind,
    image_str_t *error)
{
    u_char       ch, text[128];
    size_t       len;
    const char  *help;
    ngx_uint_t   n;

    static struct {
        const char  *prefix;
        const char  *help;
    } advice[] = {
        { "OOM", "raise its maxmemory, or let its maxmemory-policy evict" },
        { "READONLY", "the URL has to reach a primary" },
        { "NOPERM", "docs/redis.md has the ACL rule that is needed" },
        { "ERR The user executing the script",
          "docs/redis.md has the ACL rule that is needed" },
        { "NOAUTH", "it wants password= or password_file=" },
        { "LOADING", "it loads its data, wait for it" },
        { "BUSY", "a script of another client keeps it busy" },
        { "MISCONF", "it cannot persist its data, see its log" },
        { "CROSSSLOT", "in a cluster the prefix needs a {hash tag}" },
        { "MOVED", "in a cluster the URL has to reach the primary of the "
                   "prefix's slot" },
        { "", NULL }
    };

    if (conf->refused & kind) {
        return;
    }

    conf->refused |= kind;

    for (n = 0; advice[n].help; n++) {
        len = ngx_strlen(advice[n].prefix);

        if (error->len >= len
            && ngx_strncmp(error->data, advice[n].prefix, len) == 0)
        {
            break;
        }
    }

    help = advice[n].help ? advice[n].help : "see the log of the server";

    for (len = 0; len < error->len && len < sizeof(text); len++) {
        ch = error->data[len];
        text[len] = (ch < 0x20 || ch > 0x7e) ? '?' : ch;
    }

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "image digest: redis \"%V\" refuses to %s: \"%*s\", nothing "
                  "is shared until it does: %s",
                  &conf->redis.name,
                  kind == NGX_IMAGE_SHARED_READ ? "answer" : "store",
                  len, text, help);
}


static void
ngx_image_shared_malformed(ngx_image_shared_conf_t *conf, ngx_str_t *name,
    const char *what)
{
    time_t  now;

    now = ngx_time();

    if (conf->malformed && now - conf->malformed < NGX_IMAGE_SHARED_SAY) {
        return;
    }

    conf->malformed = now;

    if (name == NULL) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "image digest: malformed answer of redis \"%V\", it "
                      "counts as a miss: %s", &conf->redis.name, what);
        return;
    }

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "image digest: malformed record of \"%V\" in redis \"%V\", "
                  "it counts as a miss: %s", name, &conf->redis.name, what);
}


/* an answer in time and in form: what of it is known */

ngx_int_t
ngx_image_shared_read(ngx_image_shared_op_t *op,
    ngx_image_redis_reply_t *reply)
{
    ngx_uint_t                i;
    const char               *error;
    image_moment_t            received;
    ngx_image_redis_value_t  *v;

    v = reply->values;

    ngx_memzero(&op->observation, sizeof(image_observation_t));
    op->limited_for = 0;

    if (reply->nvalues != NGX_IMAGE_SHARED_VALUES) {
        ngx_image_shared_malformed(op->conf, NULL, "the answer");
        return NGX_DECLINED;
    }

    for (i = 0; i < reply->nvalues; i++) {
        if (v[i].type != NGX_IMAGE_REDIS_STRING
            && v[i].type != NGX_IMAGE_REDIS_NIL)
        {
            ngx_image_shared_malformed(op->conf, NULL, "the answer");
            return NGX_DECLINED;
        }
    }

    op->now = ngx_image_shared_number(&v[NGX_IMAGE_SHARED_NOW]);

    if (op->now <= 0
        || ngx_image_shared_number(&v[NGX_IMAGE_SHARED_FLOOR]) < 0)
    {
        ngx_image_shared_malformed(op->conf, NULL, "the time");
        return NGX_DECLINED;
    }

    ngx_image_now(&received);

    ngx_image_zone_set_shared_clock(op->conf->zone, op->now, op->sent.boot,
                                    received.boot);

    error = ngx_image_shared_read_record(op, v);

    if (error) {
        ngx_image_shared_malformed(op->conf, &op->subject->reference, error);
    }

    error = ngx_image_shared_read_limit(op, v);

    if (error) {
        ngx_image_shared_malformed(op->conf, &op->subject->registry, error);
    }

    return NGX_OK;
}


/* these return NULL, or what is wrong: that is then a miss */

static const char *
ngx_image_shared_read_record(ngx_image_shared_op_t *op,
    ngx_image_redis_value_t *v)
{
    const char  *digest, *failure;

    static ngx_str_t  version = ngx_string("1");

    if (ngx_image_shared_is_nil(&v[NGX_IMAGE_SHARED_VERSION],
                                NGX_IMAGE_SHARED_FAILURE_AT
                                - NGX_IMAGE_SHARED_VERSION + 1))
    {
        return NULL;
    }

    if (!ngx_image_shared_is(&v[NGX_IMAGE_SHARED_VERSION], &version)) {
        return "version";
    }

    if (!ngx_image_shared_is(&v[NGX_IMAGE_SHARED_REFERENCE],
                             &op->subject->reference))
    {
        return "reference";
    }

    if (!ngx_image_shared_is(&v[NGX_IMAGE_SHARED_PLATFORM],
                             &op->subject->platform))
    {
        return "platform";
    }

    digest = ngx_image_shared_read_digest(op, v);
    failure = ngx_image_shared_read_failure(op, v);

    return digest ? digest : failure;
}


static const char *
ngx_image_shared_read_digest(ngx_image_shared_op_t *op,
    ngx_image_redis_value_t *v)
{
    int64_t               at, since;
    image_str_t          *text;
    image_digest_t        digest;
    image_observation_t  *o;

    if (ngx_image_shared_is_nil(&v[NGX_IMAGE_SHARED_DIGEST], 3)) {
        return NULL;
    }

    text = &v[NGX_IMAGE_SHARED_DIGEST].text;
    at = ngx_image_shared_number(&v[NGX_IMAGE_SHARED_DIGEST_AT]);
    since = ngx_image_shared_number(&v[NGX_IMAGE_SHARED_DIGEST_SINCE]);

    if (image_digest_parse(&digest, text->data, text->len) != 0) {
        return "digest";
    }

    if (at <= 0) {
        return "digest_at";
    }

    if (since <= 0 || since > at) {
        return "digest_since";
    }

    if (ngx_image_shared_is_void(op, v, at)) {
        return NULL;
    }

    o = &op->observation;

    o->digest = digest;
    o->held = at - since;
    ngx_image_shared_moment(op, at, &o->digest_at);

    return NULL;
}


static const char *
ngx_image_shared_read_failure(ngx_image_shared_op_t *op,
    ngx_image_redis_value_t *v)
{
    int64_t               at;
    image_str_t          *text;
    image_reason_e        reason;
    image_observation_t  *o;

    if (ngx_image_shared_is_nil(&v[NGX_IMAGE_SHARED_FAILURE], 2)) {
        return NULL;
    }

    text = &v[NGX_IMAGE_SHARED_FAILURE].text;
    at = ngx_image_shared_number(&v[NGX_IMAGE_SHARED_FAILURE_AT]);
    reason = image_reason_parse(text->data, text->len);

    /* rule 4: only what is true for all hosts */

    if (reason == IMAGE_OK || !image_reason_shared(reason)) {
        return "failure";
    }

    if (at <= 0) {
        return "failure_at";
    }

    if (ngx_image_shared_is_void(op, v, at)) {
        return NULL;
    }

    o = &op->observation;

    o->failure = reason;
    ngx_image_shared_moment(op, at, &o->failure_at);

    return NULL;
}


static const char *
ngx_image_shared_read_limit(ngx_image_shared_op_t *op,
    ngx_image_redis_value_t *v)
{
    int64_t  at, until;

    static ngx_str_t  version = ngx_string("1");

    if (ngx_image_shared_is_nil(&v[NGX_IMAGE_SHARED_LIMIT_VERSION], 4)) {
        return NULL;
    }

    if (!ngx_image_shared_is(&v[NGX_IMAGE_SHARED_LIMIT_VERSION], &version)) {
        return "version";
    }

    if (!ngx_image_shared_is(&v[NGX_IMAGE_SHARED_REGISTRY],
                             &op->subject->registry))
    {
        return "registry";
    }

    at = ngx_image_shared_number(&v[NGX_IMAGE_SHARED_LIMITED_AT]);
    until = ngx_image_shared_number(&v[NGX_IMAGE_SHARED_LIMITED_UNTIL]);

    if (at <= 0) {
        return "limited_at";
    }

    if (until <= at || until - at > IMAGE_LIMIT_MAX) {
        return "limited_until";
    }

    if (ngx_image_shared_is_void(op, v, at) || until <= op->now) {
        return NULL;
    }

    ngx_image_shared_moment(op, at, &op->limited_at);
    op->limited_for = until - at;

    return NULL;
}


/*
 * Rule 6: a moment that says nothing.  It is in the future, or from before
 * the last time that the clock fell behind, or older than anything is kept.
 */

static ngx_flag_t
ngx_image_shared_is_void(ngx_image_shared_op_t *op,
    ngx_image_redis_value_t *v, int64_t at)
{
    return at > op->now
           || at <= ngx_image_shared_number(&v[NGX_IMAGE_SHARED_FLOOR])
           || op->now - at >= op->conf->retention;
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
    moment->boot = op->sent.boot - (op->now - at);
    moment->wall = op->sent.wall - (op->now - at);
}


static ngx_flag_t
ngx_image_shared_is(ngx_image_redis_value_t *v, ngx_str_t *text)
{
    return v->type == NGX_IMAGE_REDIS_STRING
           && v->text.len == text->len
           && ngx_memcmp(v->text.data, text->data, text->len) == 0;
}


static ngx_flag_t
ngx_image_shared_is_nil(ngx_image_redis_value_t *v, ngx_uint_t n)
{
    while (n--) {
        if (v[n].type != NGX_IMAGE_REDIS_NIL) {
            return 0;
        }
    }

    return 1;
}


/* a decimal number without a sign, or -1 */

static int64_t
ngx_image_shared_number(ngx_image_redis_value_t *v)
{
    int64_t  n;

    if (v->type != NGX_IMAGE_REDIS_STRING) {
        return -1;
    }

    n = ngx_atoof((u_char *) v->text.data, v->text.len);

    return (n >= 0 && n < NGX_IMAGE_SHARED_TIME_MAX) ? n : -1;
}
