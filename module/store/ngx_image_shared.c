/*
 * The mapping of all hosts (ngx_image_shared.h): what is asked of Redis.
 * ngx_image_shared_answer.c has what of its answers is believed.
 *
 * It may use net/'s Redis connection, core/, and the zone, which it tells
 * Redis' time.
 */

#include <ngx_image_shared.h>
#include <ngx_image_shared_answer.h>
#include <ngx_image_shared_scripts.h>

#include <ngx_sha1.h>


#define NGX_IMAGE_SHARED_SHA1       40


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
                                    op->serial, op->whole, reply);

    if (op->rc == NGX_AGAIN) {
        op->whole = 1;
        op->rc = ngx_image_shared_lookup_send(op);

        if (op->rc == NGX_OK) {
            return;
        }
    }

    if (op->rc == NGX_OK) {
        op->rc = ngx_image_shared_read(op, reply);
    }

    op->handler(op);
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
                                         IMAGE_LIMIT_MAX));
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
                                store->serial, store->whole, reply);

    if (rc == NGX_AGAIN) {
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
