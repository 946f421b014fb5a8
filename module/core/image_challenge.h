/*
 * WWW-Authenticate challenges (RFC 9110, 11.6.1; distribution spec, token
 * authentication).  Tolerant: what cannot be read is passed over, never an
 * error, since an empty or odd parameter must not hide a good challenge.
 */

#ifndef IMAGE_CHALLENGE_H
#define IMAGE_CHALLENGE_H


#include "image_str.h"


#define IMAGE_CHALLENGE_VALUE  1024

typedef enum {
    IMAGE_CHALLENGE_NONE = 0,
    IMAGE_CHALLENGE_BASIC,
    IMAGE_CHALLENGE_BEARER
} image_challenge_e;

/* values with quoted pairs resolved; an over-long one counts as absent */

typedef struct {
    image_challenge_e  scheme;
    u_char             realm[IMAGE_CHALLENGE_VALUE];
    size_t             realm_len;
    u_char             service[IMAGE_CHALLENGE_VALUE];
    size_t             service_len;
} image_challenge_t;


/*
 * Reads one header line, which may hold several challenges, and keeps the
 * best seen so far in *challenge (zeroed by the caller before the first
 * line): a Bearer with a realm beats Basic.
 */
void image_challenge_parse(image_challenge_t *challenge, const u_char *line,
    size_t len);


#endif /* IMAGE_CHALLENGE_H */
