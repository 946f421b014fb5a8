/*
 * Values of directives: times, names, hosts.
 */

#ifndef IMAGE_VALUE_H
#define IMAGE_VALUE_H


#include "image_str.h"


#define IMAGE_VALUE_HOST  253      /* bytes */


/*
 * A time as nginx writes it, "1h30m", "500ms"; a number alone is in seconds.
 * Returns microseconds, or -1 where it is none.
 */
int64_t image_time_parse(const u_char *text, size_t len);

/* decimal digits; -1: it is none, or over max */
int64_t image_number_parse(const u_char *text, size_t len, int64_t max);

/* letters, digits, ".", "_" and "-"? */
int image_is_name(const u_char *text, size_t len);

/* a host name, an IPv4 address, or an IPv6 address in brackets? */
int image_is_host(const u_char *text, size_t len);

/* an absolute path that fits the address of a unix socket? */
int image_is_socket(const u_char *text, size_t len);


/* what "registry" allows: HOST, HOST:PORT, HOST:*, or * */

typedef struct {
    int          any;
    image_str_t  host;         /* "*" where any */
    image_str_t  port;         /* may be "*"; empty: there is none */
} image_pattern_t;

/* points into text; 0, or -1: it is none */
int image_pattern_parse(image_pattern_t *pattern, const u_char *text,
    size_t len);


#endif /* IMAGE_VALUE_H */
