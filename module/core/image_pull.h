/*
 * The progress of a pull, as Docker and Podman stream it: a JSON object a
 * line, and errors inside a 200.  Read as it comes, in bounded memory: what
 * is kept is the line under way.
 */

#ifndef IMAGE_PULL_H
#define IMAGE_PULL_H


#include "image_reason.h"
#include "image_str.h"


#define IMAGE_PULL_LINE     (64 * 1024)            /* bytes of a line */
#define IMAGE_PULL_STREAM   (64 * 1024 * 1024)     /* of all of them */
#define IMAGE_PULL_MESSAGE  4096                   /* bytes of an error */


/* zeroed by the caller; lines hold no pointers into what was fed */

typedef struct {
    image_reason_e  reason;        /* IMAGE_OK: no error so far */
    u_char          message[IMAGE_PULL_MESSAGE];   /* of the first error, in
                                      visible ASCII and blanks */
    size_t          message_len;

    /* private */

    int             malformed;
    size_t          total;
    size_t          lines;
    size_t          len;
    u_char          line[IMAGE_PULL_LINE];
} image_pull_t;


/*
 * 0, or -1: no such stream, or over a bound; it is not fed any more, and its
 * end is IMAGE_BAD_RESPONSE.
 */
int image_pull_feed(image_pull_t *pull, const u_char *bytes, size_t len);

/*
 * At the end of the stream: the last line may lack its line end.  IMAGE_OK:
 * all is well; the reason of the first error; or IMAGE_BAD_RESPONSE: no
 * stream of that kind, or nothing in it.
 */
image_reason_e image_pull_end(image_pull_t *pull);

/*
 * What the text of an engine's error means: registries' errors come through
 * it in prose alone.  IMAGE_NOT_FOUND, _UNAUTHORIZED, _RATE_LIMITED,
 * _PLATFORM_NOT_FOUND, _TLS, _UNREACHABLE, _TIMEOUT, else _BAD_RESPONSE.
 * The text repeats the image's name, which a client chooses: names of several
 * parts decide nothing, and what they could decide is a reason, no digest.
 */
image_reason_e image_pull_reason(const u_char *message, size_t len);


#endif /* IMAGE_PULL_H */
