/*
 * Cache keys: SHA-256 over netstrings, so that no two lists of parts can
 * give the same bytes.  Uses libcrypto alone.
 */

#include <stdio.h>

#include <openssl/evp.h>

#include "image_key.h"


static const image_str_t  image_key_version = image_str("image-digest-key/1");
static const image_str_t  image_key_digest = image_str("digest");
static const image_str_t  image_key_tag = image_str("tag");


static int image_key_make(u_char *text, const image_str_t *head, size_t nhead,
    const image_key_t *key);
static EVP_MD_CTX *image_hash_start(void);
static int image_hash_add(EVP_MD_CTX *ctx, const image_str_t *parts,
    size_t n);
static int image_hash_end(EVP_MD_CTX *ctx, uint8_t hash[IMAGE_HASH]);


int
image_key_of_digest(u_char *text, const image_key_t *key,
    const image_digest_t *digest)
{
    u_char       buf[IMAGE_DIGEST_TEXT];
    image_str_t  head[4];

    head[0] = image_key_version;
    head[1] = image_key_digest;
    head[2].len = image_digest_format(digest, buf);
    head[2].data = buf;
    head[3] = key->platform;

    if (head[2].len == 0) {

        /* a key that no digest stands behind would be shared by all images */

        return -1;
    }

    return image_key_make(text, head, sizeof(head) / sizeof(head[0]), key);
}


int
image_key_of_tag(u_char *text, const image_key_t *key)
{
    image_str_t  head[7];

    head[0] = image_key_version;
    head[1] = image_key_tag;
    head[2] = key->resolver;
    head[3] = key->engine;
    head[4] = key->reference;
    head[5] = key->platform;
    head[6] = key->window;

    return image_key_make(text, head, sizeof(head) / sizeof(head[0]), key);
}


static int
image_key_make(u_char *text, const image_str_t *head, size_t nhead,
    const image_key_t *key)
{
    int          rc;
    uint8_t      hash[IMAGE_HASH];
    EVP_MD_CTX  *ctx;

    ctx = image_hash_start();
    if (ctx == NULL) {
        return -1;
    }

    rc = image_hash_add(ctx, head, nhead);

    if (rc == 0) {
        rc = image_hash_add(ctx, key->parts, key->nparts);
    }

    if (rc == 0) {
        rc = image_hash_end(ctx, hash);
    }

    EVP_MD_CTX_free(ctx);

    if (rc == 0) {
        image_hex(text, hash, IMAGE_HASH);
    }

    return rc;
}


int
image_hash(uint8_t hash[IMAGE_HASH], const image_str_t *parts, size_t n)
{
    int          rc;
    EVP_MD_CTX  *ctx;

    ctx = image_hash_start();
    if (ctx == NULL) {
        return -1;
    }

    rc = image_hash_add(ctx, parts, n);

    if (rc == 0) {
        rc = image_hash_end(ctx, hash);
    }

    EVP_MD_CTX_free(ctx);

    return rc;
}


static EVP_MD_CTX *
image_hash_start(void)
{
    EVP_MD_CTX  *ctx;

    ctx = EVP_MD_CTX_new();

    if (ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(ctx);
        return NULL;
    }

    return ctx;
}


static int
image_hash_add(EVP_MD_CTX *ctx, const image_str_t *parts, size_t n)
{
    int     len;
    char    prefix[sizeof("18446744073709551615:")];
    size_t  i;

    for (i = 0; i < n; i++) {
        len = snprintf(prefix, sizeof(prefix), "%zu:", parts[i].len);

        if (len < 0
            || EVP_DigestUpdate(ctx, prefix, (size_t) len) != 1
            || EVP_DigestUpdate(ctx, parts[i].data, parts[i].len) != 1
            || EVP_DigestUpdate(ctx, ",", 1) != 1)
        {
            return -1;
        }
    }

    return 0;
}


static int
image_hash_end(EVP_MD_CTX *ctx, uint8_t hash[IMAGE_HASH])
{
    unsigned  len;

    if (EVP_DigestFinal_ex(ctx, hash, &len) != 1 || len != IMAGE_HASH) {
        return -1;
    }

    return 0;
}
