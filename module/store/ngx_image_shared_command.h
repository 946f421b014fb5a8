/*
 * What the files of Redis' records share; nobody else includes this.
 *
 *     ngx_image_shared.c           the worker's connections, and the news
 *     ngx_image_shared_command.c   scripts out, answers in
 *     ngx_image_shared_lookup.c    lookup or lease
 *     ngx_image_shared_store.c     store, renew and release
 *     ngx_image_shared_session.c   sessions
 *     ngx_image_shared_time.c      the time, where nothing else is asked
 */

#ifndef NGX_IMAGE_SHARED_COMMAND_H
#define NGX_IMAGE_SHARED_COMMAND_H


#include <ngx_image_shared.h>


#define NGX_IMAGE_SHARED_SECOND  ((int64_t) 1000000)
#define NGX_IMAGE_SHARED_SHA1    40

/* bits of conf->refused: what a command is for; none: what it is refused is
 * refused others, who say it */
#define NGX_IMAGE_SHARED_QUIET   0
#define NGX_IMAGE_SHARED_READ    1
#define NGX_IMAGE_SHARED_WRITE   2
#define NGX_IMAGE_SHARED_NEWS    4


/* each is another script of ngx_image_shared_scripts.h */

typedef enum {
    NGX_IMAGE_SHARED_LOOKUP = 0,
    NGX_IMAGE_SHARED_STORE,
    NGX_IMAGE_SHARED_LIMIT,
    NGX_IMAGE_SHARED_RENEW,
    NGX_IMAGE_SHARED_RELEASE,
    NGX_IMAGE_SHARED_SESSION,
    NGX_IMAGE_SHARED_INVALIDATED,
    NGX_IMAGE_SHARED_TIME
} ngx_image_shared_script_e;


/* the places that all answers have */

enum {
    NGX_IMAGE_SHARED_WORD = 0,
    NGX_IMAGE_SHARED_SERIAL,
    NGX_IMAGE_SHARED_NOW,
    NGX_IMAGE_SHARED_AHEAD,
    NGX_IMAGE_SHARED_MORE
};


/* a key of the prefix: PREFIX kind, or PREFIX kind name ["#" id] */

typedef struct {
    const char      *kind;
    ngx_str_t       *name;                 /* NULL: it ends here */
    ngx_image_id_t  *id;                   /* likewise */
} ngx_image_shared_key_t;


/*
 * Begins a command, whose first members are set: ->send() is called, and once
 * more where Redis has to be sent the script itself; "whole": already now.
 * NGX_OK: ->done() will be called, later; or what ->send() returned.
 */
ngx_int_t ngx_image_shared_begin(ngx_image_shared_command_t *cmd,
    ngx_flag_t whole);

/* for ->send(): sends a script.  NGX_OK; NGX_DECLINED: Redis is away */
ngx_int_t ngx_image_shared_send(ngx_image_shared_command_t *cmd,
    ngx_image_shared_script_e script, ngx_uint_t nkeys,
    ngx_image_shared_key_t *keys, ngx_uint_t argc, ngx_str_t *argv);

/* is that an answer of so many values, with that word? */
ngx_flag_t ngx_image_shared_is(image_reply_t *reply, const char *word,
    ngx_uint_t nvalues);

/* the values of an answer from one place on, as fields of a record; NGX_OK,
 * NGX_DECLINED: there are not so many, or not of that form, and that is said */
ngx_int_t ngx_image_shared_fields(ngx_image_shared_conf_t *conf,
    image_reply_t *reply, ngx_uint_t from, image_str_t *fields,
    ngx_uint_t n);

/* says that something did not validate, at most once a minute; NULL name: an
 * answer */
void ngx_image_shared_malformed(ngx_image_shared_conf_t *conf,
    ngx_str_t *name, const char *what);

/* what a record of a subject is about, for its MAC; of its limit */
void ngx_image_shared_subject(ngx_image_shared_conf_t *conf,
    ngx_image_subject_t *subject, image_record_subject_t *record);
void ngx_image_shared_subject_limit(ngx_image_shared_conf_t *conf,
    ngx_image_subject_t *subject, image_record_subject_t *record);

/* for a worker's begin and end: the time is asked for now and then */
void ngx_image_shared_time_init(ngx_image_shared_conf_t *conf,
    ngx_cycle_t *cycle);
void ngx_image_shared_time_exit(ngx_image_shared_conf_t *conf);

/* a number as an argument; text has room for NGX_INT64_LEN bytes */
void ngx_image_shared_decimal(ngx_str_t *value, u_char *text, int64_t n);


#endif /* NGX_IMAGE_SHARED_COMMAND_H */
