/*
 * What a fetch is given, before anything is sent: URLs, the proxy, header
 * lines, and the address class of a host that only a proxy will connect to.
 * May use nginx's core and libcurl's URL parser; does no I/O.
 */

#include <ngx_image_curl.h>


static ngx_int_t ngx_image_fetch_validate_url(ngx_image_fetch_t *f);
static ngx_int_t ngx_image_fetch_validate_proxy(ngx_image_fetch_t *f);
static ngx_int_t ngx_image_fetch_validate_extra(ngx_image_fetch_t *f);
static ngx_int_t ngx_image_fetch_terminated(ngx_str_t *value);
static ngx_int_t ngx_image_fetch_clean(ngx_str_t *value);
static ngx_uint_t ngx_image_fetch_web(CURLU *u);
static ngx_uint_t ngx_image_fetch_host(CURLU *u);
static ngx_uint_t ngx_image_fetch_numeric(CURLU *u);


ngx_int_t
ngx_image_fetch_validate(ngx_image_fetch_t *f)
{
    if (ngx_image_fetch_clean(&f->accept) != NGX_OK
        || ngx_image_fetch_clean(&f->authorization) != NGX_OK
        || ngx_image_fetch_validate_extra(f) != NGX_OK
        || ngx_image_fetch_validate_url(f) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (f->socket.len) {
        f->peer = IMAGE_ADDRESS_LOOPBACK;
        f->numeric = 1;
        return ngx_image_fetch_terminated(&f->socket);
    }

    if (f->proxy.len) {
        return ngx_image_fetch_validate_proxy(f);
    }

    return NGX_OK;
}


/*
 * By the parser that connects (CVE-2022-27780): http or https, a host, and
 * nobody's name in it.
 */

static ngx_int_t
ngx_image_fetch_validate_url(ngx_image_fetch_t *f)
{
    CURLU      *u;
    ngx_int_t   rc;

    if (f->url.len == 0
        || ngx_image_fetch_terminated(&f->url) != NGX_OK
        || ngx_image_fetch_clean(&f->url) != NGX_OK)
    {
        return NGX_ERROR;
    }

    u = curl_url();
    if (u == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_ERROR;

    if (curl_url_set(u, CURLUPART_URL, (char *) f->url.data,
                     CURLU_DISALLOW_USER|CURLU_PATH_AS_IS)
        == CURLUE_OK
        && ngx_image_fetch_web(u))
    {
        rc = NGX_OK;

        if (f->proxy.len) {
            f->peer = ngx_image_fetch_host(u);

        } else {
            f->numeric = ngx_image_fetch_numeric(u);
        }
    }

    curl_url_cleanup(u);

    return rc;
}


/*
 * libcurl 7.88 goes without a proxy whose user or password it can't decode,
 * and speaks SOCKS where the scheme says so.
 */

static ngx_int_t
ngx_image_fetch_validate_proxy(ngx_image_fetch_t *f)
{
    char       *part;
    CURLU      *u;
    CURLUcode   user, password;
    ngx_int_t   rc;

    if (ngx_image_fetch_terminated(&f->proxy) != NGX_OK
        || ngx_image_fetch_clean(&f->proxy) != NGX_OK)
    {
        return NGX_ERROR;
    }

    u = curl_url();
    if (u == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_ERROR;

    if (curl_url_set(u, CURLUPART_URL, (char *) f->proxy.data, 0) == CURLUE_OK
        && ngx_image_fetch_web(u))
    {
        part = NULL;
        user = curl_url_get(u, CURLUPART_USER, &part, CURLU_URLDECODE);
        curl_free(part);

        part = NULL;
        password = curl_url_get(u, CURLUPART_PASSWORD, &part,
                                CURLU_URLDECODE);
        curl_free(part);

        if ((user == CURLUE_OK || user == CURLUE_NO_USER)
            && (password == CURLUE_OK || password == CURLUE_NO_PASSWORD))
        {
            rc = NGX_OK;
            f->numeric = ngx_image_fetch_numeric(u);
        }
    }

    curl_url_cleanup(u);

    return rc;
}


/* names are tokens (RFC 9110, 5.6.2) */

static ngx_int_t
ngx_image_fetch_validate_extra(ngx_image_fetch_t *f)
{
    size_t                     n;
    u_char                     ch;
    ngx_uint_t                 i;
    ngx_image_fetch_header_t  *header;

    if (f->extra == NULL) {
        return NGX_OK;
    }

    header = f->extra->elts;

    for (i = 0; i < f->extra->nelts; i++) {

        if (header[i].name.len == 0
            || ngx_image_fetch_clean(&header[i].value) != NGX_OK)
        {
            return NGX_ERROR;
        }

        for (n = 0; n < header[i].name.len; n++) {
            ch = header[i].name.data[n];

            if (ch <= ' ' || ch >= 0x7f
                || ngx_strchr("\"(),/:;<=>?@[\\]{}", ch) != NULL)
            {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_image_fetch_terminated(ngx_str_t *value)
{
    return ngx_strlen(value->data) == value->len ? NGX_OK : NGX_ERROR;
}


/* no control character goes into a header or a request line */

static ngx_int_t
ngx_image_fetch_clean(ngx_str_t *value)
{
    size_t  i;

    for (i = 0; i < value->len; i++) {
        if (value->data[i] < 0x20 || value->data[i] == 0x7f) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_image_fetch_web(CURLU *u)
{
    char        *scheme;
    ngx_uint_t   web;

    scheme = NULL;

    if (curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK) {
        return 0;
    }

    web = (ngx_strcmp(scheme, "https") == 0
           || ngx_strcmp(scheme, "http") == 0);

    curl_free(scheme);

    return web;
}


/* the class of the address that the host of a URL is, 0: it is a name */

static ngx_uint_t
ngx_image_fetch_host(CURLU *u)
{
    char        *text;
    ngx_uint_t   class;

    text = NULL;

    if (curl_url_get(u, CURLUPART_HOST, &text, 0) != CURLUE_OK) {
        return IMAGE_ADDRESS_ALL;
    }

    class = image_address_host((u_char *) text, ngx_strlen(text));

    curl_free(text);

    return class;
}


/* is the host of a URL an address, which nobody has to look up? */

static ngx_uint_t
ngx_image_fetch_numeric(CURLU *u)
{
    char        *host;
    ngx_uint_t   numeric;

    host = NULL;

    if (curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK) {
        return 0;
    }

    numeric = (host[0] == '['
               || ngx_inet_addr((u_char *) host, ngx_strlen(host))
                  != INADDR_NONE);

    curl_free(host);

    return numeric;
}
