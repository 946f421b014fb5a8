/*
 * Content digests: text, binary form, and the hash of a body.  Uses libcrypto
 * alone.
 */

#include <string.h>

#include <openssl/evp.h>

#include "image_digest.h"


#define image_digest_prefix(text)  text, sizeof(text) - 1


typedef struct {
    const char  *prefix;
    size_t       prefix_len;
    size_t       bytes;
} image_digest_algorithm_t;


/* by number; the first is no algorithm */

static const image_digest_algorithm_t  image_digest_algorithms[] = {
    { image_digest_prefix(""), 0 },
    { image_digest_prefix("sha256:"), 32 },
    { image_digest_prefix("sha512:"), 64 }
};

#define IMAGE_DIGEST_LAST                                                    \
    (sizeof(image_digest_algorithms) / sizeof(image_digest_algorithms[0]) - 1)


static int image_digest_nibble(u_char c);


int
image_digest_parse(image_digest_t *digest, const u_char *text, size_t len)
{
    int                              high, low;
    size_t                           i;
    unsigned                         n;
    const image_digest_algorithm_t  *algorithm;

    memset(digest, 0, sizeof(image_digest_t));

    algorithm = image_digest_algorithms;

    for (n = 1; n <= IMAGE_DIGEST_LAST; n++) {
        algorithm = &image_digest_algorithms[n];

        if (len == algorithm->prefix_len + 2 * algorithm->bytes
            && memcmp(text, algorithm->prefix, algorithm->prefix_len) == 0)
        {
            break;
        }
    }

    if (n > IMAGE_DIGEST_LAST) {
        return -1;
    }

    text += algorithm->prefix_len;

    for (i = 0; i < algorithm->bytes; i++) {
        high = image_digest_nibble(text[2 * i]);
        low = image_digest_nibble(text[2 * i + 1]);

        if (high < 0 || low < 0) {
            memset(digest, 0, sizeof(image_digest_t));
            return -1;
        }

        digest->bytes[i] = (uint8_t) (high << 4 | low);
    }

    digest->algorithm = (uint8_t) n;

    return 0;
}


static int
image_digest_nibble(u_char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }

    return -1;
}


size_t
image_digest_format(const image_digest_t *digest, u_char *text)
{
    const image_digest_algorithm_t  *algorithm;

    if (digest->algorithm == IMAGE_DIGEST_NONE
        || digest->algorithm > IMAGE_DIGEST_LAST)
    {
        return 0;
    }

    algorithm = &image_digest_algorithms[digest->algorithm];

    memcpy(text, algorithm->prefix, algorithm->prefix_len);
    image_hex(text + algorithm->prefix_len, digest->bytes, algorithm->bytes);

    return algorithm->prefix_len + 2 * algorithm->bytes;
}


int
image_digest_equal(const image_digest_t *a, const image_digest_t *b)
{
    if (a->algorithm != b->algorithm
        || a->algorithm == IMAGE_DIGEST_NONE
        || a->algorithm > IMAGE_DIGEST_LAST)
    {
        return 0;
    }

    return memcmp(a->bytes, b->bytes,
                  image_digest_algorithms[a->algorithm].bytes)
           == 0;
}


int
image_digest_compute(image_digest_t *digest, unsigned algorithm,
    const void *data, size_t len)
{
    unsigned       size;
    const EVP_MD  *md;

    memset(digest, 0, sizeof(image_digest_t));

    switch (algorithm) {

    case IMAGE_DIGEST_SHA256:
        md = EVP_sha256();
        break;

    case IMAGE_DIGEST_SHA512:
        md = EVP_sha512();
        break;

    default:
        return -1;
    }

    if (EVP_Digest(data, len, digest->bytes, &size, md, NULL) != 1) {
        memset(digest, 0, sizeof(image_digest_t));
        return -1;
    }

    digest->algorithm = (uint8_t) algorithm;

    return 0;
}


void
image_hex(u_char *text, const uint8_t *bytes, size_t len)
{
    size_t             i;
    static const char  hex[] = "0123456789abcdef";

    for (i = 0; i < len; i++) {
        *text++ = (u_char) hex[bytes[i] >> 4];
        *text++ = (u_char) hex[bytes[i] & 0xf];
    }
}
