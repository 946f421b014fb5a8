/*
 * "registry" in an image_resolver: which registry may be asked, and with what.
 */

#include <ngx_http_image_digest.h>


static char *ngx_http_image_resolver_registry_host(ngx_conf_t *cf,
    ngx_image_registry_t *registry, ngx_str_t *host);
static char *ngx_http_image_resolver_registry_endpoint(ngx_conf_t *cf,
    ngx_image_registry_t *registry, ngx_str_t *url);
static char *ngx_http_image_resolver_registry_realm(ngx_conf_t *cf,
    ngx_image_registry_t *registry, ngx_str_t *arg, ngx_str_t *host);
static char *ngx_http_image_resolver_registry_mirror(ngx_conf_t *cf,
    ngx_image_registry_t *registry, ngx_str_t *url);
static char *ngx_http_image_resolver_registry_check(ngx_conf_t *cf,
    ngx_image_resolver_t *resolver, ngx_image_registry_t *registry);


char *
ngx_http_image_resolver_registry(ngx_conf_t *cf,
    ngx_image_resolver_t *resolver)
{
    char                  *rv;
    ngx_str_t             *value, v;
    ngx_uint_t             i;
    ngx_flag_t             taken;
    ngx_image_registry_t  *registry;

    value = cf->args->elts;

    registry = ngx_array_push(resolver->registries);
    if (registry == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(registry, sizeof(ngx_image_registry_t));

    rv = ngx_http_image_resolver_registry_host(cf, registry, &value[1]);

    for (i = 2; rv == NGX_CONF_OK && i < cf->args->nelts; i++) {

        rv = ngx_http_image_conf_tls(cf, &value[i], &registry->tls, &taken);

        if (taken) {
            continue;
        }

        if (ngx_strcmp(value[i].data, "insecure") == 0) {
            registry->insecure = 1;

        } else if (ngx_http_image_conf_parameter(&value[i], "endpoint=", &v)
                   && registry->endpoint.len == 0)
        {
            rv = ngx_http_image_resolver_registry_endpoint(cf, registry, &v);

        } else if (ngx_http_image_conf_parameter(&value[i], "credentials=", &v)
                   && registry->credentials == NULL)
        {
            registry->credentials = ngx_http_image_conf_file(cf, &value[i], &v,
                                                 &ngx_image_file_credentials);
            if (registry->credentials == NULL) {
                return NGX_CONF_ERROR;
            }

        } else if (ngx_http_image_conf_parameter(&value[i], "realm=", &v)) {
            rv = ngx_http_image_resolver_registry_realm(cf, registry,
                                                        &value[i], &v);

        } else if (ngx_http_image_conf_parameter(&value[i], "mirror=", &v)) {
            rv = ngx_http_image_resolver_registry_mirror(cf, registry, &v);

        } else {
            return ngx_http_image_conf_unknown(cf, &value[i],
                             "\"endpoint=URL\", \"credentials=FILE\", "
                             "\"ca=FILE\", \"certificate=FILE\" and "
                             "\"key=FILE\", \"realm=HOST\", \"mirror=URL\" "
                             "or \"insecure\"");
        }
    }

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    return ngx_http_image_resolver_registry_check(cf, resolver, registry);
}


/* HOST, HOST:PORT, HOST:*, or * */

static char *
ngx_http_image_resolver_registry_host(ngx_conf_t *cf,
    ngx_image_registry_t *registry, ngx_str_t *host)
{
    image_pattern_t  pattern;

    static const char  instead[] =
        "a host as references name it, such as \"ghcr.io\", "
        "\"registry.example.com:5000\", \"localhost:*\" or \"*\"";

    ngx_strlow(host->data, host->data, host->len);

    if (image_pattern_parse(&pattern, host->data, host->len) != 0) {
        return ngx_http_image_conf_invalid(cf, host, instead);
    }

    registry->any = pattern.any;

    ngx_http_image_conf_part(&registry->host, &pattern.host);
    ngx_http_image_conf_part(&registry->port, &pattern.port);

    if (registry->port.len == 0 && registry->host.len == 15
        && ngx_strncmp(registry->host.data, "index.docker.io", 15) == 0)
    {
        return ngx_http_image_conf_invalid(cf, host, "\"docker.io\"");
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_image_resolver_registry_endpoint(ngx_conf_t *cf,
    ngx_image_registry_t *registry, ngx_str_t *url)
{
    ngx_str_t  host, authority, path;

    /* the URL is not repeated: it may hold a password */

    static ngx_str_t  name = ngx_string("endpoint=");

    if (ngx_http_image_conf_url(url, &host, &authority, &path) != NGX_OK
        || path.len > 1)
    {
        return ngx_http_image_conf_invalid(cf, &name,
                   "a URL of scheme, host and port alone, such as "
                   "\"endpoint=https://registry.example.com:5000\"");
    }

    registry->endpoint = *url;
    registry->endpoint.len -= path.len;

    return NGX_CONF_OK;
}


static char *
ngx_http_image_resolver_registry_realm(ngx_conf_t *cf,
    ngx_image_registry_t *registry, ngx_str_t *arg, ngx_str_t *host)
{
    ngx_str_t  *realm;

    if (!ngx_http_image_conf_host(host)) {
        return ngx_http_image_conf_invalid(cf, arg,
                   "the host of a token server, without scheme and port");
    }

    if (registry->realms == NULL) {
        registry->realms = ngx_array_create(cf->pool, 1, sizeof(ngx_str_t));
        if (registry->realms == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    realm = ngx_array_push(registry->realms);
    if (realm == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_strlow(host->data, host->data, host->len);
    *realm = *host;

    return NGX_CONF_OK;
}


/* asked in the order of the line */

static char *
ngx_http_image_resolver_registry_mirror(ngx_conf_t *cf,
    ngx_image_registry_t *registry, ngx_str_t *url)
{
    ngx_str_t            host, authority, path;
    ngx_uint_t           i;
    ngx_image_mirror_t  *mirror, *other;

    /* the URL is not repeated: it may hold a password */

    static ngx_str_t  name = ngx_string("mirror=");

    if (ngx_http_image_conf_url(url, &host, &authority, &path) != NGX_OK) {
        return ngx_http_image_conf_invalid(cf, &name,
                   "a URL of scheme, host, port and path alone, such as "
                   "\"mirror=https://mirror.example.com\"");
    }

    if (registry->mirrors == NULL) {
        registry->mirrors = ngx_array_create(cf->pool, 1,
                                             sizeof(ngx_image_mirror_t));
        if (registry->mirrors == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    mirror = ngx_array_push(registry->mirrors);
    if (mirror == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(mirror, sizeof(ngx_image_mirror_t));

    ngx_strlow(authority.data, authority.data, authority.len);

    mirror->url = *url;
    mirror->authority = authority;

    while (mirror->url.data[mirror->url.len - 1] == '/') {
        mirror->url.len--;
    }

    mirror->url.data = ngx_http_image_conf_copy(cf, &mirror->url);
    if (mirror->url.data == NULL) {
        return NGX_CONF_ERROR;
    }

    other = registry->mirrors->elts;

    for (i = 0; i < registry->mirrors->nelts - 1; i++) {

        if (other[i].url.len == mirror->url.len
            && ngx_strncmp(other[i].url.data, mirror->url.data,
                           mirror->url.len)
               == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate mirror \"%V\": write each mirror of "
                               "a registry once", &mirror->url);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* what does not go together */

static char *
ngx_http_image_resolver_registry_check(ngx_conf_t *cf,
    ngx_image_resolver_t *resolver, ngx_image_registry_t *registry)
{
    ngx_str_t             *value;
    ngx_uint_t             i;
    ngx_flag_t             wildcard;
    ngx_image_mirror_t    *mirror;
    ngx_image_registry_t  *other;

    value = cf->args->elts;

    wildcard = registry->any
               || (registry->port.len == 1 && registry->port.data[0] == '*');

    if (registry->any && (registry->insecure
                          || registry->tls.certificate.len
                          || registry->tls.key.len))
    {
        return ngx_http_image_conf_invalid(cf, &value[1],
                   "a registry by its name with \"insecure\" or a client "
                   "certificate, which \"*\" would show to everyone");
    }

    if (wildcard && registry->endpoint.len) {
        return ngx_http_image_conf_invalid(cf, &value[1],
                   "one registry by its name with \"endpoint=\"");
    }

    if (registry->endpoint.len && !registry->insecure
        && ngx_strncmp(registry->endpoint.data, "http:", 5) == 0)
    {
        return ngx_http_image_conf_invalid(cf, &registry->endpoint,
                   "an https URL, or \"insecure\" with it to allow plain "
                   "http");
    }

    if (registry->mirrors && !registry->insecure) {
        mirror = registry->mirrors->elts;

        for (i = 0; i < registry->mirrors->nelts; i++) {

            if (ngx_strncmp(mirror[i].url.data, "http:", 5) == 0) {
                return ngx_http_image_conf_invalid(cf, &mirror[i].url,
                           "an https URL, or \"insecure\" with it to allow "
                           "plain http");
            }
        }
    }

    if (ngx_http_image_conf_tls_check(cf, &value[1], &registry->tls,
                                      &registry->subject)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    other = resolver->registries->elts;

    for (i = 0; i < resolver->registries->nelts - 1; i++) {

        if (other[i].host.len == registry->host.len
            && other[i].port.len == registry->port.len
            && ngx_strncmp(other[i].host.data, registry->host.data,
                           registry->host.len)
               == 0
            && ngx_strncmp(other[i].port.data, registry->port.data,
                           registry->port.len)
               == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate registry \"%V\": write each "
                               "registry once", &value[1]);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}
