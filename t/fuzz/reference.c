/*
 * Image references: a valid one is bounded, and what is shown for it means
 * the same again.
 */

#include "fuzz.h"
#include "image_reference.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t             i, len;
    u_char             text[IMAGE_REFERENCE_TEXT];
    const char        *error;
    image_digest_t     digest;
    image_reference_t  ref, again;

    error = image_reference_parse(&ref, data, size);

    if (error != NULL) {
        invariant(error[0] != '\0' && error[strlen(error) - 1] != '.');
        return 0;
    }

    invariant(size <= IMAGE_REFERENCE_TEXT);
    invariant(ref.len <= IMAGE_REFERENCE_NAME);
    invariant(ref.domain.len > 0 && ref.domain.len <= IMAGE_REFERENCE_DOMAIN);
    invariant(ref.path.len > 0 && ref.path.len <= IMAGE_REFERENCE_PATH);
    invariant(ref.tag.len <= IMAGE_REFERENCE_TAG);
    invariant(ref.tag.len > 0 || image_reference_is_pinned(&ref));
    invariant(ref.domain.len + 1 + ref.path.len
              + (ref.tag.len ? 1 + ref.tag.len : 0) == ref.len);
    invariant(ref.domain.data == ref.text);
    invariant(ref.path.data == ref.text + ref.domain.len + 1);

    for (i = 0; i < ref.len; i++) {
        invariant(ref.text[i] > ' ' && ref.text[i] < 0x7f);
    }

    image_reference_copy(&again, &ref);
    invariant(again.len == ref.len && again.path.data
              == again.text + ref.domain.len + 1);

    if (!image_reference_is_pinned(&ref)) {
        memcpy(text, ref.text, ref.len);
        invariant(image_reference_parse(&again, text, ref.len) == NULL);
        invariant(again.len == ref.len);
        invariant(memcmp(again.text, ref.text, ref.len) == 0);
        invariant(!image_reference_is_pinned(&again));

        memset(&digest, 0, sizeof(digest));
        digest.algorithm = IMAGE_DIGEST_SHA512;
        memset(digest.bytes, 0xab, sizeof(digest.bytes));

    } else {
        digest = ref.digest;
    }

    len = image_reference_pinned(&ref, &digest, text);

    invariant(len <= IMAGE_REFERENCE_TEXT);
    invariant(image_reference_parse(&again, text, len) == NULL);
    invariant(again.len == ref.len);
    invariant(memcmp(again.text, ref.text, ref.len) == 0);
    invariant(image_digest_equal(&again.digest, &digest));

    return 0;
}
