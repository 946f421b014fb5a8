/*
 * What directives have in common: parameters, times, URLs, files, and a
 * sentence about what is wrong.
 */

#include <ngx_http_image_digest.h>


#define NGX_HTTP_IMAGE_FILE_MAX  (1024 * 1024)
#define NGX_HTTP_IMAGE_LIST_MAX  512       /* bytes in a sentence */


static ngx_flag_t ngx_http_image_conf_odd_address(ngx_str_t *host);


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


ngx_int_t
ngx_http_image_conf_url(ngx_str_t *url, ngx_str_t *host,
    ngx_str_t *authority, ngx_str_t *path)
{
    u_char     *p, *last;
    ngx_int_t   n;

    static const u_char  allowed[] = "-._~!$&'()*+,;=:@%/";

    if (!ngx_http_image_conf_parameter(url, "https://", authority)
        && !ngx_http_image_conf_parameter(url, "http://", authority))
    {
        return NGX_DECLINED;
    }

    last = authority->data + authority->len;

    p = ngx_strlchr(authority->data, last, '/');
    if (p == NULL) {
        p = last;
    }

    path->data = p;
    path->len = last - p;

    authority->len = p - authority->data;
    *host = *authority;

    for (p = path->data; p < last; p++) {

        if (!(*p >= '0' && *p <= '9')
            && !((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z')
            && (*p == '\0' || ngx_strchr(allowed, *p) == NULL))
        {
            return NGX_DECLINED;
        }
    }

    /* the last colon, outside the brackets of an IPv6 address */

    last = host->data + host->len;

    for (p = last; p > host->data && p[-1] != ':' && p[-1] != ']'; p--) {
        /* void */
    }

    if (p > host->data && p[-1] == ':') {
        n = ngx_atoi(p, last - p);

        if (n < 1 || n > 65535 || *p == '0') {
            return NGX_DECLINED;
        }

        host->len = p - 1 - host->data;
    }

    if (!ngx_http_image_conf_host(host)
        || ngx_http_image_conf_odd_address(host))
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/*
 * Libcurl takes "127.1", "2130706433" and "0x7f.1" for the address 127.0.0.1:
 * what is written must be what is asked, or nobody could tell a loopback
 * address.
 */

static ngx_flag_t
ngx_http_image_conf_odd_address(ngx_str_t *host)
{
    u_char           *p, *label, *last;
    u_char            text[NGX_INET_ADDRSTRLEN + 1];
    struct in_addr    addr;

    if (host->data[0] == '[') {
        return 0;
    }

    last = host->data + host->len;

    for (label = last; label > host->data && label[-1] != '.'; label--) {
        /* void */
    }

    if (last - label > 2 && label[0] == '0' && (label[1] | 0x20) == 'x') {
        return 1;
    }

    for (p = label; p < last; p++) {
        if (*p < '0' || *p > '9') {
            return 0;
        }
    }

    if (host->len > NGX_INET_ADDRSTRLEN) {
        return 1;
    }

    *ngx_cpymem(text, host->data, host->len) = '\0';

    return inet_pton(AF_INET, (char *) text, &addr) != 1;
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
    u_char      ch;
    ngx_uint_t  i;

    for (i = 0; i < name->len; i++) {
        ch = name->data[i];

        if (!((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')
              || (ch >= '0' && ch <= '9') || ch == '_' || ch == '-'
              || ch == '.'))
        {
            return 0;
        }
    }

    return name->len != 0;
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
