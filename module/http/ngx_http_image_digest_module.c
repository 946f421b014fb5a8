/*
 * The module: its directives, their merging, and what a worker starts with.
 */

#include <ngx_http_image_digest.h>


#define NGX_HTTP_IMAGE_TTL    (300 * NGX_HTTP_IMAGE_SECOND)
#define NGX_HTTP_IMAGE_FRESH  (5 * NGX_HTTP_IMAGE_SECOND)


static ngx_int_t ngx_http_image_digest_postconfiguration(ngx_conf_t *cf);
static void *ngx_http_image_digest_create_main_conf(ngx_conf_t *cf);
static void *ngx_http_image_digest_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_image_digest_merge_loc_conf(ngx_conf_t *cf,
    void *parent, void *child);
static char *ngx_http_image_digest_merge_key(ngx_conf_t *cf,
    ngx_http_image_digest_loc_conf_t *conf);
static char *ngx_http_image_digest_merge_spans(ngx_conf_t *cf,
    ngx_http_image_digest_loc_conf_t *conf);

static char *ngx_http_image_digest_ttl(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_image_digest_key(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_image_digest_timeout(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_http_image_digest_fallback(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_http_image_digest_writes(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_image_digest_time(ngx_conf_t *cf, ngx_str_t *directive,
    ngx_str_t *value, int64_t *span);

static ngx_int_t ngx_http_image_digest_init_process(ngx_cycle_t *cycle);
static void ngx_http_image_digest_exit_process(ngx_cycle_t *cycle);


static ngx_command_t  ngx_http_image_digest_commands[] = {

    { ngx_string("image_resolver"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_image_resolver_block,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("image_digest"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF
                        |NGX_HTTP_LIF_CONF|NGX_CONF_1MORE,
      ngx_http_image_digest_set,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("image_digest_ttl"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF
                        |NGX_HTTP_LIF_CONF|NGX_CONF_TAKE123,
      ngx_http_image_digest_ttl,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("image_digest_key"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF
                        |NGX_HTTP_LIF_CONF|NGX_CONF_1MORE,
      ngx_http_image_digest_key,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("image_digest_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF
                        |NGX_HTTP_LIF_CONF|NGX_CONF_TAKE1,
      ngx_http_image_digest_timeout,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("image_digest_fallback"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF
                        |NGX_HTTP_LIF_CONF|NGX_CONF_TAKE12,
      ngx_http_image_digest_fallback,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("image_digest_writes"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF
                        |NGX_HTTP_LIF_CONF|NGX_CONF_TAKE12,
      ngx_http_image_digest_writes,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_image_digest_module_ctx = {
    ngx_http_image_digest_add_variables,       /* preconfiguration */
    ngx_http_image_digest_postconfiguration,   /* postconfiguration */

    ngx_http_image_digest_create_main_conf,    /* create main configuration */
    NULL,                                      /* init main configuration */

    NULL,                                      /* create server config */
    NULL,                                      /* merge server config */

    ngx_http_image_digest_create_loc_conf,     /* create location config */
    ngx_http_image_digest_merge_loc_conf       /* merge location config */
};


ngx_module_t  ngx_http_image_digest_module = {
    NGX_MODULE_V1,
    &ngx_http_image_digest_module_ctx,         /* module context */
    ngx_http_image_digest_commands,            /* module directives */
    NGX_HTTP_MODULE,                           /* module type */
    NULL,                                      /* init master */
    NULL,                                      /* init module */
    ngx_http_image_digest_init_process,        /* init process */
    NULL,                                      /* init thread */
    NULL,                                      /* exit thread */
    ngx_http_image_digest_exit_process,        /* exit process */
    NULL,                                      /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_image_digest_postconfiguration(ngx_conf_t *cf)
{
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PREACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_image_digest_enter;

    /* after access control, before try_files and the content */

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PRECONTENT_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_image_digest_handler;

    return NGX_OK;
}


static void *
ngx_http_image_digest_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_image_digest_main_conf_t  *imcf;

    imcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_image_digest_main_conf_t));
    if (imcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&imcf->resolvers, cf->pool, 2,
                       sizeof(ngx_image_resolver_t *))
        != NGX_OK)
    {
        return NULL;
    }

    return imcf;
}


static void *
ngx_http_image_digest_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_image_digest_loc_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_image_digest_loc_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     conf->image = NULL;
     *     conf->ttl = NULL;
     *     conf->key = NULL;
     *     conf->window = 0;
     */

    conf->enable = NGX_CONF_UNSET;
    conf->ttl_constant = NGX_CONF_UNSET;
    conf->ttl_min = NGX_CONF_UNSET;
    conf->ttl_max = NGX_CONF_UNSET;
    conf->timeout = NGX_CONF_UNSET_MSEC;
    conf->fallback = NGX_CONF_UNSET_UINT;
    conf->writes = NGX_CONF_UNSET_UINT;

    return conf;
}


static char *
ngx_http_image_digest_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child)
{
    ngx_http_image_digest_loc_conf_t *prev = parent;
    ngx_http_image_digest_loc_conf_t *conf = child;

    if (conf->enable == NGX_CONF_UNSET) {
        conf->enable = (prev->enable == NGX_CONF_UNSET) ? 0 : prev->enable;
        conf->image = prev->image;
    }

    if (conf->ttl == NULL && conf->ttl_constant == NGX_CONF_UNSET) {
        conf->ttl = prev->ttl;
        conf->ttl_constant = prev->ttl_constant;
        conf->ttl_file = prev->ttl_file;
        conf->ttl_line = prev->ttl_line;
    }

    if (conf->ttl_constant == NGX_CONF_UNSET) {
        conf->ttl_constant = NGX_HTTP_IMAGE_TTL;
    }

    ngx_conf_merge_value(conf->ttl_min, prev->ttl_min, 0);
    ngx_conf_merge_value(conf->ttl_max, prev->ttl_max, NGX_MAX_INT_T_VALUE);

    ngx_conf_merge_msec_value(conf->timeout, prev->timeout, 1000);

    if (conf->key == NULL) {
        conf->key = prev->key;
    }

    if (conf->fallback == NGX_CONF_UNSET_UINT) {

        if (prev->fallback == NGX_CONF_UNSET_UINT) {
            conf->fallback = NGX_HTTP_IMAGE_FALLBACK_TAG;
            conf->window = NGX_HTTP_IMAGE_WINDOW_TTL;

        } else {
            conf->fallback = prev->fallback;
            conf->window = prev->window;
        }
    }

    if (conf->writes == NGX_CONF_UNSET_UINT) {

        if (prev->writes == NGX_CONF_UNSET_UINT) {
            conf->writes = NGX_HTTP_IMAGE_WRITES_ANY;

        } else {
            conf->writes = prev->writes;
            conf->settled = prev->settled;
            conf->fresh = prev->fresh;
            conf->writes_file = prev->writes_file;
            conf->writes_line = prev->writes_line;
        }
    }

    if (!conf->enable) {
        return NGX_CONF_OK;
    }

    if (ngx_http_image_digest_merge_key(cf, conf) != NGX_CONF_OK
        || ngx_http_image_digest_merge_image(cf, conf) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    return ngx_http_image_digest_merge_spans(cf, conf);
}


static char *
ngx_http_image_digest_merge_key(ngx_conf_t *cf,
    ngx_http_image_digest_loc_conf_t *conf)
{
    ngx_http_complex_value_t  *cv, *part;

    static ngx_str_t  uri = ngx_string("$uri$is_args$args");

    if (conf->key) {
        return NGX_CONF_OK;
    }

    conf->key = ngx_array_create(cf->pool, 1,
                                 sizeof(ngx_http_complex_value_t));
    if (conf->key == NULL) {
        return NGX_CONF_ERROR;
    }

    part = ngx_array_push(conf->key);
    cv = ngx_http_image_conf_compile(cf, &uri);

    if (part == NULL || cv == NULL) {
        return NGX_CONF_ERROR;
    }

    *part = *cv;

    return NGX_CONF_OK;
}


/* spans are bounded by the retention of the resolver */

static char *
ngx_http_image_digest_merge_spans(ngx_conf_t *cf,
    ngx_http_image_digest_loc_conf_t *conf)
{
    ngx_image_resolver_t  *resolver;

    resolver = conf->image->resolver;

    if (conf->ttl_min > conf->ttl_max) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"image_digest_ttl\" has a \"min\" above its \"max\": "
                      "lower \"min=\" or raise \"max=\", one of which may be "
                      "inherited, in %V:%ui",
                      &conf->ttl_file, conf->ttl_line);
        return NGX_CONF_ERROR;
    }

    if (conf->ttl == NULL && conf->ttl_line
        && conf->ttl_constant > resolver->retention)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"image_digest_ttl\" is above the \"retention\" of "
                      "image resolver \"%V\": lower it, or raise "
                      "\"retention\" in %V:%ui",
                      &resolver->name, &conf->ttl_file, conf->ttl_line);
        return NGX_CONF_ERROR;
    }

    if (conf->writes == NGX_HTTP_IMAGE_WRITES_SETTLED
        && conf->settled > resolver->retention)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"image_digest_writes\" has a \"settled\" time above "
                      "the \"retention\" of image resolver \"%V\": lower it, "
                      "or raise \"retention\" in %V:%ui",
                      &resolver->name, &conf->writes_file, conf->writes_line);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_image_digest_ttl(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_image_digest_loc_conf_t *ilcf = conf;

    char                      *rv;
    ngx_str_t                 *value, v;
    ngx_uint_t                 i;
    ngx_http_complex_value_t  *cv;

    if (ilcf->ttl_line) {
        return "is duplicate";
    }

    ilcf->ttl_file = cf->conf_file->file.name;
    ilcf->ttl_line = cf->conf_file->line;

    value = cf->args->elts;

    cv = ngx_http_image_conf_compile(cf, &value[1]);
    if (cv == NULL) {
        return NGX_CONF_ERROR;
    }

    if (cv->lengths) {

        /* an empty value counts as the default */

        ilcf->ttl = cv;
        ilcf->ttl_constant = NGX_HTTP_IMAGE_TTL;

    } else {
        rv = ngx_http_image_digest_time(cf, &value[0], &value[1],
                                        &ilcf->ttl_constant);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_http_image_conf_parameter(&value[i], "min=", &v)
            && ilcf->ttl_min == NGX_CONF_UNSET)
        {
            rv = ngx_http_image_digest_time(cf, &value[0], &v,
                                            &ilcf->ttl_min);

        } else if (ngx_http_image_conf_parameter(&value[i], "max=", &v)
                   && ilcf->ttl_max == NGX_CONF_UNSET)
        {
            rv = ngx_http_image_digest_time(cf, &value[0], &v,
                                            &ilcf->ttl_max);

        } else {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid or duplicate parameter \"%V\" of "
                               "\"image_digest_ttl\": write \"min=TIME\" and "
                               "\"max=TIME\", each once", &value[i]);
            return NGX_CONF_ERROR;
        }

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    if (cv->lengths == NULL
        && ((ilcf->ttl_min != NGX_CONF_UNSET
             && ilcf->ttl_constant < ilcf->ttl_min)
            || (ilcf->ttl_max != NGX_CONF_UNSET
                && ilcf->ttl_constant > ilcf->ttl_max)))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"image_digest_ttl %V\" is outside its own "
                           "\"min\" and \"max\": write a TTL between them",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_image_digest_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_image_digest_loc_conf_t *ilcf = conf;

    ngx_str_t                 *value;
    ngx_uint_t                 i, used;
    ngx_http_complex_value_t  *cv, *part;

    if (ilcf->key) {
        return "is duplicate";
    }

    value = cf->args->elts;

    ilcf->key = ngx_array_create(cf->pool, cf->args->nelts - 1,
                                 sizeof(ngx_http_complex_value_t));
    if (ilcf->key == NULL) {
        return NGX_CONF_ERROR;
    }

    used = 0;

    for (i = 1; i < cf->args->nelts; i++) {
        part = ngx_array_push(ilcf->key);
        cv = ngx_http_image_conf_compile(cf, &value[i]);

        if (part == NULL || cv == NULL) {
            return NGX_CONF_ERROR;
        }

        *part = *cv;
        used += value[i].len;
    }

    if (used == 0) {
        return "has no part that could ever be other than empty: write what "
               "names the artefact, such as \"image_digest_key $uri;\"";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_image_digest_timeout(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_image_digest_loc_conf_t *ilcf = conf;

    char       *rv;
    int64_t     span;
    ngx_str_t  *value;

    if (ilcf->timeout != NGX_CONF_UNSET_MSEC) {
        return "is duplicate";
    }

    value = cf->args->elts;

    rv = ngx_http_image_digest_time(cf, &value[0], &value[1], &span);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    ilcf->timeout = ngx_min(span / 1000, NGX_MAX_INT32_VALUE);

    return NGX_CONF_OK;
}


static char *
ngx_http_image_digest_fallback(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_image_digest_loc_conf_t *ilcf = conf;

    ngx_str_t  *value, v;

    if (ilcf->fallback != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    ilcf->window = NGX_HTTP_IMAGE_WINDOW_TTL;

    if (ngx_strcmp(value[1].data, "tag") == 0) {
        ilcf->fallback = NGX_HTTP_IMAGE_FALLBACK_TAG;

    } else if (ngx_strcmp(value[1].data, "miss") == 0) {
        ilcf->fallback = NGX_HTTP_IMAGE_FALLBACK_MISS;

    } else if (ngx_strcmp(value[1].data, "error") == 0) {
        ilcf->fallback = NGX_HTTP_IMAGE_FALLBACK_ERROR;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" of "
                           "\"image_digest_fallback\": write \"tag\", "
                           "\"miss\" or \"error\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    if (ilcf->fallback != NGX_HTTP_IMAGE_FALLBACK_TAG
        || !ngx_http_image_conf_parameter(&value[2], "window=", &v))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\" of "
                           "\"image_digest_fallback\": write \"window=TIME\" "
                           "or \"window=off\", and that with \"tag\" alone",
                           &value[2]);
        return NGX_CONF_ERROR;
    }

    if (v.len == 3 && ngx_strncmp(v.data, "off", 3) == 0) {
        ilcf->window = NGX_HTTP_IMAGE_WINDOW_OFF;
        return NGX_CONF_OK;
    }

    return ngx_http_image_digest_time(cf, &value[0], &v, &ilcf->window);
}


static char *
ngx_http_image_digest_writes(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_image_digest_loc_conf_t *ilcf = conf;

    char       *rv;
    ngx_str_t  *value, v;

    if (ilcf->writes != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    ilcf->writes_file = cf->conf_file->file.name;
    ilcf->writes_line = cf->conf_file->line;

    value = cf->args->elts;

    ilcf->fresh = NGX_HTTP_IMAGE_FRESH;

    if (ngx_strcmp(value[1].data, "any") == 0) {
        ilcf->writes = NGX_HTTP_IMAGE_WRITES_ANY;

    } else if (ngx_strcmp(value[1].data, "pinned") == 0) {
        ilcf->writes = NGX_HTTP_IMAGE_WRITES_PINNED;

    } else if (ngx_http_image_conf_parameter(&value[1], "settled=", &v)) {
        ilcf->writes = NGX_HTTP_IMAGE_WRITES_SETTLED;

        rv = ngx_http_image_digest_time(cf, &value[0], &v, &ilcf->settled);
        if (rv != NGX_CONF_OK) {
            return rv;
        }

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" of \"image_digest_writes\": "
                           "write \"any\", \"settled=TIME\" or \"pinned\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    if (ilcf->writes != NGX_HTTP_IMAGE_WRITES_SETTLED
        || !ngx_http_image_conf_parameter(&value[2], "fresh=", &v))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\" of "
                           "\"image_digest_writes\": write \"fresh=TIME\", "
                           "and that with \"settled=TIME\" alone", &value[2]);
        return NGX_CONF_ERROR;
    }

    return ngx_http_image_digest_time(cf, &value[0], &v, &ilcf->fresh);
}


static char *
ngx_http_image_digest_time(ngx_conf_t *cf, ngx_str_t *directive,
    ngx_str_t *value, int64_t *span)
{
    *span = ngx_http_image_conf_time(value);

    if (*span != NGX_ERROR) {
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid time \"%V\" in \"%V\": write a number with a "
                       "unit, such as \"500ms\", \"30s\", \"5m\" or \"1h\"",
                       value, directive);

    return NGX_CONF_ERROR;
}


static ngx_int_t
ngx_http_image_digest_init_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                          i;
    ngx_image_resolver_t              **resolver;
    ngx_http_image_digest_main_conf_t  *imcf;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    imcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_image_digest_module);

    if (imcf == NULL || imcf->resolvers.nelts == 0) {
        return NGX_OK;
    }

    if (ngx_image_fetch_init(cycle) != NGX_OK) {
        return NGX_ERROR;
    }

    resolver = imcf->resolvers.elts;

    for (i = 0; i < imcf->resolvers.nelts; i++) {
        if (ngx_image_lookup_init(resolver[i], cycle) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static void
ngx_http_image_digest_exit_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                          i;
    ngx_image_resolver_t              **resolver;
    ngx_http_image_digest_main_conf_t  *imcf;

    imcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_image_digest_module);

    if (imcf == NULL || imcf->resolvers.nelts == 0) {
        return;
    }

    resolver = imcf->resolvers.elts;

    for (i = 0; i < imcf->resolvers.nelts; i++) {
        ngx_image_lookup_exit(resolver[i]);
    }

    ngx_image_fetch_exit(cycle);
}
