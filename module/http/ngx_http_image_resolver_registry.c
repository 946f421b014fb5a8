/*
 * "registry" in an image_resolver: which registry may be asked, and with what.
 * Files are read here, by the master: a worker may not be let to.
 */

#include <ngx_http_image_digest.h>

#include <openssl/err.h>
#include <openssl/pem.h>


#define NGX_HTTP_IMAGE_PORT_ANY(port)                                        \
    ((port).len == 1 && (port).data[0] == '*')


static char *ngx_http_image_resolver_registry_host(ngx_conf_t *cf,
    ngx_image_registry_t *registry, ngx_str_t *host);
static char *ngx_http_image_resolver_registry_endpoint(ngx_conf_t *cf,
    ngx_image_registry_t *registry, ngx_str_t *url);
static char *ngx_http_image_resolver_registry_check(ngx_conf_t *cf,
    ngx_image_resolver_t *resolver, ngx_image_registry_t *registry);
static char *ngx_http_image_resolver_credentials(ngx_conf_t *cf,
    ngx_image_registry_t *registry, ngx_str_t *file);
static void ngx_http_image_resolver_free_credentials(void *data);
static char *ngx_http_image_resolver_pem(ngx_conf_t *cf, ngx_str_t *arg,
    ngx_str_t *file, ngx_flag_t key, ngx_str_t *pem);
static ngx_flag_t ngx_http_image_resolver_pair(ngx_str_t *certificate,
    ngx_str_t *key);
static X509 *ngx_http_image_resolver_x509(ngx_str_t *pem);
static EVP_PKEY *ngx_http_image_resolver_pkey(ngx_str_t *pem);


char *
ngx_http_image_resolver_registry(ngx_conf_t *cf,
    ngx_image_resolver_t *resolver)
{
    char                   *rv;
    u_char                 *p;
    ngx_str_t              *value, v, *realm;
    ngx_uint_t              i;
    ngx_image_registry_t   *registry;

    value = cf->args->elts;

    registry = ngx_array_push(resolver->registries);
    if (registry == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(registry, sizeof(ngx_image_registry_t));

    rv = ngx_http_image_resolver_registry_host(cf, registry, &value[1]);

    for (i = 2; rv == NGX_CONF_OK && i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "insecure") == 0) {
            registry->insecure = 1;

        } else if (ngx_http_image_conf_parameter(&value[i], "endpoint=",
                                                    &v)
                   && registry->endpoint.len == 0)
        {
            rv = ngx_http_image_resolver_registry_endpoint(cf, registry, &v);

        } else if (ngx_http_image_conf_parameter(&value[i],
                                                    "credentials=", &v)
                   && registry->credentials == NULL)
        {
            rv = ngx_http_image_resolver_credentials(cf, registry, &v);

        } else if (ngx_http_image_conf_parameter(&value[i], "ca=", &v)
                   && registry->tls.ca.len == 0)
        {
            rv = ngx_http_image_resolver_pem(cf, &value[i], &v, 0,
                                             &registry->tls.ca);

        } else if (ngx_http_image_conf_parameter(&value[i],
                                                    "certificate=", &v)
                   && registry->tls.certificate.len == 0)
        {
            rv = ngx_http_image_resolver_pem(cf, &value[i], &v, 0,
                                             &registry->tls.certificate);

        } else if (ngx_http_image_conf_parameter(&value[i], "key=", &v)
                   && registry->tls.key.len == 0)
        {
            rv = ngx_http_image_resolver_pem(cf, &value[i], &v, 1,
                                             &registry->tls.key);

        } else if (ngx_http_image_conf_parameter(&value[i], "realm=", &v)) {

            if (!ngx_http_image_conf_host(&v)) {
                return ngx_http_image_conf_invalid(cf, &value[i],
                                 "the host of a token server, without scheme "
                                 "and port");
            }

            if (registry->realms == NULL) {
                registry->realms = ngx_array_create(cf->pool, 1,
                                                    sizeof(ngx_str_t));
                if (registry->realms == NULL) {
                    return NGX_CONF_ERROR;
                }
            }

            realm = ngx_array_push(registry->realms);
            if (realm == NULL) {
                return NGX_CONF_ERROR;
            }

            ngx_strlow(v.data, v.data, v.len);
            *realm = v;

        } else {

            /* what follows the name may be a secret */

            v = value[i];
            p = ngx_strlchr(v.data, v.data + v.len, '=');

            if (p) {
                v.len = p + 1 - v.data;
            }

            return ngx_http_image_conf_invalid(cf, &v,
                             "\"endpoint=URL\", \"credentials=FILE\", "
                             "\"ca=FILE\", \"certificate=FILE\" and "
                             "\"key=FILE\", \"realm=HOST\" or \"insecure\"");
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
    u_char     *p;
    ngx_int_t   n;

    static const char  instead[] =
        "a host as references name it, such as \"ghcr.io\", "
        "\"registry.example.com:5000\", \"localhost:*\" or \"*\"";

    if (host->len == 1 && host->data[0] == '*') {
        registry->any = 1;
        registry->host = *host;
        return NGX_CONF_OK;
    }

    ngx_strlow(host->data, host->data, host->len);

    registry->host = *host;

    /* the last colon, outside the brackets of an IPv6 address */

    for (p = host->data + host->len - 1; p >= host->data; p--) {

        if (*p == ':' || *p == ']') {
            break;
        }
    }

    if (p >= host->data && *p == ':') {
        registry->port.data = p + 1;
        registry->port.len = host->data + host->len - registry->port.data;
        registry->host.len = p - host->data;

        n = ngx_atoi(registry->port.data, registry->port.len);

        /* references have ports without leading zeros */

        if ((n < 1 || n > 65535 || registry->port.data[0] == '0')
            && !(registry->port.len == 1 && registry->port.data[0] == '*'))
        {
            return ngx_http_image_conf_invalid(cf, host, instead);
        }
    }

    if (!ngx_http_image_conf_host(&registry->host)) {
        return ngx_http_image_conf_invalid(cf, host, instead);
    }

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
    u_char     *p, *last;
    ngx_int_t   n;
    ngx_str_t   host;

    static const char  instead[] =
        "a URL of scheme, host and port alone, such as "
        "\"endpoint=https://registry.example.com:5000\"";

    /* the URL is not repeated: it may hold a password */

    static ngx_str_t  name = ngx_string("endpoint=");

    if (!ngx_http_image_conf_parameter(url, "https://", &host)
        && !ngx_http_image_conf_parameter(url, "http://", &host))
    {
        return ngx_http_image_conf_invalid(cf, &name, instead);
    }

    registry->endpoint = *url;

    last = host.data + host.len;

    if (host.len && last[-1] == '/') {
        registry->endpoint.len--;
        host.len--;
        last--;
    }

    for (p = last - 1; p >= host.data; p--) {

        if (*p == ':' || *p == ']') {
            break;
        }
    }

    if (p >= host.data && *p == ':') {
        n = ngx_atoi(p + 1, last - p - 1);

        if (n < 1 || n > 65535) {
            return ngx_http_image_conf_invalid(cf, &name, instead);
        }

        host.len = p - host.data;
    }

    if (!ngx_http_image_conf_host(&host)) {
        return ngx_http_image_conf_invalid(cf, &name, instead);
    }

    ngx_strlow(host.data, host.data, host.len);

    registry->endpoint_host = host;

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

    if ((registry->tls.certificate.len == 0) != (registry->tls.key.len == 0)) {
        return ngx_http_image_conf_invalid(cf, &value[1],
                   "both \"certificate=FILE\" and \"key=FILE\", or neither");
    }

    if (registry->tls.key.len
        && !ngx_http_image_resolver_pair(&registry->tls.certificate,
                                         &registry->tls.key))
    {
        return ngx_http_image_conf_invalid(cf, &value[1],
                   "the \"key=FILE\" that belongs to its \"certificate=FILE\"");
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


static char *
ngx_http_image_resolver_credentials(ngx_conf_t *cf,
    ngx_image_registry_t *registry, ngx_str_t *file)
{
    ngx_str_t            content;
    const char          *error;
    ngx_pool_cleanup_t  *cln;

    if (ngx_http_image_conf_read(cf, file, &content) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_CONF_ERROR;
    }

    registry->credentials = image_credentials_parse(content.data, content.len,
                                                    &error);
    ngx_explicit_memzero(content.data, content.len);

    if (registry->credentials == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid credentials in \"%V\", %s: write a Docker "
                           "config.json", file, error);
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_http_image_resolver_free_credentials;
    cln->data = registry->credentials;

    return NGX_CONF_OK;
}


static void
ngx_http_image_resolver_free_credentials(void *data)
{
    image_credentials_free(data);
}


/* PEM bytes, since a worker may not be let to read the file */

static char *
ngx_http_image_resolver_pem(ngx_conf_t *cf, ngx_str_t *arg, ngx_str_t *file,
    ngx_flag_t key, ngx_str_t *pem)
{
    X509      *x509;
    EVP_PKEY  *pkey;

    if (ngx_http_image_conf_read(cf, file, pem) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    x509 = key ? NULL : ngx_http_image_resolver_x509(pem);
    pkey = key ? ngx_http_image_resolver_pkey(pem) : NULL;

    if (x509 == NULL && pkey == NULL) {
        return ngx_http_image_conf_invalid(cf, arg,
                               key ? "a file with a private key in PEM, "
                                     "without a pass phrase"
                                   : "a file with a certificate in PEM");
    }

    X509_free(x509);
    EVP_PKEY_free(pkey);

    return NGX_CONF_OK;
}


static ngx_flag_t
ngx_http_image_resolver_pair(ngx_str_t *certificate, ngx_str_t *key)
{
    X509        *x509;
    EVP_PKEY    *pkey;
    ngx_flag_t   pair;

    x509 = ngx_http_image_resolver_x509(certificate);
    pkey = ngx_http_image_resolver_pkey(key);

    pair = x509 && pkey && X509_check_private_key(x509, pkey) == 1;

    X509_free(x509);
    EVP_PKEY_free(pkey);
    ERR_clear_error();

    return pair;
}


/* the first certificate, or NULL */

static X509 *
ngx_http_image_resolver_x509(ngx_str_t *pem)
{
    BIO   *bio;
    X509  *x509;

    bio = BIO_new_mem_buf(pem->data, pem->len);
    if (bio == NULL) {
        return NULL;
    }

    x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);

    BIO_free(bio);
    ERR_clear_error();

    return x509;
}


static EVP_PKEY *
ngx_http_image_resolver_pkey(ngx_str_t *pem)
{
    BIO       *bio;
    EVP_PKEY  *pkey;

    bio = BIO_new_mem_buf(pem->data, pem->len);
    if (bio == NULL) {
        return NULL;
    }

    /* an empty pass phrase, or OpenSSL would ask for one */

    pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *) "");

    BIO_free(bio);
    ERR_clear_error();

    return pkey;
}
