/*
 * Names to addresses, by libcurl's resolver: a transfer that is to connect
 * and do no more, whose sockets are refused once their addresses are known.
 * So no connection is made, and /etc/hosts and nsswitch count.
 */

#include <ngx_image_curl.h>


/* how long libcurl may answer from its cache: an address that moved is what
 * a caller asks for anew */
#define NGX_IMAGE_NAMES_CACHE  1L


static ngx_int_t ngx_image_names_url(ngx_image_names_t *n, u_char *url,
    size_t size);
static curl_socket_t ngx_image_names_on_open(void *data,
    curlsocktype purpose, struct curl_sockaddr *address);
static void ngx_image_names_finish(ngx_image_curl_t *t);


ngx_int_t
ngx_image_names_start(ngx_image_names_t *n)
{
    u_char             url[NGX_MAXHOSTNAMELEN + 64];
    ngx_image_curl_t  *t;

    n->naddrs = 0;
    n->transfer = NULL;

    if (ngx_image_names_url(n, url, sizeof(url)) != NGX_OK) {
        return NGX_ERROR;
    }

    t = ngx_image_curl_create(&n->transfer, n->log, n->timeout);
    if (t == NULL) {
        return NGX_ERROR;
    }

    t->handler = ngx_image_names_finish;
    t->data = n;

    ngx_image_curl_option(t, CURLOPT_URL, (char *) url);
    ngx_image_curl_option(t, CURLOPT_CONNECT_ONLY, 1L);
    ngx_image_curl_option(t, CURLOPT_FRESH_CONNECT, 1L);
    ngx_image_curl_option(t, CURLOPT_DNS_CACHE_TIMEOUT,
                          NGX_IMAGE_NAMES_CACHE);
    ngx_image_curl_option(t, CURLOPT_OPENSOCKETFUNCTION,
                          ngx_image_names_on_open);
    ngx_image_curl_option(t, CURLOPT_OPENSOCKETDATA, (void *) n);

    t->name = 1;

    if (ngx_image_curl_start(t) != NGX_OK) {
        ngx_image_curl_free(t);
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_image_names_cancel(ngx_image_names_t *n)
{
    if (n->transfer) {
        ngx_image_curl_free(n->transfer);
    }
}


/* a host that holds anything but a name or an address would be a URL */

static ngx_int_t
ngx_image_names_url(ngx_image_names_t *n, u_char *url, size_t size)
{
    u_char      *p, *last, ch;
    size_t       i;
    ngx_uint_t   ipv6;

    ipv6 = 0;

    for (i = 0; i < n->host.len; i++) {

        ch = n->host.data[i];

        if (ch == ':') {
            ipv6 = 1;
            continue;
        }

        if ((ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z')
            || (ch >= 'A' && ch <= 'Z') || ch == '.' || ch == '-' || ch == '_'
            || (i == 0 && ch == '[')
            || (i == n->host.len - 1 && ch == ']'))
        {
            continue;
        }

        return NGX_ERROR;
    }

    if (n->host.len == 0 || n->host.len > NGX_MAXHOSTNAMELEN
        || n->port == 0)
    {
        return NGX_ERROR;
    }

    last = url + size;

    if (ipv6 && n->host.data[0] != '[') {
        p = ngx_slprintf(url, last, "http://[%V]:%d/%Z", &n->host,
                         (int) n->port);

    } else {
        p = ngx_slprintf(url, last, "http://%V:%d/%Z", &n->host,
                         (int) n->port);
    }

    return p[-1] == '\0' ? NGX_OK : NGX_ERROR;
}


/* called by libcurl for each address of the name */

static curl_socket_t
ngx_image_names_on_open(void *data, curlsocktype purpose,
    struct curl_sockaddr *address)
{
    ngx_image_names_t *n = data;

    socklen_t   len;
    ngx_uint_t  i;

    len = address->addrlen;

    if (n->naddrs == sizeof(n->addrs) / sizeof(n->addrs[0])
        || len > sizeof(ngx_sockaddr_t))
    {
        return CURL_SOCKET_BAD;
    }

    for (i = 0; i < n->naddrs; i++) {
        if (n->addrs[i].socklen == len
            && ngx_memcmp(&n->addrs[i].sockaddr, &address->addr, len) == 0)
        {
            return CURL_SOCKET_BAD;
        }
    }

    ngx_memcpy(&n->addrs[i].sockaddr, &address->addr, len);
    n->addrs[i].socklen = len;

    n->naddrs++;

    return CURL_SOCKET_BAD;
}


static void
ngx_image_names_finish(ngx_image_curl_t *t)
{
    ngx_image_names_t  *n;

    n = t->data;

    ngx_log_debug3(NGX_LOG_DEBUG_EVENT, n->log, 0,
                   "image names \"%V\": %ui addresses, %s", &n->host,
                   n->naddrs, curl_easy_strerror(t->code));

    ngx_image_curl_free(t);

    n->handler(n);
}
