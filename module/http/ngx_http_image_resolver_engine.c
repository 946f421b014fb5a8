/*
 * "engine" in an image_resolver: another source of digests.  What its line
 * may have is told by the flags of its type, so that a new type needs nothing
 * here.
 */

#include <ngx_http_image_digest.h>


#define NGX_HTTP_IMAGE_ENGINE_NAME  255        /* bytes */
#define NGX_HTTP_IMAGE_NAMESPACE    63         /* RFC 1123 */


static char *ngx_http_image_resolver_engine_name(ngx_conf_t *cf,
    ngx_image_resolver_t *resolver, ngx_str_t *name);
static char *ngx_http_image_resolver_engine_type(ngx_conf_t *cf,
    ngx_image_engine_t *engine);
static char *ngx_http_image_resolver_engine_url(ngx_conf_t *cf,
    ngx_image_engine_t *engine, ngx_str_t *url);
static char *ngx_http_image_resolver_engine_template(ngx_conf_t *cf,
    ngx_image_engine_t *engine, ngx_str_t *url);
static char *ngx_http_image_resolver_engine_parameter(ngx_conf_t *cf,
    ngx_image_engine_t *engine, ngx_str_t *arg, ngx_uint_t *seen);
static char *ngx_http_image_resolver_engine_pull(ngx_conf_t *cf,
    ngx_image_engine_t *engine, ngx_str_t *arg, ngx_str_t *pull);
static char *ngx_http_image_resolver_engine_namespace(ngx_conf_t *cf,
    ngx_image_engine_t *engine, ngx_str_t *arg, ngx_str_t *name);
static char *ngx_http_image_resolver_engine_ca(ngx_conf_t *cf,
    ngx_image_engine_t *engine);
static char *ngx_http_image_resolver_engine_base(ngx_conf_t *cf,
    ngx_image_engine_t *engine);
static u_char *ngx_http_image_resolver_engine_types(ngx_conf_t *cf,
    ngx_uint_t flag);
static char *ngx_http_image_resolver_engine_invalid(ngx_conf_t *cf,
    ngx_image_engine_t *engine, const char *instead);


char *
ngx_http_image_resolver_engine(ngx_conf_t *cf, ngx_image_resolver_t *resolver)
{
    char                *rv;
    ngx_str_t           *value;
    ngx_uint_t           i, seen;
    ngx_image_engine_t  *engine;

    value = cf->args->elts;

    if (cf->args->nelts < 3) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid number of arguments in \"engine\": write "
                           "a name and a URL after it");
        return NGX_CONF_ERROR;
    }

    rv = ngx_http_image_resolver_engine_name(cf, resolver, &value[1]);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    engine = ngx_array_push(resolver->engines);
    if (engine == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(engine, sizeof(ngx_image_engine_t));

    engine->name = value[1];
    engine->registries = resolver->registries;

    rv = ngx_http_image_resolver_engine_type(cf, engine);

    if (rv == NGX_CONF_OK) {
        rv = ngx_http_image_resolver_engine_url(cf, engine, &value[2]);
    }

    seen = 0;

    for (i = 3; rv == NGX_CONF_OK && i < cf->args->nelts; i++) {
        rv = ngx_http_image_resolver_engine_parameter(cf, engine, &value[i],
                                                      &seen);
    }

    if (rv == NGX_CONF_OK) {
        rv = ngx_http_image_conf_tls_check(cf, &value[1], &engine->tls,
                                           &engine->subject);
    }

    if (rv == NGX_CONF_OK) {
        rv = ngx_http_image_resolver_engine_base(cf, engine);
    }

    if (rv == NGX_CONF_OK && engine->tls.ca.len) {
        rv = ngx_http_image_resolver_engine_ca(cf, engine);
    }

    return rv;
}


/* one that is verified tells nothing for another one that is not */

static char *
ngx_http_image_resolver_engine_ca(ngx_conf_t *cf, ngx_image_engine_t *engine)
{
    u_char       *p;
    uint8_t       hash[IMAGE_HASH];
    image_str_t   ca;

    ca.data = engine->tls.ca.data;
    ca.len = engine->tls.ca.len;

    p = ngx_pnalloc(cf->pool, 2 * IMAGE_HASH + 1 + engine->subject.len);

    if (p == NULL || image_hash(hash, &ca, 1) != 0) {
        return NGX_CONF_ERROR;
    }

    image_hex(p, hash, IMAGE_HASH);
    p[2 * IMAGE_HASH] = ' ';

    ngx_memcpy(p + 2 * IMAGE_HASH + 1, engine->subject.data,
               engine->subject.len);

    engine->subject.data = p;
    engine->subject.len += 2 * IMAGE_HASH + 1;

    return NGX_CONF_OK;
}


ngx_image_engine_t *
ngx_http_image_resolver_engine_find(ngx_image_resolver_t *resolver,
    ngx_str_t *name)
{
    ngx_uint_t           i;
    ngx_image_engine_t  *engine;

    engine = resolver->engines->elts;

    for (i = 0; i < resolver->engines->nelts; i++) {

        if (engine[i].name.len == name->len
            && ngx_strncmp(engine[i].name.data, name->data, name->len) == 0)
        {
            return &engine[i];
        }
    }

    return NULL;
}


char *
ngx_http_image_resolver_engine_check(ngx_conf_t *cf,
    ngx_http_image_digest_t *image)
{
    u_char                *list;
    ngx_str_t             *name, *value;
    ngx_uint_t             i;
    ngx_array_t            names;
    ngx_image_engine_t    *engine;
    ngx_image_resolver_t  *resolver;

    resolver = image->resolver;
    engine = resolver->engines->elts;

    if (image->engine && image->engine->lengths) {
        return NGX_CONF_OK;
    }

    if (image->engine) {
        value = &image->engine->value;

        engine = ngx_http_image_resolver_engine_find(resolver, value);

        if (engine == NULL) {
            engine = resolver->engines->elts;

            if (ngx_array_init(&names, cf->pool, resolver->engines->nelts,
                               sizeof(ngx_str_t))
                != NGX_OK)
            {
                return NGX_CONF_ERROR;
            }

            for (i = 0; i < resolver->engines->nelts; i++) {
                name = ngx_array_push(&names);
                if (name == NULL) {
                    return NGX_CONF_ERROR;
                }

                *name = engine[i].name;
            }

            list = ngx_http_image_conf_list(cf, &names, "or");
            if (list == NULL) {
                return NGX_CONF_ERROR;
            }

            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "unknown engine \"%V\": write %s, or a line "
                          "\"engine %V URL\" in image resolver \"%V\", in "
                          "%V:%ui",
                          value, list, value, &resolver->name,
                          &image->file, image->line);
            return NGX_CONF_ERROR;
        }
    }

    if (image->pod && !(engine->type->flags & NGX_IMAGE_ENGINE_PODS)) {
        list = ngx_http_image_resolver_engine_types(cf, NGX_IMAGE_ENGINE_PODS);
        if (list == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"pod=\" is nothing to the engine \"%V\": write "
                      "\"engine=\" with one of type %s, or no \"pod=\", in "
                      "%V:%ui",
                      &engine->name, list, &image->file, image->line);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_image_resolver_engine_name(ngx_conf_t *cf,
    ngx_image_resolver_t *resolver, ngx_str_t *name)
{
    ngx_image_engine_t  *engine;

    if (!ngx_http_image_conf_name(name)
        || name->len > NGX_HTTP_IMAGE_ENGINE_NAME)
    {
        return ngx_http_image_conf_invalid(cf, name,
                   "a name of 1 to 255 letters, digits, \".\", \"_\" and "
                   "\"-\"");
    }

    engine = ngx_http_image_resolver_engine_find(resolver, name);

    if (engine == resolver->engines->elts) {
        return ngx_http_image_conf_invalid(cf, name,
                   "another name, since this one is built in");
    }

    if (engine) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate engine \"%V\": give each a name of its "
                           "own", name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* before all others, which depend on it */

static char *
ngx_http_image_resolver_engine_type(ngx_conf_t *cf, ngx_image_engine_t *engine)
{
    u_char                    *list;
    ngx_str_t                 *value, name;
    ngx_uint_t                 i;
    ngx_image_engine_type_t  **type;

    value = cf->args->elts;
    name = engine->name;

    for (i = 3; i < cf->args->nelts; i++) {
        if (ngx_http_image_conf_parameter(&value[i], "type=", &name)) {
            break;
        }
    }

    /* but for the first one, "registry" */

    for (type = &ngx_image_engine_types[1]; *type; type++) {

        if ((*type)->name.len == name.len
            && ngx_strncmp((*type)->name.data, name.data, name.len) == 0)
        {
            engine->type = *type;
            return NGX_CONF_OK;
        }
    }

    list = ngx_http_image_resolver_engine_types(cf, 0);
    if (list == NULL) {
        return NGX_CONF_ERROR;
    }

    if (i < cf->args->nelts) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"%V\" in \"engine\": write \"type=\" with "
                           "%s", &value[i], list);

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "engine \"%V\" has no type: write \"type=\" with "
                           "%s, or one of them as its name", &name, list);
    }

    return NGX_CONF_ERROR;
}


static char *
ngx_http_image_resolver_engine_url(ngx_conf_t *cf, ngx_image_engine_t *engine,
    ngx_str_t *url)
{
    ngx_str_t    rest, text, host, authority, path;
    ngx_flag_t   daemon;
    const char  *instead;

    daemon = (engine->type->flags & NGX_IMAGE_ENGINE_SOCKET) != 0;
    engine->url = *url;

    if (engine->type->flags & NGX_IMAGE_ENGINE_TEMPLATE) {
        return ngx_http_image_resolver_engine_template(cf, engine, url);
    }

    instead = daemon ? "\"unix:/path\", \"tcp://host:port\" or "
                       "\"https://host:port\""
                     : "\"https://host:port\", without a path";

    if (daemon && ngx_http_image_conf_parameter(url, "unix:", &rest)) {

        if (!image_is_socket(rest.data, rest.len)) {
            return ngx_http_image_resolver_engine_invalid(cf, engine,
                       "\"unix:\" with an absolute path that fits a socket");
        }

        engine->socket.len = rest.len;
        engine->socket.data = ngx_http_image_conf_copy(cf, &rest);
        if (engine->socket.data == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_str_set(&engine->base, "http://localhost");
        engine->local = 1;

        return NGX_CONF_OK;
    }

    text = *url;

    if (daemon && ngx_http_image_conf_parameter(url, "tcp://", &rest)) {

        /* with or without TLS, as the parameters say: _base() */

        text.len = sizeof("http://") - 1 + rest.len;
        text.data = ngx_pnalloc(cf->pool, text.len);
        if (text.data == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_sprintf(text.data, "http://%V", &rest);

    } else {
        ngx_str_null(&rest);
    }

    if (ngx_http_image_conf_url(&text, &host, &authority, &path) != NGX_OK
        || path.len > 1
        || (rest.len && authority.len == host.len))
    {
        return ngx_http_image_resolver_engine_invalid(cf, engine, instead);
    }

    text.len -= path.len;

    engine->base.len = text.len;
    engine->base.data = ngx_http_image_conf_copy(cf, &text);
    if (engine->base.data == NULL) {
        return NGX_CONF_ERROR;
    }

    engine->local = ngx_http_image_conf_loopback(&host);

    return NGX_CONF_OK;
}


/* a whole URL, "http[s]://host[:port]..." with {image} after that */

static char *
ngx_http_image_resolver_engine_template(ngx_conf_t *cf,
    ngx_image_engine_t *engine, ngx_str_t *url)
{
    ngx_str_t    host;
    image_url_t  u;

    static const char  instead[] =
        "\"http://host/path?image={image}&platform={platform}\", in quotes, "
        "with \"https:\" or \"http:\", with \"{image}\" after the host, "
        "without a user, a fragment or blanks, and of at most 2048 bytes";

    if (image_url_parse_template(&u, url->data, url->len) != 0) {
        return ngx_http_image_resolver_engine_invalid(cf, engine, instead);
    }

    engine->base.len = url->len;
    engine->base.data = ngx_http_image_conf_copy(cf, url);
    if (engine->base.data == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_http_image_conf_part(&host, &u.host);

    engine->local = ngx_http_image_conf_loopback(&host);

    return NGX_CONF_OK;
}


static char *
ngx_http_image_resolver_engine_parameter(ngx_conf_t *cf,
    ngx_image_engine_t *engine, ngx_str_t *arg, ngx_uint_t *seen)
{
    char               *rv;
    u_char             *list;
    ngx_str_t           v;
    ngx_uint_t          i;
    ngx_flag_t          taken;
    ngx_image_file_t  **file;

    static const struct {
        const char  *name;
        ngx_uint_t   flag;
    } parameters[] = {
        { "type=", 0 },
        { "pull=", NGX_IMAGE_ENGINE_PULL },
        { "credentials=", NGX_IMAGE_ENGINE_CREDENTIALS },
        { "token=", NGX_IMAGE_ENGINE_TOKEN },
        { "namespace=", NGX_IMAGE_ENGINE_NAMESPACE },
        { NULL, 0 }
    };

    rv = ngx_http_image_conf_tls(cf, arg, &engine->tls, &taken);

    if (taken) {
        return rv;
    }

    for (i = 0; parameters[i].name; i++) {
        if (ngx_http_image_conf_parameter(arg, parameters[i].name, &v)) {
            break;
        }
    }

    if (parameters[i].name == NULL || (*seen & ((ngx_uint_t) 1 << i))) {
        return ngx_http_image_conf_unknown(cf, arg,
                   "\"type=TYPE\", \"pull=missing\", \"pull=never\" or "
                   "\"pull=distribution\", \"credentials=FILE\", \"ca=FILE\", "
                   "\"certificate=FILE\" and \"key=FILE\", \"token=FILE\" or "
                   "\"namespace=NAME\", each once");
    }

    *seen |= (ngx_uint_t) 1 << i;

    if (parameters[i].flag == 0) {
        return NGX_CONF_OK;
    }

    if (!(engine->type->flags & parameters[i].flag)) {
        list = ngx_http_image_resolver_engine_types(cf, parameters[i].flag);
        if (list == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%s\" is nothing to an engine of type \"%V\": "
                           "write it with type %s alone",
                           parameters[i].name, &engine->type->name, list);
        return NGX_CONF_ERROR;
    }

    switch (parameters[i].flag) {

    case NGX_IMAGE_ENGINE_PULL:
        return ngx_http_image_resolver_engine_pull(cf, engine, arg, &v);

    case NGX_IMAGE_ENGINE_NAMESPACE:
        return ngx_http_image_resolver_engine_namespace(cf, engine, arg, &v);

    case NGX_IMAGE_ENGINE_CREDENTIALS:
        file = &engine->credentials;
        *file = ngx_http_image_conf_file(cf, arg, &v,
                                         &ngx_image_file_credentials);
        break;

    default: /* NGX_IMAGE_ENGINE_TOKEN */
        file = &engine->token;
        *file = ngx_http_image_conf_file(cf, arg, &v, &ngx_image_file_token);
        break;
    }

    return *file ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_http_image_resolver_engine_pull(ngx_conf_t *cf,
    ngx_image_engine_t *engine, ngx_str_t *arg, ngx_str_t *pull)
{
    if (pull->len == 7 && ngx_strncmp(pull->data, "missing", 7) == 0) {
        engine->pull = NGX_IMAGE_PULL_MISSING;
        return NGX_CONF_OK;
    }

    if (pull->len == 5 && ngx_strncmp(pull->data, "never", 5) == 0) {
        engine->pull = NGX_IMAGE_PULL_NEVER;
        return NGX_CONF_OK;
    }

    if (!(engine->type->flags & NGX_IMAGE_ENGINE_DISTRIBUTION)) {
        return ngx_http_image_conf_invalid(cf, arg,
                   "\"pull=missing\" or \"pull=never\": its API has no "
                   "\"distribution\"");
    }

    if (pull->len == 12 && ngx_strncmp(pull->data, "distribution", 12) == 0) {
        engine->pull = NGX_IMAGE_PULL_DISTRIBUTION;
        return NGX_CONF_OK;
    }

    return ngx_http_image_conf_invalid(cf, arg,
               "\"pull=missing\", \"pull=never\" or \"pull=distribution\"");
}


static char *
ngx_http_image_resolver_engine_namespace(ngx_conf_t *cf,
    ngx_image_engine_t *engine, ngx_str_t *arg, ngx_str_t *name)
{
    u_char      ch;
    ngx_uint_t  i;

    for (i = 0; i < name->len; i++) {
        ch = name->data[i];

        if (!((ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9')
              || (ch == '-' && i != 0 && i != name->len - 1)))
        {
            break;
        }
    }

    if (name->len == 0 || name->len > NGX_HTTP_IMAGE_NAMESPACE
        || i < name->len)
    {
        return ngx_http_image_conf_invalid(cf, arg,
                   "\"namespace=\" with 1 to 63 lower-case letters, digits and "
                   "\"-\", not first or last");
    }

    engine->namespace = *name;

    return NGX_CONF_OK;
}


/* now that all of the line is known: TLS or not, and what needs it */

static char *
ngx_http_image_resolver_engine_base(ngx_conf_t *cf, ngx_image_engine_t *engine)
{
    u_char      *p;
    ngx_flag_t   parameters;

    parameters = engine->tls.ca.len || engine->tls.certificate.len;

    if (parameters && ngx_strncmp(engine->url.data, "tcp:", 4) == 0) {
        engine->base.len++;

        p = ngx_pnalloc(cf->pool, engine->base.len + 1);
        if (p == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_sprintf(p, "https%s%Z", engine->base.data + sizeof("http") - 1);
        engine->base.data = p;
    }

    if (ngx_strncmp(engine->base.data, "https:", 6) == 0) {
        return NGX_CONF_OK;
    }

    if (parameters) {
        return ngx_http_image_resolver_engine_invalid(cf, engine,
                   (engine->type->flags & NGX_IMAGE_ENGINE_SOCKET)
                   ? "a \"tcp:\" or \"https:\" URL with \"ca=\" or "
                     "\"certificate=\", or none of them"
                   : "an https URL with \"ca=\" or \"certificate=\", or none "
                     "of them");
    }

    if ((engine->token || engine->credentials) && !engine->local) {
        return ngx_http_image_resolver_engine_invalid(cf, engine,
                   (engine->type->flags & NGX_IMAGE_ENGINE_SOCKET)
                   ? "an https URL, or \"tcp:\" with \"ca=\": \"credentials=\" "
                     "must not be sent in the clear"
                   : "an https URL: \"token=\" must not be sent in the clear");
    }

    return NGX_CONF_OK;
}


/* those with all bits of the flag, for a sentence; or NULL: no memory */

static u_char *
ngx_http_image_resolver_engine_types(ngx_conf_t *cf, ngx_uint_t flag)
{
    ngx_str_t                 *name;
    ngx_array_t                names;
    ngx_image_engine_type_t  **type;

    if (ngx_array_init(&names, cf->pool, 4, sizeof(ngx_str_t)) != NGX_OK) {
        return NULL;
    }

    for (type = &ngx_image_engine_types[1]; *type; type++) {

        if (((*type)->flags & flag) != flag) {
            continue;
        }

        name = ngx_array_push(&names);
        if (name == NULL) {
            return NULL;
        }

        *name = (*type)->name;
    }

    return ngx_http_image_conf_list(cf, &names, "or");
}


/* the URL is not repeated: it may hold a secret */

static char *
ngx_http_image_resolver_engine_invalid(ngx_conf_t *cf,
    ngx_image_engine_t *engine, const char *instead)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid URL of engine \"%V\": write %s",
                       &engine->name, instead);

    return NGX_CONF_ERROR;
}
