/*
 * Scripts out, and what all of their answers have in common
 * (ngx_image_shared.h).  Whatever does not validate is a miss (rule 10), and
 * the log is told once.
 */

#include <ngx_image_shared_command.h>
#include <ngx_image_shared_scripts.h>

#include <ngx_sha1.h>


/* the same is said at most once in so many seconds */
#define NGX_IMAGE_SHARED_SAY   60

/* in the answer "behind" */
#define NGX_IMAGE_SHARED_SEEN  NGX_IMAGE_SHARED_MORE


typedef struct {
    ngx_str_t     text;
    u_char        sha1[NGX_IMAGE_SHARED_SHA1];
    ngx_flag_t    hashed;
} ngx_image_shared_script_t;


static ngx_int_t ngx_image_shared_handler(ngx_image_redis_command_t *redis,
    image_reply_t *reply);
static ngx_int_t ngx_image_shared_check(ngx_image_shared_command_t *cmd,
    image_reply_t *reply);
static u_char *ngx_image_shared_key(u_char *p, ngx_str_t *text,
    ngx_image_shared_conf_t *conf, ngx_image_shared_key_t *key);
static void ngx_image_shared_hash(ngx_image_shared_script_t *script);
static ngx_int_t ngx_image_shared_sent(ngx_image_shared_command_t *cmd);
static ngx_int_t ngx_image_shared_clock(ngx_image_shared_command_t *cmd,
    image_reply_t *reply);
static void ngx_image_shared_behind(ngx_image_shared_conf_t *conf,
    int64_t behind);
static void ngx_image_shared_refused(ngx_image_shared_conf_t *conf,
    ngx_uint_t kind, image_str_t *error);
static ngx_flag_t ngx_image_shared_say(time_t *said);
static int64_t ngx_image_shared_number(image_reply_value_t *v);


/* by ngx_image_shared_script_e */

static ngx_image_shared_script_t  ngx_image_shared_scripts[] = {
    { ngx_string(NGX_IMAGE_SHARED_LOOKUP_LUA), "", 0 },
    { ngx_string(NGX_IMAGE_SHARED_STORE_LUA), "", 0 },
    { ngx_string(NGX_IMAGE_SHARED_LIMIT_LUA), "", 0 },
    { ngx_string(NGX_IMAGE_SHARED_RENEW_LUA), "", 0 },
    { ngx_string(NGX_IMAGE_SHARED_RELEASE_LUA), "", 0 },
    { ngx_string(NGX_IMAGE_SHARED_SESSION_LUA), "", 0 },
    { ngx_string(NGX_IMAGE_SHARED_INVALIDATED_LUA), "", 0 },
    { ngx_string(NGX_IMAGE_SHARED_TIME_LUA), "", 0 }
};


/* each command of this worker has another */

static ngx_uint_t  ngx_image_shared_serial;


ngx_int_t
ngx_image_shared_begin(ngx_image_shared_command_t *cmd, ngx_flag_t whole)
{
    cmd->redis.handler = ngx_image_shared_handler;
    cmd->redis.data = cmd;
    cmd->whole = whole;

    return ngx_image_shared_sent(cmd);
}


static ngx_int_t
ngx_image_shared_sent(ngx_image_shared_command_t *cmd)
{
    /* before redis reads its clock, so that nothing becomes younger */

    ngx_image_now(&cmd->sent);

    return cmd->send(cmd);
}


/*
 * By its hash, or whole: a server that has not seen a script since its start
 * says NOSCRIPT.  Before the keys of its own a script has the clock's.
 */

ngx_int_t
ngx_image_shared_send(ngx_image_shared_command_t *cmd,
    ngx_image_shared_script_e script, ngx_uint_t nkeys,
    ngx_image_shared_key_t *keys, ngx_uint_t argc, ngx_str_t *argv)
{
    u_char                     *text, *p;
    u_char                      digit, token[NGX_INT64_LEN];
    u_char                      keep[NGX_INT64_LEN], highest[NGX_INT64_LEN];
    size_t                      size;
    ngx_int_t                   rc;
    ngx_str_t                   args[NGX_IMAGE_REDIS_ARGS];
    ngx_uint_t                  i, n;
    ngx_image_shared_key_t      clock;
    ngx_image_shared_conf_t    *conf;
    ngx_image_shared_script_t  *s;

    conf = cmd->conf;

    if (conf->connection == NULL) {
        return NGX_DECLINED;
    }

    s = &ngx_image_shared_scripts[script];

    if (cmd->whole) {
        ngx_str_set(&args[0], "EVAL");
        args[1] = s->text;

    } else {
        ngx_image_shared_hash(s);

        ngx_str_set(&args[0], "EVALSHA");
        args[1].data = s->sha1;
        args[1].len = NGX_IMAGE_SHARED_SHA1;
    }

    digit = '0' + nkeys + 1;
    args[2].data = &digit;
    args[2].len = 1;

    size = conf->prefix.len + sizeof("clock") - 1;

    for (i = 0; i < nkeys; i++) {
        size += conf->prefix.len + ngx_strlen(keys[i].kind)
                + (keys[i].name ? keys[i].name->len : 0)
                + (keys[i].id ? 1 + 2 * IMAGE_HASH : 0);
    }

    text = ngx_alloc(size, ngx_cycle->log);
    if (text == NULL) {
        return NGX_DECLINED;
    }

    ngx_memzero(&clock, sizeof(ngx_image_shared_key_t));
    clock.kind = "clock";

    n = 3;

    p = ngx_image_shared_key(text, &args[n++], conf, &clock);

    for (i = 0; i < nkeys; i++) {
        p = ngx_image_shared_key(p, &args[n++], conf, &keys[i]);
    }

    cmd->serial = ++ngx_image_shared_serial;

    ngx_image_shared_decimal(&args[n++], token, cmd->serial);
    ngx_image_shared_decimal(&args[n++], keep, conf->retention / 1000);

    for (i = 0; i < argc; i++) {
        args[n++] = argv[i];
    }

    ngx_image_shared_decimal(&args[n++], highest,
                             ngx_image_zone_clock_highest(conf->zone));

    rc = ngx_image_redis_send(conf->connection, &cmd->redis, n, args);

    ngx_free(text);

    return rc;
}


static u_char *
ngx_image_shared_key(u_char *p, ngx_str_t *text,
    ngx_image_shared_conf_t *conf, ngx_image_shared_key_t *key)
{
    text->data = p;

    p = ngx_cpymem(p, conf->prefix.data, conf->prefix.len);
    p = ngx_cpymem(p, key->kind, ngx_strlen(key->kind));

    if (key->name) {
        p = ngx_cpymem(p, key->name->data, key->name->len);
    }

    if (key->id) {
        *p++ = '#';
        p = ngx_hex_dump(p, key->id->hash, IMAGE_HASH);
    }

    text->len = p - text->data;

    return p;
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


/* NGX_ERROR: the connection is out of step */

static ngx_int_t
ngx_image_shared_handler(ngx_image_redis_command_t *redis,
    image_reply_t *reply)
{
    ngx_int_t                    rc, step;
    ngx_image_shared_command_t  *cmd;

    cmd = redis->data;

    ngx_log_debug2(NGX_LOG_DEBUG_CORE, ngx_cycle->log, 0,
                   "image shared command %ui: %p", cmd->serial, reply);

    rc = ngx_image_shared_check(cmd, reply);

    if (rc == NGX_AGAIN) {
        cmd->whole = 1;

        if (ngx_image_shared_sent(cmd) == NGX_OK) {
            return NGX_OK;
        }

        rc = NGX_DECLINED;
    }

    step = (rc == NGX_ERROR) ? NGX_ERROR : NGX_OK;

    if (rc == NGX_OK) {
        rc = cmd->read(cmd, reply);
    }

    /* the time of an answer is good if all of it is */

    if (rc == NGX_OK || rc == NGX_BUSY) {
        ngx_image_zone_set_shared_clock(cmd->conf->zone, cmd->now, cmd->ahead,
                                        cmd->sent.boot);
    }

    cmd->done(cmd, rc == NGX_ERROR ? NGX_DECLINED : rc, reply);

    return step;
}


/*
 * What all answers have in common.  NGX_OK: a good one.  NGX_AGAIN: the
 * script was not sent whole, and has to be.  NGX_BUSY: there is nothing in it
 * but the time, as the clock is behind.  NGX_DECLINED: no good, and that is
 * said.  NGX_ERROR: it is another's.
 */

static ngx_int_t
ngx_image_shared_check(ngx_image_shared_command_t *cmd, image_reply_t *reply)
{
    ngx_int_t                 rc;
    image_str_t              *text;
    image_reply_value_t      *v;
    ngx_image_shared_conf_t  *conf;

    conf = cmd->conf;

    if (reply == NULL) {

        /*
         * the connection has its own words for that; a subscription to the
         * same server may not notice by itself
         */

        if (conf->subscription) {
            ngx_image_redis_renew(conf->subscription);
        }

        return NGX_DECLINED;
    }

    v = reply->values;
    text = &v[0].text;

    if (!reply->array && v[0].type == IMAGE_REPLY_ERROR) {

        if (!cmd->whole && text->len >= 8
            && ngx_strncmp(text->data, "NOSCRIPT", 8) == 0)
        {
            return NGX_AGAIN;
        }

        ngx_image_shared_refused(conf, cmd->kind, text);

        return NGX_DECLINED;
    }

    if (!reply->array
        || reply->nvalues < NGX_IMAGE_SHARED_MORE
        || v[NGX_IMAGE_SHARED_WORD].type != IMAGE_REPLY_STRING)
    {
        ngx_image_shared_malformed(conf, NULL, "the answer");
        return NGX_DECLINED;
    }

    /* what comes after it would be another's, too; the connection says it */

    if (ngx_image_shared_number(&v[NGX_IMAGE_SHARED_SERIAL])
        != (int64_t) cmd->serial)
    {
        return NGX_ERROR;
    }

    rc = ngx_image_shared_clock(cmd, reply);

    if (rc == NGX_BUSY) {
        return NGX_BUSY;
    }

    if (rc != NGX_OK) {
        ngx_image_shared_malformed(conf, NULL, "the time");
        return NGX_DECLINED;
    }

    if (conf->clock_behind) {
        conf->clock_behind = 0;

        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "image digest: the clock of redis \"%V\" has caught up, "
                      "it is used again", &conf->redis.name);
    }

    if (conf->refused & cmd->kind) {
        conf->refused &= ~cmd->kind;

        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "image digest: redis \"%V\" %s again",
                      &conf->redis.name,
                      cmd->kind == NGX_IMAGE_SHARED_WRITE ? "stores"
                                                          : "answers");
    }

    return NGX_OK;
}


/* each answer tells the time, for the windows of tag keys; NGX_BUSY: and that
 * it is behind, which is said */

static ngx_int_t
ngx_image_shared_clock(ngx_image_shared_command_t *cmd, image_reply_t *reply)
{
    int64_t  seen;

    cmd->now = ngx_image_shared_number(&reply->values[NGX_IMAGE_SHARED_NOW]);
    cmd->ahead = ngx_image_shared_number(
                                      &reply->values[NGX_IMAGE_SHARED_AHEAD]);

    if (cmd->now <= 0 || cmd->ahead < 0) {
        return NGX_DECLINED;
    }

    if (!ngx_image_shared_is(reply, "behind", NGX_IMAGE_SHARED_SEEN + 1)) {
        return cmd->ahead - cmd->now > NGX_IMAGE_SHARED_HIGHEST
               ? NGX_DECLINED : NGX_OK;
    }

    seen = ngx_image_shared_number(&reply->values[NGX_IMAGE_SHARED_SEEN]);

    if (seen <= cmd->now || cmd->ahead - seen > NGX_IMAGE_SHARED_HIGHEST) {
        return NGX_DECLINED;
    }

    ngx_image_shared_behind(cmd->conf, seen - cmd->now);

    return NGX_BUSY;
}


ngx_flag_t
ngx_image_shared_is(image_reply_t *reply, const char *word,
    ngx_uint_t nvalues)
{
    image_str_t  *text;

    text = &reply->values[NGX_IMAGE_SHARED_WORD].text;

    return reply->nvalues == nvalues
           && text->len == ngx_strlen(word)
           && ngx_memcmp(text->data, word, text->len) == 0;
}


static void
ngx_image_shared_behind(ngx_image_shared_conf_t *conf, int64_t behind)
{
    if (conf->clock_behind || !ngx_image_shared_say(&conf->said_behind)) {
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

    if (kind == NGX_IMAGE_SHARED_QUIET || (conf->refused & kind)
        || !ngx_image_shared_say(&conf->said_refused[kind]))
    {
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
                  kind == NGX_IMAGE_SHARED_WRITE ? "store" : "answer",
                  len, text, help);
}


void
ngx_image_shared_malformed(ngx_image_shared_conf_t *conf, ngx_str_t *name,
    const char *what)
{
    if (!ngx_image_shared_say(&conf->said_malformed)) {
        return;
    }

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
ngx_image_shared_say(time_t *said)
{
    time_t  now;

    now = ngx_time();

    if (*said && now - *said < NGX_IMAGE_SHARED_SAY) {
        return 0;
    }

    *said = now;

    return 1;
}


ngx_int_t
ngx_image_shared_fields(ngx_image_shared_conf_t *conf,
    image_reply_t *reply, ngx_uint_t from, image_str_t *fields,
    ngx_uint_t n)
{
    ngx_uint_t            i;
    image_reply_value_t  *v;

    if (reply->nvalues < from + n) {
        goto malformed;
    }

    v = &reply->values[from];

    for (i = 0; i < n; i++) {

        if (v[i].type == IMAGE_REPLY_NIL) {
            fields[i].data = NULL;
            fields[i].len = 0;

        } else if (v[i].type == IMAGE_REPLY_STRING) {
            fields[i] = v[i].text;

        } else {
            goto malformed;
        }
    }

    return NGX_OK;

malformed:

    ngx_image_shared_malformed(conf, NULL, "the answer");

    return NGX_DECLINED;
}


void
ngx_image_shared_subject(ngx_image_shared_conf_t *conf,
    ngx_image_subject_t *subject, image_record_subject_t *record)
{
    ngx_memzero(record, sizeof(image_record_subject_t));

    record->secret.data = conf->secret.data;
    record->secret.len = conf->secret.len;
    record->prefix.data = conf->prefix.data;
    record->prefix.len = conf->prefix.len;
    record->id = subject->id.hash;
    record->reference.data = subject->reference.data;
    record->reference.len = subject->reference.len;
    record->platform.data = subject->platform.data;
    record->platform.len = subject->platform.len;
}


void
ngx_image_shared_subject_limit(ngx_image_shared_conf_t *conf,
    ngx_image_subject_t *subject, image_record_subject_t *record)
{
    ngx_image_shared_subject(conf, subject, record);

    record->id = subject->limit_id.hash;
    record->reference.data = subject->registry.data;
    record->reference.len = subject->registry.len;
    record->platform.len = 0;
}


void
ngx_image_shared_decimal(ngx_str_t *value, u_char *text, int64_t n)
{
    value->data = text;
    value->len = ngx_sprintf(text, "%L", n) - text;
}


static int64_t
ngx_image_shared_number(image_reply_value_t *v)
{
    return v->type == IMAGE_REPLY_STRING ? image_record_number(&v->text) : -1;
}
