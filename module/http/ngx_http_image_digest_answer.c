/*
 * What the module answers by itself: one line of text, after the body of the
 * request was read to its end, so that no client is cut off in the middle of
 * an upload.
 */

#include <ngx_http_image_digest.h>


/* how much of a body is read in one turn of the event loop */
#define NGX_HTTP_IMAGE_TURN  64


static void ngx_http_image_digest_drain(ngx_http_request_t *r);
static void ngx_http_image_digest_send(ngx_http_request_t *r);
static ngx_int_t ngx_http_image_digest_text(ngx_http_request_t *r,
    ngx_http_image_decision_t *d, ngx_str_t *text);
static ngx_int_t ngx_http_image_digest_add_header(ngx_http_request_t *r,
    const char *name, const char *value);


ngx_int_t
ngx_http_image_digest_answer(ngx_http_request_t *r,
    ngx_http_image_decision_t *d)
{
    ngx_int_t  rc;

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "image digest answer: %ui", d->answer);

    if (d->error) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "client sent %s: %s", image_reason_name(d->reason),
                      d->error);
    }

    /* what fails from here on is not begun again by an error page */

    r->error_page = 1;

    r->request_body_no_buffering = 1;
    r->request_body_in_file_only = 0;

    rc = ngx_http_read_client_request_body(r, ngx_http_image_digest_drain);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    ngx_http_finalize_request(r, NGX_DONE);

    return NGX_DONE;
}


static void
ngx_http_image_digest_drain(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_uint_t                n;
    ngx_chain_t              *cl, *ln;
    ngx_http_request_body_t  *rb;

    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "image digest drain");

    r->read_event_handler = ngx_http_image_digest_drain;

    rb = r->request_body;

    for (n = 0; r == r->main && rb; n++) {

        for (cl = rb->bufs; cl; /* void */) {
            cl->buf->pos = cl->buf->last;

            ln = cl;
            cl = cl->next;
            ngx_free_chain(r->pool, ln);
        }

        rb->bufs = NULL;

        if (!r->reading_body) {
            break;
        }

        if (n == NGX_HTTP_IMAGE_TURN) {

            /* others have their turn first */

            ngx_post_event(r->connection->read, &ngx_posted_next_events);
            return;
        }

        rc = ngx_http_read_unbuffered_request_body(r);

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            ngx_http_finalize_request(r, rc);
            return;
        }

        if (rb->bufs == NULL && r->reading_body) {
            return;
        }
    }

    r->read_event_handler = ngx_http_block_reading;

    ngx_http_image_digest_send(r);
}


static void
ngx_http_image_digest_send(ngx_http_request_t *r)
{
    ngx_int_t                   rc;
    ngx_buf_t                  *b;
    ngx_str_t                   text;
    ngx_chain_t                 out;
    ngx_http_image_decision_t  *d;

    d = ngx_http_image_digest_decision(r);

    if (ngx_http_image_digest_text(r, d, &text) != NGX_OK
        || ngx_http_image_digest_add_header(r, "Cache-Control", "no-store")
           != NGX_OK)
    {
        goto failed;
    }

    if (d->answer == NGX_HTTP_NOT_ALLOWED
        && ngx_http_image_digest_add_header(r, "Allow",
                          "GET, HEAD, OPTIONS, PROPFIND, PUT, POST, DELETE")
           != NGX_OK)
    {
        goto failed;
    }

    r->headers_out.status = d->answer;
    r->headers_out.content_length_n = text.len;

    /* there is nothing that a condition could be held against */

    r->disable_not_modified = 1;

    ngx_str_set(&r->headers_out.content_type, "text/plain");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    if (text.len == 0) {
        r->header_only = 1;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        goto failed;
    }

    b->pos = text.data;
    b->last = text.data + text.len;
    b->memory = 1;
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    ngx_http_finalize_request(r, ngx_http_output_filter(r, &out));

    return;

failed:

    ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
}


static ngx_int_t
ngx_http_image_digest_text(ngx_http_request_t *r,
    ngx_http_image_decision_t *d, ngx_str_t *text)
{
    const char  *what, *why;

    ngx_str_null(text);

    switch (d->answer) {

    case NGX_HTTP_OK:
        return NGX_OK;

    case NGX_HTTP_BAD_REQUEST:
        why = d->error;

        switch (d->reason) {

        case IMAGE_INVALID_REFERENCE:
            what = "image reference";
            break;

        case IMAGE_INVALID_PLATFORM:
            what = "platform";
            break;

        case IMAGE_INVALID_SESSION:
            what = "session";
            break;

        default:
            what = "cache key";
        }

        break;

    case NGX_HTTP_NOT_ALLOWED:
        what = "method";
        why = "COPY and MOVE would escape the cache key";
        break;

    default:
        what = d->dropped ? "write dropped" : "no digest for the image";
        why = (d->reason != IMAGE_OK) ? image_reason_name(d->reason)
                                      : "by image_digest_writes";
    }

    text->data = ngx_pnalloc(r->pool, ngx_strlen(what) + ngx_strlen(why)
                                      + sizeof(": \n") - 1);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    text->len = ngx_sprintf(text->data, "%s: %s\n", what, why) - text->data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_image_digest_add_header(ngx_http_request_t *r, const char *name,
    const char *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value.data = (u_char *) value;
    h->value.len = ngx_strlen(value);

    return NGX_OK;
}
