/*
 * Streams of pulls: "N STREAM", N a byte.  Cut into pieces of N bytes the
 * stream gives what it gives whole; and the same bytes as an error's text.
 */

#include "fuzz.h"
#include "image_pull.h"


static image_pull_t  whole, pieces;


static void
check(image_pull_t *pull, int rc)
{
    size_t          i;
    image_reason_e  reason;

    reason = image_pull_end(pull);

    if (rc != 0) {
        invariant(rc == -1 && reason == IMAGE_BAD_RESPONSE);
    }

    invariant(reason == pull->reason || reason == IMAGE_BAD_RESPONSE);
    invariant(image_pull_end(pull) == reason);

    if (pull->reason == IMAGE_OK) {
        invariant(pull->message_len == 0);
    }

    invariant(pull->message_len <= IMAGE_PULL_MESSAGE);

    for (i = 0; i < pull->message_len; i++) {
        invariant(pull->message[i] >= ' ' && pull->message[i] <= '~');
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int     rc;
    size_t  i, n, step;

    if (size == 0) {
        return 0;
    }

    step = data[0] ? data[0] : 256;
    data++;
    size--;

    /* but for the lines: they take more time than all else here */

    memset(&whole, 0, offsetof(image_pull_t, line));
    memset(&pieces, 0, offsetof(image_pull_t, line));

    check(&whole, image_pull_feed(&whole, data, size));

    for (rc = 0, i = 0; i < size && rc == 0; i += n) {
        n = size - i < step ? size - i : step;
        rc = image_pull_feed(&pieces, data + i, n);
    }

    check(&pieces, rc);

    invariant(image_pull_end(&whole) == image_pull_end(&pieces));
    invariant(whole.reason == pieces.reason);
    invariant(whole.message_len == pieces.message_len);
    invariant(memcmp(whole.message, pieces.message, whole.message_len) == 0);

    switch (image_pull_reason(data, size)) {

    case IMAGE_NOT_FOUND:
    case IMAGE_UNAUTHORIZED:
    case IMAGE_RATE_LIMITED:
    case IMAGE_PLATFORM_NOT_FOUND:
    case IMAGE_TLS:
    case IMAGE_UNREACHABLE:
    case IMAGE_TIMEOUT:
    case IMAGE_BAD_RESPONSE:
        break;

    default:
        invariant(!"a reason of this function");
    }

    return 0;
}
