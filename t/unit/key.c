/*
 * image_key.c: the vectors of docs/key.md, and that lists do not collide.
 */

#include "tap.h"
#include "image_key.h"


#define HEX64   "0123456789abcdef0123456789abcdef"                           \
                "0123456789abcdef0123456789abcdef"
#define GOLANG  "docker.io/library/golang:1.22"


static const struct {
    const char  *digest;        /* or NULL: */
    const char  *engine;
    const char  *platform;
    const char  *window;
    const char  *parts[3];
    const char  *key;
} vectors[] = {
    { "sha256:" HEX64, NULL, "", NULL, { "/a" },
      "d16a4bba0f2151673805c9e649cc23c2e2da4f069ca90b0eb5bb35cd571e8afd" },
    { "sha256:" HEX64, NULL, "linux/amd64", NULL, { "ac/0011", "" },
      "7431ce63e676f8f883cebe1272e783979300ea47ebefb1170b2269d801a4dbc0" },
    { "sha256:" HEX64, NULL, "linux/arm/v7", NULL, { "a", "bc" },
      "929200eb6230850a43c16b1dacc92ad160d3536bfea995d4b710a2852c1048e1" },
    { "sha256:" HEX64, NULL, "linux/arm/v7", NULL, { "ab", "c" },
      "924d9d00956b9a624df45c1ace32d9771d3d682d3f5bc11c6a0776eaf50f1a82" },
    { "sha512:" HEX64 HEX64, NULL, "", NULL, { "\xc3\xa9" },
      "386546cba802636aa8646a373d1ff4b2091ea1cb865b6e85507ace3273d6ee61" },
    { NULL, "registry", "", "300/5666666", { "/a" },
      "8e4be123400d199d7fb14c908abf8c5a4aa2e22a64f554b0265d3deb731e065e" },
    { NULL, "docker@build-7", "linux/arm64", "300/5666666", { "/a", "" },
      "cfaf53d30f3a4c56db3bc2c16df9ef7f5ae52c18cc7c783e27c7d099e74e2f57" },
    { NULL, "registry", "", "", { "/a" },
      "d2ad500fc35d77fff90ec90ca81c587d90c20423a974fd118ce297f41fa25054" }
};


static const struct {
    const char  *a[3];
    const char  *b[3];
} lists[] = {
    { { "a", "bc" }, { "ab", "c" } },
    { { "abc" }, { "a", "bc" } },
    { { "a" }, { "a", "" } },
    { { "", "a" }, { "a", "" } },
    { { "" }, { NULL } },
    { { "1:a,1:b" }, { "a", "b" } },
    { { "a,1:b" }, { "a", "b" } },
    { { "a" }, { "a," } }
};


static size_t list(image_str_t *parts, const char *const *texts);


int
main(void)
{
    size_t          i;
    u_char          text[IMAGE_KEY_TEXT], other[IMAGE_KEY_TEXT];
    uint8_t         a[IMAGE_HASH], b[IMAGE_HASH];
    image_key_t     key;
    image_str_t     parts[4], others[4];
    image_digest_t  digest;

    static const image_str_t  resolver = image_str("default");
    static const image_str_t  golang = image_str(GOLANG);

    for (i = 0; i < items(vectors); i++) {
        memset(&key, 0, sizeof(key));
        key.resolver = resolver;
        key.reference = golang;
        key.platform.data = (const u_char *) vectors[i].platform;
        key.platform.len = strlen(vectors[i].platform);
        key.parts = parts;
        key.nparts = list(parts, vectors[i].parts);

        if (vectors[i].digest) {
            image_digest_parse(&digest, bytes(vectors[i].digest));
            number(image_key_of_digest(text, &key, &digest), 0, "of a digest");

            /* what the digest form does not hold */

            key.resolver.len = 0;
            key.reference.len = 3;
            key.window = golang;
            image_key_of_digest(other, &key, &digest);
            ok(memcmp(text, other, IMAGE_KEY_TEXT) == 0,
               "  name, resolver and window are no part of it");

        } else {
            key.engine.data = (const u_char *) vectors[i].engine;
            key.engine.len = strlen(vectors[i].engine);
            key.window.data = (const u_char *) vectors[i].window;
            key.window.len = strlen(vectors[i].window);
            number(image_key_of_tag(text, &key), 0, "of a tag");
        }

        is(text, IMAGE_KEY_TEXT, vectors[i].key, "  vector");
    }

    memset(&digest, 0, sizeof(digest));
    number(image_key_of_digest(text, &key, &digest), -1,
           "no digest, no digest key");

    /* a digest key spelled in the fields of a tag key */

    memset(&key, 0, sizeof(key));
    image_digest_parse(&digest, bytes("sha256:" HEX64));
    image_key_of_digest(text, &key, &digest);
    key.resolver.data = (const u_char *) "sha256:" HEX64;
    key.resolver.len = strlen("sha256:" HEX64);
    image_key_of_tag(other, &key);
    ok(memcmp(text, other, IMAGE_KEY_TEXT) != 0, "the forms do not meet");

    for (i = 0; i < items(lists); i++) {
        image_hash(a, parts, list(parts, lists[i].a));
        image_hash(b, others, list(others, lists[i].b));
        ok(memcmp(a, b, IMAGE_HASH) != 0, "lists %d differ", (int) i);
    }

    parts[0].data = (const u_char *) "abc";
    parts[0].len = 3;
    number(image_hash(a, parts, 1), 0, "hash");
    image_hex(text, a, IMAGE_HASH);
    image_digest_compute(&digest, IMAGE_DIGEST_SHA256, "3:abc,", 6);
    ok(memcmp(a, digest.bytes, IMAGE_HASH) == 0, "  of the netstring");

    return done();
}


static size_t
list(image_str_t *parts, const char *const *texts)
{
    size_t  n;

    for (n = 0; n < 3 && texts[n] != NULL; n++) {
        parts[n].data = (const u_char *) texts[n];
        parts[n].len = strlen(texts[n]);
    }

    return n;
}
