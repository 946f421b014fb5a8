/*
 * Replies of a Redis server: hiredis' reader is fed with bytes and fills a
 * fixed reply, of values and texts that are bounded.  No I/O.
 */

#ifndef IMAGE_REPLY_H
#define IMAGE_REPLY_H


#include <hiredis/hiredis.h>

#include "image_str.h"


#define IMAGE_REPLY_VALUES  28             /* elements of a reply */
#define IMAGE_REPLY_BYTES   12288          /* of its texts, each with a NUL */
#define IMAGE_REPLY_UNREAD  (64 * 1024)    /* bytes of a reply in the reader */


typedef enum {
    IMAGE_REPLY_NIL = 0,
    IMAGE_REPLY_STRING,                    /* bulk and simple strings */
    IMAGE_REPLY_INTEGER,
    IMAGE_REPLY_ERROR
} image_reply_e;


typedef struct {
    image_reply_e        type;
    image_str_t          text;             /* in ->bytes; a NUL follows */
    int64_t              integer;
} image_reply_value_t;


/* a lone value is an array of one, with ->array unset */

typedef struct {
    size_t               nvalues;
    int                  array;
    image_reply_value_t  values[IMAGE_REPLY_VALUES];

    /* private */
    int                  whole;
    const char          *error;
    size_t               nbytes;
    u_char               bytes[IMAGE_REPLY_BYTES];
} image_reply_t;


/* a reader that fills this reply, for redisReaderFeed(), image_reply_next()
 * and redisReaderFree(); NULL: no memory */
redisReader *image_reply_reader(image_reply_t *reply);

/*
 * The next reply of what the reader was fed with.  1: there is one, which
 * lives until the next call.  0: there is none yet.  -1: what comes is no
 * reply, or none of these bounds, for the reason in *error, which lives as
 * the reader does; nothing will follow.
 */
int image_reply_next(redisReader *reader, const char **error);

/* whether bytes are left behind the reply that was read last */
int image_reply_more(const redisReader *reader);


#endif /* IMAGE_REPLY_H */
