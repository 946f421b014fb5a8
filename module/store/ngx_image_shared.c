/*
 * The mapping of all hosts (ngx_image_shared.h): what is asked of Redis, and
 * what of its answers is believed.
 *
 * It may use net/'s Redis connection, core/, and the zone, which it tells
 * Redis' time.  Whatever does not validate is a miss (rule 10): a record is
 * read as if anybody could have written it.
 */

#include <ngx_image_shared.h>
#include <ngx_image_shared_scripts.h>

#include <ngx_sha1.h>


#define NGX_IMAGE_SHARED_SHA1       40
#define NGX_IMAGE_SHARED_SECOND     ((int64_t) 1000000)

/* a rate limit ends after this at the latest (rule 4) */
#define NGX_IMAGE_SHARED_LIMIT_MAX  (300 * NGX_IMAGE_SHARED_SECOND)

/* no moment is later: what a Lua number holds exactly */
#define NGX_IMAGE_SHARED_TIME_MAX   ((int64_t) 1 << 53)

/* a malformed record is said at most once in so many seconds */
#define NGX_IMAGE_SHARED_SAY        60

/* bits of conf->refused */
#define NGX_IMAGE_SHARED_READ       1
#define NGX_IMAGE_SHARED_WRITE      2


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


typedef struct {
    ngx_str_t                   text;
    u_char                      sha1[NGX_IMAGE_SHARED_SHA1];
    ngx_flag_t                  hashed;
} ngx_image_shared_script_t;


/* of one store; it owns its strings, and ends with its handler */

typedef struct {
    ngx_image_redis_command_t   command;
    ngx_image_shared_conf_t    *conf;
    ngx_image_subject_t         subject;
    ngx_image_shared_record_t   record;
    ngx_uint_t                  serial;
    unsigned                    whole:1;       /* sent as EVAL */
} ngx_image_shared_store_t;


static ngx_int_t ngx_image_shared_lookup_send(ngx_image_shared_op_t *op);
static void ngx_image_shared_lookup_handler(ngx_image_redis_command_t *cmd,
    ngx_image_redis_reply_t *reply);
static ngx_int_t ngx_image_shared_read(ngx_image_shared_op_t *op,
    ngx_image_redis_reply_t *reply);
static const char *ngx_image_shared_read_record(ngx_image_shared_op_t *op,
    ngx_image_redis_value_t *v);
static const char *ngx_image_shared_read_digest(ngx_image_shared_op_t *op,
    ngx_image_redis_value_t *v);
static const char *ngx_image_shared_read_failure(ngx_image_shared_op_t *op,
    ngx_image_redis_value_t *v);
static const char *ngx_image_shared_read_limit(ngx_image_shared_op_t *op,
    ngx_image_redis_value_t *v, image_moment_t *received);
static ngx_flag_t ngx_image_shared_is_void(ngx_image_shared_op_t *op,
    ngx_image_redis_value_t *v, int64_t at);
static void ngx_image_shared_moment(ngx_image_shared_op_t *op, int64_t at,
    image_moment_t *moment);

static ngx_int_t ngx_image_shared_store_send(ngx_image_shared_store_t *store);
static void ngx_image_shared_store_handler(ngx_image_redis_command_t *cmd,
    ngx_image_redis_reply_t *reply);

static ngx_int_t ngx_image_shared_send(ngx_image_shared_conf_t *conf,
    ngx_image_redis_command_t *cmd, ngx_image_shared_script_t *script,
    ngx_flag_t whole, ngx_uint_t serial, ngx_uint_t nkeys, ngx_uint_t argc,
    ngx_str_t *argv);
static void ngx_image_shared_hash(ngx_image_shared_script_t *script);
static u_char *ngx_image_shared_key(u_char *p, ngx_str_t *key,
    ngx_image_shared_conf_t *conf, const char *kind, ngx_str_t *name,
    ngx_image_id_t *id);
static size_t ngx_image_shared_key_size(ngx_image_shared_conf_t *conf,
    ngx_str_t *name);
static void ngx_image_shared_decimal(ngx_str_t *value, u_char *text,
    int64_t n);

static ngx_int_t ngx_image_shared_check(ngx_image_shared_conf_t *conf,
    ngx_uint_t kind, ngx_uint_t serial, ngx_image_redis_reply_t *reply);
static void ngx_image_shared_behind(ngx_image_shared_conf_t *conf,
    ngx_image_redis_reply_t *reply);
static void ngx_image_shared_refused(ngx_image_shared_conf_t *conf,
    ngx_uint_t kind, ngx_str_t *error);
static void ngx_image_shared_malformed(ngx_image_shared_conf_t *conf,
    ngx_str_t *name, const char *what);
static ngx_flag_t ngx_image_shared_is(ngx_image_redis_value_t *v,
    ngx_str_t *text);
static ngx_flag_t ngx_image_shared_is_nil(ngx_image_redis_value_t *v,
    ngx_uint_t n);
static int64_t ngx_image_shared_number(ngx_image_redis_value_t *v);


static ngx_image_shared_script_t  ngx_image_shared_lookup_script = {
    ngx_string(NGX_IMAGE_SHARED_LOOKUP_LUA), "", 0
};

static ngx_image_shared_script_t  ngx_image_shared_store_script = {
    ngx_string(NGX_IMAGE_SHARED_STORE_LUA), "", 0
};

static ngx_image_shared_script_t  ngx_image_shared_limit_script = {
    ngx_string(NGX_IMAGE_SHARED_LIMIT_LUA), "", 0
};


/* each command of this worker has another */

static ngx_uint_t  ngx_image_shared_serial;


ngx_int_t
ngx_image_shared_lookup(ngx_image_shared_op_t *op)
{
    op->command.handler = ngx_image_shared_lookup_handler;
    op->command.data = op;
    op->whole = 0;

    return ngx_image_shared_lookup_send(op);
}


void
ngx_image_shared_cancel(ngx_image_shared_op_t *op)
{
    ngx_image_redis_cancel(&op->command);
}


static ngx_int_t
ngx_image_shared_lookup_send(ngx_image_shared_op_t *op)
{
    size_t                    size;
    u_char                   *keys, *p;
    ngx_int_t                 rc;
    ngx_str_t                 argv[3];
    ngx_image_subject_t      *subject;
    ngx_image_shared_conf_t  *conf;

    conf = op->conf;
    subject = op->subject;

    size = ngx_image_shared_key_size(conf, &subject->reference)
           + ngx_image_shared_key_size(conf, &subject->registry)
           + ngx_image_shared_key_size(conf, NULL);

    keys = ngx_alloc(size, op->log);
    if (keys == NULL) {
        return NGX_DECLINED;
    }

    p = ngx_image_shared_key(keys, &argv[0], conf, "clock", NULL, NULL);
    p = ngx_image_shared_key(p, &argv[1], conf, "image:", &subject->reference,
                             &subject->id);
    (void) ngx_image_shared_key(p, &argv[2], conf, "registry:",
                                &subject->registry, &subject->limit_id);

    op->serial = ++ngx_image_shared_serial;

    /* before redis reads its clock, so that nothing becomes younger */

    ngx_image_now(&op->sent);

    rc = ngx_image_shared_send(conf, &op->command,
                               &ngx_image_shared_lookup_script, op->whole,
                               op->serial, 3, 3, argv);
    ngx_free(keys);

    return rc;
}


static void
ngx_image_shared_lookup_handler(ngx_image_redis_command_t *cmd,
    ngx_image_redis_reply_t *reply)
{
    ngx_image_shared_op_t  *op;

    op = cmd->data;

    ngx_log_debug1(NGX_LOG_DEBUG_CORE, op->log, 0,
                   "image shared lookup: %p", reply);

    op->rc = ngx_image_shared_check(op->conf, NGX_IMAGE_SHARED_READ,
                                    op->serial, reply);

    if (op->rc == NGX_AGAIN) {
        op->rc = NGX_DECLINED;

        if (!op->whole) {
            op->whole = 1;

            if (ngx_image_shared_lookup_send(op) == NGX_OK) {
                return;
            }
        }
    }

    if (op->rc == NGX_OK) {
        op->rc = ngx_image_shared_read(op, reply);
    }

    op->handler(op);
}


/* an answer in time and in form: what of it is known */

static ngx_int_t
ngx_image_shared_read(ngx_image_shared_op_t *op,
    ngx_image_redis_reply_t *reply)
{
    ngx_uint_t                i;
    const char               *error;
    image_moment_t            received;
    ngx_image_redis_value_t  *v;

    v = reply->values;

    ngx_memzero(&op->observation, sizeof(image_observation_t));
    op->limited_until = 0;

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

    error = ngx_image_shared_read_limit(op, v, &received);

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
    ngx_str_t            *text;
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
    ngx_str_t            *text;
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
    ngx_image_redis_value_t *v, image_moment_t *received)
{
    int64_t  at, until, latest;

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

    if (until <= at || until - at > NGX_IMAGE_SHARED_LIMIT_MAX) {
        return "limited_until";
    }

    if (ngx_image_shared_is_void(op, v, at) || until <= op->now) {
        return NULL;
    }

    until = op->sent.boot + (until - op->now);
    latest = received->boot + NGX_IMAGE_SHARED_LIMIT_MAX;

    op->limited_until = ngx_min(until, latest);

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


void
ngx_image_shared_store(ngx_image_shared_conf_t *conf,
    ngx_image_subject_t *subject, ngx_image_shared_record_t *record,
    ngx_log_t *log)
{
    u_char                    *p;
    ngx_image_subject_t       *copy;
    ngx_image_shared_store_t  *store;

    store = ngx_alloc(sizeof(ngx_image_shared_store_t)
                      + subject->reference.len + subject->platform.len
                      + subject->engine.len + subject->registry.len, log);
    if (store == NULL) {
        return;
    }

    ngx_memzero(store, sizeof(ngx_image_shared_store_t));

    store->command.handler = ngx_image_shared_store_handler;
    store->command.data = store;
    store->conf = conf;
    store->record = *record;
    store->subject = *subject;

    copy = &store->subject;
    p = (u_char *) store + sizeof(ngx_image_shared_store_t);

    copy->reference.data = p;
    p = ngx_cpymem(p, subject->reference.data, subject->reference.len);

    copy->platform.data = p;
    p = ngx_cpymem(p, subject->platform.data, subject->platform.len);

    copy->engine.data = p;
    p = ngx_cpymem(p, subject->engine.data, subject->engine.len);

    copy->registry.data = p;
    ngx_memcpy(p, subject->registry.data, subject->registry.len);

    if (ngx_image_shared_store_send(store) != NGX_OK) {
        ngx_free(store);
    }
}


static ngx_int_t
ngx_image_shared_store_send(ngx_image_shared_store_t *store)
{
    u_char                     *p, *keys;
    size_t                      size;
    u_char                      began[NGX_INT64_LEN], span[NGX_INT64_LEN];
    u_char                      digest[IMAGE_DIGEST_TEXT];
    ngx_int_t                   rc;
    ngx_str_t                   argv[8];
    ngx_uint_t                  argc;
    ngx_image_subject_t        *subject;
    ngx_image_shared_conf_t    *conf;
    ngx_image_shared_record_t  *record;
    ngx_image_shared_script_t  *script;

    conf = store->conf;
    subject = &store->subject;
    record = &store->record;

    size = ngx_max(subject->reference.len, subject->registry.len);

    keys = ngx_alloc(2 * ngx_image_shared_key_size(conf, NULL) + size,
                     ngx_cycle->log);
    if (keys == NULL) {
        return NGX_ERROR;
    }

    p = ngx_image_shared_key(keys, &argv[0], conf, "clock", NULL, NULL);

    argc = 2;

    if (record->failure == IMAGE_RATE_LIMITED) {
        script = &ngx_image_shared_limit_script;

        (void) ngx_image_shared_key(p, &argv[1], conf, "registry:",
                                    &subject->registry, &subject->limit_id);

        ngx_image_shared_decimal(&argv[argc++], began, record->began);
        ngx_image_shared_decimal(&argv[argc++], span,
                                 ngx_min(record->limited_for,
                                         NGX_IMAGE_SHARED_LIMIT_MAX));
        argv[argc++] = subject->registry;
        argv[argc++] = subject->engine;

    } else {
        script = &ngx_image_shared_store_script;

        (void) ngx_image_shared_key(p, &argv[1], conf, "image:",
                                    &subject->reference, &subject->id);

        if (record->failure) {
            ngx_str_set(&argv[argc], "failure");
            argc++;

        } else {
            ngx_str_set(&argv[argc], "digest");
            argc++;
        }

        ngx_image_shared_decimal(&argv[argc++], began, record->began);

        if (record->failure) {
            argv[argc].data = (u_char *) image_reason_name(record->failure);
            argv[argc].len = ngx_strlen(argv[argc].data);
            argc++;

        } else {
            argv[argc].data = digest;
            argv[argc].len = image_digest_format(&record->digest, digest);
            argc++;
        }

        argv[argc++] = subject->reference;
        argv[argc++] = subject->platform;
        argv[argc++] = subject->engine;
    }

    store->serial = ++ngx_image_shared_serial;

    rc = ngx_image_shared_send(conf, &store->command, script, store->whole,
                               store->serial, 2, argc, argv);
    ngx_free(keys);

    return rc;
}


static void
ngx_image_shared_store_handler(ngx_image_redis_command_t *cmd,
    ngx_image_redis_reply_t *reply)
{
    ngx_int_t                  rc;
    ngx_image_shared_store_t  *store;

    store = cmd->data;

    ngx_log_debug1(NGX_LOG_DEBUG_CORE, ngx_cycle->log, 0,
                   "image shared store: %p", reply);

    rc = ngx_image_shared_check(store->conf, NGX_IMAGE_SHARED_WRITE,
                                store->serial, reply);

    if (rc == NGX_AGAIN && !store->whole) {
        store->whole = 1;

        if (ngx_image_shared_store_send(store) == NGX_OK) {
            return;
        }
    }

    ngx_free(store);
}


/*
 * argv holds nkeys keys and then what is the script's own; between them go
 * what all scripts are given.  By its hash, or whole: a server that has not
 * seen a script since its start says NOSCRIPT.
 */

static ngx_int_t
ngx_image_shared_send(ngx_image_shared_conf_t *conf,
    ngx_image_redis_command_t *cmd, ngx_image_shared_script_t *script,
    ngx_flag_t whole, ngx_uint_t serial, ngx_uint_t nkeys, ngx_uint_t argc,
    ngx_str_t *argv)
{
    u_char      digit, token[NGX_INT64_LEN], keep[NGX_INT64_LEN];
    ngx_str_t   args[NGX_IMAGE_REDIS_ARGS];
    ngx_uint_t  i, n;

    if (conf->connection == NULL) {
        return NGX_DECLINED;
    }

    if (whole) {
        ngx_str_set(&args[0], "EVAL");
        args[1] = script->text;

    } else {
        ngx_image_shared_hash(script);

        ngx_str_set(&args[0], "EVALSHA");
        args[1].data = script->sha1;
        args[1].len = NGX_IMAGE_SHARED_SHA1;
    }

    digit = '0' + nkeys;
    args[2].data = &digit;
    args[2].len = 1;

    n = 3;

    for (i = 0; i < nkeys; i++) {
        args[n++] = argv[i];
    }

    ngx_image_shared_decimal(&args[n++], token, serial);
    ngx_image_shared_decimal(&args[n++], keep, conf->retention / 1000);

    while (i < argc) {
        args[n++] = argv[i++];
    }

    return ngx_image_redis_send(conf->connection, cmd, n, args);
}


static void
ngx_image_shared_hash(ngx_image_shared_script_t *script)
{
    u_char      hash[20];
    ngx_sha1_t  sha1;

    if (script->hashed) {
        return;
    }

    ngx_sha1_init(&sha1);
    ngx_sha1_update(&sha1, script->text.data, script->text.len);
    ngx_sha1_final(hash, &sha1);

    (void) ngx_hex_dump(script->sha1, hash, sizeof(hash));

    script->hashed = 1;
}


/* PREFIX kind, or PREFIX kind name "#" id */

static u_char *
ngx_image_shared_key(u_char *p, ngx_str_t *key, ngx_image_shared_conf_t *conf,
    const char *kind, ngx_str_t *name, ngx_image_id_t *id)
{
    key->data = p;

    p = ngx_cpymem(p, conf->prefix.data, conf->prefix.len);
    p = ngx_cpymem(p, kind, ngx_strlen(kind));

    if (name) {
        p = ngx_cpymem(p, name->data, name->len);
        *p++ = '#';
        p = ngx_hex_dump(p, id->hash, IMAGE_HASH);
    }

    key->len = p - key->data;

    return p;
}


static size_t
ngx_image_shared_key_size(ngx_image_shared_conf_t *conf, ngx_str_t *name)
{
    return conf->prefix.len + sizeof("registry:#") - 1 + 2 * IMAGE_HASH
           + (name ? name->len : 0);
}


static void
ngx_image_shared_decimal(ngx_str_t *value, u_char *text, int64_t n)
{
    value->data = text;
    value->len = ngx_sprintf(text, "%L", n) - text;
}


/*
 * What all answers have in common.  NGX_OK: a good one.  NGX_AGAIN: the
 * script has to be sent whole.  NGX_DECLINED: no good, and that is said.
 */

static ngx_int_t
ngx_image_shared_check(ngx_image_shared_conf_t *conf, ngx_uint_t kind,
    ngx_uint_t serial, ngx_image_redis_reply_t *reply)
{
    ngx_str_t                *text;
    ngx_image_redis_value_t  *v;

    static ngx_str_t  behind = ngx_string("behind");

    if (reply == NULL) {

        /* the connection has its own words for that */

        return NGX_DECLINED;
    }

    v = reply->values;
    text = &v[0].text;

    if (!reply->array && v[0].type == NGX_IMAGE_REDIS_ERROR) {

        if (text->len >= 8 && ngx_strncmp(text->data, "NOSCRIPT", 8) == 0) {
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
    ngx_str_t *error)
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

    n = ngx_atoof(v->text.data, v->text.len);

    return (n >= 0 && n < NGX_IMAGE_SHARED_TIME_MAX) ? n : -1;
}
