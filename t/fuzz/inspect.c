/*
 * Answers of container engines: "REFERENCE\nPLATFORM\nBODY".  A digest is one
 * that stands in the body, and none stays with a reason.
 */

#include "fuzz.h"
#include "image_inspect.h"


#define MESSAGE  32


/* a text with escapes may hold anything */

static int
may_hold(const uint8_t *data, size_t size, const u_char *text, size_t len)
{
    size_t  i;

    if (size != 0 && memchr(data, '\\', size) != NULL) {
        return 1;
    }

    for (i = 0; i + len <= size; i++) {
        if (memcmp(data + i, text, len) == 0) {
            return 1;
        }
    }

    return 0;
}


static void
check(image_reason_e reason, const image_digest_t *digest,
    const uint8_t *body, size_t len, const image_platform_t *platform)
{
    size_t   n;
    u_char  *p, text[IMAGE_DIGEST_TEXT];

    n = image_digest_format(digest, text);

    switch (reason) {

    case IMAGE_OK:
        invariant(n != 0);

        /* bare digits are sha256's */

        p = memchr(text, ':', n);
        invariant(p != NULL);
        p++;
        invariant(may_hold(body, len, p, n - (size_t) (p - text)));
        break;

    case IMAGE_PLATFORM_NOT_FOUND:
        invariant(platform != NULL && platform->len != 0);

        /* fall through */

    case IMAGE_BAD_RESPONSE:
        invariant(n == 0 && digest->algorithm == IMAGE_DIGEST_NONE);
        break;

    default:
        invariant(!"a reason of these functions");
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                 rc;
    size_t              i, len, used;
    u_char              message[MESSAGE + 1];
    image_digest_t      digest, other;
    const uint8_t      *p, *body, *last;
    image_reason_e      reason;
    image_platform_t    platform, none;
    image_reference_t   reference;

    last = data + size;

    p = size ? memchr(data, '\n', size) : NULL;
    if (p == NULL) {
        return 0;
    }

    body = memchr(p + 1, '\n', (size_t) (last - p) - 1);
    if (body == NULL) {
        return 0;
    }

    if (image_reference_parse(&reference, data, (size_t) (p - data)) != NULL)
    {
        return 0;
    }

    image_platform_parse(&platform, p + 1, (size_t) (body - p) - 1);
    memset(&none, 0, sizeof(image_platform_t));

    body++;
    len = (size_t) (last - body);

    reason = image_inspect_docker(&digest, body, len, &reference, &platform);
    check(reason, &digest, body, len, &platform);

    /* the platform says yes or no, never which digest */

    rc = image_inspect_docker(&other, body, len, &reference, &none);
    check(rc, &other, body, len, &none);

    if (reason == IMAGE_OK) {
        invariant(rc == IMAGE_OK && image_digest_equal(&digest, &other));
    }

    reason = image_inspect_podman(&digest, body, len, &reference, &platform);
    check(reason, &digest, body, len, &platform);

    rc = image_inspect_podman(&other, body, len, &reference, &none);
    check(rc, &other, body, len, &none);

    if (reason == IMAGE_OK) {
        invariant(rc == IMAGE_OK && image_digest_equal(&digest, &other));
    }

    reason = image_inspect_distribution(&digest, body, len, &platform);
    check(reason, &digest, body, len, &platform);

    reason = image_inspect_answer(&digest, body, len);
    check(reason, &digest, body, len, NULL);

    message[MESSAGE] = 0xff;
    rc = image_inspect_error(body, len, message, MESSAGE, &used);

    invariant(rc == 1 || (rc == 0 && used == 0));
    invariant(used <= MESSAGE && message[MESSAGE] == 0xff);

    for (i = 0; i < used; i++) {
        invariant(message[i] >= ' ' && message[i] <= '~');
    }

    return 0;
}
