/*
 * Where digests come from: one engine a file, behind this interface, and a
 * line in the table of ngx_image_origin.c.
 *
 * origin/ may use core/ and net/.  It knows nothing of caches: it is asked,
 * asks, and answers once.
 */

#ifndef NGX_IMAGE_ORIGIN_H
#define NGX_IMAGE_ORIGIN_H


#include <ngx_image_fetch.h>
#include <ngx_image_file.h>
#include <image_reference.h>
#include <image_platform.h>
#include <image_reason.h>
#include <image_key.h>
#include <image_credentials.h>


typedef struct ngx_image_call_s         ngx_image_call_t;
typedef struct ngx_image_engine_s       ngx_image_engine_t;
typedef struct ngx_image_engine_type_s  ngx_image_engine_type_t;

typedef void (*ngx_image_call_pt)(ngx_image_call_t *call);


/* "mirror=" of a registry */

typedef struct {
    ngx_str_t               url;           /* "http[s]://host[:port][/path]",
                                              without a slash at its end */
    ngx_str_t               authority;     /* its "host[:port]", lower case */
    time_t                  said;          /* that it failed; private */
} ngx_image_mirror_t;


/* a registry that may be asked: a line of the configuration */

typedef struct {
    ngx_str_t               host;          /* lower case, without port */
    ngx_str_t               port;          /* empty, digits, or "*" */
    ngx_str_t               endpoint;      /* "https://host[:port]", or empty:
                                              made from the reference */
    ngx_image_fetch_tls_t   tls;
    ngx_str_t               subject;       /* of the client certificate */
    ngx_image_file_t       *credentials;   /* NULL: none */
    ngx_array_t            *realms;        /* of ngx_str_t, lower case hosts
                                              that may see credentials */
    ngx_array_t            *mirrors;       /* of ngx_image_mirror_t, or NULL */
    unsigned                any:1;         /* "*" */
    unsigned                insecure:1;

    /* what this worker has learnt of the registries on this line; private */
    ngx_queue_t             learnt;
} ngx_image_registry_t;


typedef enum {
    NGX_IMAGE_PULL_MISSING = 0,
    NGX_IMAGE_PULL_NEVER,
    NGX_IMAGE_PULL_DISTRIBUTION
} ngx_image_pull_e;


/* an engine of a resolver: "registry", or a line of the configuration */

struct ngx_image_engine_s {
    ngx_str_t                 name;        /* as requests name it */
    ngx_image_engine_type_t  *type;

    ngx_array_t              *registries;  /* ngx_image_registry_t: those that
                                              may be asked */
    ngx_str_t                 proxy;       /* NUL-terminated URL, or empty; for
                                              "registry" alone */

    /* of an "engine" line */

    ngx_str_t                 url;         /* as it is written */
    ngx_str_t                 base;        /* NUL-terminated, without a slash
                                              at its end: "http[s]://host
                                              [:port]"; of type "http" the
                                              whole URL, with {image} */
    ngx_str_t                 socket;      /* path, NUL-terminated, or empty */
    ngx_image_fetch_tls_t     tls;
    ngx_str_t                 subject;     /* of the client certificate, after
                                              a hash of ->tls.ca */
    ngx_image_file_t         *credentials; /* NULL: none */
    ngx_image_file_t         *token;       /* NULL: none */
    ngx_str_t                 namespace;   /* empty: all */
    ngx_image_pull_e          pull;
    ngx_msec_t                pull_timeout;
    unsigned                  local:1;     /* tells of this host (rule 11) */
};


/* one question to an origin; the caller zeroes the rest */

struct ngx_image_call_s {
    ngx_pool_t             *pool;          /* lives as long as the call */
    ngx_log_t              *log;
    ngx_image_engine_t     *engine;
    ngx_image_registry_t   *registry;      /* the line that allows it, or NULL:
                                              none does */
    image_reference_t      *reference;
    image_platform_t       *platform;      /* len 0: none */
    ngx_str_t               pod;           /* an IP address, or empty */
    ngx_msec_t              timeout;       /* of all of it together, but of a
                                              pull */

    /*
     * What must not happen twice at a time on this host (a pull) is claimed
     * before: NGX_OK: it is ours for 2 seconds, and is claimed again in time
     * to go on; NGX_BUSY: somebody else has it; NGX_DECLINED: there are too
     * many claims.
     */
    ngx_int_t             (*claim)(ngx_image_call_t *call, uint8_t *hash);
    void                  (*release)(ngx_image_call_t *call, uint8_t *hash);

    ngx_image_call_pt       handler;
    void                   *data;

    /* its registry wants to be left alone for now (rule 4): an engine that
     * is asked all the same answers by what is on this host */
    unsigned                limited:1;

    /* set before the handler is called */

    image_reason_e          reason;        /* IMAGE_OK: there is a digest */
    image_digest_t          digest;
    ngx_flag_t              down;          /* IMAGE_BAD_RESPONSE: a 5xx, that
                                              anybody might have got */
    time_t                  retry_after;   /* seconds; 0: not said */
    ngx_str_t               detail;        /* for the log; nothing secret, and
                                              printable ASCII */

    void                   *state;         /* private to the engine */
};


/* what a line may have beside name and URL */

#define NGX_IMAGE_ENGINE_PULL          0x01   /* missing, never; knows images
                                                 without a registry, too, so
                                                 that a rate limit does not
                                                 keep it from being asked */
#define NGX_IMAGE_ENGINE_DISTRIBUTION  0x02   /* pull=distribution, too */
#define NGX_IMAGE_ENGINE_CREDENTIALS   0x04
#define NGX_IMAGE_ENGINE_TOKEN         0x08
#define NGX_IMAGE_ENGINE_NAMESPACE     0x10

/* ... and what else is true of a type */

#define NGX_IMAGE_ENGINE_SOCKET        0x20   /* unix: and tcp: URLs */
#define NGX_IMAGE_ENGINE_TEMPLATE      0x40   /* {image} in its URL */
#define NGX_IMAGE_ENGINE_PODS          0x80   /* "pod=" */
#define NGX_IMAGE_ENGINE_REGISTRIES    0x100  /* is nothing without a registry:
                                                 the allow-list comes before
                                                 it is asked */

struct ngx_image_engine_type_s {
    ngx_str_t      name;
    ngx_uint_t     flags;                  /* NGX_IMAGE_ENGINE_ */

    /*
     * The part of an identity that the engine adds: what is asked, where,
     * and as whom, as netstring parts.  registry may be NULL, and pool keeps
     * the strings that are made.
     */
    ngx_int_t    (*identity)(ngx_image_engine_t *engine,
                     ngx_image_registry_t *registry,
                     image_reference_t *reference, ngx_pool_t *pool,
                     image_str_t *parts, ngx_uint_t *nparts);

    /* NGX_OK: the handler is called once, later; NGX_ERROR: it is not */
    ngx_int_t    (*start)(ngx_image_call_t *call);

    /* ends a call whose handler has not been called */
    void         (*cancel)(ngx_image_call_t *call);
};

#define NGX_IMAGE_IDENTITY_PARTS  8        /* at most, of ->identity() */


/* all types, the last one NULL; "registry" is the first, and needs no line */
extern ngx_image_engine_type_t  *ngx_image_engine_types[];

extern ngx_image_engine_type_t  ngx_image_registry_engine;
extern ngx_image_engine_type_t  ngx_image_docker_engine;
extern ngx_image_engine_type_t  ngx_image_podman_engine;
extern ngx_image_engine_type_t  ngx_image_kubernetes_engine;
extern ngx_image_engine_type_t  ngx_image_http_engine;

/*
 * The line that allows a registry ("host[:port]", as in a reference): an
 * exact one, then "host:*", then "*".  NULL: it may not be asked.
 */
ngx_image_registry_t *ngx_image_registry_find(ngx_array_t *registries,
    const u_char *domain, size_t len);

/* "host[:port]" of a reference into its two parts; no port: empty */
void ngx_image_domain_split(const u_char *domain, size_t len,
    ngx_str_t *host, ngx_str_t *port);

/*
 * What a config.json holds for a reference now; all of it has len 0 where
 * there is nothing, or no file.  It is copied into the pool; with a NULL one
 * it is to be used at once, since the file may be read again.  NGX_OK,
 * NGX_ERROR: no memory.
 */
ngx_int_t ngx_image_credential(ngx_image_file_t *file,
    image_reference_t *reference, ngx_pool_t *pool,
    image_credential_t *credential);

/*
 * As whom one asks, for an identity: a user by the name, so that a new
 * password keeps what is cached; a token by its hash, since it has no name;
 * empty: as nobody.
 */
ngx_int_t ngx_image_credential_who(image_credential_t *credential,
    ngx_pool_t *pool, image_str_t *who);


#endif /* NGX_IMAGE_ORIGIN_H */
