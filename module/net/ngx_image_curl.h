/*
 * Transfers of libcurl in nginx's event loop: what fetches and names share.
 * Private to net/.
 */

#ifndef NGX_IMAGE_CURL_H
#define NGX_IMAGE_CURL_H


#include <ngx_image_fetch.h>
#include <curl/curl.h>


typedef struct ngx_image_curl_s  ngx_image_curl_t;

typedef void (*ngx_image_curl_pt)(ngx_image_curl_t *t);


/*
 * A transfer.  It has memory of its own, since libcurl holds on to it until
 * ngx_image_curl_free(), whatever becomes of the pool of who asked.
 */

struct ngx_image_curl_s {
    CURL                *easy;
    struct curl_slist   *lines;        /* of the request's header */
    ngx_log_t           *log;
    ngx_image_curl_pt    handler;      /* called from the event loop; it frees
                                          the transfer */
    void                *data;
    void               **owner;        /* holds the transfer, until it is
                                          freed */
    CURLcode             code;         /* set before the handler is called */
    char                 text[CURL_ERROR_SIZE];  /* may hold bytes of a peer */
    ngx_queue_t          queue;
    unsigned             running:1;
    unsigned             done:1;
    unsigned             doomed:1;     /* ends at the next opportunity */
    unsigned             overloaded:1; /* no connection for its socket */
    unsigned             name:1;       /* has to be looked up */
    unsigned             stranger:1;   /* ... and was not named by us */
};


/* sets an option; the first failure stays in ->code, for _start() to see */
#define ngx_image_curl_option(t, option, value)                              \
    if ((t)->code == CURLE_OK) {                                             \
        (t)->code = curl_easy_setopt((t)->easy, option, value);              \
    }


/* with the options that every transfer has; NULL: no memory, or no multi
 * handle in this process */
ngx_image_curl_t *ngx_image_curl_create(void **owner, ngx_log_t *log,
    ngx_msec_t timeout);

/* NGX_ERROR: an option failed, or libcurl did; the caller frees it.  One that
 * is doomed already ends without a packet */
ngx_int_t ngx_image_curl_start(ngx_image_curl_t *t);

/* at any time but from a callback of libcurl */
void ngx_image_curl_free(ngx_image_curl_t *t);

/* a socket for an OPENSOCKETFUNCTION; sets ->overloaded where it must */
curl_socket_t ngx_image_curl_socket(ngx_image_curl_t *t,
    struct curl_sockaddr *address);


/* ngx_image_fetch_check.c */

/*
 * May it be sent as it is?  Sets ->peer of a socket, and, behind a proxy, of
 * a host that is written as an address.  NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_image_fetch_validate(ngx_image_fetch_t *f);


#endif /* NGX_IMAGE_CURL_H */
