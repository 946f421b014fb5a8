/*
 * Image configurations: one document is of one platform at the most.
 */

#include "fuzz.h"
#include "image_manifest.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t            i, n;
    image_reason_e    reason;
    image_platform_t  platform;

    static const char  *const platforms[] = {
        "linux/amd64", "linux/arm64", "linux/arm", "linux/arm/v6",
        "windows/amd64"
    };

    n = 0;

    for (i = 0; i < sizeof(platforms) / sizeof(platforms[0]); i++) {
        image_platform_parse(&platform, (const u_char *) platforms[i],
                             strlen(platforms[i]));

        reason = image_configuration_is(data, size, &platform);

        invariant(reason == IMAGE_OK || reason == IMAGE_BAD_RESPONSE
                  || reason == IMAGE_PLATFORM_NOT_FOUND);

        n += (reason == IMAGE_OK);
    }

    invariant(n <= 1);

    return 0;
}
