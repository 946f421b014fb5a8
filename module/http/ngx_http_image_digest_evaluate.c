/*
 * What a request asks: its method, reference, platform, engine, pod, TTL and
 * the parts of its key.  Memory work alone: what is invalid is found before
 * anybody is asked.
 */

#include <ngx_http_image_digest.h>


static ngx_int_t ngx_http_image_digest_evaluate_pod(ngx_http_request_t *r,
    ngx_http_image_decision_t *d);
static ngx_int_t ngx_http_image_digest_evaluate_session(ngx_http_request_t *r,
    ngx_http_image_decision_t *d);
static ngx_int_t ngx_http_image_digest_evaluate_key(ngx_http_request_t *r,
    ngx_http_image_decision_t *d);
static ngx_int_t ngx_http_image_digest_evaluate_ttl(ngx_http_request_t *r,
    ngx_http_image_decision_t *d);
static ngx_int_t ngx_http_image_digest_invalid(ngx_http_image_decision_t *d,
    image_reason_e reason, const char *error);


ngx_int_t
ngx_http_image_digest_method(ngx_http_image_decision_t *d)
{
    u_char     *p, *last;
    ngx_str_t  *line;

    line = &d->main->request_line;
    last = line->data + line->len;

    for (p = line->data; p < last && *p != ' '; p++) { /* void */ }

    d->method.data = line->data;
    d->method.len = p - line->data;

    d->read = ngx_http_image_digest_is(d, "GET")
              || ngx_http_image_digest_is(d, "HEAD")
              || ngx_http_image_digest_is(d, "OPTIONS")
              || ngx_http_image_digest_is(d, "PROPFIND");

    if (ngx_http_image_digest_is(d, "COPY")
        || ngx_http_image_digest_is(d, "MOVE"))
    {
        /* their destination escapes the key */

        d->answer = NGX_HTTP_NOT_ALLOWED;

        return NGX_DECLINED;
    }

    return NGX_OK;
}


ngx_flag_t
ngx_http_image_digest_is(ngx_http_image_decision_t *d, const char *method)
{
    return d->method.len == ngx_strlen(method)
           && ngx_strncmp(d->method.data, method, d->method.len) == 0;
}


ngx_int_t
ngx_http_image_digest_evaluate(ngx_http_request_t *r,
    ngx_http_image_decision_t *d)
{
    ngx_int_t  rc;

    rc = ngx_http_image_digest_evaluate_image(r, d);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_image_digest_evaluate_ttl(r, d) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_image_digest_evaluate_key(r, d);
}


ngx_int_t
ngx_http_image_digest_evaluate_image(ngx_http_request_t *r,
    ngx_http_image_decision_t *d)
{
    ngx_str_t                 value;
    const char               *error;
    ngx_http_image_digest_t  *image;

    image = d->conf->image;

    if (ngx_http_complex_value(r, image->reference, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    error = image_reference_parse(&d->reference, value.data, value.len);

    if (error) {
        return ngx_http_image_digest_invalid(d, IMAGE_INVALID_REFERENCE,
                                             error);
    }

    d->pinned = image_reference_is_pinned(&d->reference);

    if (image->platform) {

        if (ngx_http_complex_value(r, image->platform, &value) != NGX_OK) {
            return NGX_ERROR;
        }

        error = image_platform_parse(&d->platform, value.data, value.len);

        if (error) {
            return ngx_http_image_digest_invalid(d, IMAGE_INVALID_PLATFORM,
                                                 error);
        }
    }

    d->engine = ngx_image_registry_engine.name;
    d->pod.len = 0;

    if (image->engine) {

        if (ngx_http_complex_value(r, image->engine, &value) != NGX_OK) {
            return NGX_ERROR;
        }

        if (value.len) {
            d->engine = value;
        }
    }

    if (ngx_http_image_digest_evaluate_pod(r, d) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_image_digest_evaluate_session(r, d);
}


static ngx_int_t
ngx_http_image_digest_evaluate_pod(ngx_http_request_t *r,
    ngx_http_image_decision_t *d)
{
    u_char     *text;
    ngx_str_t   value;

    if (d->conf->image->pod == NULL) {
        return NGX_OK;
    }

    if (ngx_http_complex_value(r, d->conf->image->pod, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    if (value.len == 0) {
        return NGX_OK;
    }

    text = ngx_pnalloc(d->main->pool, NGX_HTTP_IMAGE_ADDRESS);
    if (text == NULL) {
        return NGX_ERROR;
    }

    d->pod.data = text;
    d->pod.len = ngx_http_image_digest_address(&value, text);

    if (d->pod.len == 0) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "image digest: \"pod=\" gives no IP address: there is "
                      "no such pod");

        d->podless = 1;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_image_digest_evaluate_session(ngx_http_request_t *r,
    ngx_http_image_decision_t *d)
{
    ngx_str_t  value;

    if (d->conf->image->session == NULL) {
        return NGX_OK;
    }

    if (ngx_http_complex_value(r, d->conf->image->session, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    if (value.len == 0) {
        return NGX_OK;
    }

    if (value.len > NGX_HTTP_IMAGE_SESSION_LEN
        || !ngx_http_image_conf_name(&value))
    {
        return ngx_http_image_digest_invalid(d, IMAGE_INVALID_SESSION,
                                  "it is not 1 to 128 letters, digits, \".\", "
                                  "\"_\" and \"-\"");
    }

    d->session = value;

    return NGX_OK;
}


/*
 * That of inet_ntop(), with an IPv4 address for one that is mapped into IPv6,
 * as a listener of both gives it.
 */

size_t
ngx_http_image_digest_address(ngx_str_t *value, u_char *text)
{
    const char       *address;
    struct in_addr    addr;
    struct in6_addr   addr6;

    /* a NUL is no part of an address */

    if (value->len >= NGX_HTTP_IMAGE_ADDRESS
        || ngx_strlchr(value->data, value->data + value->len, '\0'))
    {
        return 0;
    }

    *ngx_cpymem(text, value->data, value->len) = '\0';

    address = NULL;

    if (inet_pton(AF_INET, (char *) text, &addr) == 1) {
        address = inet_ntop(AF_INET, &addr, (char *) text,
                            NGX_HTTP_IMAGE_ADDRESS);

    } else if (inet_pton(AF_INET6, (char *) text, &addr6) == 1) {

        if (IN6_IS_ADDR_V4MAPPED(&addr6)) {
            address = inet_ntop(AF_INET, &addr6.s6_addr[12], (char *) text,
                                NGX_HTTP_IMAGE_ADDRESS);
        } else {
            address = inet_ntop(AF_INET6, &addr6, (char *) text,
                                NGX_HTTP_IMAGE_ADDRESS);
        }
    }

    return address ? ngx_strlen(text) : 0;
}


static ngx_int_t
ngx_http_image_digest_evaluate_key(ngx_http_request_t *r,
    ngx_http_image_decision_t *d)
{
    ngx_str_t                  value;
    ngx_uint_t                 i, empty;
    ngx_http_complex_value_t  *parts;

    parts = d->conf->key->elts;

    d->nparts = d->conf->key->nelts;
    d->parts = ngx_palloc(d->main->pool, d->nparts * sizeof(image_str_t));
    if (d->parts == NULL) {
        return NGX_ERROR;
    }

    empty = 1;

    for (i = 0; i < d->nparts; i++) {

        if (ngx_http_complex_value(r, &parts[i], &value) != NGX_OK) {
            return NGX_ERROR;
        }

        d->parts[i].len = value.len;
        d->parts[i].data = value.data;

        if (value.len) {
            empty = 0;
        }
    }

    if (empty) {
        return ngx_http_image_digest_invalid(d, IMAGE_EMPTY_KEY,
                                             "every part of it is empty");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_image_digest_evaluate_ttl(ngx_http_request_t *r,
    ngx_http_image_decision_t *d)
{
    int64_t                            ttl;
    ngx_str_t                          value;
    ngx_http_image_digest_loc_conf_t  *ilcf;

    ilcf = d->conf;
    ttl = ilcf->ttl_constant;

    if (ilcf->ttl) {

        if (ngx_http_complex_value(r, ilcf->ttl, &value) != NGX_OK) {
            return NGX_ERROR;
        }

        if (value.len) {
            ttl = ngx_http_image_conf_time(&value);

            if (ttl == NGX_ERROR) {
                ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                              "image digest: the TTL is no time, the smallest "
                              "that is allowed is used");
                ttl = 0;
            }
        }
    }

    ttl = ngx_max(ttl, ilcf->ttl_min);
    ttl = ngx_min(ttl, ilcf->ttl_max);

    d->ttl = ngx_min(ttl, ilcf->image->resolver->retention);

    return NGX_OK;
}


static ngx_int_t
ngx_http_image_digest_invalid(ngx_http_image_decision_t *d,
    image_reason_e reason, const char *error)
{
    d->waiter.reason = reason;
    d->error = error;
    d->answer = NGX_HTTP_BAD_REQUEST;

    return NGX_DECLINED;
}
