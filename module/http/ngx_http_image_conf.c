/*
 * What directives have in common: parameters, files, and a sentence about
 * what is wrong.  Times, hosts and URLs are read by core/.
 */

#include <ngx_http_image_digest.h>


#define NGX_HTTP_IMAGE_FILE_MAX  (1024 * 1024)
#define NGX_HTTP_IMAGE_LIST_MAX  512       /* bytes in a sentence */


ngx_flag_t
ngx_http_image_conf_host(ngx_str_t *host)
{
    return image_is_host(host->data, host->len);
}


ngx_int_t
ngx_http_image_conf_url(ngx_str_t *url, ngx_str_t *host,
    ngx_str_t *authority, ngx_str_t *path)
{
    image_url_t  u;

    if (image_url_parse(&u, url->data, url->len) != 0) {
        return NGX_DECLINED;
    }

    ngx_http_image_conf_part(host, &u.host);
    ngx_http_image_conf_part(authority, &u.authority);
    ngx_http_image_conf_part(path, &u.path);

    return NGX_OK;
}


void
ngx_http_image_conf_part(ngx_str_t *value, image_str_t *part)
{
    value->len = part->len;
    value->data = (u_char *) part->data;
}


ngx_flag_t
ngx_http_image_conf_loopback(ngx_str_t *host)
{
    return (image_address_host(host->data, host->len)
            & IMAGE_ADDRESS_LOOPBACK)
           != 0;
}


u_char *
ngx_http_image_conf_list(ngx_conf_t *cf, ngx_array_t *names,
    const char *word)
{
    u_char      *text, *p, *last;
    ngx_str_t   *name;
    ngx_uint_t   i;

    text = ngx_pnalloc(cf->pool, NGX_HTTP_IMAGE_LIST_MAX);
    if (text == NULL) {
        return NULL;
    }

    p = text;
    last = text + NGX_HTTP_IMAGE_LIST_MAX - sizeof(", ...");
    name = names->elts;

    for (i = 0; i < names->nelts; i++) {

        if (i && p + name[i].len + sizeof(" word \"\"") > last) {
            p = ngx_cpymem(p, ", ...", sizeof(", ...") - 1);
            break;
        }

        if (i) {
            p = (i == names->nelts - 1) ? ngx_slprintf(p, last, " %s ", word)
                                        : ngx_cpymem(p, ", ", 2);
        }

        p = ngx_slprintf(p, last, "\"%V\"", &name[i]);
    }

    *p = '\0';

    return text;
}


ngx_flag_t
ngx_http_image_conf_name(ngx_str_t *name)
{
    return image_is_name(name->data, name->len);
}


ngx_flag_t
ngx_http_image_conf_parameter(ngx_str_t *arg, const char *name,
    ngx_str_t *value)
{
    size_t  len;

    len = ngx_strlen(name);

    if (arg->len < len || ngx_strncmp(arg->data, name, len) != 0) {
        return 0;
    }

    value->len = arg->len - len;
    value->data = arg->data + len;

    return 1;
}


char *
ngx_http_image_conf_unknown(ngx_conf_t *cf, ngx_str_t *arg,
    const char *instead)
{
    u_char     *p;
    ngx_str_t   name;

    name = *arg;
    p = ngx_strlchr(name.data, name.data + name.len, '=');

    if (p) {
        name.len = p + 1 - name.data;
    }

    return ngx_http_image_conf_invalid(cf, &name, instead);
}


char *
ngx_http_image_conf_invalid(ngx_conf_t *cf, ngx_str_t *arg,
    const char *instead)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid \"%V\" in \"%V\": write %s",
                       arg, &value[0], instead);

    return NGX_CONF_ERROR;
}


int64_t
ngx_http_image_conf_time(ngx_str_t *value)
{
    return image_time_parse(value->data, value->len);
}


ngx_http_complex_value_t *
ngx_http_image_conf_compile(ngx_conf_t *cf, ngx_str_t *value)
{
    ngx_http_complex_value_t          *cv;
    ngx_http_compile_complex_value_t   ccv;

    cv = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (cv == NULL) {
        return NULL;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = value;
    ccv.complex_value = cv;

    return (ngx_http_compile_complex_value(&ccv) == NGX_OK) ? cv : NULL;
}


/* NUL-terminated */

u_char *
ngx_http_image_conf_copy(ngx_conf_t *cf, ngx_str_t *value)
{
    u_char  *p;

    p = ngx_pnalloc(cf->pool, value->len + 1);

    if (p) {
        *ngx_cpymem(p, value->data, value->len) = '\0';
    }

    return p;
}


char *
ngx_http_image_conf_read(ngx_conf_t *cf, ngx_str_t *name,
    ngx_str_t *content)
{
    ssize_t          n;
    ngx_file_t       file;
    ngx_file_info_t  fi;

    ngx_str_null(content);
    ngx_memzero(&file, sizeof(ngx_file_t));

    file.name = *name;
    file.log = cf->log;

    if (ngx_conf_full_name(cf->cycle, &file.name, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    file.fd = ngx_open_file(file.name.data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (file.fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", &file.name);
        return NGX_CONF_ERROR;
    }

    n = NGX_ERROR;

    if (ngx_fd_info(file.fd, &fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_fd_info_n " \"%V\" failed", &file.name);

    } else if (!ngx_is_file(&fi) || ngx_file_size(&fi) == 0
               || ngx_file_size(&fi) > NGX_HTTP_IMAGE_FILE_MAX)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is no file of 1 byte to 1 MiB: write the "
                           "name of one that is", &file.name);

    } else {
        content->len = ngx_file_size(&fi);
        content->data = ngx_pnalloc(cf->pool, content->len);

        if (content->data) {
            n = ngx_read_file(&file, content->data, content->len, 0);
        }
    }

    if (ngx_close_file(file.fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, cf->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", &file.name);
    }

    if (n != NGX_ERROR && n != (ssize_t) content->len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" changed while it was read: try again",
                           &file.name);
        return NGX_CONF_ERROR;
    }

    return (n == NGX_ERROR) ? NGX_CONF_ERROR : NGX_CONF_OK;
}


ngx_image_file_t *
ngx_http_image_conf_file(ngx_conf_t *cf, ngx_str_t *arg, ngx_str_t *name,
    ngx_image_file_type_t *type)
{
    ngx_image_file_t  *file;

    file = ngx_image_file_open(cf, name, type);

    if (file == NULL) {

        /* what is wrong with it was said; this adds where it is written */

        ngx_http_image_conf_invalid(cf, arg, type->instead);
        return NULL;
    }

    if (type == &ngx_image_file_credentials
        && image_credentials_helped(ngx_image_file_value(file)))
    {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"%V\" names a credential helper, which is never "
                           "run (docs/credentials.md): let a timer write what "
                           "it says into the file", &file->name);
    }

    return file;
}
