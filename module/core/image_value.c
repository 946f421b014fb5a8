/*
 * Values of directives.  Text of the operator, and a TTL of whom a variable
 * asks; libc alone, no I/O.
 */

#include <arpa/inet.h>
#include <string.h>
#include <sys/un.h>

#include "image_value.h"


/* from the largest; each at most once, and in this order */

typedef struct {
    const char  *name;
    int64_t      scale;        /* milliseconds */
} image_unit_t;

static const image_unit_t  image_units[] = {
    { "w", 7 * 24 * 60 * 60 * 1000 },
    { "d", 24 * 60 * 60 * 1000 },
    { "h", 60 * 60 * 1000 },
    { "m", 60 * 1000 },
    { "s", 1000 },
    { "ms", 1 },
    { NULL, 0 }
};

#define IMAGE_UNIT_SECOND  4


static const image_unit_t *image_unit_find(const u_char *p,
    const u_char *last);
static int image_time_add(int64_t *total, int64_t value, int64_t scale);
static int image_is_alnum(u_char c);


/*
 * What nginx takes for a time in milliseconds, no more and no less: a unit may
 * be without a number, and a blank after a number alone makes it seconds.
 */

int64_t
image_time_parse(const u_char *text, size_t len)
{
    int                  digits;
    size_t               next, rank;
    int64_t              total, value, scale;
    const u_char        *p, *last;
    const image_unit_t  *unit;

    p = text;
    last = text + len;
    next = 0;
    digits = 0;
    total = 0;
    value = 0;

    while (p < last) {

        if (*p >= '0' && *p <= '9') {

            if (value > (INT64_MAX - (*p - '0')) / 10) {
                return -1;
            }

            value = value * 10 + (*p++ - '0');
            digits = 1;
            continue;
        }

        if (*p == ' ') {

            if (next > IMAGE_UNIT_SECOND) {
                return -1;
            }

            next = sizeof(image_units) / sizeof(image_units[0]);
            scale = image_units[IMAGE_UNIT_SECOND].scale;

        } else {
            unit = image_unit_find(p, last);

            if (unit == NULL) {
                return -1;
            }

            rank = (size_t) (unit - image_units);

            if (rank < next) {
                return -1;
            }

            next = rank + 1;
            scale = unit->scale;
            p += strlen(unit->name);
        }

        if (image_time_add(&total, value, scale) != 0) {
            return -1;
        }

        value = 0;

        while (p < last && *p == ' ') {
            p++;
        }
    }

    if (!digits || image_time_add(&total, value, 1000) != 0) {
        return -1;
    }

    return (total < INT64_MAX / 1000 ? total : INT64_MAX / 1000) * 1000;
}


/* the longest one */

static const image_unit_t *
image_unit_find(const u_char *p, const u_char *last)
{
    size_t               len;
    const image_unit_t  *unit, *found;

    found = NULL;

    for (unit = image_units; unit->name != NULL; unit++) {
        len = strlen(unit->name);

        if (len <= (size_t) (last - p) && memcmp(p, unit->name, len) == 0) {
            found = unit;
        }
    }

    return found;
}


static int
image_time_add(int64_t *total, int64_t value, int64_t scale)
{
    if (value > (INT64_MAX - *total) / scale) {
        return -1;
    }

    *total += value * scale;

    return 0;
}


int64_t
image_number_parse(const u_char *text, size_t len, int64_t max)
{
    size_t   i;
    int64_t  n;

    if (len == 0) {
        return -1;
    }

    for (i = 0, n = 0; i < len; i++) {

        if (text[i] < '0' || text[i] > '9' || n > max / 10
            || n * 10 > max - (text[i] - '0'))
        {
            return -1;
        }

        n = n * 10 + (text[i] - '0');
    }

    return n;
}


int
image_is_name(const u_char *text, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {

        if (!image_is_alnum(text[i]) && text[i] != '_' && text[i] != '-'
            && text[i] != '.')
        {
            return 0;
        }
    }

    return len != 0;
}


int
image_is_host(const u_char *text, size_t len)
{
    char             copy[INET6_ADDRSTRLEN];
    size_t           i;
    struct in6_addr  addr;

    if (len == 0 || len > IMAGE_VALUE_HOST) {
        return 0;
    }

    if (text[0] == '[') {

        if (len < 2 || len - 2 >= sizeof(copy) || text[len - 1] != ']'
            || memchr(text, '\0', len) != NULL)
        {
            return 0;
        }

        memcpy(copy, text + 1, len - 2);
        copy[len - 2] = '\0';

        return inet_pton(AF_INET6, copy, &addr) == 1;
    }

    for (i = 0; i < len; i++) {

        if (image_is_alnum(text[i])) {
            continue;
        }

        /* labels neither begin nor end with these */

        if ((text[i] != '.' && text[i] != '-') || i == 0 || i == len - 1
            || text[i - 1] == '.' || (text[i] == '.' && text[i - 1] == '-'))
        {
            return 0;
        }
    }

    return 1;
}


int
image_is_socket(const u_char *text, size_t len)
{
    return len != 0 && text[0] == '/'
           && len < sizeof(((struct sockaddr_un *) 0)->sun_path);
}


int
image_pattern_parse(image_pattern_t *pattern, const u_char *text, size_t len)
{
    const u_char  *p;

    memset(pattern, 0, sizeof(image_pattern_t));

    pattern->host.data = text;
    pattern->host.len = len;

    if (len == 1 && text[0] == '*') {
        pattern->any = 1;
        return 0;
    }

    /* the last colon, outside the brackets of an IPv6 address */

    for (p = text + len; p > text && p[-1] != ':' && p[-1] != ']'; p--) {
        /* void */
    }

    if (p > text && p[-1] == ':') {
        pattern->port.data = p;
        pattern->port.len = (size_t) (text + len - p);
        pattern->host.len = (size_t) (p - 1 - text);

        /* references have ports without leading zeros */

        if ((image_number_parse(p, pattern->port.len, 65535) < 1
             || p[0] == '0')
            && !(pattern->port.len == 1 && p[0] == '*'))
        {
            return -1;
        }
    }

    return image_is_host(text, pattern->host.len) ? 0 : -1;
}


static int
image_is_alnum(u_char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
           || (c >= 'A' && c <= 'Z');
}
