/*
 * URLs in directives.  Text of the operator, which may hold a password; libc
 * alone, no I/O.
 */

#include <arpa/inet.h>
#include <string.h>

#include "image_url.h"
#include "image_value.h"


#define IMAGE_URL_PORT_MAX    65535
#define IMAGE_URL_REDIS_PORT  6379


static int image_url_authority(image_url_t *url, const u_char *text,
    size_t len);
static int image_url_is_odd(const image_str_t *host);
static const char *image_url_redis_socket(image_url_redis_t *redis,
    image_str_t *db, image_str_t rest);
static const char *image_url_redis_server(image_url_redis_t *redis,
    image_str_t *db, image_str_t rest);
static int image_url_redis_host(image_url_redis_t *redis,
    const image_str_t *text);
static int image_url_prefix(image_str_t *rest, const u_char *text,
    size_t len, const char *prefix);
static const u_char *image_url_find(const image_str_t *text, u_char c);


static const char  image_url_redis_instead[] =
    "\"redis://host:port/db\", \"rediss://host:port/db\" or "
    "\"unix:/path?db=N\"";


int
image_url_parse(image_url_t *url, const u_char *text, size_t len)
{
    image_str_t  rest;

    memset(url, 0, sizeof(image_url_t));

    if (image_url_prefix(&rest, text, len, "https://")) {
        url->tls = 1;

    } else if (!image_url_prefix(&rest, text, len, "http://")) {
        return -1;
    }

    return image_url_authority(url, rest.data, rest.len);
}


/* "host[:port][/path]" */

static int
image_url_authority(image_url_t *url, const u_char *text, size_t len)
{
    size_t         i;
    image_str_t   *host;
    const u_char  *p, *last;

    static const char  allowed[] = "-._~!$&'()*+,;=:@%/";

    last = text + len;

    url->path.data = last;
    url->path.len = 0;
    url->authority.data = text;
    url->authority.len = len;

    p = image_url_find(&url->authority, '/');

    if (p != NULL) {
        url->path.data = p;
        url->path.len = (size_t) (last - p);
        url->authority.len = (size_t) (p - text);
    }

    for (i = 0; i < url->path.len; i++) {
        p = url->path.data + i;

        if (!(*p >= '0' && *p <= '9')
            && !((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z')
            && (*p == '\0' || strchr(allowed, *p) == NULL))
        {
            return -1;
        }
    }

    /* the last colon, outside the brackets of an IPv6 address */

    host = &url->host;
    *host = url->authority;
    last = host->data + host->len;

    for (p = last; p > host->data && p[-1] != ':' && p[-1] != ']'; p--) {
        /* void */
    }

    if (p > host->data && p[-1] == ':') {

        if (image_number_parse(p, (size_t) (last - p), IMAGE_URL_PORT_MAX) < 1
            || *p == '0')
        {
            return -1;
        }

        host->len = (size_t) (p - 1 - host->data);
    }

    if (!image_is_host(host->data, host->len) || image_url_is_odd(host)) {
        return -1;
    }

    return 0;
}


/*
 * Libcurl takes "127.1", "2130706433" and "0x7f.1" for the address 127.0.0.1:
 * what is written must be what is asked, or nobody could tell a loopback
 * address.
 */

static int
image_url_is_odd(const image_str_t *host)
{
    char            text[INET_ADDRSTRLEN];
    const u_char   *p, *label, *last;
    struct in_addr  addr;

    if (host->data[0] == '[') {
        return 0;
    }

    last = host->data + host->len;

    for (label = last; label > host->data && label[-1] != '.'; label--) {
        /* void */
    }

    if (last - label > 2 && label[0] == '0' && (label[1] | 0x20) == 'x') {
        return 1;
    }

    for (p = label; p < last; p++) {
        if (*p < '0' || *p > '9') {
            return 0;
        }
    }

    if (host->len >= sizeof(text)) {
        return 1;
    }

    memcpy(text, host->data, host->len);
    text[host->len] = '\0';

    return inet_pton(AF_INET, text, &addr) != 1;
}


int
image_url_parse_proxy(image_url_t *url, image_str_t *user,
    const u_char *text, size_t len)
{
    image_str_t    rest;
    const u_char  *p, *at;

    memset(url, 0, sizeof(image_url_t));
    memset(user, 0, sizeof(image_str_t));

    if (image_url_prefix(&rest, text, len, "https://")) {
        url->tls = 1;

    } else if (!image_url_prefix(&rest, text, len, "http://")) {
        return -1;
    }

    user->data = rest.data;

    /* what a password may hold is percent-encoded, so this is the only "@" */

    at = image_url_find(&rest, '@');

    if (at != NULL) {
        user->len = (size_t) (at + 1 - rest.data);

        if (user->len == 1 || user->data[0] == ':') {
            return -1;
        }

        for (p = user->data; p < at; p++) {
            if (*p <= ' ' || *p >= 0x7f || strchr("/?#[]\\", *p) != NULL) {
                return -1;
            }
        }

        rest.data += user->len;
        rest.len -= user->len;
    }

    if (image_url_authority(url, rest.data, rest.len) != 0) {
        return -1;
    }

    return url->path.len > 1 ? -1 : 0;
}


int
image_url_parse_template(image_url_t *url, const u_char *text, size_t len)
{
    size_t         i, n;
    image_str_t    whole;
    const u_char  *p, *last;

    static const char  name[] = "{image}";

    memset(url, 0, sizeof(image_url_t));

    for (i = 0; i < len; i++) {
        if (text[i] <= ' ' || text[i] >= 0x7f || text[i] == '#') {
            return -1;
        }
    }

    whole.data = text;
    whole.len = len;
    last = text + len;

    p = image_url_find(&whole, ':');

    if (p == NULL || last - p < 3 || len > IMAGE_URL_TEMPLATE) {
        return -1;
    }

    for (p += 3; p < last && *p != '/' && *p != '?'; p++) { /* void */ }

    if (image_url_parse(url, text, (size_t) (p - text)) != 0) {
        return -1;
    }

    for (n = sizeof(name) - 1; (size_t) (last - p) >= n; p++) {
        if (memcmp(p, name, n) == 0) {
            return 0;
        }
    }

    return -1;
}


const char *
image_url_parse_redis(image_url_redis_t *redis, const u_char *text,
    size_t len)
{
    int64_t       n;
    const char   *instead;
    image_str_t   rest, db;

    memset(redis, 0, sizeof(image_url_redis_t));
    memset(&db, 0, sizeof(image_str_t));

    if (image_url_prefix(&rest, text, len, "unix:")) {
        instead = image_url_redis_socket(redis, &db, rest);

    } else if (image_url_prefix(&rest, text, len, "rediss://")) {
        redis->tls = 1;
        instead = image_url_redis_server(redis, &db, rest);

    } else if (image_url_prefix(&rest, text, len, "redis://")) {
        instead = image_url_redis_server(redis, &db, rest);

    } else {
        instead = image_url_redis_instead;
    }

    if (instead != NULL) {
        return instead;
    }

    if (db.len) {
        n = image_number_parse(db.data, db.len, IMAGE_URL_DATABASE);

        if (n == -1) {
            return "the number of a database";
        }

        redis->database = (int) n;
    }

    return NULL;
}


static const char *
image_url_redis_socket(image_url_redis_t *redis, image_str_t *db,
    image_str_t rest)
{
    const u_char  *p;

    p = image_url_find(&rest, '?');

    if (p != NULL) {

        if (!image_url_prefix(db, p + 1,
                              (size_t) (rest.data + rest.len - (p + 1)),
                              "db=")
            || db->len == 0)
        {
            return image_url_redis_instead;
        }

        rest.len = (size_t) (p - rest.data);
    }

    if (!image_is_socket(rest.data, rest.len)) {
        return "an absolute path that fits a socket";
    }

    redis->name = rest;
    redis->path = rest;

    return NULL;
}


static const char *
image_url_redis_server(image_url_redis_t *redis, image_str_t *db,
    image_str_t rest)
{
    const u_char  *p;

    p = image_url_find(&rest, '@');

    if (p != NULL) {
        redis->user.data = rest.data;
        redis->user.len = (size_t) (p - rest.data);

        if (redis->user.len == 0
            || image_url_find(&redis->user, ':') != NULL)
        {
            return "the user alone before \"@\", and \"password=\" or "
                   "\"password_file=\" after the URL";
        }

        rest.data = p + 1;
        rest.len -= redis->user.len + 1;
    }

    p = image_url_find(&rest, '/');

    if (p != NULL) {
        db->data = p + 1;
        db->len = (size_t) (rest.data + rest.len - (p + 1));
        rest.len = (size_t) (p - rest.data);
    }

    redis->name = rest;

    return image_url_redis_host(redis, &rest) == 0 ? NULL
                                                   : image_url_redis_instead;
}


static int
image_url_redis_host(image_url_redis_t *redis, const image_str_t *text)
{
    int64_t        n;
    image_str_t   *host;
    const u_char  *p, *last;

    host = &redis->host;
    *host = *text;
    last = text->data + text->len;
    redis->port = IMAGE_URL_REDIS_PORT;

    if (text->len && text->data[0] == '[') {
        p = image_url_find(text, ']');

        if (p == NULL) {
            return -1;
        }

        p++;

    } else {
        p = image_url_find(text, ':');

        if (p == NULL) {
            p = last;
        }
    }

    host->len = (size_t) (p - text->data);

    if (p < last) {
        n = (*p == ':') ? image_number_parse(p + 1, (size_t) (last - p - 1),
                                             IMAGE_URL_PORT_MAX)
                        : -1;

        if (n < 1) {
            return -1;
        }

        redis->port = (int) n;
    }

    if (!image_is_host(host->data, host->len)) {
        return -1;
    }

    if (host->data[0] == '[') {
        host->data++;
        host->len -= 2;
    }

    return 0;
}


/* does it begin so?  *rest is then what follows */

static int
image_url_prefix(image_str_t *rest, const u_char *text, size_t len,
    const char *prefix)
{
    size_t  n;

    n = strlen(prefix);

    if (len < n || memcmp(text, prefix, n) != 0) {
        return 0;
    }

    rest->data = text + n;
    rest->len = len - n;

    return 1;
}


static const u_char *
image_url_find(const image_str_t *text, u_char c)
{
    return text->len ? memchr(text->data, c, text->len) : NULL;
}
