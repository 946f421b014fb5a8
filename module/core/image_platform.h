/*
 * Platforms: OS/ARCH[/VARIANT] (OCI image index spec, "platform").
 */

#ifndef IMAGE_PLATFORM_H
#define IMAGE_PLATFORM_H


#include "image_str.h"


#define IMAGE_PLATFORM_TEXT  64


/*
 * Normalised: lower case, "arm64/v8" is "arm64", "arm" is "arm/v7".
 * len is 0 where no platform is asked for.
 */

typedef struct {
    size_t  len;
    u_char  text[IMAGE_PLATFORM_TEXT];
} image_platform_t;


/*
 * Returns NULL, or a sentence without a full stop that says what is wrong.
 * An empty text is wrong here; over IMAGE_PLATFORM_TEXT bytes, before or
 * after normalisation, is wrong too.
 */
const char *image_platform_parse(image_platform_t *platform,
    const u_char *text, size_t len);

/*
 * True where the three fields of an index entry or an image configuration,
 * normalised likewise, are this platform; variant may be empty.
 */
int image_platform_is(const image_platform_t *platform, const char *os,
    const char *architecture, const char *variant);


#endif /* IMAGE_PLATFORM_H */
