/*
 * What directives have in common: parameters, times, files, and a sentence
 * about what is wrong.
 */

#include <ngx_http_image_digest.h>


#define NGX_HTTP_IMAGE_FILE_MAX  (1024 * 1024)

/* a name, an IPv4 address, or an IPv6 address in brackets */

ngx_flag_t
ngx_http_image_conf_host(ngx_str_t *host)
{
    u_char            ch;
    size_t            i;
    u_char            text[NGX_INET6_ADDRSTRLEN + 1];
    struct in6_addr   addr6;

    if (host->len == 0 || host->len > 253) {
        return 0;
    }

    if (host->data[0] == '[') {

        if (host->len - 2 > NGX_INET6_ADDRSTRLEN
            || host->data[host->len - 1] != ']')
        {
            return 0;
        }

        *ngx_cpymem(text, host->data + 1, host->len - 2) = '\0';

        return inet_pton(AF_INET6, (char *) text, &addr6) == 1;
    }

    for (i = 0; i < host->len; i++) {
        ch = ngx_tolower(host->data[i]);

        if ((ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9')) {
            continue;
        }

        /* labels neither begin nor end with these */

        if ((ch != '.' && ch != '-') || i == 0 || i == host->len - 1
            || host->data[i - 1] == '.' || (ch == '.'
                                            && host->data[i - 1] == '-'))
        {
            return 0;
        }
    }

    return 1;
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
    ngx_int_t  ms;

    if (value->len == 0) {
        return NGX_ERROR;
    }

    ms = ngx_parse_time(value, 0);

    if (ms == NGX_ERROR) {
        return NGX_ERROR;
    }

    return ngx_min((int64_t) ms, NGX_MAX_INT_T_VALUE / 1000) * 1000;
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
