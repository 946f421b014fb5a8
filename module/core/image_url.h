/*
 * URLs in directives: what is written there must be what is asked.
 */

#ifndef IMAGE_URL_H
#define IMAGE_URL_H


#include "image_str.h"


#define IMAGE_URL_TEMPLATE  2048   /* bytes */
#define IMAGE_URL_DATABASE  65535


/* all of these point into the text, and return 0, or -1 where it is none */


/* "http[s]://host[:port][/path]", without a user, query or fragment */

typedef struct {
    int          tls;
    image_str_t  host;             /* an IPv6 address in its brackets */
    image_str_t  authority;        /* host[:port] */
    image_str_t  path;             /* with its "/"; may be empty */
} image_url_t;

int image_url_parse(image_url_t *url, const u_char *text, size_t len);

/* "http[s]://[user[:password]@]host[:port][/]"; user has its "@" */
int image_url_parse_proxy(image_url_t *url, image_str_t *user,
    const u_char *text, size_t len);

/* such a URL with anything printable behind its authority, but a "#", and
 * with "{image}" there; its path is empty */
int image_url_parse_template(image_url_t *url, const u_char *text,
    size_t len);


/* "redis[s]://[user@]host[:port][/database]", "unix:/path[?db=N]" */

typedef struct {
    int          tls;
    int          port;
    int          database;
    image_str_t  name;             /* host[:port], or the path */
    image_str_t  user;             /* empty: none */
    image_str_t  host;             /* without brackets; empty: a socket */
    image_str_t  path;             /* of the socket */
} image_url_redis_t;

/* NULL, or what to write instead: never what was written */
const char *image_url_parse_redis(image_url_redis_t *redis,
    const u_char *text, size_t len);


#endif /* IMAGE_URL_H */
