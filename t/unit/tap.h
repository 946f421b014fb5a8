/*
 * TAP for the unit tests: a line for each check, and a plan at the end.
 */

#ifndef TAP_H
#define TAP_H


#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "image_str.h"


static int  tap_run;
static int  tap_failed;


/* name is a printf() format */

__attribute__((format(printf, 2, 3)))
static inline int
ok(int passed, const char *name, ...)
{
    char     buf[512];
    u_char  *p;
    va_list  args;

    va_start(args, name);
    vsnprintf(buf, sizeof(buf), name, args);
    va_end(args);

    for (p = (u_char *) buf; *p != '\0'; p++) {
        if (*p < ' ' || *p > '~' || *p == '#') {
            *p = '?';
        }
    }

    tap_run++;
    tap_failed += !passed;

    printf("%sok %d - %s\n", passed ? "" : "not ", tap_run, buf);

    return passed;
}


/* counted bytes against a string */

static inline int
is(const void *got, size_t len, const char *expected, const char *name)
{
    if (ok(len == strlen(expected)
           && (len == 0 || memcmp(got, expected, len) == 0), "%s", name))
    {
        return 1;
    }

    printf("#      got: \"%.*s\"\n", (int) len, len ? (const char *) got : "");
    printf("# expected: \"%s\"\n", expected);

    return 0;
}


/* both NULL, or equal */

static inline int
same(const char *got, const char *expected, const char *name)
{
    if (ok(got == expected
           || (got != NULL && expected != NULL && strcmp(got, expected) == 0),
           "%s", name))
    {
        return 1;
    }

    printf("#      got: %s\n", got ? got : "NULL");
    printf("# expected: %s\n", expected ? expected : "NULL");

    return 0;
}


static inline int
number(int64_t got, int64_t expected, const char *name)
{
    if (ok(got == expected, "%s", name)) {
        return 1;
    }

    printf("#      got: %lld\n", (long long) got);
    printf("# expected: %lld\n", (long long) expected);

    return 0;
}


/* what main() returns */

static inline int
done(void)
{
    printf("1..%d\n", tap_run);

    return tap_failed != 0;
}


#define items(array)  (sizeof(array) / sizeof((array)[0]))
#define bytes(text)   (const u_char *) (text), strlen(text)


#endif /* TAP_H */
