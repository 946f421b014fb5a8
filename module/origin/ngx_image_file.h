/*
 * Files with secrets: a Docker config.json, a bearer token.  Read by the
 * master with the configuration, and by a worker again when they change.
 *
 * A worker looks at most once a second, and only when it needs what is in
 * there: one stat() of a local file, as nginx's own open file cache does.
 */

#ifndef NGX_IMAGE_FILE_H
#define NGX_IMAGE_FILE_H


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_IMAGE_FILE_MAX  (1024 * 1024)


/* how the bytes of a file become a value */

typedef struct {
    const char   *instead;               /* what to write, for "nginx -t" */

    /* NULL, with *error a clause that repeats nothing of the content */
    void       *(*parse)(const u_char *content, size_t len,
                    const char **error);
    void        (*free)(void *value);
} ngx_image_file_type_t;


typedef struct {
    ngx_str_t               name;        /* full, NUL-terminated */
    ngx_image_file_type_t  *type;

    /* private */

    void                   *value;
    ngx_file_info_t         info;        /* of what was read last */
    ngx_file_info_t         bad;         /* of what could not be, last */
    time_t                  checked;
    unsigned                said:1;      /* that it could not */
} ngx_image_file_t;


/* an image_credentials_t, and an image_str_t of visible ASCII */
extern ngx_image_file_type_t  ngx_image_file_credentials;
extern ngx_image_file_type_t  ngx_image_file_token;


/*
 * For configuration: reads it, or says in cf->log what is wrong, and returns
 * NULL.  Lives as long as cf->pool.
 */
ngx_image_file_t *ngx_image_file_open(ngx_conf_t *cf, ngx_str_t *name,
    ngx_image_file_type_t *type);

/*
 * What it holds now; never NULL.  A new version that is broken or cannot be
 * read is said once, and the old one counts.  To be used before the next
 * call: that one may free it.
 */
void *ngx_image_file_value(ngx_image_file_t *file);


#endif /* NGX_IMAGE_FILE_H */
