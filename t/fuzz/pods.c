/*
 * Lists of pods: "REFERENCE\nADDRESS\nPAGE\0PAGE...".  A digest is one that
 * stands in a page, of containers that agree, and of one pod where there is
 * an address.
 */

#include "fuzz.h"
#include "image_pods.h"


/* a text with escapes may hold anything */

static int
may_hold(const uint8_t *data, size_t size, const u_char *text, size_t len)
{
    size_t  i;

    if (memchr(data, '\\', size) != NULL) {
        return 1;
    }

    for (i = 0; i + len <= size; i++) {
        if (memcmp(data + i, text, len) == 0) {
            return 1;
        }
    }

    return 0;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                 malformed;
    size_t              i, len;
    u_char              text[IMAGE_DIGEST_TEXT];
    image_pods_t        pods;
    image_digest_t      digest;
    const uint8_t      *p, *q, *end, *last;
    image_reason_e      reason;
    image_reference_t   reference;

    last = data + size;

    if (image_pods_image_id(&digest, data, size) == 0) {
        len = image_digest_format(&digest, text);
        invariant(len != 0);

        /* bare digits are sha256's */

        end = memchr(text, ':', len);
        invariant(end != NULL);
        end++;
        invariant(memcmp(last - (len - (size_t) (end - text)), end,
                         len - (size_t) (end - text)) == 0);

    } else {
        invariant(digest.algorithm == IMAGE_DIGEST_NONE);
    }

    p = size ? memchr(data, '\n', size) : NULL;
    if (p == NULL) {
        return 0;
    }

    q = memchr(p + 1, '\n', (size_t) (last - p) - 1);
    if (q == NULL) {
        return 0;
    }

    if (image_reference_parse(&reference, data, (size_t) (p - data)) != NULL)
    {
        return 0;
    }

    memset(&pods, 0, sizeof(image_pods_t));
    pods.reference = &reference;
    pods.address.data = p + 1;
    pods.address.len = (size_t) (q - p) - 1;

    malformed = 0;

    for (p = q + 1; p <= last; p = end + 1) {
        end = p < last ? memchr(p, '\0', (size_t) (last - p)) : NULL;

        if (end == NULL) {
            end = last;
        }

        reason = image_pods_page(&pods, p, (size_t) (end - p));

        invariant(reason == IMAGE_OK || reason == IMAGE_BAD_RESPONSE);
        invariant(pods.next_len <= IMAGE_PODS_CONTINUE);

        for (i = 0; i < pods.next_len; i++) {
            invariant(pods.next[i] > ' ' && pods.next[i] <= '~');
        }

        if (reason != IMAGE_OK) {
            invariant(pods.next_len == 0);
            malformed = 1;
        }
    }

    reason = image_pods_end(&pods);

    switch (reason) {

    case IMAGE_OK:
        invariant(!malformed && !pods.ambiguous && !pods.unknown);
        invariant(pods.containers > 0);
        invariant(pods.address.len == 0 || pods.pods == 1);

        len = image_digest_format(&pods.digest, text);
        invariant(len != 0);

        i = (size_t) ((u_char *) memchr(text, ':', len) + 1 - text);
        invariant(may_hold(q, (size_t) (last - q), text + i, len - i));
        break;

    case IMAGE_NOT_FOUND:
        invariant(!malformed && pods.containers == 0);
        break;

    case IMAGE_AMBIGUOUS:
        invariant(pods.ambiguous);
        break;

    case IMAGE_BAD_RESPONSE:
        invariant(pods.unknown || pods.next_len != 0);
        break;

    default:
        invariant(!"a reason of this function");
    }

    return 0;
}
