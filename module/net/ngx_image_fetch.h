/*
 * HTTP requests of a worker to the outside, by libcurl's multi interface in
 * nginx's event loop.
 *
 * net/ moves bytes.  It may use nginx's core and event modules, libcurl and
 * hiredis; it knows nothing of images, digests or HTTP requests of clients.
 */

#ifndef NGX_IMAGE_FETCH_H
#define NGX_IMAGE_FETCH_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <image_address.h>


typedef struct ngx_image_fetch_s  ngx_image_fetch_t;

typedef void (*ngx_image_fetch_pt)(ngx_image_fetch_t *f);
typedef ngx_int_t (*ngx_image_fetch_body_pt)(ngx_image_fetch_t *f,
    u_char *bytes, size_t len);


/* how it ended; only NGX_IMAGE_FETCH_OK has a status, headers and a body */

typedef enum {
    NGX_IMAGE_FETCH_OK = 0,
    NGX_IMAGE_FETCH_TIMEOUT,
    NGX_IMAGE_FETCH_UNREACHABLE,       /* no name, no route, refused, cut */
    NGX_IMAGE_FETCH_TLS,               /* handshake or certificate */
    NGX_IMAGE_FETCH_FORBIDDEN,         /* an address that may not be asked */
    NGX_IMAGE_FETCH_BAD,               /* no HTTP, or over a limit */
    NGX_IMAGE_FETCH_OVERLOADED         /* no connection to be had here */
} ngx_image_fetch_e;


typedef enum {
    NGX_IMAGE_FETCH_HEAD = 0,
    NGX_IMAGE_FETCH_GET,
    NGX_IMAGE_FETCH_POST
} ngx_image_fetch_method_e;


/* TLS of one peer, made at configuration time; PEM bytes, since a worker may
 * not read the files */

typedef struct {
    ngx_str_t   ca;                    /* empty: the system's authorities */
    ngx_str_t   certificate;
    ngx_str_t   key;
    ngx_flag_t  system;                /* the system's ones beside ->ca */
} ngx_image_fetch_tls_t;


typedef struct {
    ngx_str_t   name;                  /* lower case */
    ngx_str_t   value;
} ngx_image_fetch_header_t;


struct ngx_image_fetch_s {

    /* set by the caller, which zeroes the rest (ngx_pcalloc) */

    ngx_pool_t                *pool;   /* owns f and all that it is given */
    ngx_log_t                 *log;
    ngx_image_fetch_method_e   method;
    ngx_str_t                  url;    /* NUL-terminated; http or https */
    ngx_str_t                  accept; /* Accept's value, or empty */
    ngx_str_t                  authorization; /* value, or empty; secret */
    ngx_str_t                  form;   /* body of a POST; secret */
    ngx_array_t               *extra;  /* ngx_image_fetch_header_t, more lines
                                          of the header; secret; or NULL */
    ngx_flag_t                 no_cache;  /* send Cache-Control: no-cache */
    size_t                     max_body;   /* not of what is streamed */
    ngx_msec_t                 timeout;
    ngx_str_t                  socket; /* path of a unix socket, NUL-
                                          terminated, or empty; neither
                                          ->proxy nor ->deny count then */
    ngx_str_t                  proxy;  /* NUL-terminated URL, or empty: none;
                                          secret */
    ngx_uint_t                 deny;   /* address classes, at connect; behind
                                          a proxy, of a host that is written
                                          as an address */
    ngx_flag_t                 stranger;  /* named the host: a client, or by a
                                          redirect another host */
    ngx_image_fetch_tls_t     *tls;    /* or NULL: the system's */
    ngx_image_fetch_pt         handler;
    void                      *data;

    /*
     * Takes the body of a 2xx answer as it comes, instead of ->body; ->status
     * is set.  It does memory work alone, and starts and cancels nothing;
     * NGX_ERROR ends the fetch as NGX_IMAGE_FETCH_BAD.
     */
    ngx_image_fetch_body_pt    body_handler;   /* or NULL */

    /* set before the handler is called */

    ngx_image_fetch_e          result;
    const char                *error;  /* a short text for the log */
    ngx_uint_t                 status;
    ngx_uint_t                 peer;   /* the address class of the peer */
    ngx_array_t                headers;   /* ngx_image_fetch_header_t */
    ngx_str_t                  body;

    /* private */

    void                      *transfer;
    size_t                     header_bytes;
    size_t                     body_size;
    size_t                     connect_bytes;  /* of a proxy's own answer */
    unsigned                   final:1;     /* no 1xx: headers count */
    unsigned                   head_done:1; /* what follows is a trailer */
    unsigned                   forbidden:1;
    unsigned                   oversized:1;
    unsigned                   no_memory:1;
    unsigned                   unwanted:1;  /* ->body_handler said so */
    unsigned                   numeric:1;   /* connects to no name */
    unsigned                   named:1;     /* connects to where an operator
                                               said, whatever address it is */
    unsigned                   connected:1;
};


/* for init_process: no network, but the multi handle; and its undoing */
ngx_int_t ngx_image_fetch_init(ngx_cycle_t *cycle);
void ngx_image_fetch_exit(ngx_cycle_t *cycle);

/*
 * Starts a fetch.  NGX_OK: the handler will be called once, later, from the
 * event loop, never from here.  NGX_ERROR: it will not be called.
 * Redirects are not followed, nothing is decoded, no proxy or netrc of the
 * environment is used.  A proxy that refuses is NGX_IMAGE_FETCH_UNREACHABLE;
 * with a plain http URL its other errors can't be told from the peer's.
 */
ngx_int_t ngx_image_fetch_start(ngx_image_fetch_t *f);

/* ends a fetch whose handler has not been called; it never will be */
void ngx_image_fetch_cancel(ngx_image_fetch_t *f);

/* the first response header of that lower-case name, or NULL */
ngx_str_t *ngx_image_fetch_header(ngx_image_fetch_t *f, const char *name);


/*
 * Names to addresses, by libcurl's resolver: /etc/hosts and nsswitch
 * included, and no worker waits for it.
 */

typedef struct ngx_image_names_s  ngx_image_names_t;

typedef void (*ngx_image_names_pt)(ngx_image_names_t *n);

struct ngx_image_names_s {
    ngx_str_t            host;         /* NUL-terminated; a name or address */
    in_port_t            port;
    ngx_msec_t           timeout;
    ngx_log_t           *log;
    ngx_image_names_pt   handler;
    void                *data;

    /* set before the handler is called: naddrs is 0 where there is none */

    ngx_uint_t           naddrs;
    struct {
        ngx_sockaddr_t   sockaddr;
        socklen_t        socklen;
    }                    addrs[4];

    /* private */

    void                *transfer;
};

/* as ngx_image_fetch_start() and ngx_image_fetch_cancel() */
ngx_int_t ngx_image_names_start(ngx_image_names_t *n);
void ngx_image_names_cancel(ngx_image_names_t *n);


#endif /* NGX_IMAGE_FETCH_H */
