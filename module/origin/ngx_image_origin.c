/*
 * The table of engines, and what all of them need of the configuration: which
 * registry may be asked, and as whom.
 */

#include <ngx_image_origin.h>


static ngx_int_t ngx_image_credential_copy(ngx_pool_t *pool,
    image_str_t *value);


ngx_image_engine_type_t  *ngx_image_engine_types[] = {
    &ngx_image_registry_engine,
    &ngx_image_docker_engine,
    &ngx_image_podman_engine,
    &ngx_image_kubernetes_engine,
    &ngx_image_http_engine,
    NULL
};


ngx_image_registry_t *
ngx_image_registry_find(ngx_array_t *registries, const u_char *domain,
    size_t len)
{
    ngx_str_t              host, port, name;
    ngx_uint_t             i;
    ngx_image_registry_t  *registry, *any_port, *any;

    ngx_image_domain_split(domain, len, &host, &port);

    registry = registries->elts;
    any_port = NULL;
    any = NULL;

    for (i = 0; i < registries->nelts; i++) {

        if (registry[i].any) {
            any = any ? any : &registry[i];
            continue;
        }

        name = registry[i].host;

        if (name.len != host.len
            || ngx_strncasecmp(name.data, host.data, host.len) != 0)
        {
            continue;
        }

        if (registry[i].port.len == port.len
            && (port.len == 0
                || ngx_strncmp(registry[i].port.data, port.data, port.len)
                   == 0))
        {
            return &registry[i];
        }

        if (registry[i].port.len == 1 && registry[i].port.data[0] == '*') {
            any_port = any_port ? any_port : &registry[i];
        }
    }

    return any_port ? any_port : any;
}


void
ngx_image_domain_split(const u_char *domain, size_t len, ngx_str_t *host,
    ngx_str_t *port)
{
    const u_char  *p;

    host->data = (u_char *) domain;
    host->len = len;

    ngx_str_null(port);

    /* the last colon, outside the brackets of an IPv6 address */

    for (p = domain + len; p > domain; p--) {

        if (p[-1] == ']') {
            break;
        }

        if (p[-1] == ':') {
            port->data = (u_char *) p;
            port->len = domain + len - p;
            host->len = p - 1 - domain;
            break;
        }
    }
}


ngx_int_t
ngx_image_credential(ngx_image_file_t *file, image_reference_t *reference,
    ngx_pool_t *pool, image_credential_t *credential)
{
    image_credentials_t  *credentials;

    ngx_memzero(credential, sizeof(image_credential_t));

    if (file == NULL) {
        return NGX_OK;
    }

    credentials = ngx_image_file_value(file);

    if (!image_credentials_find(credentials, &reference->domain,
                                &reference->path, credential))
    {
        return NGX_OK;
    }

    if (pool == NULL) {
        return NGX_OK;
    }

    if (ngx_image_credential_copy(pool, &credential->username) != NGX_OK
        || ngx_image_credential_copy(pool, &credential->password) != NGX_OK
        || ngx_image_credential_copy(pool, &credential->identity_token)
           != NGX_OK
        || ngx_image_credential_copy(pool, &credential->registry_token)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_image_credential_copy(ngx_pool_t *pool, image_str_t *value)
{
    u_char  *p;

    if (value->len == 0) {
        return NGX_OK;
    }

    p = ngx_pnalloc(pool, value->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, value->data, value->len);
    value->data = p;

    return NGX_OK;
}


ngx_int_t
ngx_image_credential_who(image_credential_t *credential, ngx_pool_t *pool,
    image_str_t *who)
{
    u_char       *p;
    uint8_t       hash[IMAGE_HASH];
    image_str_t  *token;

    token = NULL;

    if (credential->registry_token.len) {
        token = &credential->registry_token;

    } else if (credential->identity_token.len) {
        token = &credential->identity_token;
    }

    if (token) {
        if (image_hash(hash, token, 1) != 0) {
            return NGX_ERROR;
        }

        p = ngx_pnalloc(pool, 2 * IMAGE_HASH);
        if (p == NULL) {
            return NGX_ERROR;
        }

        image_hex(p, hash, IMAGE_HASH);

        who->data = p;
        who->len = 2 * IMAGE_HASH;

        return NGX_OK;
    }

    if (credential->username.len == 0) {
        who->data = (u_char *) "";
        who->len = 0;

        return NGX_OK;
    }

    who->len = sizeof("user:") - 1 + credential->username.len;

    p = ngx_pnalloc(pool, who->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    who->data = p;

    p = ngx_cpymem(p, "user:", sizeof("user:") - 1);
    ngx_memcpy(p, credential->username.data, credential->username.len);

    return NGX_OK;
}
