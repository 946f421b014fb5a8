/*
 * Store, renew and release (ngx_image_shared.h): what this host tells the
 * others.  Fire and forget.
 */

#include <ngx_image_shared_command.h>


/* it owns its strings, and ends with its handler */

typedef struct {
    ngx_image_shared_command_t  command;
    ngx_image_shared_script_e   script;
    ngx_image_subject_t         subject;
    ngx_str_t                   token;
    ngx_image_shared_record_t   record;
} ngx_image_shared_task_t;


/* what an argument may be made in */

typedef struct {
    u_char                      news[sizeof("image ") + 2 * IMAGE_HASH];
    u_char                      began[NGX_INT64_LEN];
    u_char                      until[NGX_INT64_LEN];
    u_char                      run_at[NGX_INT64_LEN];
    u_char                      run_since[NGX_INT64_LEN];
    u_char                      digest[IMAGE_DIGEST_TEXT];
    u_char                      mac[IMAGE_RECORD_MAC];
    u_char                      run_mac[IMAGE_RECORD_MAC];
} ngx_image_shared_texts_t;


static void ngx_image_shared_task(ngx_image_shared_conf_t *conf,
    ngx_image_shared_script_e script, ngx_image_subject_t *subject,
    ngx_image_shared_record_t *record, ngx_str_t *token, ngx_log_t *log);
static u_char *ngx_image_shared_copy(u_char *p, ngx_str_t *text);
static ngx_int_t ngx_image_shared_task_send(ngx_image_shared_command_t *cmd);
static ngx_uint_t ngx_image_shared_args_lease(ngx_image_shared_task_t *task,
    ngx_image_shared_texts_t *texts, ngx_str_t *argv);
static ngx_int_t ngx_image_shared_args_store(ngx_image_shared_task_t *task,
    ngx_image_shared_texts_t *texts, ngx_str_t *argv, ngx_uint_t *argc);
static ngx_int_t ngx_image_shared_args_limit(ngx_image_shared_task_t *task,
    ngx_image_shared_texts_t *texts, ngx_str_t *argv, ngx_uint_t *argc);
static ngx_int_t ngx_image_shared_mac(image_record_subject_t *subject,
    image_record_e kind, ngx_str_t *value, int64_t at, int64_t from,
    u_char *text, ngx_str_t *mac);
static ngx_int_t ngx_image_shared_task_read(ngx_image_shared_command_t *cmd,
    image_reply_t *reply);
static void ngx_image_shared_task_done(ngx_image_shared_command_t *cmd,
    ngx_int_t rc, image_reply_t *reply);


void
ngx_image_shared_store(ngx_image_shared_conf_t *conf,
    ngx_image_subject_t *subject, ngx_image_shared_record_t *record,
    ngx_str_t *token, ngx_log_t *log)
{
    ngx_image_shared_script_e  script;

    if (record->failure == IMAGE_RATE_LIMITED) {
        script = NGX_IMAGE_SHARED_LIMIT;

    } else if (record->failure != IMAGE_OK
               || record->digest.algorithm != IMAGE_DIGEST_NONE)
    {
        script = NGX_IMAGE_SHARED_STORE;

    } else {
        script = NGX_IMAGE_SHARED_RELEASE;
    }

    ngx_image_shared_task(conf, script, subject, record, token, log);
}


void
ngx_image_shared_renew(ngx_image_shared_conf_t *conf,
    ngx_image_subject_t *subject, ngx_str_t *token, ngx_log_t *log)
{
    ngx_image_shared_task(conf, NGX_IMAGE_SHARED_RENEW, subject, NULL, token,
                          log);
}


static void
ngx_image_shared_task(ngx_image_shared_conf_t *conf,
    ngx_image_shared_script_e script, ngx_image_subject_t *subject,
    ngx_image_shared_record_t *record, ngx_str_t *token, ngx_log_t *log)
{
    u_char                      *p;
    ngx_image_shared_task_t     *task;
    ngx_image_shared_command_t  *cmd;

    task = ngx_alloc(sizeof(ngx_image_shared_task_t)
                     + subject->reference.len + subject->platform.len
                     + subject->engine.len + subject->registry.len
                     + token->len, log);
    if (task == NULL) {
        return;
    }

    ngx_memzero(task, sizeof(ngx_image_shared_task_t));

    cmd = &task->command;

    cmd->conf = conf;
    cmd->kind = NGX_IMAGE_SHARED_WRITE;
    cmd->send = ngx_image_shared_task_send;
    cmd->read = ngx_image_shared_task_read;
    cmd->done = ngx_image_shared_task_done;
    cmd->data = task;

    task->script = script;
    task->subject = *subject;
    task->token = *token;

    if (record) {
        task->record = *record;
    }

    p = (u_char *) task + sizeof(ngx_image_shared_task_t);

    p = ngx_image_shared_copy(p, &task->subject.reference);
    p = ngx_image_shared_copy(p, &task->subject.platform);
    p = ngx_image_shared_copy(p, &task->subject.engine);
    p = ngx_image_shared_copy(p, &task->subject.registry);
    (void) ngx_image_shared_copy(p, &task->token);

    /* a renewal that is sent again would come after the end that it puts
     * off */

    if (ngx_image_shared_begin(cmd, script == NGX_IMAGE_SHARED_RENEW)
        != NGX_OK)
    {
        ngx_free(task);
    }
}


static u_char *
ngx_image_shared_copy(u_char *p, ngx_str_t *text)
{
    u_char  *last;

    last = ngx_cpymem(p, text->data, text->len);
    text->data = p;

    return last;
}


static ngx_int_t
ngx_image_shared_task_send(ngx_image_shared_command_t *cmd)
{
    ngx_str_t                  argv[13];
    ngx_uint_t                 argc, n;
    ngx_image_subject_t       *subject;
    ngx_image_shared_key_t     keys[3];
    ngx_image_shared_task_t   *task;
    ngx_image_shared_texts_t   texts;

    task = cmd->data;
    subject = &task->subject;

    argc = ngx_image_shared_args_lease(task, &texts, argv);
    n = 0;

    switch (task->script) {

    case NGX_IMAGE_SHARED_STORE:

        if (ngx_image_shared_args_store(task, &texts, argv, &argc) != NGX_OK) {
            return NGX_ERROR;
        }

        keys[n].kind = "image:";
        keys[n].name = &subject->reference;
        keys[n++].id = &subject->id;

        keys[n].kind = "invalid:";
        keys[n].name = &subject->reference;
        keys[n++].id = NULL;

        break;

    case NGX_IMAGE_SHARED_LIMIT:

        if (ngx_image_shared_args_limit(task, &texts, argv, &argc) != NGX_OK) {
            return NGX_ERROR;
        }

        keys[n].kind = "registry:";
        keys[n].name = &subject->registry;
        keys[n++].id = &subject->limit_id;

        break;

    default:
        break;
    }

    keys[n].kind = "lease:";
    keys[n].name = &subject->reference;
    keys[n++].id = &subject->id;

    return ngx_image_shared_send(cmd, task->script, n, keys, argc, argv);
}


/* the token, and how long it holds or whom its end is told */

static ngx_uint_t
ngx_image_shared_args_lease(ngx_image_shared_task_t *task,
    ngx_image_shared_texts_t *texts, ngx_str_t *argv)
{
    u_char  *p;

    argv[0] = task->token;

    if (task->script == NGX_IMAGE_SHARED_RENEW) {
        ngx_image_shared_decimal(&argv[1], texts->until,
                                 NGX_IMAGE_SHARED_LEASE);
        return 2;
    }

    argv[1] = task->command.conf->channel;

    p = ngx_cpymem(texts->news, "image ", sizeof("image ") - 1);
    p = ngx_hex_dump(p, task->subject.id.hash, IMAGE_HASH);

    argv[2].data = texts->news;
    argv[2].len = p - texts->news;

    return 3;
}


static ngx_int_t
ngx_image_shared_args_store(ngx_image_shared_task_t *task,
    ngx_image_shared_texts_t *texts, ngx_str_t *argv, ngx_uint_t *argc)
{
    ngx_str_t                  *value;
    ngx_uint_t                  n;
    ngx_flag_t                  run;
    image_record_e              kind;
    ngx_image_subject_t        *subject;
    image_record_subject_t      about;
    ngx_image_shared_record_t  *record;

    subject = &task->subject;
    record = &task->record;
    n = *argc;

    if (record->failure) {
        kind = IMAGE_RECORD_FAILURE;
        ngx_str_set(&argv[n], "failure");

    } else {
        kind = IMAGE_RECORD_DIGEST;
        ngx_str_set(&argv[n], "digest");
    }

    n++;

    ngx_image_shared_decimal(&argv[n++], texts->began, record->began);

    value = &argv[n++];

    if (record->failure) {
        value->data = (u_char *) image_reason_name(record->failure);
        value->len = ngx_strlen(value->data);

    } else {
        value->data = texts->digest;
        value->len = image_digest_format(&record->digest, texts->digest);
    }

    argv[n++] = subject->reference;
    argv[n++] = subject->platform;
    argv[n++] = subject->engine;

    ngx_image_shared_subject(task->command.conf, subject, &about);

    if (ngx_image_shared_mac(&about, kind, value, record->began,
                             record->began, texts->mac, &argv[n++])
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* the script, which knows no secret, makes a run longer by itself */

    run = about.secret.len && !record->failure
          && image_digest_equal(&record->run.digest, &record->digest);

    if (run) {
        ngx_image_shared_decimal(&argv[n++], texts->run_at, record->run.at);
        ngx_image_shared_decimal(&argv[n++], texts->run_since,
                                 record->run.since);

        if (ngx_image_shared_mac(&about, kind, value, record->began,
                                 record->run.since, texts->run_mac,
                                 &argv[n++])
            != NGX_OK)
        {
            return NGX_ERROR;
        }

    } else if (record->failure) {
        ngx_image_shared_decimal(&argv[n++], texts->until,
                                 task->command.conf->failures / 1000);

    } else {
        ngx_str_null(&argv[n]);
        ngx_str_null(&argv[n + 1]);
        ngx_str_null(&argv[n + 2]);
        n += 3;
    }

    *argc = n;

    return NGX_OK;
}


static ngx_int_t
ngx_image_shared_args_limit(ngx_image_shared_task_t *task,
    ngx_image_shared_texts_t *texts, ngx_str_t *argv, ngx_uint_t *argc)
{
    int64_t                     until;
    ngx_str_t                   none;
    ngx_uint_t                  n;
    image_record_subject_t      about;
    ngx_image_shared_record_t  *record;

    record = &task->record;
    n = *argc;

    until = record->began + ngx_min(record->limited_for, IMAGE_LIMIT_MAX);

    ngx_image_shared_decimal(&argv[n++], texts->began, record->began);
    ngx_image_shared_decimal(&argv[n++], texts->until, until);

    argv[n++] = task->subject.registry;
    argv[n++] = task->subject.engine;

    ngx_image_shared_subject_limit(task->command.conf, &task->subject, &about);

    ngx_str_set(&none, "");

    if (ngx_image_shared_mac(&about, IMAGE_RECORD_LIMIT, &none, record->began,
                             until, texts->mac, &argv[n++])
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    *argc = n;

    return NGX_OK;
}


/* empty without a secret */

static ngx_int_t
ngx_image_shared_mac(image_record_subject_t *subject, image_record_e kind,
    ngx_str_t *value, int64_t at, int64_t from, u_char *text, ngx_str_t *mac)
{
    image_str_t  v;

    mac->data = text;
    mac->len = 0;

    if (subject->secret.len == 0) {
        return NGX_OK;
    }

    v.data = value->data;
    v.len = value->len;

    if (image_record_mac(text, subject, kind, &v, at, from) != 0) {
        return NGX_ERROR;
    }

    mac->len = IMAGE_RECORD_MAC;

    return NGX_OK;
}


/* what became of it is of no use here */

static ngx_int_t
ngx_image_shared_task_read(ngx_image_shared_command_t *cmd,
    image_reply_t *reply)
{
    ngx_uint_t  n;

    static const char  *words[] = {
        "stored", "void", "older", "renewed", "lost", "released"
    };

    for (n = 0; n < sizeof(words) / sizeof(words[0]); n++) {
        if (ngx_image_shared_is(reply, words[n], NGX_IMAGE_SHARED_MORE)) {
            return NGX_OK;
        }
    }

    ngx_image_shared_malformed(cmd->conf, NULL, "the answer");

    return NGX_DECLINED;
}


static void
ngx_image_shared_task_done(ngx_image_shared_command_t *cmd, ngx_int_t rc,
    image_reply_t *reply)
{
    ngx_free(cmd->data);
}
