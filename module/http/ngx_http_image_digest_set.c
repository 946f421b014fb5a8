/*
 * The directive "image_digest": what it may have, and, once all resolvers are
 * known, whom it names.
 */

#include <ngx_http_image_digest.h>


static char *ngx_http_image_digest_parameter(ngx_conf_t *cf,
    ngx_http_image_digest_t *image, ngx_str_t *arg);
static char *ngx_http_image_digest_merge_resolver(ngx_conf_t *cf,
    ngx_http_image_digest_t *image);


char *
ngx_http_image_digest_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_image_digest_loc_conf_t *ilcf = conf;

    ngx_str_t                *value;
    ngx_uint_t                i;
    const char               *error;
    ngx_http_image_digest_t  *image;

    if (ilcf->enable != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {

        if (cf->args->nelts > 2) {
            return ngx_http_image_conf_invalid(cf, &value[2],
                                               "\"image_digest off;\" alone");
        }

        ilcf->enable = 0;
        return NGX_CONF_OK;
    }

    image = ngx_pcalloc(cf->pool, sizeof(ngx_http_image_digest_t));
    if (image == NULL) {
        return NGX_CONF_ERROR;
    }

    image->file = cf->conf_file->file.name;
    image->line = cf->conf_file->line;

    ilcf->enable = 1;
    ilcf->image = image;

    if (value[1].len == 0) {
        return "has an empty reference: write a variable, such as "
               "\"image_digest $image;\", or \"image_digest off;\"";
    }

    image->reference = ngx_http_image_conf_compile(cf, &value[1]);
    if (image->reference == NULL) {
        return NGX_CONF_ERROR;
    }

    if (image->reference->lengths == NULL) {
        image_reference_t  reference;

        error = image_reference_parse(&reference, value[1].data,
                                      value[1].len);
        if (error) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid image reference \"%V\", %s: write one "
                               "such as \"golang:1.22\", or a variable",
                               &value[1], error);
            return NGX_CONF_ERROR;
        }
    }

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_http_image_digest_parameter(cf, image, &value[i])
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_image_digest_parameter(ngx_conf_t *cf,
    ngx_http_image_digest_t *image, ngx_str_t *arg)
{
    u_char                      address[NGX_HTTP_IMAGE_ADDRESS];
    ngx_str_t                   v;
    const char                 *error;
    image_platform_t            platform;
    ngx_http_complex_value_t  **cv;

    if (ngx_http_image_conf_parameter(arg, "resolver=", &v)) {

        if (image->resolver_name.len) {
            goto duplicate;
        }

        if (v.len == 0 || ngx_http_script_variables_count(&v)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid \"%V\": write the name of an "
                               "\"image_resolver\", without variables", arg);
            return NGX_CONF_ERROR;
        }

        image->resolver_name = v;

        return NGX_CONF_OK;
    }

    if (ngx_http_image_conf_parameter(arg, "engine=", &v)) {
        cv = &image->engine;

    } else if (ngx_http_image_conf_parameter(arg, "platform=", &v)) {
        cv = &image->platform;

    } else if (ngx_http_image_conf_parameter(arg, "pod=", &v)) {
        cv = &image->pod;

    } else if (ngx_http_image_conf_parameter(arg, "session=", &v)) {
        cv = &image->session;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\" of \"image_digest\": "
                           "write \"resolver=NAME\", \"engine=NAME\", "
                           "\"platform=OS/ARCH\", \"pod=ADDRESS\" or "
                           "\"session=ID\"", arg);
        return NGX_CONF_ERROR;
    }

    if (*cv) {
        goto duplicate;
    }

    *cv = ngx_http_image_conf_compile(cf, &v);
    if (*cv == NULL) {
        return NGX_CONF_ERROR;
    }

    if ((*cv)->lengths) {
        return NGX_CONF_OK;
    }

    /* a constant is judged here; whether there is such an engine, later */

    if (cv == &image->engine && v.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"%V\": write \"engine=registry\", or the "
                           "name of another engine", arg);
        return NGX_CONF_ERROR;
    }

    if (cv == &image->platform) {
        error = image_platform_parse(&platform, v.data, v.len);

        if (error) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid platform \"%V\", %s: write one such as "
                               "\"platform=linux/amd64\"", &v, error);
            return NGX_CONF_ERROR;
        }
    }

    if (cv == &image->pod && !ngx_http_image_digest_address(&v, address)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"%V\": write an IP address, or a variable "
                           "such as \"pod=$remote_addr\"", arg);
        return NGX_CONF_ERROR;
    }

    if (cv == &image->session
        && (v.len > NGX_HTTP_IMAGE_SESSION_LEN
            || !ngx_http_image_conf_name(&v)))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"%V\": write 1 to 128 letters, digits, "
                           "\".\", \"_\" and \"-\", or a variable such as "
                           "\"session=$http_x_job\"", arg);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;

duplicate:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "duplicate parameter \"%V\": write it once", arg);
    return NGX_CONF_ERROR;
}


char *
ngx_http_image_digest_merge_image(ngx_conf_t *cf,
    ngx_http_image_digest_loc_conf_t *conf)
{
    ngx_http_image_digest_t  *image;

    image = conf->image;

    if (image->resolver) {
        return NGX_CONF_OK;
    }

    if (ngx_http_image_digest_merge_resolver(cf, image) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_image_resolver_engine_check(cf, image);
}


static char *
ngx_http_image_digest_merge_resolver(ngx_conf_t *cf,
    ngx_http_image_digest_t *image)
{
    ngx_http_image_digest_main_conf_t  *imcf;

    imcf = ngx_http_conf_get_module_main_conf(cf,
                                              ngx_http_image_digest_module);

    /* where none is written there is a "default", also by its name */

    if (imcf->resolvers.nelts == 0
        && (image->resolver_name.len == 0
            || ngx_strcmp(image->resolver_name.data, "default") == 0))
    {
        image->resolver = ngx_http_image_resolver_default(cf, imcf);

        return image->resolver ? NGX_CONF_OK : NGX_CONF_ERROR;
    }

    if (image->resolver_name.len) {
        image->resolver = ngx_http_image_resolver_find(imcf,
                                                       &image->resolver_name);
        if (image->resolver == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "unknown image resolver \"%V\": write "
                          "\"image_resolver %V { ... }\" in \"http\" in %V:%ui",
                          &image->resolver_name, &image->resolver_name,
                          &image->file, image->line);
            return NGX_CONF_ERROR;
        }

        return NGX_CONF_OK;
    }

    if (imcf->resolvers.nelts == 1) {
        image->resolver = *(ngx_image_resolver_t **) imcf->resolvers.elts;

        return NGX_CONF_OK;
    }

    image->resolver = ngx_http_image_resolver_find(imcf, NULL);

    if (image->resolver == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"image_digest\" has several image resolvers to choose "
                      "from and none is named \"default\": add "
                      "\"resolver=NAME\" in %V:%ui",
                      &image->file, image->line);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
