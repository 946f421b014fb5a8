/*
 * image_resolver NAME { ... }: where digests are kept and who is asked.
 * Files are read here, by the master, and no name is resolved: "nginx -t"
 * touches no network.
 */

#include <ngx_http_image_digest.h>


#define NGX_HTTP_IMAGE_ZONE          (8 * 1024 * 1024)
#define NGX_HTTP_IMAGE_PULL_TIMEOUT  (5 * 60 * 1000)     /* milliseconds */

/* failures are kept in Redis for so long at the least, microseconds */
#define NGX_HTTP_IMAGE_FAILURES      (60 * NGX_HTTP_IMAGE_SECOND)


typedef char *(*ngx_http_image_resolver_pt)(ngx_conf_t *cf,
    ngx_image_resolver_t *resolver);


/* a directive of the block */

typedef struct {
    ngx_str_t                    name;
    ngx_http_image_resolver_pt   set;
    ngx_uint_t                   max;          /* arguments; 0: any number */
    ngx_flag_t                   repeats;
} ngx_http_image_resolver_command_t;


/* the block under way */

typedef struct {
    ngx_image_resolver_t        *resolver;
    ngx_uint_t                   seen;         /* bit n: n-th directive */
} ngx_http_image_resolver_ctx_t;


static char *ngx_http_image_resolver_directive(ngx_conf_t *cf,
    ngx_command_t *dummy, void *conf);
static ngx_image_resolver_t *ngx_http_image_resolver_create(ngx_conf_t *cf,
    ngx_http_image_digest_main_conf_t *imcf, ngx_str_t *name);
static char *ngx_http_image_resolver_complete(ngx_conf_t *cf,
    ngx_image_resolver_t *resolver);
static char *ngx_http_image_resolver_zone(ngx_conf_t *cf,
    ngx_image_resolver_t *resolver);
static char *ngx_http_image_resolver_retention(ngx_conf_t *cf,
    ngx_image_resolver_t *resolver);
static char *ngx_http_image_resolver_negative_ttl(ngx_conf_t *cf,
    ngx_image_resolver_t *resolver);
static char *ngx_http_image_resolver_refresh(ngx_conf_t *cf,
    ngx_image_resolver_t *resolver);
static char *ngx_http_image_resolver_timeout(ngx_conf_t *cf,
    ngx_image_resolver_t *resolver);
static char *ngx_http_image_resolver_pull_timeout(ngx_conf_t *cf,
    ngx_image_resolver_t *resolver);
static char *ngx_http_image_resolver_connections(ngx_conf_t *cf,
    ngx_image_resolver_t *resolver);
static char *ngx_http_image_resolver_proxy(ngx_conf_t *cf,
    ngx_image_resolver_t *resolver);
static char *ngx_http_image_resolver_proxy_invalid(ngx_conf_t *cf);
static char *ngx_http_image_resolver_node(ngx_conf_t *cf,
    ngx_image_resolver_t *resolver);
static char *ngx_http_image_resolver_msec(ngx_conf_t *cf, ngx_msec_t *msec);
static char *ngx_http_image_resolver_time(ngx_conf_t *cf, int64_t *span);


static ngx_http_image_resolver_command_t  ngx_http_image_resolver_commands[] = {

    { ngx_string("zone"), ngx_http_image_resolver_zone, 1, 0 },
    { ngx_string("redis"), ngx_http_image_resolver_redis, 0, 0 },
    { ngx_string("registry"), ngx_http_image_resolver_registry, 0, 1 },
    { ngx_string("engine"), ngx_http_image_resolver_engine, 0, 1 },
    { ngx_string("retention"), ngx_http_image_resolver_retention, 1, 0 },
    { ngx_string("negative_ttl"), ngx_http_image_resolver_negative_ttl, 1, 0 },
    { ngx_string("refresh"), ngx_http_image_resolver_refresh, 1, 0 },
    { ngx_string("timeout"), ngx_http_image_resolver_timeout, 1, 0 },
    { ngx_string("pull_timeout"), ngx_http_image_resolver_pull_timeout, 1, 0 },
    { ngx_string("connections"), ngx_http_image_resolver_connections, 1, 0 },
    { ngx_string("proxy"), ngx_http_image_resolver_proxy, 1, 0 },
    { ngx_string("node"), ngx_http_image_resolver_node, 1, 0 },

    { ngx_null_string, NULL, 0, 0 }
};


char *
ngx_http_image_resolver_block(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_image_digest_main_conf_t *imcf = conf;

    char                           *rv;
    ngx_str_t                      *value;
    ngx_conf_t                      save;
    ngx_http_image_resolver_ctx_t   ctx;

    value = cf->args->elts;

    if (!ngx_http_image_conf_name(&value[1])) {
        return ngx_http_image_conf_invalid(cf, &value[1],
                   "a name of letters, digits, \".\", \"_\" and \"-\"");
    }

    if (ngx_http_image_resolver_find(imcf, &value[1])) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate image resolver \"%V\": give each a name "
                           "of its own", &value[1]);
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&ctx, sizeof(ngx_http_image_resolver_ctx_t));

    ctx.resolver = ngx_http_image_resolver_create(cf, imcf, &value[1]);
    if (ctx.resolver == NULL) {
        return NGX_CONF_ERROR;
    }

    save = *cf;
    cf->handler = ngx_http_image_resolver_directive;
    cf->handler_conf = (void *) &ctx;

    rv = ngx_conf_parse(cf, NULL);

    *cf = save;

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    return ngx_http_image_resolver_complete(cf, ctx.resolver);
}


static char *
ngx_http_image_resolver_directive(ngx_conf_t *cf, ngx_command_t *dummy,
    void *conf)
{
    ngx_http_image_resolver_ctx_t *ctx = conf;

    ngx_str_t                          *value;
    ngx_uint_t                          n;
    ngx_http_image_resolver_command_t  *cmd;

    value = cf->args->elts;

    for (n = 0; /* void */; n++) {
        cmd = &ngx_http_image_resolver_commands[n];

        if (cmd->name.len == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown directive \"%V\" in "
                               "\"image_resolver\": write \"zone\", "
                               "\"redis\", \"registry\", \"engine\", "
                               "\"retention\", \"negative_ttl\", "
                               "\"refresh\", \"timeout\", "
                               "\"pull_timeout\", \"connections\", "
                               "\"proxy\" or \"node\"", &value[0]);
            return NGX_CONF_ERROR;
        }

        if (cmd->name.len == value[0].len
            && ngx_strncmp(cmd->name.data, value[0].data, value[0].len) == 0)
        {
            break;
        }
    }

    if (cf->args->nelts < 2 || (cmd->max && cf->args->nelts - 1 > cmd->max)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid number of arguments in \"%V\": write %s "
                           "value after it", &value[0],
                           cmd->max ? "one" : "at least one");
        return NGX_CONF_ERROR;
    }

    if (!cmd->repeats && (ctx->seen & ((ngx_uint_t) 1 << n))) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" directive is duplicate: write it once in "
                           "an \"image_resolver\"", &value[0]);
        return NGX_CONF_ERROR;
    }

    ctx->seen |= (ngx_uint_t) 1 << n;

    return cmd->set(cf, ctx->resolver);
}


ngx_image_resolver_t *
ngx_http_image_resolver_find(ngx_http_image_digest_main_conf_t *imcf,
    ngx_str_t *name)
{
    ngx_uint_t              i;
    ngx_image_resolver_t  **resolver;

    static ngx_str_t  def = ngx_string("default");

    if (name == NULL) {
        name = &def;
    }

    resolver = imcf->resolvers.elts;

    for (i = 0; i < imcf->resolvers.nelts; i++) {

        if (resolver[i]->name.len == name->len
            && ngx_strncmp(resolver[i]->name.data, name->data, name->len) == 0)
        {
            return resolver[i];
        }
    }

    return NULL;
}


ngx_image_resolver_t *
ngx_http_image_resolver_default(ngx_conf_t *cf,
    ngx_http_image_digest_main_conf_t *imcf)
{
    ngx_image_resolver_t  *resolver;

    static ngx_str_t  name = ngx_string("default");

    resolver = ngx_http_image_resolver_create(cf, imcf, &name);

    if (resolver == NULL
        || ngx_http_image_resolver_complete(cf, resolver) != NGX_CONF_OK)
    {
        return NULL;
    }

    return resolver;
}


static ngx_image_resolver_t *
ngx_http_image_resolver_create(ngx_conf_t *cf,
    ngx_http_image_digest_main_conf_t *imcf, ngx_str_t *name)
{
    ngx_image_engine_t    *engine;
    ngx_image_resolver_t  *resolver, **r;

    resolver = ngx_pcalloc(cf->pool, sizeof(ngx_image_resolver_t));
    r = ngx_array_push(&imcf->resolvers);

    if (resolver == NULL || r == NULL) {
        return NULL;
    }

    *r = resolver;

    /*
     * set by ngx_pcalloc():
     *
     *     resolver->shared = NULL;
     */

    resolver->name = *name;
    resolver->size = NGX_HTTP_IMAGE_ZONE;
    resolver->retention = 24 * 3600 * NGX_HTTP_IMAGE_SECOND;
    resolver->negative_ttl = 60 * NGX_HTTP_IMAGE_SECOND;
    resolver->refresh = 80;
    resolver->timeout = 5000;
    resolver->connections = 32;
    resolver->node = cf->cycle->hostname;

    resolver->registries = ngx_array_create(cf->pool, 4,
                                            sizeof(ngx_image_registry_t));
    resolver->engines = ngx_array_create(cf->pool, 2,
                                         sizeof(ngx_image_engine_t));

    if (resolver->registries == NULL || resolver->engines == NULL) {
        return NULL;
    }

    /* the first one is "registry", and needs no line */

    engine = ngx_array_push(resolver->engines);
    if (engine == NULL) {
        return NULL;
    }

    ngx_memzero(engine, sizeof(ngx_image_engine_t));

    engine->name = ngx_image_registry_engine.name;
    engine->type = &ngx_image_registry_engine;
    engine->registries = resolver->registries;

    /* of all engines, until the block is complete */

    engine->pull_timeout = NGX_HTTP_IMAGE_PULL_TIMEOUT;

    return resolver;
}


/* the defaults that need to know the rest */

static char *
ngx_http_image_resolver_complete(ngx_conf_t *cf,
    ngx_image_resolver_t *resolver)
{
    size_t                    len;
    ngx_str_t                 name, source;
    ngx_uint_t                i;
    ngx_image_engine_t       *engine;
    ngx_image_registry_t     *registry;
    ngx_image_resolver_t    **first;
    ngx_image_shared_conf_t  *shared;

    ngx_http_image_digest_main_conf_t  *imcf;

    static ngx_str_t  hub = ngx_string("docker.io");

    if (resolver->registries->nelts == 0) {
        registry = ngx_array_push(resolver->registries);
        if (registry == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_memzero(registry, sizeof(ngx_image_registry_t));
        registry->host = hub;
    }

    /* the array does not grow any more, so a list may be headed in it */

    registry = resolver->registries->elts;

    for (i = 0; i < resolver->registries->nelts; i++) {
        ngx_queue_init(&registry[i].learnt);
    }

    engine = resolver->engines->elts;

    for (i = 1; i < resolver->engines->nelts; i++) {
        engine[i].pull_timeout = engine[0].pull_timeout;
    }

    len = sizeof("image_resolver:") - 1 + resolver->name.len;

    name.data = ngx_pnalloc(cf->pool, len);
    if (name.data == NULL) {
        return NGX_CONF_ERROR;
    }

    name.len = ngx_sprintf(name.data, "image_resolver:%V", &resolver->name)
               - name.data;

    resolver->zone = ngx_image_zone_add(cf, &name, resolver->size,
                                        &ngx_http_image_digest_module);
    if (resolver->zone == NULL) {
        return NGX_CONF_ERROR;
    }

    shared = resolver->shared;

    /* one place for the claims of all resolvers, who may have one daemon */

    imcf = ngx_http_conf_get_module_main_conf(cf,
                                              ngx_http_image_digest_module);
    first = imcf->resolvers.elts;

    resolver->claimed = first[0]->zone;

    if (shared == NULL) {
        ngx_str_null(&source);
        ngx_image_zone_configure(resolver->zone, resolver->retention,
                                 &source);
        return NGX_CONF_OK;
    }

    ngx_image_zone_configure(resolver->zone, resolver->retention,
                             &shared->redis.name);

    shared->zone = resolver->zone;
    shared->retention = resolver->retention;

    /* hosts that wait for the call may use it all the same (rule 4) */

    shared->failures = ngx_min(ngx_max(resolver->negative_ttl,
                                       NGX_HTTP_IMAGE_FAILURES),
                               resolver->retention);

    if (shared->prefix.len == 0) {

        /* one slot of a cluster, whatever the rest of a key is */

        len = sizeof("{image-digest:}:") - 1 + resolver->name.len;

        shared->prefix.data = ngx_pnalloc(cf->pool, len);
        if (shared->prefix.data == NULL) {
            return NGX_CONF_ERROR;
        }

        shared->prefix.len = ngx_sprintf(shared->prefix.data,
                                         "{image-digest:%V}:",
                                         &resolver->name)
                             - shared->prefix.data;
    }

    shared->channel.len = shared->prefix.len + sizeof("news") - 1;

    shared->channel.data = ngx_pnalloc(cf->pool, shared->channel.len);
    if (shared->channel.data == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_sprintf(shared->channel.data, "%Vnews", &shared->prefix);

    return NGX_CONF_OK;
}


static char *
ngx_http_image_resolver_zone(ngx_conf_t *cf, ngx_image_resolver_t *resolver)
{
    ssize_t     size;
    ngx_str_t  *value;

    value = cf->args->elts;

    size = ngx_parse_size(&value[1]);

    if (size == NGX_ERROR) {
        return ngx_http_image_conf_invalid(cf, &value[1],
                                               "a size such as \"8m\"");
    }

    if ((size_t) size < ngx_image_zone_least()) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone \"%V\" is too small: write at least \"%uzk\"",
                           &value[1], ngx_image_zone_least() / 1024 + 1);
        return NGX_CONF_ERROR;
    }

    resolver->size = size;

    return NGX_CONF_OK;
}


static char *
ngx_http_image_resolver_retention(ngx_conf_t *cf,
    ngx_image_resolver_t *resolver)
{
    return ngx_http_image_resolver_time(cf, &resolver->retention);
}


static char *
ngx_http_image_resolver_negative_ttl(ngx_conf_t *cf,
    ngx_image_resolver_t *resolver)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    /* the only time that may be nothing: no failure is remembered */

    if (value[1].len == 1 && value[1].data[0] == '0') {
        resolver->negative_ttl = 0;
        return NGX_CONF_OK;
    }

    return ngx_http_image_resolver_time(cf, &resolver->negative_ttl);
}


static char *
ngx_http_image_resolver_refresh(ngx_conf_t *cf,
    ngx_image_resolver_t *resolver)
{
    ngx_int_t   n;
    ngx_str_t  *value;

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        resolver->refresh = 0;
        return NGX_CONF_OK;
    }

    n = NGX_ERROR;

    if (value[1].len > 1 && value[1].data[value[1].len - 1] == '%') {
        n = ngx_atoi(value[1].data, value[1].len - 1);
    }

    if (n < 1 || n > 99) {
        return ngx_http_image_conf_invalid(cf, &value[1],
                       "\"off\" or a part of the TTL from \"1%\" to \"99%\"");
    }

    resolver->refresh = n;

    return NGX_CONF_OK;
}


static char *
ngx_http_image_resolver_timeout(ngx_conf_t *cf,
    ngx_image_resolver_t *resolver)
{
    return ngx_http_image_resolver_msec(cf, &resolver->timeout);
}


static char *
ngx_http_image_resolver_pull_timeout(ngx_conf_t *cf,
    ngx_image_resolver_t *resolver)
{
    ngx_image_engine_t  *engine;

    engine = resolver->engines->elts;

    return ngx_http_image_resolver_msec(cf, &engine->pull_timeout);
}


static char *
ngx_http_image_resolver_connections(ngx_conf_t *cf,
    ngx_image_resolver_t *resolver)
{
    ngx_int_t   n;
    ngx_str_t  *value;

    value = cf->args->elts;

    n = ngx_atoi(value[1].data, value[1].len);

    if (n == NGX_ERROR || n == 0) {
        return ngx_http_image_conf_invalid(cf, &value[1],
                                               "a number of at least 1");
    }

    resolver->connections = n;

    return NGX_CONF_OK;
}


/* http[s]://[user[:password]@]host[:port], which libcurl is given */

static char *
ngx_http_image_resolver_proxy(ngx_conf_t *cf, ngx_image_resolver_t *resolver)
{
    u_char              *p;
    ngx_str_t           *value, *proxy;
    image_str_t          user;
    image_url_t          url;
    ngx_image_engine_t  *engine;

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        return NGX_CONF_OK;
    }

    if (image_url_parse_proxy(&url, &user, value[1].data, value[1].len) != 0) {
        return ngx_http_image_resolver_proxy_invalid(cf);
    }

    engine = resolver->engines->elts;
    proxy = &engine->proxy;

    /* libcurl's default for a proxy is another port than that of its scheme */

    proxy->data = ngx_pnalloc(cf->pool, value[1].len + sizeof(":443"));
    if (proxy->data == NULL) {
        return NGX_CONF_ERROR;
    }

    p = ngx_sprintf(proxy->data, "%s%*s%*s", url.tls ? "https://" : "http://",
                    user.len, user.data, url.authority.len,
                    url.authority.data);

    if (url.authority.len == url.host.len) {
        p = ngx_sprintf(p, "%s", url.tls ? ":443" : ":80");
    }

    *p = '\0';
    proxy->len = p - proxy->data;

    return NGX_CONF_OK;
}


/* the URL is not repeated: it may hold a password */

static char *
ngx_http_image_resolver_proxy_invalid(ngx_conf_t *cf)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid URL of \"proxy\": write \"off\", or "
                       "\"http://host:port\" or \"https://host:port\", with "
                       "\"user:password@\" before the host if it wants them, "
                       "percent-encoded");

    return NGX_CONF_ERROR;
}


static char *
ngx_http_image_resolver_node(ngx_conf_t *cf, ngx_image_resolver_t *resolver)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    if (!ngx_http_image_conf_name(&value[1]) || value[1].len > 255) {
        return ngx_http_image_conf_invalid(cf, &value[1],
                   "a name of 1 to 255 letters, digits, \".\", \"_\" and "
                   "\"-\"");
    }

    resolver->node = value[1];

    return NGX_CONF_OK;
}


static char *
ngx_http_image_resolver_msec(ngx_conf_t *cf, ngx_msec_t *msec)
{
    int64_t  span;

    if (ngx_http_image_resolver_time(cf, &span) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    *msec = ngx_min(span / 1000, NGX_MAX_INT32_VALUE);

    return NGX_CONF_OK;
}


static char *
ngx_http_image_resolver_time(ngx_conf_t *cf, int64_t *span)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    *span = ngx_http_image_conf_time(&value[1]);

    if (*span <= 0) {
        return ngx_http_image_conf_invalid(cf, &value[1],
                   "a time above 0 with a unit, such as \"500ms\", \"30s\", "
                   "\"5m\" or \"24h\"");
    }

    return NGX_CONF_OK;
}
