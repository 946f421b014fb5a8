/*
 * Cache keys, version 1: SHA-256 over netstrings (contract, "The key";
 * docs/key.md has test vectors).  Version 1 never changes.
 */

#ifndef IMAGE_KEY_H
#define IMAGE_KEY_H


#include "image_digest.h"


#define IMAGE_KEY_TEXT  64
#define IMAGE_HASH      32


/* all fields are set by the caller; empty ones have len 0 */

typedef struct {
    image_str_t         resolver;
    image_str_t         engine;        /* NAME, or NAME@NODE if host-local */
    image_str_t         reference;     /* canonical */
    image_str_t         platform;      /* normalised */
    image_str_t         window;        /* "LENGTH/NUMBER" */
    const image_str_t  *parts;
    size_t              nparts;
} image_key_t;


/*
 * Both write IMAGE_KEY_TEXT hex digits, no NUL.  0, or -1: libcrypto failed,
 * or the digest is IMAGE_DIGEST_NONE.
 */

int image_key_of_digest(u_char *text, const image_key_t *key,
    const image_digest_t *digest);
int image_key_of_tag(u_char *text, const image_key_t *key);

/* SHA-256 of the netstrings of the parts, for keys of our own records */
int image_hash(uint8_t hash[IMAGE_HASH], const image_str_t *parts, size_t n);


#endif /* IMAGE_KEY_H */
