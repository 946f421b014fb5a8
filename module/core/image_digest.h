/*
 * Content digests: "sha256:" and 64, or "sha512:" and 128 lower-case hex
 * digits (OCI image spec, descriptor.md, "Digests").  Nothing else is one.
 */

#ifndef IMAGE_DIGEST_H
#define IMAGE_DIGEST_H


#include "image_str.h"


#define IMAGE_DIGEST_NONE     0
#define IMAGE_DIGEST_SHA256   1
#define IMAGE_DIGEST_SHA512   2

#define IMAGE_DIGEST_BYTES    64
#define IMAGE_DIGEST_TEXT     (sizeof("sha512:") - 1 + 128)


/* held in binary, as it lives in shared memory; unused bytes are zero */

typedef struct {
    uint8_t  algorithm;
    uint8_t  bytes[IMAGE_DIGEST_BYTES];
} image_digest_t;


/* 0, or -1 where the text is no digest; *digest is then IMAGE_DIGEST_NONE */
int image_digest_parse(image_digest_t *digest, const u_char *text, size_t len);

/* writes at most IMAGE_DIGEST_TEXT bytes, no NUL; returns their number */
size_t image_digest_format(const image_digest_t *digest, u_char *text);

/* IMAGE_DIGEST_NONE equals nothing, itself neither */
int image_digest_equal(const image_digest_t *a, const image_digest_t *b);

/* hashes a body; 0, or -1 where libcrypto fails or the algorithm is none */
int image_digest_compute(image_digest_t *digest, unsigned algorithm,
    const void *data, size_t len);

/* lower-case hex, without NUL: 2 * len bytes */
void image_hex(u_char *text, const uint8_t *bytes, size_t len);


#endif /* IMAGE_DIGEST_H */
