/*
 * libcurl's multi interface in nginx's event loop: one multi handle for a
 * worker, its sockets and its timer.  Knows of no request; may use nginx's
 * core and event modules, and libcurl.
 *
 * libcurl is entered from nginx's events and from the functions of the
 * header, never from one of its own callbacks.  What ends is handed over by a
 * posted event, so that who asked may do anything then: ask again, cancel.
 */

#include <ngx_image_curl.h>

#include <signal.h>


/* idle connections that are kept, and for how many seconds */
#define NGX_IMAGE_CURL_IDLE      32L
#define NGX_IMAGE_CURL_IDLE_AGE  60L

#define NGX_IMAGE_CURL_BUCKETS   64

/*
 * A transfer that ends while its name is looked up leaves the resolver's
 * thread behind, for as long as getaddrinfo() takes: so many of them in so
 * many seconds, and no name is looked up.
 */
#define NGX_IMAGE_CURL_LOST      64
#define NGX_IMAGE_CURL_LOST_AGE  30


static int ngx_image_curl_on_socket(CURL *easy, curl_socket_t fd, int what,
    void *data, void *socket_data);
static int ngx_image_curl_on_timer(CURLM *multi, long timeout, void *data);
static int ngx_image_curl_on_close(void *data, curl_socket_t fd);
static void ngx_image_curl_socket_handler(ngx_event_t *ev);
static void ngx_image_curl_idle(ngx_connection_t *c);
static void ngx_image_curl_idle_handler(ngx_event_t *ev);
static void ngx_image_curl_timer_handler(ngx_event_t *ev);
static void ngx_image_curl_finish_handler(ngx_event_t *ev);
static void ngx_image_curl_action(curl_socket_t fd, int ready);
static void ngx_image_curl_drain(void);
static void ngx_image_curl_end(ngx_image_curl_t *t, CURLcode code);
static void ngx_image_curl_hand_over(ngx_image_curl_t *t, CURLcode code);
static void ngx_image_curl_lost(ngx_image_curl_t *t);
static void ngx_image_curl_doom(CURL *easy);
static ngx_connection_t *ngx_image_curl_find(curl_socket_t fd);
static ngx_connection_t *ngx_image_curl_connect(curl_socket_t fd);
static ngx_atomic_uint_t ngx_image_curl_inode(curl_socket_t fd);
static ngx_uint_t ngx_image_curl_too_slow(ngx_image_curl_t *t);
static ngx_int_t ngx_image_curl_interest(ngx_event_t *ev, ngx_int_t event,
    ngx_uint_t wanted);
static void ngx_image_curl_forget(ngx_connection_t *c);
static ngx_uint_t ngx_image_curl_room(ngx_socket_t fd);
static void ngx_image_curl_block_signals(sigset_t *old);
static void ngx_image_curl_restore_signals(sigset_t *old);


/* of this worker */

static CURLM             *ngx_image_multi;
static ngx_log_t         *ngx_image_multi_log;
static ngx_event_t        ngx_image_multi_timer;
static ngx_event_t        ngx_image_multi_finish;
static ngx_connection_t   ngx_image_multi_dumb;    /* for the debug log */
static ngx_queue_t        ngx_image_multi_running;
static ngx_queue_t        ngx_image_multi_done;

/* when the last names were given up, in a ring: the oldest is the next */
static time_t             ngx_image_multi_lost[NGX_IMAGE_CURL_LOST];
static ngx_uint_t         ngx_image_multi_nlost;

/* connections by their socket, linked by ->queue, which nginx uses for
 * reusable connections alone; so no call of libcurl is needed to find one */
static ngx_queue_t        ngx_image_multi_sockets[NGX_IMAGE_CURL_BUCKETS];


ngx_int_t
ngx_image_fetch_init(ngx_cycle_t *cycle)
{
    CURLM       *multi;
    ngx_uint_t   i;

    if (ngx_image_multi) {
        return NGX_OK;
    }

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "curl_global_init() failed");
        return NGX_ERROR;
    }

    multi = curl_multi_init();

    if (multi == NULL
        || curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION,
                             ngx_image_curl_on_socket)
           != CURLM_OK
        || curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION,
                             ngx_image_curl_on_timer)
           != CURLM_OK
        || curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS,
                             NGX_IMAGE_CURL_IDLE)
           != CURLM_OK)
    {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "curl_multi_init() failed");

        if (multi) {
            curl_multi_cleanup(multi);
        }

        curl_global_cleanup();

        return NGX_ERROR;
    }

    ngx_image_multi = multi;
    ngx_image_multi_log = cycle->log;

    ngx_queue_init(&ngx_image_multi_running);
    ngx_queue_init(&ngx_image_multi_done);

    for (i = 0; i < NGX_IMAGE_CURL_BUCKETS; i++) {
        ngx_queue_init(&ngx_image_multi_sockets[i]);
    }

    ngx_memzero(&ngx_image_multi_timer, sizeof(ngx_event_t));
    ngx_memzero(&ngx_image_multi_finish, sizeof(ngx_event_t));

    ngx_image_multi_dumb.fd = (ngx_socket_t) -1;

    ngx_image_multi_timer.handler = ngx_image_curl_timer_handler;
    ngx_image_multi_timer.data = &ngx_image_multi_dumb;
    ngx_image_multi_timer.log = cycle->log;
    ngx_image_multi_timer.cancelable = 1;

    ngx_image_multi_finish.handler = ngx_image_curl_finish_handler;
    ngx_image_multi_finish.data = &ngx_image_multi_dumb;
    ngx_image_multi_finish.log = cycle->log;

    return NGX_OK;
}


void
ngx_image_fetch_exit(ngx_cycle_t *cycle)
{
    ngx_uint_t         i;
    ngx_queue_t       *q;
    ngx_image_curl_t  *t;

    if (ngx_image_multi == NULL) {
        return;
    }

    while (!ngx_queue_empty(&ngx_image_multi_running)) {
        q = ngx_queue_head(&ngx_image_multi_running);
        t = ngx_queue_data(q, ngx_image_curl_t, queue);
        ngx_image_curl_free(t);
    }

    while (!ngx_queue_empty(&ngx_image_multi_done)) {
        q = ngx_queue_head(&ngx_image_multi_done);
        t = ngx_queue_data(q, ngx_image_curl_t, queue);
        ngx_image_curl_free(t);
    }

    /* closes the idle connections; the callbacks are still called */

    (void) curl_multi_cleanup(ngx_image_multi);

    ngx_image_multi = NULL;

    for (i = 0; i < NGX_IMAGE_CURL_BUCKETS; i++) {

        while (!ngx_queue_empty(&ngx_image_multi_sockets[i])) {
            q = ngx_queue_head(&ngx_image_multi_sockets[i]);
            ngx_image_curl_forget(ngx_queue_data(q, ngx_connection_t, queue));
        }
    }

    if (ngx_image_multi_timer.timer_set) {
        ngx_del_timer(&ngx_image_multi_timer);
    }

    if (ngx_image_multi_finish.posted) {
        ngx_delete_posted_event(&ngx_image_multi_finish);
    }

    curl_global_cleanup();
}


ngx_image_curl_t *
ngx_image_curl_create(void **owner, ngx_log_t *log, ngx_msec_t timeout)
{
    ngx_image_curl_t  *t;

    if (ngx_image_multi == NULL) {
        return NULL;
    }

    t = ngx_calloc(sizeof(ngx_image_curl_t), log);
    if (t == NULL) {
        return NULL;
    }

    t->easy = curl_easy_init();
    if (t->easy == NULL) {
        ngx_free(t);
        return NULL;
    }

    t->log = log;
    t->owner = owner;

    *owner = t;

    ngx_image_curl_option(t, CURLOPT_PRIVATE, (void *) t);
    ngx_image_curl_option(t, CURLOPT_ERRORBUFFER, t->text);
    ngx_image_curl_option(t, CURLOPT_NOSIGNAL, 1L);

    /* a time-out does not wait for the resolver's thread */
    ngx_image_curl_option(t, CURLOPT_QUICK_EXIT, 1L);

    ngx_image_curl_option(t, CURLOPT_TIMEOUT_MS,
                          (long) (timeout ? timeout : 1));

    /* nothing of the environment, and no protocol but these two */

    ngx_image_curl_option(t, CURLOPT_PROXY, "");
    ngx_image_curl_option(t, CURLOPT_NOPROXY, "*");
    ngx_image_curl_option(t, CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
    ngx_image_curl_option(t, CURLOPT_PROTOCOLS_STR, "http,https");
    ngx_image_curl_option(t, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    ngx_image_curl_option(t, CURLOPT_FOLLOWLOCATION, 0L);
    ngx_image_curl_option(t, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);

    ngx_image_curl_option(t, CURLOPT_CLOSESOCKETFUNCTION,
                          ngx_image_curl_on_close);

    return t;
}


ngx_int_t
ngx_image_curl_start(ngx_image_curl_t *t)
{
    sigset_t   old;
    CURLMcode  rc;

    if (t->code != CURLE_OK) {
        ngx_log_error(NGX_LOG_ERR, t->log, 0, "curl_easy_setopt() failed: %s",
                      curl_easy_strerror(t->code));
        return NGX_ERROR;
    }

    if (t->doomed) {
        ngx_image_curl_hand_over(t, CURLE_COULDNT_CONNECT);
        return NGX_OK;
    }

    if (t->name && ngx_image_curl_too_slow(t)) {
        ngx_log_error(NGX_LOG_ERR, t->log, 0,
                      "too many names could not be resolved in time: none is "
                      "looked up for some seconds");
        return NGX_ERROR;
    }

    ngx_queue_insert_tail(&ngx_image_multi_running, &t->queue);
    t->running = 1;

    /* the worker lives at least as long as this */
    ngx_image_multi_timer.cancelable = 0;

    ngx_image_curl_block_signals(&old);

    rc = curl_multi_add_handle(ngx_image_multi, t->easy);

    ngx_image_curl_restore_signals(&old);

    if (rc != CURLM_OK) {
        ngx_log_error(NGX_LOG_ERR, t->log, 0,
                      "curl_multi_add_handle() failed: %s",
                      curl_multi_strerror(rc));

        ngx_queue_remove(&t->queue);
        t->running = 0;

        ngx_image_multi_timer.cancelable =
                                    ngx_queue_empty(&ngx_image_multi_running);
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_image_curl_free(ngx_image_curl_t *t)
{
    if (t->running) {
        ngx_image_curl_end(t, CURLE_ABORTED_BY_CALLBACK);
    }

    if (t->done) {
        ngx_queue_remove(&t->queue);
    }

    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->lines);

    *t->owner = NULL;

    ngx_free(t);
}


curl_socket_t
ngx_image_curl_socket(ngx_image_curl_t *t, struct curl_sockaddr *address)
{
    ngx_err_t          err;
    ngx_uint_t         reads, writes;
    curl_socket_t      fd;
    ngx_connection_t  *c;

    /* nginx would log an alert if it had none for the socket later */

    if (!ngx_image_curl_room(0)) {
        t->overloaded = 1;
        return CURL_SOCKET_BAD;
    }

    fd = socket(address->family,
                address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                address->protocol);

    if (fd == -1) {
        err = ngx_socket_errno;

        if (err == NGX_EMFILE || err == NGX_ENFILE || err == ENOBUFS
            || err == NGX_ENOMEM)
        {
            t->overloaded = 1;
        }

        /* an address family that the host lacks is no error */

        ngx_log_debug1(NGX_LOG_DEBUG_EVENT, t->log, err,
                       "image curl socket() failed, family %d",
                       address->family);

        return CURL_SOCKET_BAD;
    }

    /*
     * One of the same number was closed unseen, and libcurl need not tell what
     * it wants to know of this one, if that is the same.
     */

    c = ngx_image_curl_find(fd);

    reads = c && c->read->active;
    writes = c && c->write->active;

    if (c) {
        ngx_image_curl_forget(c);
    }

    c = ngx_image_curl_connect(fd);

    if (c == NULL) {
        t->overloaded = 1;
        (void) ngx_close_socket(fd);
        return CURL_SOCKET_BAD;
    }

    /* ours from here to ngx_image_curl_on_close() */

    c->data = c;

    if (ngx_image_curl_interest(c->read, NGX_READ_EVENT, reads) != NGX_OK
        || ngx_image_curl_interest(c->write, NGX_WRITE_EVENT, writes)
           != NGX_OK)
    {
        t->overloaded = 1;
        ngx_image_curl_forget(c);
        (void) ngx_close_socket(fd);
        return CURL_SOCKET_BAD;
    }

    return fd;
}


/*
 * What libcurl wants to know of a socket: of a connection, or the pair that
 * its resolver's thread wakes it by.  An answer of -1 would fail every
 * transfer, so a transfer that can't be served ends alone.
 */

static int
ngx_image_curl_on_socket(CURL *easy, curl_socket_t fd, int what, void *data,
    void *socket_data)
{
    ngx_connection_t  *c;

    ngx_log_debug2(NGX_LOG_DEBUG_EVENT, ngx_image_multi_log, 0,
                   "image curl socket %d: %d", fd, what);

    c = ngx_image_curl_find(fd);

    if (c && c->number != ngx_image_curl_inode(fd)) {
        ngx_image_curl_forget(c);
        c = NULL;
    }

    if (what == CURL_POLL_REMOVE) {

        /* libcurl owns the socket, and may go on using it */

        if (c && c->data) {
            ngx_image_curl_idle(c);

        } else if (c) {
            ngx_image_curl_forget(c);
        }

        return 0;
    }

    if (c == NULL) {
        c = ngx_image_curl_connect(fd);

        if (c == NULL) {
            ngx_image_curl_doom(easy);
            return 0;
        }
    }

    c->idle = 0;
    c->read->handler = ngx_image_curl_socket_handler;

    if (ngx_image_curl_interest(c->read, NGX_READ_EVENT,
                                what & CURL_POLL_IN)
        != NGX_OK
        || ngx_image_curl_interest(c->write, NGX_WRITE_EVENT,
                                   what & CURL_POLL_OUT)
           != NGX_OK)
    {
        ngx_image_curl_doom(easy);
    }

    return 0;
}


static int
ngx_image_curl_on_timer(CURLM *multi, long timeout, void *data)
{
    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, ngx_image_multi_log, 0,
                   "image curl timer %l", timeout);

    /* ngx_add_timer() would keep the old time where the new one is near */

    if (ngx_image_multi_timer.timer_set) {
        ngx_del_timer(&ngx_image_multi_timer);
    }

    /* 0 ms set anew while timers expire would never let the loop go on */

    if (timeout >= 0) {
        ngx_add_timer(&ngx_image_multi_timer,
                      (ngx_msec_t) ngx_max(timeout, 1));
    }

    return 0;
}


/* no event outlives the fd */

static int
ngx_image_curl_on_close(void *data, curl_socket_t fd)
{
    ngx_connection_t  *c;

    c = ngx_image_curl_find(fd);

    if (c) {
        ngx_image_curl_forget(c);
    }

    return ngx_close_socket(fd);
}


static void
ngx_image_curl_socket_handler(ngx_event_t *ev)
{
    ngx_connection_t  *c;

    c = ev->data;

    ngx_log_debug2(NGX_LOG_DEBUG_EVENT, ev->log, 0,
                   "image curl socket %d ready, write:%d", c->fd, ev->write);

    ngx_image_curl_action(c->fd, ev->write ? CURL_CSELECT_OUT
                                           : CURL_CSELECT_IN);
}


/*
 * A connection that is kept for the next request is not to be spoken on.
 * libcurl 7.88 would take what has come, such as a body after the answer to
 * a HEAD, for the answer to that request, and so one manifest's digest for
 * another's.  On one that was shut down the next request can't be sent, and
 * libcurl makes a new connection for it.
 */

static void
ngx_image_curl_idle(ngx_connection_t *c)
{
    c->idle = 1;
    c->read->handler = ngx_image_curl_idle_handler;

    if (ngx_image_curl_interest(c->write, NGX_WRITE_EVENT, 0) != NGX_OK
        || ngx_image_curl_interest(c->read, NGX_READ_EVENT, 1) != NGX_OK)
    {
        (void) ngx_shutdown_socket(c->fd, SHUT_RDWR);
    }
}


static void
ngx_image_curl_idle_handler(ngx_event_t *ev)
{
    ngx_connection_t  *c;

    c = ev->data;

    ngx_log_debug2(NGX_LOG_DEBUG_EVENT, ev->log, 0,
                   "image curl socket %d idle, close:%d", c->fd, c->close);

    /* the server speaks or leaves, or this worker exits; the socket stays
     * open until libcurl closes it */

    (void) ngx_shutdown_socket(c->fd, SHUT_RDWR);

    (void) ngx_image_curl_interest(ev, NGX_READ_EVENT, 0);
}


static void
ngx_image_curl_timer_handler(ngx_event_t *ev)
{
    ngx_log_debug0(NGX_LOG_DEBUG_EVENT, ev->log, 0,
                   "image curl timer handler");

    ev->timedout = 0;

    ngx_image_curl_action(CURL_SOCKET_TIMEOUT, 0);
}


/* hands over what has ended, one in a turn of the event loop: its handler may
 * have a large document to read.  It may start and free any transfer */

static void
ngx_image_curl_finish_handler(ngx_event_t *ev)
{
    ngx_queue_t       *q;
    ngx_image_curl_t  *t;

    ngx_log_debug0(NGX_LOG_DEBUG_EVENT, ev->log, 0,
                   "image curl finish handler");

    if (ngx_queue_empty(&ngx_image_multi_done)) {
        return;
    }

    q = ngx_queue_head(&ngx_image_multi_done);
    t = ngx_queue_data(q, ngx_image_curl_t, queue);
    t->handler(t);

    if (!ngx_queue_empty(&ngx_image_multi_done)) {
        ngx_post_event(ev, &ngx_posted_next_events);
    }
}


static void
ngx_image_curl_action(curl_socket_t fd, int ready)
{
    int        running;
    sigset_t   old;
    CURLMcode  rc;

    ngx_image_curl_block_signals(&old);

    rc = curl_multi_socket_action(ngx_image_multi, fd, ready, &running);

    ngx_image_curl_restore_signals(&old);

    if (rc != CURLM_OK) {
        ngx_log_error(NGX_LOG_ERR, ngx_image_multi_log, 0,
                      "curl_multi_socket_action() failed: %s",
                      curl_multi_strerror(rc));
    }

    ngx_image_curl_drain();
}


static void
ngx_image_curl_drain(void)
{
    int                left;
    void              *data;
    CURLMsg           *msg;
    CURLcode           code;
    ngx_queue_t       *q, *next;
    ngx_image_curl_t  *t;

    while ((msg = curl_multi_info_read(ngx_image_multi, &left)) != NULL) {

        if (msg->msg != CURLMSG_DONE) {
            continue;
        }

        /* the message does not outlive the removal of the handle */

        code = msg->data.result;
        data = NULL;

        if (curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &data)
            != CURLE_OK
            || data == NULL)
        {
            continue;
        }

        t = data;

        ngx_image_curl_end(t, t->doomed ? CURLE_COULDNT_CONNECT : code);
    }

    for (q = ngx_queue_head(&ngx_image_multi_running);
         q != ngx_queue_sentinel(&ngx_image_multi_running);
         q = next)
    {
        next = ngx_queue_next(q);

        t = ngx_queue_data(q, ngx_image_curl_t, queue);

        if (t->doomed) {
            ngx_image_curl_end(t, CURLE_COULDNT_CONNECT);
        }
    }
}


/* out of libcurl's hands, and into the line of those to be handed over */

static void
ngx_image_curl_end(ngx_image_curl_t *t, CURLcode code)
{
    sigset_t   old;
    CURLMcode  rc;

    if (code == CURLE_OPERATION_TIMEDOUT || code == CURLE_ABORTED_BY_CALLBACK)
    {
        ngx_image_curl_lost(t);
    }

    ngx_image_curl_block_signals(&old);

    rc = curl_multi_remove_handle(ngx_image_multi, t->easy);

    ngx_image_curl_restore_signals(&old);

    if (rc != CURLM_OK) {
        ngx_log_error(NGX_LOG_ERR, ngx_image_multi_log, 0,
                      "curl_multi_remove_handle() failed: %s",
                      curl_multi_strerror(rc));
    }

    ngx_queue_remove(&t->queue);
    t->running = 0;

    /* an idle multi handle does not hold a worker that exits */

    ngx_image_multi_timer.cancelable =
                                    ngx_queue_empty(&ngx_image_multi_running);

    ngx_image_curl_hand_over(t, code);
}


static void
ngx_image_curl_hand_over(ngx_image_curl_t *t, CURLcode code)
{
    t->code = code;

    ngx_queue_insert_tail(&ngx_image_multi_done, &t->queue);
    t->done = 1;

    ngx_post_event(&ngx_image_multi_finish, &ngx_posted_events);
}


/* of the names that strangers gave, half as many are enough */

static ngx_uint_t
ngx_image_curl_too_slow(ngx_image_curl_t *t)
{
    time_t      lost;
    ngx_uint_t  n;

    n = t->stranger ? NGX_IMAGE_CURL_LOST / 2 : 0;

    lost = ngx_image_multi_lost[(ngx_image_multi_nlost + n)
                                % NGX_IMAGE_CURL_LOST];

    return lost && ngx_time() - lost < NGX_IMAGE_CURL_LOST_AGE;
}


/* was it given up while its name was looked up? */

static void
ngx_image_curl_lost(ngx_image_curl_t *t)
{
    long        connects;
    curl_off_t  named;

    if (!t->name
        || curl_easy_getinfo(t->easy, CURLINFO_NAMELOOKUP_TIME_T, &named)
           != CURLE_OK
        || curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &connects)
           != CURLE_OK
        || named > 0 || connects > 0)
    {
        return;
    }

    ngx_image_multi_lost[ngx_image_multi_nlost++ % NGX_IMAGE_CURL_LOST] =
                                                                   ngx_time();
}


/* called by libcurl, so the transfer is only marked; it is looked for among
 * those that run, which are few, to make no call of libcurl here */

static void
ngx_image_curl_doom(CURL *easy)
{
    ngx_queue_t       *q;
    ngx_image_curl_t  *t;

    for (q = ngx_queue_head(&ngx_image_multi_running);
         q != ngx_queue_sentinel(&ngx_image_multi_running);
         q = ngx_queue_next(q))
    {
        t = ngx_queue_data(q, ngx_image_curl_t, queue);

        if (t->easy == easy) {
            t->doomed = 1;
            t->overloaded = 1;
            return;
        }
    }
}


static ngx_connection_t *
ngx_image_curl_find(curl_socket_t fd)
{
    ngx_queue_t       *q, *bucket;
    ngx_connection_t  *c;

    bucket = &ngx_image_multi_sockets[(ngx_uint_t) fd
                                      % NGX_IMAGE_CURL_BUCKETS];

    for (q = ngx_queue_head(bucket);
         q != ngx_queue_sentinel(bucket);
         q = ngx_queue_next(q))
    {
        c = ngx_queue_data(q, ngx_connection_t, queue);

        if (c->fd == fd) {
            return c;
        }
    }

    return NULL;
}


static ngx_connection_t *
ngx_image_curl_connect(curl_socket_t fd)
{
    ngx_connection_t  *c;

    if (!ngx_image_curl_room(fd)) {
        return NULL;
    }

    c = ngx_get_connection(fd, ngx_image_multi_log);
    if (c == NULL) {
        return NULL;
    }

    c->read->handler = ngx_image_curl_socket_handler;
    c->write->handler = ngx_image_curl_socket_handler;
    c->read->log = ngx_image_multi_log;
    c->write->log = ngx_image_multi_log;

    c->number = ngx_image_curl_inode(fd);

    ngx_queue_insert_head(&ngx_image_multi_sockets[(ngx_uint_t) fd
                                                   % NGX_IMAGE_CURL_BUCKETS],
                          &c->queue);

    return c;
}


/*
 * libcurl 7.88 closes a socket that never got connected without
 * CLOSESOCKETFUNCTION, and only then tells that it wants to know nothing more
 * of it: by then its number may be another one's.  So sockets are known by
 * their inodes.
 */

static ngx_atomic_uint_t
ngx_image_curl_inode(curl_socket_t fd)
{
    ngx_file_info_t  fi;

    return (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) ? 0 : fi.st_ino;
}


/*
 * Level-triggered alone, since libcurl does not read until EAGAIN.  Interest
 * in writing goes at once when libcurl's does, or the worker would spin.
 */

static ngx_int_t
ngx_image_curl_interest(ngx_event_t *ev, ngx_int_t event, ngx_uint_t wanted)
{
    if (wanted && !ev->active) {
        return ngx_add_event(ev, event, NGX_LEVEL_EVENT);
    }

    if (!wanted && ev->active) {

        if (ev->posted) {
            ngx_delete_posted_event(ev);
        }

        return ngx_del_event(ev, event, 0);
    }

    return NGX_OK;
}


/* the socket itself stays open: it is libcurl's.  Of one that has been closed
 * the kernel knows no events */

static void
ngx_image_curl_forget(ngx_connection_t *c)
{
    ngx_uint_t  flags;

    flags = (c->number == ngx_image_curl_inode(c->fd)) ? 0 : NGX_CLOSE_EVENT;

    if (c->read->active) {
        (void) ngx_del_event(c->read, NGX_READ_EVENT, flags);
    }

    if (c->write->active) {
        (void) ngx_del_event(c->write, NGX_WRITE_EVENT, flags);
    }

    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }

    if (c->write->posted) {
        ngx_delete_posted_event(c->write);
    }

    c->read->closed = 1;
    c->write->closed = 1;

    ngx_queue_remove(&c->queue);

    ngx_free_connection(c);

    c->fd = (ngx_socket_t) -1;
}


/* ngx_get_connection() logs an alert where it has none */

static ngx_uint_t
ngx_image_curl_room(ngx_socket_t fd)
{
    return (ngx_cycle->free_connection_n > 0
            || ngx_cycle->reusable_connections_n > 0)
           && (ngx_cycle->files == NULL
               || (ngx_uint_t) fd < ngx_cycle->files_n);
}


/*
 * The threads of libcurl's resolver take their mask from who starts them.  A
 * signal for the worker that one of them got would not wake epoll_wait().
 */

static void
ngx_image_curl_block_signals(sigset_t *old)
{
    sigset_t  all;

    sigfillset(&all);

    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    sigdelset(&all, SIGABRT);

    (void) pthread_sigmask(SIG_SETMASK, &all, old);
}


static void
ngx_image_curl_restore_signals(sigset_t *old)
{
    (void) pthread_sigmask(SIG_SETMASK, old, NULL);
}
