/*
 * "redis" in an image_resolver: the URL and its parameters.  No name is
 * resolved here: "nginx -t" touches no network.
 */

#include <ngx_http_image_digest.h>


/* the least that is taken for a secret, bytes */
#define NGX_HTTP_IMAGE_SECRET  32


static char *ngx_http_image_resolver_redis_secret(ngx_conf_t *cf,
    ngx_str_t *name, ngx_str_t *secret);
static char *ngx_http_image_resolver_redis_url(ngx_conf_t *cf,
    ngx_image_redis_conf_t *redis, ngx_str_t *url);
static char *ngx_http_image_resolver_redis_host(ngx_conf_t *cf,
    ngx_image_redis_conf_t *redis, ngx_str_t *host);
static char *ngx_http_image_resolver_redis_tls(ngx_conf_t *cf,
    ngx_image_redis_conf_t *redis);
static char *ngx_http_image_resolver_redis_invalid(ngx_conf_t *cf,
    const char *instead);


char *
ngx_http_image_resolver_redis(ngx_conf_t *cf, ngx_image_resolver_t *resolver)
{
    int64_t                   span;
    ngx_str_t                *value, v;
    ngx_uint_t                i;
    ngx_image_redis_conf_t   *redis;
    ngx_image_shared_conf_t  *shared;

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {

        if (cf->args->nelts > 2) {
            return ngx_http_image_conf_invalid(cf, &value[2],
                                                   "\"redis off;\" alone");
        }

        return NGX_CONF_OK;
    }

    shared = ngx_pcalloc(cf->pool, sizeof(ngx_image_shared_conf_t));
    if (shared == NULL) {
        return NGX_CONF_ERROR;
    }

    redis = &shared->redis;

    if (ngx_http_image_resolver_redis_url(cf, redis, &value[1])
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_http_image_conf_parameter(&value[i], "username=", &v)
            && v.len)
        {
            if (redis->username.len) {
                return ngx_http_image_conf_invalid(cf, &value[i],
                                             "the user once, here or in the "
                                             "URL");
            }

            redis->username = v;

        } else if (ngx_http_image_conf_parameter(&value[i], "password=", &v)
                   && v.len && redis->password.len == 0)
        {
            redis->password = v;

        } else if (ngx_http_image_conf_parameter(&value[i],
                                                    "password_file=", &v)
                   && redis->password.len == 0)
        {
            if (ngx_http_image_resolver_redis_secret(cf, &v, &redis->password)
                != NGX_CONF_OK)
            {
                return NGX_CONF_ERROR;
            }

            if (redis->password.len == 0) {
                return ngx_http_image_conf_invalid(cf, &value[i],
                                             "a file that holds a password");
            }

        } else if (ngx_http_image_conf_parameter(&value[i], "secret_file=", &v)
                   && shared->secret.len == 0)
        {
            if (ngx_http_image_resolver_redis_secret(cf, &v, &shared->secret)
                != NGX_CONF_OK)
            {
                return NGX_CONF_ERROR;
            }

            if (shared->secret.len < NGX_HTTP_IMAGE_SECRET) {
                return ngx_http_image_conf_invalid(cf, &value[i],
                                "a file that holds at least 32 bytes, such as "
                                "\"openssl rand -hex 32\" prints");
            }

        } else if (ngx_http_image_conf_parameter(&value[i], "prefix=", &v)
                   && v.len && shared->prefix.len == 0)
        {
            shared->prefix = v;

        } else if (ngx_http_image_conf_parameter(&value[i], "timeout=", &v)
                   && redis->timeout == 0)
        {
            span = ngx_http_image_conf_time(&v);

            if (span < 1000) {
                return ngx_http_image_conf_invalid(cf, &value[i],
                                             "a time such as "
                                             "\"timeout=200ms\"");
            }

            redis->timeout = ngx_min(span / 1000, NGX_MAX_INT32_VALUE);

        } else {

            /* never repeat what may be a secret */

            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid or duplicate parameter of \"redis\": "
                               "write \"username=\", one of \"password=\" "
                               "and \"password_file=\", \"secret_file=\", "
                               "\"prefix=\" and \"timeout=\", each once and "
                               "with a value");
            return NGX_CONF_ERROR;
        }
    }

    if (redis->username.len && redis->password.len == 0) {
        return ngx_http_image_resolver_redis_invalid(cf,
                       "\"password=\" or \"password_file=\" with the user");
    }

    if (redis->timeout == 0) {
        redis->timeout = 200;
    }

    resolver->shared = shared;

    return NGX_CONF_OK;
}


/* a file of one secret, without the end of its line */

static char *
ngx_http_image_resolver_redis_secret(ngx_conf_t *cf, ngx_str_t *name,
    ngx_str_t *secret)
{
    if (ngx_http_image_conf_read(cf, name, secret) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    while (secret->len
           && (secret->data[secret->len - 1] == LF
               || secret->data[secret->len - 1] == CR))
    {
        secret->len--;
    }

    return NGX_CONF_OK;
}


/* redis://[user@]host[:port][/db], rediss://..., unix:/path[?db=N] */

static char *
ngx_http_image_resolver_redis_url(ngx_conf_t *cf,
    ngx_image_redis_conf_t *redis, ngx_str_t *url)
{
    u_char     *p, *last, *at;
    ngx_int_t   n;
    ngx_str_t   rest, db;

    static const char  instead[] =
        "\"redis://host:port/db\", \"rediss://host:port/db\" or "
        "\"unix:/path?db=N\"";

    ngx_str_null(&db);

    if (ngx_http_image_conf_parameter(url, "unix:", &rest)) {

        p = ngx_strlchr(rest.data, rest.data + rest.len, '?');

        if (p) {
            db.data = p + 1;
            db.len = rest.data + rest.len - db.data;
            rest.len = p - rest.data;

            if (!ngx_http_image_conf_parameter(&db, "db=", &db)
                || db.len == 0)
            {
                return ngx_http_image_resolver_redis_invalid(cf, instead);
            }
        }

        if (rest.len == 0 || rest.data[0] != '/'
            || rest.len >= sizeof(((struct sockaddr_un *) 0)->sun_path))
        {
            return ngx_http_image_resolver_redis_invalid(cf,
                                  "an absolute path that fits a socket");
        }

        redis->name = rest;
        redis->path = rest;

        redis->path.data = ngx_http_image_conf_copy(cf, &rest);
        if (redis->path.data == NULL) {
            return NGX_CONF_ERROR;
        }

    } else {

        if (ngx_http_image_conf_parameter(url, "rediss://", &rest)) {
            redis->tls = 1;

        } else if (!ngx_http_image_conf_parameter(url, "redis://", &rest)) {
            return ngx_http_image_resolver_redis_invalid(cf, instead);
        }

        last = rest.data + rest.len;

        at = ngx_strlchr(rest.data, last, '@');

        if (at) {
            redis->username.data = rest.data;
            redis->username.len = at - rest.data;

            if (redis->username.len == 0
                || ngx_strlchr(rest.data, at, ':') != NULL)
            {
                return ngx_http_image_resolver_redis_invalid(cf,
                              "the user alone before \"@\", and \"password=\" "
                              "or \"password_file=\" after the URL");
            }

            rest.data = at + 1;
            rest.len = last - rest.data;
        }

        p = ngx_strlchr(rest.data, last, '/');

        if (p) {
            db.data = p + 1;
            db.len = last - db.data;
            rest.len = p - rest.data;
        }

        redis->name = rest;

        if (ngx_http_image_resolver_redis_host(cf, redis, &rest)
            != NGX_CONF_OK)
        {
            return ngx_http_image_resolver_redis_invalid(cf, instead);
        }
    }

    if (db.len) {
        n = ngx_atoi(db.data, db.len);

        if (n == NGX_ERROR || n > 65535) {
            return ngx_http_image_resolver_redis_invalid(cf,
                                             "the number of a database");
        }

        redis->database = n;
    }

    return redis->tls ? ngx_http_image_resolver_redis_tls(cf, redis)
                      : NGX_CONF_OK;
}


static char *
ngx_http_image_resolver_redis_host(ngx_conf_t *cf,
    ngx_image_redis_conf_t *redis, ngx_str_t *host)
{
    u_char     *p, *last;
    ngx_int_t   n;
    ngx_str_t   name;

    last = host->data + host->len;
    name = *host;
    redis->port = 6379;

    if (host->len && host->data[0] == '[') {
        p = ngx_strlchr(host->data, last, ']');
        if (p == NULL) {
            return NGX_CONF_ERROR;
        }

        p++;

    } else {
        p = ngx_strlchr(host->data, last, ':');
        if (p == NULL) {
            p = last;
        }
    }

    name.len = p - host->data;

    if (p < last) {
        n = (*p == ':') ? ngx_atoi(p + 1, last - p - 1) : NGX_ERROR;

        if (n < 1 || n > 65535) {
            return NGX_CONF_ERROR;
        }

        redis->port = n;
    }

    if (!ngx_http_image_conf_host(&name)) {
        return NGX_CONF_ERROR;
    }

    if (name.data[0] == '[') {
        name.data++;
        name.len -= 2;
    }

    redis->host.len = name.len;
    redis->host.data = ngx_http_image_conf_copy(cf, &name);

    return redis->host.data ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_http_image_resolver_redis_tls(ngx_conf_t *cf,
    ngx_image_redis_conf_t *redis)
{
#if (NGX_SSL)

    ngx_pool_cleanup_t  *cln;

    redis->ssl = ngx_pcalloc(cf->pool, sizeof(ngx_ssl_t));
    if (redis->ssl == NULL) {
        return NGX_CONF_ERROR;
    }

    redis->ssl->log = cf->log;

    if (ngx_ssl_create(redis->ssl, NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3, NULL)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        ngx_ssl_cleanup_ctx(redis->ssl);
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = redis->ssl;

    /* the system's authorities */

    if (SSL_CTX_set_default_verify_paths(redis->ssl->ctx) != 1) {
        ngx_ssl_error(NGX_LOG_EMERG, cf->log, 0,
                      "SSL_CTX_set_default_verify_paths() failed");
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;

#else

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"rediss://\" needs an nginx that was built with TLS: "
                       "write \"redis://\", or build it with "
                       "--with-http_ssl_module");
    return NGX_CONF_ERROR;

#endif
}


/* the URL is not repeated: it may hold a password */

static char *
ngx_http_image_resolver_redis_invalid(ngx_conf_t *cf, const char *instead)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid URL of \"redis\": write %s", instead);

    return NGX_CONF_ERROR;
}
