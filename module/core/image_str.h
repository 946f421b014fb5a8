/*
 * A counted string, for the code in this folder: it knows no nginx type.
 *
 * core/ holds what is true without any I/O.  It may use libc, libcrypto,
 * jansson and hiredis' reader; it never logs, never reads a clock, and
 * includes nothing above it.
 */

#ifndef IMAGE_STR_H
#define IMAGE_STR_H


#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>


/* not NUL-terminated; the layout is that of ngx_str_t */

typedef struct {
    size_t         len;
    const u_char  *data;
} image_str_t;


#define image_str(text)  { sizeof(text) - 1, (const u_char *) text }


#endif /* IMAGE_STR_H */
