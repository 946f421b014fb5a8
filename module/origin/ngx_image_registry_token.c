/*
 * The tokens of this worker, by a key that its callers make.  Bounded, and
 * wiped before they are freed.  Knows no registry.
 */

#include <ngx_image_registry.h>

#include <time.h>


#define NGX_IMAGE_TOKENS  128


typedef struct {
    ngx_queue_t     queue;
    uint8_t         key[IMAGE_HASH];
    int64_t         expires;           /* boot time in seconds */
    image_token_t   token;
} ngx_image_token_t;


static ngx_image_token_t *ngx_image_token_entry(uint8_t *key);
static void ngx_image_token_free(ngx_image_token_t *entry);


/* the least recently used last */

static ngx_queue_t  ngx_image_tokens;
static ngx_uint_t   ngx_image_ntokens;


image_token_t *
ngx_image_token_find(uint8_t *key)
{
    ngx_image_token_t  *entry;

    entry = ngx_image_token_entry(key);

    if (entry == NULL) {
        return NULL;
    }

    if (entry->expires <= ngx_image_token_now()) {
        ngx_image_token_free(entry);
        return NULL;
    }

    ngx_queue_remove(&entry->queue);
    ngx_queue_insert_head(&ngx_image_tokens, &entry->queue);

    return &entry->token;
}


ngx_int_t
ngx_image_token_store(uint8_t *key, image_token_t *token, int64_t asked,
    ngx_log_t *log)
{
    ngx_queue_t        *q;
    ngx_image_token_t  *entry;

    ngx_image_token_drop(key);

    if (ngx_image_ntokens == 0) {
        ngx_queue_init(&ngx_image_tokens);
    }

    if (ngx_image_ntokens == NGX_IMAGE_TOKENS) {
        q = ngx_queue_last(&ngx_image_tokens);
        ngx_image_token_free(ngx_queue_data(q, ngx_image_token_t, queue));
    }

    entry = ngx_alloc(sizeof(ngx_image_token_t), log);

    if (entry == NULL) {
        ngx_explicit_memzero(token->token, token->len);
        free(token->token);
        return NGX_ERROR;
    }

    ngx_memcpy(entry->key, key, IMAGE_HASH);

    /* a tenth and 5 seconds short: it must outlast the request that it is
     * sent with */

    entry->expires = asked + token->expires_in - token->expires_in / 10 - 5;
    entry->token = *token;

    ngx_queue_insert_head(&ngx_image_tokens, &entry->queue);
    ngx_image_ntokens++;

    return NGX_OK;
}


void
ngx_image_token_drop(uint8_t *key)
{
    ngx_image_token_t  *entry;

    entry = ngx_image_token_entry(key);

    if (entry) {
        ngx_image_token_free(entry);
    }
}


static ngx_image_token_t *
ngx_image_token_entry(uint8_t *key)
{
    ngx_queue_t        *q;
    ngx_image_token_t  *entry;

    if (ngx_image_ntokens == 0) {
        return NULL;
    }

    for (q = ngx_queue_head(&ngx_image_tokens);
         q != ngx_queue_sentinel(&ngx_image_tokens);
         q = ngx_queue_next(q))
    {
        entry = ngx_queue_data(q, ngx_image_token_t, queue);

        if (ngx_memcmp(entry->key, key, IMAGE_HASH) == 0) {
            return entry;
        }
    }

    return NULL;
}


static void
ngx_image_token_free(ngx_image_token_t *entry)
{
    ngx_queue_remove(&entry->queue);
    ngx_image_ntokens--;

    ngx_explicit_memzero(entry->token.token, entry->token.len);

    free(entry->token.token);
    ngx_free(entry);
}


/* CLOCK_BOOTTIME: a token expires while the machine is suspended, too */

int64_t
ngx_image_token_now(void)
{
    struct timespec  ts;

    if (clock_gettime(CLOCK_BOOTTIME, &ts) != 0) {
        return ngx_time();
    }

    return ts.tv_sec;
}
