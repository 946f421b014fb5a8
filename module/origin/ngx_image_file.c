/*
 * Files with secrets, read again when they change.  Uses nginx's core and
 * core/; nothing of a file's content is ever logged.
 */

#include <ngx_image_file.h>
#include <image_credentials.h>


static void *ngx_image_file_read(ngx_image_file_t *file, ngx_log_t *log,
    ngx_uint_t level);
static ngx_uint_t ngx_image_file_changed(ngx_file_info_t *a,
    ngx_file_info_t *b);
static void ngx_image_file_cleanup(void *data);
static void *ngx_image_file_parse_credentials(const u_char *content,
    size_t len, const char **error);
static void ngx_image_file_free_credentials(void *value);
static void *ngx_image_file_parse_token(const u_char *content, size_t len,
    const char **error);
static void ngx_image_file_free_token(void *value);


ngx_image_file_type_t  ngx_image_file_credentials = {
    "a Docker config.json",
    ngx_image_file_parse_credentials,
    ngx_image_file_free_credentials
};

ngx_image_file_type_t  ngx_image_file_token = {
    "a bearer token in one line",
    ngx_image_file_parse_token,
    ngx_image_file_free_token
};


ngx_image_file_t *
ngx_image_file_open(ngx_conf_t *cf, ngx_str_t *name,
    ngx_image_file_type_t *type)
{
    ngx_image_file_t    *file;
    ngx_pool_cleanup_t  *cln;

    file = ngx_pcalloc(cf->pool, sizeof(ngx_image_file_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (file == NULL || cln == NULL) {
        return NULL;
    }

    file->name = *name;
    file->type = type;

    if (ngx_conf_full_name(cf->cycle, &file->name, 1) != NGX_OK) {
        return NULL;
    }

    file->value = ngx_image_file_read(file, cf->log, NGX_LOG_EMERG);

    if (file->value == NULL) {
        return NULL;
    }

    cln->handler = ngx_image_file_cleanup;
    cln->data = file;

    return file;
}


void *
ngx_image_file_value(ngx_image_file_t *file)
{
    void             *value;
    ngx_uint_t        level;
    ngx_file_info_t   fi;

    if (file->checked == ngx_time()) {
        return file->value;
    }

    file->checked = ngx_time();

    ngx_memzero(&fi, sizeof(ngx_file_info_t));

    if (ngx_file_info(file->name.data, &fi) != NGX_FILE_ERROR
        && !ngx_image_file_changed(&fi, &file->info))
    {
        return file->value;
    }

    /* what cannot be used is tried again, as it may be our own lack of memory
     * or descriptors, but said once */

    level = (file->said && !ngx_image_file_changed(&fi, &file->bad))
            ? NGX_LOG_DEBUG : NGX_LOG_ERR;

    value = ngx_image_file_read(file, ngx_cycle->log, level);

    if (value == NULL) {
        file->bad = fi;
        file->said = 1;

        ngx_log_error(level, ngx_cycle->log, 0,
                      "\"%V\" has changed and can't be used: what was read "
                      "before is", &file->name);

        return file->value;
    }

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "\"%V\" has changed and was read again", &file->name);

    file->type->free(file->value);
    file->value = value;
    file->said = 0;

    return value;
}


/* NULL: the log has the reason */

static void *
ngx_image_file_read(ngx_image_file_t *file, ngx_log_t *log, ngx_uint_t level)
{
    void             *value;
    u_char           *content;
    size_t            size;
    ssize_t           n;
    ngx_fd_t          fd;
    const char       *error;
    ngx_file_info_t   fi;

    /* a pipe in its place must not block */

    fd = ngx_open_file(file->name.data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_log_error(level, log, ngx_errno,
                      ngx_open_file_n " \"%V\" failed", &file->name);
        return NULL;
    }

    value = NULL;
    content = NULL;
    size = 0;
    error = NULL;

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        ngx_log_error(level, log, ngx_errno,
                      ngx_fd_info_n " \"%V\" failed", &file->name);
        goto done;
    }

    if (!ngx_is_file(&fi) || ngx_file_size(&fi) == 0
        || ngx_file_size(&fi) > NGX_IMAGE_FILE_MAX)
    {
        error = "it is no file of 1 byte to 1 MiB";
        goto done;
    }

    size = ngx_file_size(&fi);

    content = ngx_alloc(size, log);
    if (content == NULL) {
        goto done;
    }

    n = ngx_read_fd(fd, content, size);

    if (n == -1) {
        ngx_log_error(level, log, ngx_errno,
                      ngx_read_fd_n " \"%V\" failed", &file->name);
        goto done;
    }

    if ((size_t) n != size) {
        error = "it changed while it was read";
        goto done;
    }

    value = file->type->parse(content, size, &error);

    if (value) {
        file->info = fi;
    }

done:

    if (error) {
        ngx_log_error(level, log, 0, "invalid file \"%V\", %s: write %s",
                      &file->name, error, file->type->instead);
    }

    if (content) {
        ngx_explicit_memzero(content, size);
        ngx_free(content);
    }

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", &file->name);
    }

    return value;
}


/* by all that tells: a file is replaced, or written within a second */

static ngx_uint_t
ngx_image_file_changed(ngx_file_info_t *a, ngx_file_info_t *b)
{
    return a->st_ino != b->st_ino || a->st_dev != b->st_dev
           || a->st_size != b->st_size
           || a->st_mtim.tv_sec != b->st_mtim.tv_sec
           || a->st_mtim.tv_nsec != b->st_mtim.tv_nsec
           || a->st_ctim.tv_sec != b->st_ctim.tv_sec
           || a->st_ctim.tv_nsec != b->st_ctim.tv_nsec;
}


static void
ngx_image_file_cleanup(void *data)
{
    ngx_image_file_t *file = data;

    file->type->free(file->value);
}


static void *
ngx_image_file_parse_credentials(const u_char *content, size_t len,
    const char **error)
{
    return image_credentials_parse(content, len, error);
}


static void
ngx_image_file_free_credentials(void *value)
{
    image_credentials_free(value);
}


/* blanks and line ends around it are not the token's; it goes into a header */

static void *
ngx_image_file_parse_token(const u_char *content, size_t len,
    const char **error)
{
    u_char       *p;
    size_t        i;
    image_str_t  *token;

    while (len && content[len - 1] <= ' ') {
        len--;
    }

    while (len && *content <= ' ') {
        content++;
        len--;
    }

    for (i = 0; i < len; i++) {
        if (content[i] <= ' ' || content[i] >= 0x7f) {
            break;
        }
    }

    if (len == 0 || i < len) {
        *error = "it holds no token of visible ASCII";
        return NULL;
    }

    p = malloc(sizeof(image_str_t) + len);

    if (p == NULL) {
        *error = "it could not be held in memory";
        return NULL;
    }

    token = (image_str_t *) p;
    p += sizeof(image_str_t);

    ngx_memcpy(p, content, len);

    token->data = p;
    token->len = len;

    return token;
}


static void
ngx_image_file_free_token(void *value)
{
    image_str_t *token = value;

    ngx_explicit_memzero((u_char *) token->data, token->len);
    free(token);
}
