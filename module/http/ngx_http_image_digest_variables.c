/*
 * Variables: what was decided on the client's request, found through the
 * main request wherever they are asked for.
 */

#include <ngx_http_image_digest.h>


typedef enum {
    NGX_HTTP_IMAGE_VAR_DIGEST = 0,
    NGX_HTTP_IMAGE_VAR_REFERENCE,
    NGX_HTTP_IMAGE_VAR_PINNED,
    NGX_HTTP_IMAGE_VAR_STATUS,
    NGX_HTTP_IMAGE_VAR_ERROR,
    NGX_HTTP_IMAGE_VAR_WRITE,
    NGX_HTTP_IMAGE_VAR_AGE,
    NGX_HTTP_IMAGE_VAR_WAIT,
    NGX_HTTP_IMAGE_VAR_ENGINE,
    NGX_HTTP_IMAGE_VAR_UNAVAILABLE
} ngx_http_image_variable_e;


static ngx_int_t ngx_http_image_digest_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_image_digest_key_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_image_digest_digest_text(ngx_http_request_t *r,
    ngx_http_image_decision_t *d, ngx_flag_t pinned, ngx_str_t *value);
static ngx_int_t ngx_http_image_digest_seconds(ngx_http_request_t *r,
    int64_t span, ngx_str_t *value);


static ngx_http_variable_t  ngx_http_image_digest_vars[] = {

    { ngx_string("image_digest"), NULL, ngx_http_image_digest_variable,
      NGX_HTTP_IMAGE_VAR_DIGEST, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("image_digest_key"), NULL,
      ngx_http_image_digest_key_variable, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("image_digest_reference"), NULL,
      ngx_http_image_digest_variable, NGX_HTTP_IMAGE_VAR_REFERENCE,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("image_digest_pinned"), NULL,
      ngx_http_image_digest_variable, NGX_HTTP_IMAGE_VAR_PINNED,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("image_digest_status"), NULL,
      ngx_http_image_digest_variable, NGX_HTTP_IMAGE_VAR_STATUS,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("image_digest_error"), NULL,
      ngx_http_image_digest_variable, NGX_HTTP_IMAGE_VAR_ERROR,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("image_digest_write"), NULL,
      ngx_http_image_digest_variable, NGX_HTTP_IMAGE_VAR_WRITE,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("image_digest_age"), NULL,
      ngx_http_image_digest_variable, NGX_HTTP_IMAGE_VAR_AGE,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("image_digest_wait"), NULL,
      ngx_http_image_digest_variable, NGX_HTTP_IMAGE_VAR_WAIT,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("image_digest_engine"), NULL,
      ngx_http_image_digest_variable, NGX_HTTP_IMAGE_VAR_ENGINE,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("image_digest_unavailable"), NULL,
      ngx_http_image_digest_variable, NGX_HTTP_IMAGE_VAR_UNAVAILABLE,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


static ngx_str_t  ngx_http_image_digest_statuses[] = {
    ngx_null_string,
    ngx_string("PINNED"),
    ngx_string("HIT"),
    ngx_string("SHARED"),
    ngx_string("RESOLVED"),
    ngx_string("SESSION"),
    ngx_string("FALLBACK"),
    ngx_string("INVALID")
};


ngx_int_t
ngx_http_image_digest_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_image_digest_vars; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_image_digest_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t                          value;
    ngx_http_image_decision_t         *d;
    ngx_http_image_digest_loc_conf_t  *ilcf;

    ngx_str_null(&value);

    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;

    d = ngx_http_image_digest_decision(r);

    if (d == NULL || d->status == NGX_HTTP_IMAGE_WAITING) {
        ilcf = ngx_http_get_module_loc_conf(r, ngx_http_image_digest_module);

        if (data == NGX_HTTP_IMAGE_VAR_UNAVAILABLE && (d || ilcf->enable)) {
            ngx_str_set(&value, "1");
        }

        goto done;
    }

    switch (data) {

    case NGX_HTTP_IMAGE_VAR_DIGEST:
    case NGX_HTTP_IMAGE_VAR_PINNED:

        if (ngx_http_image_digest_digest_text(r, d,
                                         data == NGX_HTTP_IMAGE_VAR_PINNED,
                                         &value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        break;

    case NGX_HTTP_IMAGE_VAR_REFERENCE:

        if (d->reason != IMAGE_INVALID_REFERENCE) {
            value.data = d->reference.text;
            value.len = d->reference.len;
        }

        break;

    case NGX_HTTP_IMAGE_VAR_STATUS:
        value = ngx_http_image_digest_statuses[d->status];
        break;

    case NGX_HTTP_IMAGE_VAR_ERROR:
        value.data = (u_char *) image_reason_name(d->reason);
        value.len = ngx_strlen(value.data);
        break;

    case NGX_HTTP_IMAGE_VAR_WRITE:

        if (d->passed) {
            ngx_str_set(&value, "passed");

        } else if (d->dropped) {
            ngx_str_set(&value, "dropped");
        }

        break;

    case NGX_HTTP_IMAGE_VAR_AGE:

        if (d->digest.algorithm != IMAGE_DIGEST_NONE
            && ngx_http_image_digest_seconds(r, d->age, &value) != NGX_OK)
        {
            return NGX_ERROR;
        }

        break;

    case NGX_HTTP_IMAGE_VAR_WAIT:

        if (ngx_http_image_digest_seconds(r, d->wait, &value) != NGX_OK) {
            return NGX_ERROR;
        }

        break;

    case NGX_HTTP_IMAGE_VAR_ENGINE:
        value = d->engine;
        break;

    case NGX_HTTP_IMAGE_VAR_UNAVAILABLE:

        if (d->digest.algorithm == IMAGE_DIGEST_NONE) {
            ngx_str_set(&value, "1");
        }

        break;
    }

done:

    v->data = value.data;
    v->len = value.len;

    return NGX_OK;
}


static ngx_int_t
ngx_http_image_digest_key_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_image_decision_t         *d;
    ngx_http_image_digest_loc_conf_t  *ilcf;

    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;

    d = ngx_http_image_digest_decision(r);

    if (d && d->status != NGX_HTTP_IMAGE_WAITING) {
        v->data = d->key;
        v->len = IMAGE_KEY_TEXT;
        return NGX_OK;
    }

    ilcf = ngx_http_get_module_loc_conf(r, ngx_http_image_digest_module);

    if (d == NULL && !ilcf->enable) {
        v->data = NULL;
        v->len = 0;
        return NGX_OK;
    }

    /*
     * an answer that ends the request before the decision is not too early;
     * the text of "return", which has no length yet, is
     */

    if ((r->main->headers_out.status == 0
         || (r->main->headers_out.content_length_n < 0 && !r->header_sent))
        && !ngx_http_image_digest_refused(r))
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "$image_digest_key was asked for before the image was "
                      "resolved, and matches nothing: use it in directives "
                      "that work after access control, such as proxy_pass or "
                      "proxy_cache_key, not in \"rewrite\", \"set\", \"if\" or "
                      "a \"map\" that is not \"volatile\"");
    }

    v->data = ngx_pnalloc(r->pool, IMAGE_KEY_TEXT);
    if (v->data == NULL) {
        return NGX_ERROR;
    }

    v->len = IMAGE_KEY_TEXT;

    ngx_http_image_digest_random_key(v->data);

    return NGX_OK;
}


static ngx_int_t
ngx_http_image_digest_digest_text(ngx_http_request_t *r,
    ngx_http_image_decision_t *d, ngx_flag_t pinned, ngx_str_t *value)
{
    if (d->digest.algorithm == IMAGE_DIGEST_NONE) {
        return NGX_OK;
    }

    value->data = ngx_pnalloc(r->pool, pinned ? IMAGE_REFERENCE_TEXT
                                              : IMAGE_DIGEST_TEXT);
    if (value->data == NULL) {
        return NGX_ERROR;
    }

    value->len = pinned ? image_reference_pinned(&d->reference, &d->digest,
                                                 value->data)
                        : image_digest_format(&d->digest, value->data);

    return NGX_OK;
}


static ngx_int_t
ngx_http_image_digest_seconds(ngx_http_request_t *r, int64_t span,
    ngx_str_t *value)
{
    int64_t  ms;

    ms = span / 1000;

    value->data = ngx_pnalloc(r->pool, NGX_INT64_LEN + 4);
    if (value->data == NULL) {
        return NGX_ERROR;
    }

    value->len = ngx_sprintf(value->data, "%L.%03L", ms / 1000, ms % 1000)
                 - value->data;

    return NGX_OK;
}
