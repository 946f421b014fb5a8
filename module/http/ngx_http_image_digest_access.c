/*
 * Who was let in: nobody is asked for a request that was turned away, not
 * even where an error page leads to a location that would ask.
 */

#include <ngx_http_image_digest.h>


/* where a request is that an error page may bring back */

typedef struct {
    unsigned                    entered:1;     /* has come to access control */
    unsigned                    passed:1;      /* and is past it */
    unsigned                    recursive:1;
    unsigned                    refused:1;
} ngx_http_image_access_t;


static ngx_http_image_access_t *ngx_http_image_digest_access(
    ngx_http_request_t *main);
static void ngx_http_image_digest_access_keep(void *data);


/*
 * The location of an error page lets in whom another one has turned away, and
 * the module may be on there: for such a request nobody is asked.  So it is
 * noted, before the preaccess phase's other handlers and before ours, how far
 * a request has come.  The note is in the pool, as a redirect clears contexts.
 */

ngx_int_t
ngx_http_image_digest_enter(ngx_http_request_t *r)
{
    ngx_uint_t                 refused;
    ngx_pool_cleanup_t        *cln;
    ngx_http_image_access_t   *access;
    ngx_http_core_loc_conf_t  *clcf;

    if (r != r->main) {
        return NGX_DECLINED;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    access = r->internal ? ngx_http_image_digest_access(r) : NULL;

    if (access == NULL) {

        /* "return 403" comes before this phase */

        refused = r->err_status == NGX_HTTP_UNAUTHORIZED
                  || r->err_status == NGX_HTTP_FORBIDDEN;

        if (clcf->error_pages == NULL && !refused) {
            return NGX_DECLINED;
        }

        cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_image_access_t));
        if (cln == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        cln->handler = ngx_http_image_digest_access_keep;

        access = cln->data;
        ngx_memzero(access, sizeof(ngx_http_image_access_t));

        access->refused = refused;

    } else if (access->entered && !access->passed
               && (r->error_page || access->recursive))
    {
        access->refused = 1;
    }

    access->entered = 1;
    access->passed = 0;
    access->recursive = clcf->recursive_error_pages;

    return NGX_DECLINED;
}


void
ngx_http_image_digest_passed(ngx_http_request_t *r)
{
    ngx_http_image_access_t   *access;
    ngx_http_core_loc_conf_t  *clcf;

    if (r != r->main) {
        return;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->error_pages == NULL && !r->internal) {
        return;
    }

    access = ngx_http_image_digest_access(r);

    if (access) {
        access->passed = 1;
    }
}


ngx_flag_t
ngx_http_image_digest_refused(ngx_http_request_t *r)
{
    ngx_http_image_access_t  *access;

    if (!r->main->internal) {
        return 0;
    }

    access = ngx_http_image_digest_access(r->main);

    return access && access->refused;
}


static ngx_http_image_access_t *
ngx_http_image_digest_access(ngx_http_request_t *main)
{
    ngx_pool_cleanup_t  *cln;

    for (cln = main->pool->cleanup; cln; cln = cln->next) {

        if (cln->handler == ngx_http_image_digest_access_keep) {
            return cln->data;
        }
    }

    return NULL;
}


static void
ngx_http_image_digest_access_keep(void *data)
{
    /* a mark to find the note by */
}
