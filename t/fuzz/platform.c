/*
 * Platforms: the normal form is bounded and its own normal form, and its
 * fields are that platform.
 */

#include "fuzz.h"
#include "image_platform.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char              text[IMAGE_PLATFORM_TEXT + 1], *arch, *variant;
    const char       *error;
    image_platform_t  platform, again;

    error = image_platform_parse(&platform, data, size);

    if (error != NULL) {
        invariant(platform.len == 0);
        return 0;
    }

    invariant(size <= IMAGE_PLATFORM_TEXT);
    invariant(platform.len >= 3 && platform.len <= IMAGE_PLATFORM_TEXT);

    invariant(image_platform_parse(&again, platform.text, platform.len)
              == NULL);
    invariant(again.len == platform.len);
    invariant(memcmp(again.text, platform.text, platform.len) == 0);

    memcpy(text, platform.text, platform.len);
    text[platform.len] = '\0';

    arch = strchr(text, '/');
    invariant(arch != NULL);
    *arch++ = '\0';

    variant = strchr(arch, '/');

    if (variant != NULL) {
        *variant++ = '\0';
    }

    invariant(image_platform_is(&platform, text, arch, variant));

    return 0;
}
