/*
 * image_digest.c: text, binary form, and hashing.
 */

#include "tap.h"
#include "image_digest.h"


#define EMPTY256  "sha256:e3b0c44298fc1c149afbf4c8996fb924"                  \
                  "27ae41e4649b934ca495991b7852b855"
#define ABC256    "sha256:ba7816bf8f01cfea414140de5dae2223"                  \
                  "b00361a396177a9cb410ff61f20015ad"
#define ABC512    "sha512:ddaf35a193617abacc417349ae204131"                  \
                  "12e6fa4e89a97ea20a9eeee64b55d39a"                         \
                  "2192992a274fc1a836ba3c23a3feebbd"                         \
                  "454d4423643ce80e2a9ac94fa54ca49f"


static const char  *invalid[] = {
    "", "sha256", "sha256:", ":", "sha256:" "00",
    EMPTY256 "0", "xha256:e3b0c44298fc1c149afbf4c8996fb924"
    "27ae41e4649b934ca495991b7852b855",
    "SHA256:e3b0c44298fc1c149afbf4c8996fb924"
    "27ae41e4649b934ca495991b7852b855",
    "sha256:E3b0c44298fc1c149afbf4c8996fb924"
    "27ae41e4649b934ca495991b7852b855",
    "sha256:e3b0c44298fc1c149afbf4c8996fb924"
    "27ae41e4649b934ca495991b7852b85g",
    "sha256:e3b0c44298fc1c149afbf4c8996fb924"
    "27ae41e4649b934ca495991b7852b85/",
    "sha256:e3b0c44298fc1c149afbf4c8996fb924"
    "27ae41e4649b934ca495991b7852b85",
    "sha512:e3b0c44298fc1c149afbf4c8996fb924"
    "27ae41e4649b934ca495991b7852b855",
    "sha384:e3b0c44298fc1c149afbf4c8996fb924"
    "27ae41e4649b934ca495991b7852b855"
};


int
main(void)
{
    size_t          i, len;
    u_char          text[IMAGE_DIGEST_TEXT];
    image_digest_t  a, b;

    static const char  *valid[] = { EMPTY256, ABC256, ABC512 };

    for (i = 0; i < items(valid); i++) {
        memset(&a, 0xff, sizeof(a));
        number(image_digest_parse(&a, bytes(valid[i])), 0, valid[i]);
        len = image_digest_format(&a, text);
        is(text, len, valid[i], "  and back");
    }

    image_digest_parse(&a, bytes(ABC256));
    for (i = 32; i < IMAGE_DIGEST_BYTES && a.bytes[i] == 0; i++) { /* void */ }
    ok(i == IMAGE_DIGEST_BYTES, "unused bytes are zero");

    for (i = 0; i < items(invalid); i++) {
        memset(&a, 0xff, sizeof(a));
        number(image_digest_parse(&a, bytes(invalid[i])), -1, invalid[i]);
        number(a.algorithm, IMAGE_DIGEST_NONE, "  leaves none");
        number((int64_t) image_digest_format(&a, text), 0, "  has no text");
    }

    number(image_digest_compute(&a, IMAGE_DIGEST_SHA256, "abc", 3), 0,
           "compute sha256");
    len = image_digest_format(&a, text);
    is(text, len, ABC256, "  of abc");

    number(image_digest_compute(&a, IMAGE_DIGEST_SHA512, "abc", 3), 0,
           "compute sha512");
    len = image_digest_format(&a, text);
    is(text, len, ABC512, "  of abc");

    number(image_digest_compute(&a, IMAGE_DIGEST_SHA256, NULL, 0), 0,
           "compute of nothing");
    len = image_digest_format(&a, text);
    is(text, len, EMPTY256, "  is that of no bytes");

    number(image_digest_compute(&a, IMAGE_DIGEST_NONE, "abc", 3), -1,
           "compute without an algorithm");
    number(image_digest_compute(&a, 3, "abc", 3), -1,
           "compute with an unknown algorithm");
    number(a.algorithm, IMAGE_DIGEST_NONE, "  leaves none");

    image_digest_parse(&a, bytes(ABC256));
    image_digest_parse(&b, bytes(ABC256));
    ok(image_digest_equal(&a, &b), "equal");
    b.bytes[31] ^= 1;
    ok(!image_digest_equal(&a, &b), "another last byte");
    b = a;
    b.algorithm = IMAGE_DIGEST_SHA512;
    ok(!image_digest_equal(&a, &b), "another algorithm");
    memset(&a, 0, sizeof(a));
    memset(&b, 0, sizeof(b));
    ok(!image_digest_equal(&a, &b), "none equals nothing");

    image_hex(text, (const uint8_t *) "\x00\x9a\xff", 3);
    is(text, 6, "009aff", "hex");

    return done();
}
