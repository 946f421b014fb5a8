/*
 * What of Redis' answers is believed: for ngx_image_shared.c alone.
 */

#ifndef NGX_IMAGE_SHARED_ANSWER_H
#define NGX_IMAGE_SHARED_ANSWER_H


#include <ngx_image_shared.h>


#define NGX_IMAGE_SHARED_SECOND     ((int64_t) 1000000)

/* a rate limit ends after this at the latest (rule 4) */

/* bits of conf->refused: what a command is for */
#define NGX_IMAGE_SHARED_READ       1
#define NGX_IMAGE_SHARED_WRITE      2


/*
 * What all answers have in common.  NGX_OK: a good one.  NGX_AGAIN: the
 * script was not sent whole, and has to be.  NGX_DECLINED: no good, and that
 * is said.
 */
ngx_int_t ngx_image_shared_check(ngx_image_shared_conf_t *conf,
    ngx_uint_t kind, ngx_uint_t serial, ngx_flag_t whole,
    ngx_image_redis_reply_t *reply);

/*
 * The answer of a lookup, past that check, into ->now, ->observation and
 * ->limited_for.  NGX_DECLINED: not in form, and that is said.
 */
ngx_int_t ngx_image_shared_read(ngx_image_shared_op_t *op,
    ngx_image_redis_reply_t *reply);


#endif /* NGX_IMAGE_SHARED_ANSWER_H */
