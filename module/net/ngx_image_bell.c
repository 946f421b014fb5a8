/*
 * Bells between the workers of a host (ngx_image_bell.h).
 *
 * net/ moves bytes: here there are not even any, but for one a datagram.
 */

#include <ngx_image_bell.h>


#define NGX_IMAGE_BELL_NAME  "nginx-image-digest."

/* datagrams that are taken in one turn of the event loop */
#define NGX_IMAGE_BELL_TURN  256


struct ngx_image_bell_s {
    ngx_connection_t   *connection;
    ngx_uint_t          number;
    uint64_t            nonce;
    ngx_image_bell_pt   handler;
    void               *data;
};


static socklen_t ngx_image_bell_address(struct sockaddr_un *sun,
    uint64_t nonce, ngx_uint_t number);
static void ngx_image_bell_handler(ngx_event_t *rev);


ngx_image_bell_t *
ngx_image_bell_create(uint64_t nonce, ngx_image_bell_pt handler, void *data,
    ngx_cycle_t *cycle)
{
    ngx_err_t            err;
    socklen_t            len;
    ngx_uint_t           n;
    ngx_socket_t         s;
    ngx_connection_t    *c;
    ngx_image_bell_t    *bell;
    struct sockaddr_un   sun;

    s = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (s == (ngx_socket_t) -1) {
        ngx_log_error(NGX_LOG_ERR, cycle->log, ngx_socket_errno,
                      "image digest: socket() of a worker's bell failed");
        return NULL;
    }

    /* the kernel frees the number of a worker that is gone */

    err = NGX_EADDRINUSE;

    for (n = 0; n < NGX_IMAGE_BELLS && err == NGX_EADDRINUSE; n++) {
        len = ngx_image_bell_address(&sun, nonce, n);

        err = (bind(s, (struct sockaddr *) &sun, len) == 0) ? 0
                                                      : ngx_socket_errno;
    }

    if (err) {
        ngx_log_error(NGX_LOG_WARN, cycle->log, err,
                      "image digest: bind() of a worker's bell failed: it "
                      "learns later what other workers have found");
        goto failed;
    }

    bell = ngx_pcalloc(cycle->pool, sizeof(ngx_image_bell_t));
    if (bell == NULL) {
        goto failed;
    }

    c = ngx_get_connection(s, cycle->log);
    if (c == NULL) {
        goto failed;
    }

    bell->connection = c;
    bell->number = n - 1;
    bell->nonce = nonce;
    bell->handler = handler;
    bell->data = data;

    c->data = bell;
    c->log = cycle->log;
    c->read->log = cycle->log;
    c->write->log = cycle->log;
    c->read->handler = ngx_image_bell_handler;

    if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        ngx_close_connection(c);
        return NULL;
    }

    return bell;

failed:

    (void) ngx_close_socket(s);

    return NULL;
}


void
ngx_image_bell_destroy(ngx_image_bell_t *bell)
{
    if (bell->connection) {
        ngx_close_connection(bell->connection);
        bell->connection = NULL;
    }
}


void
ngx_image_bell_enter(ngx_image_bell_t *bell, ngx_image_bells_t *bells)
{
    if (bell) {
        bells->bits[bell->number / 64] |= (uint64_t) 1 << (bell->number % 64);
    }
}


void
ngx_image_bell_ring(ngx_image_bell_t *bell, ngx_image_bells_t *bells)
{
    socklen_t           len;
    ngx_uint_t          n;
    struct sockaddr_un  sun;

    static const char  ring[] = "!";

    if (bell == NULL || bell->connection == NULL) {
        return;
    }

    for (n = 0; n < NGX_IMAGE_BELLS; n++) {

        if (bells->bits[n / 64] == 0) {
            n |= 63;
            continue;
        }

        if (!(bells->bits[n / 64] & (uint64_t) 1 << (n % 64))
            || n == bell->number)
        {
            continue;
        }

        len = ngx_image_bell_address(&sun, bell->nonce, n);

        /* one who is gone needs no ring, and one whose queue is full has one
         * that it has not heard yet */

        if (sendto(bell->connection->fd, ring, 1, MSG_DONTWAIT,
                   (struct sockaddr *) &sun, len)
            == -1)
        {
            ngx_log_debug1(NGX_LOG_DEBUG_EVENT, ngx_cycle->log,
                           ngx_socket_errno, "image bell %ui: not rung", n);
        }
    }
}


/* abstract: the kernel forgets it with the socket, and no file is left */

static socklen_t
ngx_image_bell_address(struct sockaddr_un *sun, uint64_t nonce,
    ngx_uint_t number)
{
    u_char  *p;

    ngx_memzero(sun, sizeof(struct sockaddr_un));

    sun->sun_family = AF_UNIX;

    p = ngx_sprintf((u_char *) sun->sun_path + 1,
                    NGX_IMAGE_BELL_NAME "%016xL.%ui", nonce, number);

    return p - (u_char *) sun;
}


static void
ngx_image_bell_handler(ngx_event_t *rev)
{
    u_char             ring[1];
    ssize_t            n;
    ngx_uint_t         i;
    ngx_connection_t  *c;
    ngx_image_bell_t  *bell;

    c = rev->data;
    bell = c->data;

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, rev->log, 0,
                   "image bell %ui", bell->number);

    if (c->close) {

        /* it may still ring others */

        bell->handler(bell->data, 1);
        ngx_image_bell_destroy(bell);
        return;
    }

    n = 0;

    for (i = 0; i < NGX_IMAGE_BELL_TURN; i++) {
        n = recv(c->fd, ring, 1, MSG_DONTWAIT);

        if (n == -1) {
            break;
        }
    }

    if (n != -1) {

        /* edge-triggered: what is left is not told again */

        ngx_post_event(rev, &ngx_posted_next_events);

    } else {
        rev->ready = 0;

        if (ngx_handle_read_event(rev, 0) != NGX_OK) {
            ngx_image_bell_destroy(bell);
        }
    }

    bell->handler(bell->data, 0);
}
