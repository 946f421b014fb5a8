/*
 * What the sources of the engine "registry" share.  Private to origin/.
 *
 * ngx_image_registry.c           what a tag names: HEAD, GET, their check
 * ngx_image_registry_mirror.c    which host is asked, mirrors first
 * ngx_image_registry_platform.c  from an index to a platform's manifest
 * ngx_image_registry_request.c   one request: its URL, redirects, errors
 * ngx_image_registry_auth.c      challenges, tokens, and who sees a secret
 * ngx_image_registry_token.c     the tokens of this worker
 */

#ifndef NGX_IMAGE_REGISTRY_H
#define NGX_IMAGE_REGISTRY_H


#include <ngx_image_origin.h>
#include <image_challenge.h>
#include <image_manifest.h>


typedef struct ngx_image_registry_ctx_s  ngx_image_registry_ctx_t;

typedef void (*ngx_image_registry_pt)(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_t *f);


/* a URL taken apart by the parser that connects (CVE-2022-27780) */

typedef struct {
    ngx_str_t   text;                  /* NUL-terminated, no fragment */
    ngx_str_t   host;                  /* lower case; IPv6 in brackets */
    ngx_uint_t  port;
    ngx_uint_t  https;
} ngx_image_url_t;


/* what this worker has learnt of a host, by a hash of its URL: what a mirror
 * does says nothing of the registry */

typedef struct {
    ngx_queue_t        queue;

    uint8_t            host[IMAGE_HASH];

    image_challenge_t  challenge;      /* how it last asked who we are */

    ngx_uint_t         heads;          /* HEADs taken since the last check */
    ngx_uint_t         gets;           /* GETs since a HEAD was last tried */

    unsigned           head:1;         /* a HEAD has worked there */
    unsigned           checked:1;      /* ... and was held against a GET */
    unsigned           suspect:1;      /* ... which gave another digest */
    unsigned           get:1;          /* HEAD does not work there */
    unsigned           liar:1;         /* ... and never will be asked */
    unsigned           warned:1;       /* of a wrong header of a GET */
} ngx_image_learnt_t;


typedef enum {
    NGX_IMAGE_AUTH_NONE = 0,
    NGX_IMAGE_AUTH_BASIC,
    NGX_IMAGE_AUTH_REGISTRY_TOKEN,
    NGX_IMAGE_AUTH_CACHED,             /* a token of an earlier call */
    NGX_IMAGE_AUTH_FRESH               /* a token of this call */
} ngx_image_auth_e;


#define NGX_IMAGE_REGISTRY_DEPTH      4    /* of nested indexes */
#define NGX_IMAGE_REGISTRY_DOCUMENTS  16   /* of one image, at most */


/* an index that is still to be searched */

typedef struct {
    image_digest_t             digest;
    ngx_uint_t                 depth;
} ngx_image_nested_t;


/*
 * One attempt of a call: one host, a mirror or the registry itself, is asked
 * for everything.  It lives in the call's pool; the next one is made anew, so
 * that it shares no secret with this one.
 */

struct ngx_image_registry_ctx_s {
    ngx_image_call_t          *call;
    ngx_str_t                  domain;
    ngx_uint_t                 n;          /* attempts before this one */
    ngx_image_mirror_t        *mirror;     /* NULL: the registry itself */
    ngx_str_t                  query;      /* of each request to ->own */

    ngx_image_url_t            own;        /* the host's own origin */
    uint8_t                    host[IMAGE_HASH];
    ngx_image_fetch_tls_t     *tls;        /* for that; or NULL */
    ngx_image_fetch_tls_t      other_tls;  /* for any other */

    ngx_event_t                timer;
    ngx_msec_t                 share;      /* its part of the time */
    ngx_msec_t                 deadline;
    ngx_msec_t                 last;       /* ... of the whole call */

    ngx_image_fetch_t         *fetch;      /* the one under way */
    ngx_image_url_t            at;         /* where it went */
    ngx_image_fetch_method_e   sent;
    ngx_uint_t                 peer;       /* classes of the host's own
                                              address */

    /* the request, which redirects and challenges make anew */

    ngx_image_fetch_method_e   method;
    ngx_image_url_t            url;
    ngx_str_t                  accept;
    ngx_image_registry_pt      handler;
    ngx_uint_t                 hops;

    /* who asks */

    image_credential_t         credential;
    ngx_image_auth_e           auth;
    ngx_str_t                  authorization;  /* for the own origin alone */
    ngx_str_t                  scope;
    ngx_image_url_t            realm;
    ngx_str_t                  service;
    uint8_t                    token_key[IMAGE_HASH];
    int64_t                    asked;      /* boot time in seconds */
    ngx_uint_t                 rounds;
    unsigned                   known:1;    /* there is a credential */
    unsigned                   withheld:1; /* ... not for this realm */

    /* what is asked */

    unsigned                   head_refused:1;
    unsigned                   checking:1; /* ->digest is a HEAD's */
    image_digest_t             digest;

    /* on the way to a platform's manifest */

    image_digest_t             expected;
    image_media_e              media;      /* ... which is one of these */
    ngx_uint_t                 depth;      /* of the index it is named in */
    ngx_uint_t                 documents;  /* asked for so far */
    ngx_image_nested_t        *nested;     /* the next one last */
    ngx_uint_t                 nnested;
};


/* ngx_image_registry.c */

/* the first request of an attempt; NGX_OK, NGX_ERROR */
ngx_int_t ngx_image_registry_begin(ngx_image_registry_ctx_t *ctx);

/* NULL: no memory, and nothing is remembered */
ngx_image_learnt_t *ngx_image_registry_learnt(ngx_image_registry_ctx_t *ctx);

/* what a body says of itself: NGX_OK; NGX_ERROR, and the attempt has ended;
 * with a platform NGX_DECLINED: an index that does not have it */
ngx_int_t ngx_image_registry_parse(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_t *f, image_manifest_t *manifest);


/* ngx_image_registry_mirror.c */

/*
 * Asks the next host, ctx of the one before or NULL.  NGX_OK; NGX_ERROR: no
 * request could be made.
 */
ngx_int_t ngx_image_registry_next(ngx_image_call_t *call,
    ngx_image_registry_ctx_t *ctx);

/* ->detail of a failed attempt for the log */
void ngx_image_registry_mirror_failed(ngx_image_registry_ctx_t *ctx,
    image_reason_e reason);

/* "https://host[:port]"; NUL-terminated only where it is made here */
ngx_int_t ngx_image_registry_endpoint(ngx_image_registry_t *registry,
    image_reference_t *reference, ngx_pool_t *pool, ngx_str_t *endpoint);

/* what a mirror is asked with: as ngx_image_credential() */
ngx_int_t ngx_image_registry_mirror_credential(
    ngx_image_registry_t *registry, ngx_image_mirror_t *mirror,
    image_reference_t *reference, ngx_pool_t *pool,
    image_credential_t *credential);


/* ngx_image_registry_platform.c */

/* from the document of ->digest to the platform's manifest; manifest NULL: an
 * index without it */
void ngx_image_registry_follow(ngx_image_registry_ctx_t *ctx,
    image_manifest_t *manifest);


/* ngx_image_registry_request.c */

/*
 * Asks the host for a path, "/v2/...".  The handler gets the answer, with
 * any status but those that redirects, challenges and limits took care of.
 */
ngx_int_t ngx_image_registry_ask(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_method_e method, ngx_str_t *path, const char *accept,
    ngx_image_registry_pt handler);

/* the same request, with another ->authorization; ends all on failure */
void ngx_image_registry_again(ngx_image_registry_ctx_t *ctx);

/* a fetch to there, with what all have; NULL: no memory */
ngx_image_fetch_t *ngx_image_registry_fetch(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_method_e method, ngx_image_url_t *url,
    ngx_image_fetch_pt handler);
ngx_int_t ngx_image_registry_send(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_t *f);

ngx_int_t ngx_image_registry_url(ngx_image_url_t *url, ngx_pool_t *pool,
    ngx_str_t *text, ngx_image_url_t *base);

/* the value of a header that is there once, or repeated alike; or NULL */
ngx_str_t *ngx_image_registry_header(ngx_image_fetch_t *f, const char *name);

/* the exits of an attempt, and of the call but where another host is to be
 * asked; ctx is gone */

void ngx_image_registry_done(ngx_image_registry_ctx_t *ctx,
    image_digest_t *digest);
void ngx_image_registry_error(ngx_image_registry_ctx_t *ctx,
    image_reason_e reason, const char *fmt, ...);
void ngx_image_registry_status(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_t *f);
void ngx_image_registry_failure(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_t *f, image_reason_e forbidden);


/* ngx_image_registry_auth.c */

/* sets ->authorization by what is known before the first request */
ngx_int_t ngx_image_registry_auth(ngx_image_registry_ctx_t *ctx);

/* a 401 of the host's own: asks again, or ends the attempt */
void ngx_image_registry_challenge(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_t *f);

/* drops the token that was sent */
void ngx_image_registry_drop(ngx_image_registry_ctx_t *ctx);


/* ngx_image_registry_token.c */

/* NULL: there is none, or it has expired; not to be held on to */
image_token_t *ngx_image_token_find(uint8_t *key);

/* takes the token's memory, whatever it returns; asked: boot time in seconds
 * at which it was asked for */
ngx_int_t ngx_image_token_store(uint8_t *key, image_token_t *token,
    int64_t asked, ngx_log_t *log);

void ngx_image_token_drop(uint8_t *key);

/* boot time in seconds */
int64_t ngx_image_token_now(void);


#endif /* NGX_IMAGE_REGISTRY_H */
