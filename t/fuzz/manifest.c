/*
 * Manifests and indexes: "CONTENT-TYPE\nPLATFORM\nBODY".
 */

#include "fuzz.h"
#include "image_manifest.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t             i;
    const uint8_t     *p, *q, *last;
    image_reason_e     reason;
    image_platform_t   platform;
    image_manifest_t   manifest;

    last = data + size;

    p = size ? memchr(data, '\n', size) : NULL;
    if (p == NULL) {
        return 0;
    }

    q = memchr(p + 1, '\n', (size_t) (last - p) - 1);
    if (q == NULL) {
        return 0;
    }

    image_platform_parse(&platform, p + 1, (size_t) (q - p) - 1);

    reason = image_manifest_parse(&manifest, data, (size_t) (p - data), q + 1,
                                  (size_t) (last - q) - 1, &platform);

    switch (reason) {

    case IMAGE_OK:
        invariant(manifest.media
                  == image_media_type(data, (size_t) (p - data)));
        invariant(manifest.media != IMAGE_MEDIA_OTHER);

        if (manifest.media == IMAGE_MEDIA_MANIFEST) {
            invariant(manifest.next.algorithm != IMAGE_DIGEST_NONE);
            invariant(manifest.nnested == 0);

        } else if (platform.len == 0) {
            invariant(manifest.next.algorithm == IMAGE_DIGEST_NONE);
            invariant(manifest.nnested == 0);

        } else {
            invariant((manifest.next.algorithm != IMAGE_DIGEST_NONE)
                      == (manifest.nnested == 0));
        }

        invariant(manifest.nnested <= IMAGE_MANIFEST_NESTED);

        for (i = 0; i < manifest.nnested; i++) {
            invariant(manifest.nested[i].algorithm != IMAGE_DIGEST_NONE);
        }

        break;

    case IMAGE_PLATFORM_NOT_FOUND:
        invariant(platform.len != 0);

        /* fall through */

    case IMAGE_BAD_RESPONSE:
        invariant(manifest.media == IMAGE_MEDIA_OTHER);
        invariant(manifest.next.algorithm == IMAGE_DIGEST_NONE);
        invariant(manifest.nnested == 0);
        break;

    default:
        invariant(!"a reason of this function");
    }

    return 0;
}
