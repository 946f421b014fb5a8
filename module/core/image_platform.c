/*
 * Platforms, normalised as the contract says and not further: the text is a
 * part of cache keys, which never change.
 */

#include <string.h>
#include <strings.h>

#include "image_platform.h"


static const char *image_platform_make(image_platform_t *platform,
    const image_str_t *fields, size_t n);
static int image_platform_field(const image_str_t *field);
static int image_platform_field_is(const image_str_t *field,
    const char *text);


const char *
image_platform_parse(image_platform_t *platform, const u_char *text,
    size_t len)
{
    size_t         n;
    image_str_t    fields[3];
    const u_char  *p, *last, *slash;

    platform->len = 0;

    if (len == 0) {
        return "the platform is empty";
    }

    if (len > IMAGE_PLATFORM_TEXT) {
        return "the platform is longer than 64 bytes";
    }

    p = text;
    last = text + len;

    for (n = 0; n < 3; /* void */ ) {
        slash = memchr(p, '/', (size_t) (last - p));

        fields[n].data = p;
        fields[n].len = (size_t) ((slash ? slash : last) - p);
        n++;

        if (slash == NULL) {
            p = NULL;
            break;
        }

        p = slash + 1;
    }

    if (p != NULL || n < 2) {
        return "the platform must be OS/ARCH or OS/ARCH/VARIANT";
    }

    return image_platform_make(platform, fields, n);
}


int
image_platform_is(const image_platform_t *platform, const char *os,
    const char *architecture, const char *variant)
{
    size_t            n;
    image_str_t       fields[3];
    image_platform_t  other;

    if (os == NULL || architecture == NULL) {
        return 0;
    }

    fields[0].data = (const u_char *) os;
    fields[0].len = strlen(os);
    fields[1].data = (const u_char *) architecture;
    fields[1].len = strlen(architecture);

    n = 2;

    if (variant != NULL && variant[0] != '\0') {
        fields[2].data = (const u_char *) variant;
        fields[2].len = strlen(variant);
        n = 3;
    }

    if (image_platform_make(&other, fields, n) != NULL) {
        return 0;
    }

    return other.len == platform->len
           && memcmp(other.text, platform->text, other.len) == 0;
}


static const char *
image_platform_make(image_platform_t *platform, const image_str_t *fields,
    size_t n)
{
    size_t       i, k, len;
    u_char       c;
    image_str_t  all[3];

    static const image_str_t  v7 = image_str("v7");

    platform->len = 0;
    len = 0;

    for (i = 0; i < n; i++) {

        /* a slash inside a field would make two platforms look like one */

        if (fields[i].len == 0) {
            return "a part of the platform is empty";
        }

        if (image_platform_field(&fields[i]) != 0) {
            return "the platform holds a character that is not allowed";
        }

        all[i] = fields[i];
    }

    if (n == 2 && image_platform_field_is(&all[1], "arm")) {
        all[n++] = v7;

    } else if (n == 3 && image_platform_field_is(&all[1], "arm64")
               && image_platform_field_is(&all[2], "v8"))
    {
        n = 2;
    }

    for (i = 0; i < n; i++) {
        if (all[i].len + (i > 0) > IMAGE_PLATFORM_TEXT - len) {
            return "the platform is longer than 64 bytes";
        }

        if (i > 0) {
            platform->text[len++] = '/';
        }

        for (k = 0; k < all[i].len; k++) {
            c = all[i].data[k];
            platform->text[len++] = (u_char) (c >= 'A' && c <= 'Z' ? c | 0x20
                                                                   : c);
        }
    }

    platform->len = len;

    return NULL;
}


static int
image_platform_field(const image_str_t *field)
{
    u_char  c;
    size_t  i;

    for (i = 0; i < field->len; i++) {
        c = field->data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9')
              || (i > 0 && (c == '_' || c == '-' || c == '.'))))
        {
            return -1;
        }
    }

    return 0;
}


static int
image_platform_field_is(const image_str_t *field, const char *text)
{
    size_t  len;

    len = strlen(text);

    return field->len == len
           && strncasecmp((const char *) field->data, text, len) == 0;
}
