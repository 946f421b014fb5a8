/*
 * Image references, and digests: a valid one is bounded, and what is shown for
 * it means the same again.
 */

#include "fuzz.h"
#include "image_reference.h"


/* a digest alone, as a header has it; and the one of the text */

static void
digest(const uint8_t *data, size_t size)
{
    u_char          text[IMAGE_DIGEST_TEXT];
    image_digest_t  read, again;

    if (image_digest_parse(&read, data, size) == 0) {
        invariant(image_digest_format(&read, text) == size);
        invariant(memcmp(text, data, size) == 0);
        invariant(image_digest_equal(&read, &read));

    } else {
        invariant(read.algorithm == IMAGE_DIGEST_NONE);
        invariant(image_digest_format(&read, text) == 0);
        invariant(!image_digest_equal(&read, &read));
    }

    invariant(image_digest_compute(&read, size % 2 ? IMAGE_DIGEST_SHA256
                                                   : IMAGE_DIGEST_SHA512,
                                   data, size)
              == 0);
    invariant(image_digest_parse(&again, text,
                                 image_digest_format(&read, text))
              == 0);
    invariant(image_digest_equal(&read, &again));
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t             i, len;
    u_char             text[IMAGE_REFERENCE_TEXT];
    const char        *error;
    image_digest_t     pinned;
    image_reference_t  ref, again;

    digest(data, size);

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

        memset(&pinned, 0, sizeof(pinned));
        pinned.algorithm = IMAGE_DIGEST_SHA512;
        memset(pinned.bytes, 0xab, sizeof(pinned.bytes));

    } else {
        pinned = ref.digest;
    }

    len = image_reference_pinned(&ref, &pinned, text);

    invariant(len <= IMAGE_REFERENCE_TEXT);
    invariant(image_reference_parse(&again, text, len) == NULL);
    invariant(again.len == ref.len);
    invariant(memcmp(again.text, ref.text, ref.len) == 0);
    invariant(image_digest_equal(&again.digest, &pinned));

    return 0;
}
