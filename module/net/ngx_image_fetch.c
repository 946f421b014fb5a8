/*
 * HTTP requests of a worker: options of a transfer, its bounded answer, and
 * which addresses it may go to.  May use nginx's core and libcurl; knows
 * nothing of images.
 *
 * Secrets are in ->authorization, ->form, ->extra, ->proxy and the query
 * strings of URLs: none of them is ever logged, at no level.
 */

#include <ngx_image_curl.h>


#define NGX_IMAGE_FETCH_HEADERS       64
#define NGX_IMAGE_FETCH_HEADER_BYTES  (64 * 1024)
#define NGX_IMAGE_FETCH_BODY_BYTES    4096         /* at first */


static void ngx_image_fetch_way(ngx_image_fetch_t *f, ngx_image_curl_t *t);
static ngx_int_t ngx_image_fetch_request(ngx_image_fetch_t *f,
    ngx_image_curl_t *t);
static ngx_int_t ngx_image_fetch_lines(ngx_image_fetch_t *f,
    ngx_image_curl_t *t);
static ngx_int_t ngx_image_fetch_line(ngx_image_fetch_t *f,
    ngx_image_curl_t *t, ngx_image_fetch_header_t *header);
static void ngx_image_fetch_tls(ngx_image_curl_t *t,
    ngx_image_fetch_tls_t *tls);
static void ngx_image_fetch_blob(struct curl_blob *blob, ngx_str_t *pem);
static curl_socket_t ngx_image_fetch_on_open(void *data,
    curlsocktype purpose, struct curl_sockaddr *address);
static int ngx_image_fetch_on_progress(void *data, curl_off_t total,
    curl_off_t now, curl_off_t upload_total, curl_off_t upload_now);
static int ngx_image_fetch_on_peer(void *data, char *peer, char *local,
    int peer_port, int local_port);
static size_t ngx_image_fetch_on_header(char *line, size_t size, size_t n,
    void *data);
static ngx_int_t ngx_image_fetch_header_line(ngx_image_fetch_t *f,
    u_char *line, size_t len);
static size_t ngx_image_fetch_on_body(char *bytes, size_t size, size_t n,
    void *data);
static ngx_uint_t ngx_image_fetch_status(ngx_image_curl_t *t);
static void ngx_image_fetch_finish(ngx_image_curl_t *t);
static ngx_image_fetch_e ngx_image_fetch_result(ngx_image_fetch_t *f,
    ngx_image_curl_t *t);
static const char *ngx_image_fetch_refused(ngx_image_fetch_t *f,
    ngx_uint_t status);
static const char *ngx_image_fetch_verification(ngx_image_fetch_t *f,
    ngx_image_curl_t *t);


ngx_int_t
ngx_image_fetch_start(ngx_image_fetch_t *f)
{
    ngx_image_curl_t  *t;

    f->transfer = NULL;
    f->status = 0;
    f->peer = 0;
    f->named = (f->socket.len || f->proxy.len);

    if (ngx_image_fetch_validate(f) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_array_init(&f->headers, f->pool, 16,
                       sizeof(ngx_image_fetch_header_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    t = ngx_image_curl_create(&f->transfer, f->log, f->timeout);
    if (t == NULL) {
        return NGX_ERROR;
    }

    t->handler = ngx_image_fetch_finish;
    t->data = f;
    t->name = !f->numeric;
    t->stranger = f->stranger && !f->named;

    /* a proxy connects to what it is told: not even its name is looked up
     * for an address that may not be asked */

    if (f->proxy.len && !f->socket.len && (f->deny & f->peer)) {
        f->forbidden = 1;
        t->doomed = 1;
    }

    if (ngx_image_fetch_request(f, t) != NGX_OK
        || ngx_image_curl_start(t) != NGX_OK)
    {
        ngx_image_curl_free(t);
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_image_fetch_cancel(ngx_image_fetch_t *f)
{
    if (f->transfer) {
        ngx_image_curl_free(f->transfer);
    }
}


ngx_str_t *
ngx_image_fetch_header(ngx_image_fetch_t *f, const char *name)
{
    size_t                     len;
    ngx_uint_t                 i;
    ngx_image_fetch_header_t  *header;

    len = ngx_strlen(name);
    header = f->headers.elts;

    for (i = 0; i < f->headers.nelts; i++) {

        if (header[i].name.len == len
            && ngx_memcmp(header[i].name.data, name, len) == 0)
        {
            return &header[i].value;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_image_fetch_request(ngx_image_fetch_t *f, ngx_image_curl_t *t)
{
    switch (f->method) {

    case NGX_IMAGE_FETCH_HEAD:
        ngx_image_curl_option(t, CURLOPT_NOBODY, 1L);
        break;

    case NGX_IMAGE_FETCH_GET:
        ngx_image_curl_option(t, CURLOPT_HTTPGET, 1L);
        break;

    case NGX_IMAGE_FETCH_POST:
        ngx_image_curl_option(t, CURLOPT_POST, 1L);
        ngx_image_curl_option(t, CURLOPT_POSTFIELDSIZE, (long) f->form.len);
        ngx_image_curl_option(t, CURLOPT_POSTFIELDS,
                              f->form.len ? (char *) f->form.data : "");
        break;
    }

    ngx_image_curl_option(t, CURLOPT_URL, (char *) f->url.data);
    ngx_image_curl_option(t, CURLOPT_PATH_AS_IS, 1L);

    /* one request after the other on a connection, and many connections:
     * what is asked is small, and one slow answer holds up no other */
    ngx_image_curl_option(t, CURLOPT_HTTP_VERSION,
                          (long) CURL_HTTP_VERSION_1_1);

    ngx_image_curl_option(t, CURLOPT_TCP_KEEPALIVE, 1L);
    ngx_image_curl_option(t, CURLOPT_TCP_KEEPIDLE, 30L);
    ngx_image_curl_option(t, CURLOPT_TCP_KEEPINTVL, 15L);
    ngx_image_curl_option(t, CURLOPT_MAXAGE_CONN, 60L);

    /* bodies are hashed as they come */
    ngx_image_curl_option(t, CURLOPT_HTTP_CONTENT_DECODING, 0L);

    ngx_image_curl_option(t, CURLOPT_HEADERFUNCTION,
                          ngx_image_fetch_on_header);
    ngx_image_curl_option(t, CURLOPT_HEADERDATA, (void *) f);
    ngx_image_curl_option(t, CURLOPT_WRITEFUNCTION, ngx_image_fetch_on_body);
    ngx_image_curl_option(t, CURLOPT_WRITEDATA, (void *) f);
    ngx_image_curl_option(t, CURLOPT_OPENSOCKETFUNCTION,
                          ngx_image_fetch_on_open);
    ngx_image_curl_option(t, CURLOPT_OPENSOCKETDATA, (void *) t);
    ngx_image_curl_option(t, CURLOPT_PREREQFUNCTION, ngx_image_fetch_on_peer);
    ngx_image_curl_option(t, CURLOPT_PREREQDATA, (void *) f);

    ngx_image_fetch_tls(t, f->tls);
    ngx_image_fetch_way(f, t);

    ngx_image_curl_option(t, CURLOPT_USERAGENT, "nginx-image-digest/1");

    if (ngx_image_fetch_lines(f, t) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_image_curl_option(t, CURLOPT_HTTPHEADER, t->lines);

    return NGX_OK;
}


/* by a socket, by a proxy, or straight, as a transfer is at first */

static void
ngx_image_fetch_way(ngx_image_fetch_t *f, ngx_image_curl_t *t)
{
    if (f->socket.len) {
        ngx_image_curl_option(t, CURLOPT_UNIX_SOCKET_PATH,
                              (char *) f->socket.data);
        return;
    }

    if (f->proxy.len == 0) {
        return;
    }

    ngx_image_curl_option(t, CURLOPT_PROXY, (char *) f->proxy.data);
    ngx_image_curl_option(t, CURLOPT_NOPROXY, "");
    ngx_image_curl_option(t, CURLOPT_PROXYAUTH, (long) CURLAUTH_BASIC);

    /* no line of ours is in a CONNECT, and none of its answer among those
     * of the peer's */
    ngx_image_curl_option(t, CURLOPT_HEADEROPT, (long) CURLHEADER_SEPARATE);
    ngx_image_curl_option(t, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);

    ngx_image_curl_option(t, CURLOPT_PROXY_SSL_VERIFYPEER, 1L);
    ngx_image_curl_option(t, CURLOPT_PROXY_SSL_VERIFYHOST, 2L);
    ngx_image_curl_option(t, CURLOPT_PROXY_SSLVERSION,
                          (long) CURL_SSLVERSION_TLSv1_2);
    ngx_image_curl_option(t, CURLOPT_PROXY_CAPATH, NULL);

    ngx_image_curl_option(t, CURLOPT_XFERINFOFUNCTION,
                          ngx_image_fetch_on_progress);
    ngx_image_curl_option(t, CURLOPT_XFERINFODATA, (void *) f);
    ngx_image_curl_option(t, CURLOPT_NOPROGRESS, 0L);
}


static ngx_int_t
ngx_image_fetch_lines(ngx_image_fetch_t *f, ngx_image_curl_t *t)
{
    ngx_uint_t                 i;
    ngx_image_fetch_header_t  *header;

    ngx_image_fetch_header_t   own[] = {
        { ngx_string("Accept-Encoding"), ngx_string("identity") },
        { ngx_string("Accept"), f->accept },
        { ngx_string("Authorization"), f->authorization },
        { ngx_string("Cache-Control"), ngx_null_string }
    };

    if (f->no_cache) {
        ngx_str_set(&own[3].value, "no-cache");
    }

    for (i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (ngx_image_fetch_line(f, t, &own[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (f->extra == NULL) {
        return NGX_OK;
    }

    header = f->extra->elts;

    for (i = 0; i < f->extra->nelts; i++) {
        if (ngx_image_fetch_line(f, t, &header[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_image_fetch_line(ngx_image_fetch_t *f, ngx_image_curl_t *t,
    ngx_image_fetch_header_t *header)
{
    size_t              size;
    u_char             *line;
    struct curl_slist  *lines;

    if (header->value.len == 0) {
        return NGX_OK;
    }

    size = header->name.len + sizeof(": ") + header->value.len;

    line = ngx_pnalloc(f->pool, size);
    if (line == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(line, "%V: %V%Z", &header->name, &header->value);

    lines = curl_slist_append(t->lines, (char *) line);
    if (lines == NULL) {
        return NGX_ERROR;
    }

    t->lines = lines;

    return NGX_OK;
}


/*
 * libcurl compares all of this before it uses a connection again, so none is
 * shared by registries with other authorities or certificates.
 */

static void
ngx_image_fetch_tls(ngx_image_curl_t *t, ngx_image_fetch_tls_t *tls)
{
    struct curl_blob  blob;

    ngx_image_curl_option(t, CURLOPT_SSL_VERIFYPEER, 1L);
    ngx_image_curl_option(t, CURLOPT_SSL_VERIFYHOST, 2L);
    ngx_image_curl_option(t, CURLOPT_SSLVERSION,
                          (long) CURL_SSLVERSION_TLSv1_2);

    /*
     * The system's directory of authorities has what its bundle has, and
     * with it libcurl reads the bundle for each connection anew, which takes
     * 20 ms, instead of once.  It would also count beside ->ca.
     */

    ngx_image_curl_option(t, CURLOPT_CAPATH, NULL);

    if (tls == NULL) {
        return;
    }

    if (tls->ca.len) {

        if (!tls->system) {
            ngx_image_curl_option(t, CURLOPT_CAINFO, NULL);
        }

        ngx_image_fetch_blob(&blob, &tls->ca);
        ngx_image_curl_option(t, CURLOPT_CAINFO_BLOB, &blob);
    }

    if (tls->certificate.len && tls->key.len) {
        ngx_image_fetch_blob(&blob, &tls->certificate);
        ngx_image_curl_option(t, CURLOPT_SSLCERT_BLOB, &blob);

        ngx_image_fetch_blob(&blob, &tls->key);
        ngx_image_curl_option(t, CURLOPT_SSLKEY_BLOB, &blob);
    }
}


static void
ngx_image_fetch_blob(struct curl_blob *blob, ngx_str_t *pem)
{
    blob->data = pem->data;
    blob->len = pem->len;
    blob->flags = CURL_BLOB_COPY;
}


/* called by libcurl for each address that it tries */

static curl_socket_t
ngx_image_fetch_on_open(void *data, curlsocktype purpose,
    struct curl_sockaddr *address)
{
    ngx_image_curl_t *t = data;

    ngx_image_fetch_t  *f;

    f = t->data;

    /* a connection that broke may be made anew */
    f->connected = 0;

    if (!f->named && (f->deny & image_address(&address->addr))) {
        f->forbidden = 1;
        return CURL_SOCKET_BAD;
    }

    return ngx_image_curl_socket(t, address);
}


/*
 * Called by libcurl for each byte of a proxy's answer to CONNECT, which it
 * reads in one go for as long as there is more: of a 407, the body too.
 */

static int
ngx_image_fetch_on_progress(void *data, curl_off_t total, curl_off_t now,
    curl_off_t upload_total, curl_off_t upload_now)
{
    ngx_image_fetch_t *f = data;

    if (f->connected) {
        return 0;
    }

    if (f->connect_bytes++ < NGX_IMAGE_FETCH_HEADER_BYTES) {
        return 0;
    }

    f->oversized = 1;

    return 1;
}


/*
 * Called by libcurl once there is a connection, new or used before, and
 * nothing has been sent on it.  A connection that is used again never passed
 * by ngx_image_fetch_on_open(): another registry line may have opened it,
 * to an address that this one may not ask.  So here is where the peer is
 * known for certain, and where it is judged.
 */

static int
ngx_image_fetch_on_peer(void *data, char *peer, char *local, int peer_port,
    int local_port)
{
    ngx_image_fetch_t *f = data;

    f->connected = 1;

    if (f->named) {
        /* it is the operator's socket or proxy */
        return CURL_PREREQFUNC_OK;
    }

    f->peer = image_address_text(peer);

    ngx_log_debug3(NGX_LOG_DEBUG_EVENT, f->log, 0,
                   "image fetch peer %s, class:%ui, denied:%ui",
                   peer, f->peer, f->deny);

    if (f->deny & f->peer) {
        f->forbidden = 1;
        return CURL_PREREQFUNC_ABORT;
    }

    return CURL_PREREQFUNC_OK;
}


/* one line with its line end; 0 ends the transfer */

static size_t
ngx_image_fetch_on_header(char *line, size_t size, size_t n, void *data)
{
    ngx_image_fetch_t *f = data;

    u_char  *p;
    size_t   len;

    len = size * n;

    /* libcurl keeps all of them: those of 1xx answers and trailers, too */

    f->header_bytes += len;

    if (f->header_bytes > NGX_IMAGE_FETCH_HEADER_BYTES) {
        f->oversized = 1;
        return 0;
    }

    if (f->head_done) {
        /* the trailer of a chunked body */
        return len;
    }

    p = (u_char *) line;
    n = len;

    while (n && (p[n - 1] == CR || p[n - 1] == LF)) {
        n--;
    }

    if (n == 0) {
        f->head_done = f->final;
        return len;
    }

    /* a status line begins a header, and ends that of a 1xx answer */

    if (n > 5 && ngx_strncmp(p, "HTTP/", 5) == 0) {
        f->headers.nelts = 0;

        p = ngx_strlchr(p, p + n, ' ');

        f->final = p && p[1] >= '2' && p[1] <= '9';

        return len;
    }

    switch (ngx_image_fetch_header_line(f, p, n)) {

    case NGX_OK:
        return len;

    case NGX_DECLINED:
        f->oversized = 1;
        return 0;

    default: /* NGX_ERROR */
        f->no_memory = 1;
        return 0;
    }
}


/* NGX_OK: kept, or no header line; NGX_DECLINED: too many; NGX_ERROR */

static ngx_int_t
ngx_image_fetch_header_line(ngx_image_fetch_t *f, u_char *line, size_t len)
{
    u_char                    *p, *last, *colon;
    ngx_image_fetch_header_t  *header;

    last = line + len;

    /* names are tokens: a folded line (RFC 9112, 5.2) has none, nor has one
     * with blanks before the colon, and both are passed over */

    for (colon = line; colon < last && *colon != ':'; colon++) {

        if (*colon <= ' ' || *colon >= 0x7f) {
            return NGX_OK;
        }
    }

    if (colon == line || colon == last) {
        return NGX_OK;
    }

    if (f->headers.nelts >= NGX_IMAGE_FETCH_HEADERS) {
        return NGX_DECLINED;
    }

    header = ngx_array_push(&f->headers);
    if (header == NULL) {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(f->pool, len);
    if (p == NULL) {
        f->headers.nelts--;
        return NGX_ERROR;
    }

    header->name.data = p;
    header->name.len = colon - line;
    ngx_strlow(p, line, header->name.len);

    p += header->name.len;

    for (line = colon + 1; line < last; line++) {
        if (*line != ' ' && *line != '\t') {
            break;
        }
    }

    while (last > line && (last[-1] == ' ' || last[-1] == '\t')) {
        last--;
    }

    header->value.data = p;
    header->value.len = last - line;
    ngx_memcpy(p, line, header->value.len);

    return NGX_OK;
}


static size_t
ngx_image_fetch_on_body(char *bytes, size_t size, size_t n, void *data)
{
    ngx_image_fetch_t *f = data;

    size_t   len, new_size;
    u_char  *p;

    len = size * n;

    if (len == 0) {
        return 0;
    }

    if (f->body_handler) {

        if (f->status == 0) {
            f->status = ngx_image_fetch_status(f->transfer);
        }

        if (f->status >= 200 && f->status < 300) {

            if (f->body_handler(f, (u_char *) bytes, len) != NGX_OK) {
                f->unwanted = 1;
                return 0;
            }

            return len;
        }
    }

    if (len > f->max_body - f->body.len) {
        f->oversized = 1;
        return 0;
    }

    if (len > f->body_size - f->body.len) {

        new_size = ngx_max(f->body_size * 2, NGX_IMAGE_FETCH_BODY_BYTES);
        new_size = ngx_max(new_size, f->body.len + len);
        new_size = ngx_min(new_size, f->max_body);

        p = ngx_pnalloc(f->pool, new_size);
        if (p == NULL) {
            f->no_memory = 1;
            return 0;
        }

        if (f->body.len) {
            ngx_memcpy(p, f->body.data, f->body.len);
            (void) ngx_pfree(f->pool, f->body.data);
        }

        f->body.data = p;
        f->body_size = new_size;
    }

    ngx_memcpy(f->body.data + f->body.len, bytes, len);
    f->body.len += len;

    return len;
}


/* of an answer, or 0 */

static ngx_uint_t
ngx_image_fetch_status(ngx_image_curl_t *t)
{
    long  status;

    status = 0;

    if (curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status)
        != CURLE_OK
        || status < 200 || status > 999)
    {
        return 0;
    }

    return (ngx_uint_t) status;
}


static void
ngx_image_fetch_finish(ngx_image_curl_t *t)
{
    ngx_image_fetch_t  *f;

    f = t->data;

    f->result = ngx_image_fetch_result(f, t);
    f->status = 0;

    if (f->result == NGX_IMAGE_FETCH_OK) {
        f->status = ngx_image_fetch_status(t);

        if (f->status == 0) {
            f->result = NGX_IMAGE_FETCH_BAD;
            f->error = "no HTTP status";

        } else if (f->status == 407 && f->proxy.len && !f->socket.len) {
            f->result = NGX_IMAGE_FETCH_UNREACHABLE;
            f->error = ngx_image_fetch_refused(f, f->status);
            f->status = 0;
        }
    }

    if (f->result != NGX_IMAGE_FETCH_OK) {
        f->headers.nelts = 0;
        f->body.len = 0;
    }

    ngx_image_curl_free(t);

    ngx_log_debug4(NGX_LOG_DEBUG_EVENT, f->log, 0,
                   "image fetch done: %ui, status:%ui, %uz bytes, %s",
                   (ngx_uint_t) f->result, f->status, f->body.len,
                   f->error ? f->error : "ok");

    f->handler(f);
}


static ngx_image_fetch_e
ngx_image_fetch_result(ngx_image_fetch_t *f, ngx_image_curl_t *t)
{
    long        connect;
    curl_off_t  began;

    f->error = curl_easy_strerror(t->code);

    if (t->code == CURLE_OK) {
        f->error = NULL;
        return NGX_IMAGE_FETCH_OK;
    }

    if (f->oversized) {
        f->error = "the answer is too large";
        return NGX_IMAGE_FETCH_BAD;
    }

    if (f->unwanted) {
        f->error = "the body is not as it should be";
        return NGX_IMAGE_FETCH_BAD;
    }

    if (f->no_memory) {
        f->error = "out of memory";
        return NGX_IMAGE_FETCH_OVERLOADED;
    }

    switch (t->code) {

    case CURLE_OPERATION_TIMEDOUT:
        return NGX_IMAGE_FETCH_TIMEOUT;

    case CURLE_OUT_OF_MEMORY:

        /* libcurl calls so a line that is longer than it takes */

        if (curl_easy_getinfo(t->easy, CURLINFO_STARTTRANSFER_TIME_T, &began)
            == CURLE_OK
            && began > 0)
        {
            f->error = "the answer is too large";
            return NGX_IMAGE_FETCH_BAD;
        }

        return NGX_IMAGE_FETCH_OVERLOADED;

    case CURLE_ABORTED_BY_CALLBACK:
    case CURLE_COULDNT_CONNECT:

        /* of several addresses one may have been forbidden and the others
         * out of reach: it is the forbidden one that an operator can see */

        if (f->forbidden) {
            f->error = "the address may not be asked";
            return NGX_IMAGE_FETCH_FORBIDDEN;
        }

        if (t->overloaded) {
            f->error = "no free connection for it here";
            return NGX_IMAGE_FETCH_OVERLOADED;
        }

        return NGX_IMAGE_FETCH_UNREACHABLE;

    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:

        if (curl_easy_getinfo(t->easy, CURLINFO_HTTP_CONNECTCODE, &connect)
            == CURLE_OK
            && connect && connect / 100 != 2)
        {
            f->error = ngx_image_fetch_refused(f, (ngx_uint_t) connect);
            return NGX_IMAGE_FETCH_UNREACHABLE;
        }

        /* with TLS 1.3 a server refuses our certificate, or its absence, by
         * an alert after the handshake */

        if (strstr(t->text, "SSL_") && strstr(t->text, " alert ")) {
            f->error = "TLS alert of the peer";
            return NGX_IMAGE_FETCH_TLS;
        }

        if (strstr(t->text, "chunked-encoding")) {
            f->error = "invalid chunks";
            return NGX_IMAGE_FETCH_BAD;
        }

        return NGX_IMAGE_FETCH_UNREACHABLE;

    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
        return NGX_IMAGE_FETCH_UNREACHABLE;

    case CURLE_PEER_FAILED_VERIFICATION:
        f->error = ngx_image_fetch_verification(f, t);
        return NGX_IMAGE_FETCH_TLS;

    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_ENGINE_SETFAILED:
    case CURLE_SSL_ENGINE_INITFAILED:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_SHUTDOWN_FAILED:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_CLIENTCERT:
    case CURLE_USE_SSL_FAILED:
        return NGX_IMAGE_FETCH_TLS;

    default:
        return NGX_IMAGE_FETCH_BAD;
    }
}


/* by the status of a proxy's own answer, which comes from outside */

static const char *
ngx_image_fetch_refused(ngx_image_fetch_t *f, ngx_uint_t status)
{
    u_char  *text;

    static const char  refused[] = "refused by the proxy";

    text = ngx_pnalloc(f->pool, sizeof(refused) + sizeof(": ")
                                + NGX_INT_T_LEN);
    if (text == NULL) {
        return refused;
    }

    ngx_sprintf(text, "%s: %ui%Z", refused, status);

    return (const char *) text;
}


/* what is wrong with a certificate; the other texts of libcurl may hold names
 * out of it, which are the peer's bytes */

static const char *
ngx_image_fetch_verification(ngx_image_fetch_t *f, ngx_image_curl_t *t)
{
    size_t  len;
    char   *text;

    static const char  problem[] = "SSL certificate problem: ";

    if (ngx_strncmp(t->text, problem, sizeof(problem) - 1) != 0) {
        return "certificate is not valid for this host";
    }

    len = ngx_strlen(t->text) + 1;

    text = ngx_pnalloc(f->pool, len);
    if (text == NULL) {
        return "certificate problem";
    }

    ngx_memcpy(text, t->text, len);

    return text;
}
