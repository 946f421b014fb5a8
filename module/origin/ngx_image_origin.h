/*
 * Where digests come from: one engine a file, behind this interface.
 *
 * origin/ may use core/ and net/.  It knows nothing of caches: it is asked,
 * asks, and answers once.
 */

#ifndef NGX_IMAGE_ORIGIN_H
#define NGX_IMAGE_ORIGIN_H


#include <ngx_image_fetch.h>
#include <image_reference.h>
#include <image_platform.h>
#include <image_reason.h>
#include <image_key.h>
#include <image_credentials.h>


typedef struct ngx_image_call_s  ngx_image_call_t;

typedef void (*ngx_image_call_pt)(ngx_image_call_t *call);


/* a registry that may be asked: a line of the configuration */

typedef struct {
    ngx_str_t               host;          /* lower case, without port */
    ngx_str_t               port;          /* empty, digits, or "*" */
    ngx_str_t               endpoint;      /* "https://host[:port]", or empty:
                                              made from the reference */
    ngx_str_t               endpoint_host; /* its host, lower case */
    ngx_image_fetch_tls_t   tls;
    image_credentials_t    *credentials;
    ngx_array_t            *realms;        /* of ngx_str_t, lower case hosts
                                              that may see credentials */
    unsigned                any:1;         /* "*" */
    unsigned                insecure:1;

    /* what this worker has learnt of the registries on this line; private */
    ngx_queue_t             learnt;
} ngx_image_registry_t;


/* one question to an origin; the caller zeroes the rest */

struct ngx_image_call_s {
    ngx_pool_t             *pool;          /* lives as long as the call */
    ngx_log_t              *log;
    ngx_image_registry_t   *registry;
    image_reference_t      *reference;
    image_platform_t       *platform;      /* len 0: none */
    ngx_msec_t              timeout;       /* of all of it together */
    ngx_image_call_pt       handler;
    void                   *data;

    /* set before the handler is called */

    image_reason_e          reason;        /* IMAGE_OK: there is a digest */
    image_digest_t          digest;
    time_t                  retry_after;   /* seconds; 0: not said */
    ngx_str_t               detail;        /* for the log; nothing secret */

    void                   *state;         /* private to the engine */
};


typedef struct {
    ngx_str_t      name;

    /* the part of an identity that the engine adds: what is asked, where,
     * and as whom, as netstring parts */
    ngx_int_t    (*identity)(ngx_image_registry_t *registry,
                     image_reference_t *reference, ngx_pool_t *pool,
                     image_str_t *parts, ngx_uint_t *nparts);

    /* NGX_OK: the handler is called once, later; NGX_ERROR: it is not */
    ngx_int_t    (*start)(ngx_image_call_t *call);

    /* ends a call whose handler has not been called */
    void         (*cancel)(ngx_image_call_t *call);
} ngx_image_engine_t;

#define NGX_IMAGE_IDENTITY_PARTS  4        /* at most, of ->identity() */


extern ngx_image_engine_t  ngx_image_registry_engine;

/*
 * The line that allows a registry ("host[:port]", as in a reference): an
 * exact one, then "host:*", then "*".  NULL: it may not be asked.
 */
ngx_image_registry_t *ngx_image_registry_find(ngx_array_t *registries,
    const u_char *domain, size_t len);


#endif /* NGX_IMAGE_ORIGIN_H */
