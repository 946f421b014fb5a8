/*
 * image_platform.c: normalisation, and entries of an index against it.
 */

#include "tap.h"
#include "image_platform.h"


#define FORM  "the platform must be OS/ARCH or OS/ARCH/VARIANT"
#define PART  "a part of the platform is empty"
#define CHAR  "the platform holds a character that is not allowed"
#define LONG  "the platform is longer than 64 bytes"
#define A16   "aaaaaaaaaaaaaaaa"


static const struct {
    const char  *text;
    const char  *normal;        /* or NULL: */
    const char  *error;
} parses[] = {
    { "linux/amd64", "linux/amd64", NULL },
    { "Linux/AMD64", "linux/amd64", NULL },
    { "linux/arm64", "linux/arm64", NULL },
    { "linux/arm64/v8", "linux/arm64", NULL },
    { "linux/ARM64/V8", "linux/arm64", NULL },
    { "linux/arm64/v9", "linux/arm64/v9", NULL },
    { "linux/arm", "linux/arm/v7", NULL },
    { "linux/Arm", "linux/arm/v7", NULL },
    { "linux/arm/v7", "linux/arm/v7", NULL },
    { "linux/arm/v6", "linux/arm/v6", NULL },
    { "linux/arm/V5", "linux/arm/v5", NULL },
    { "linux/arm/v8", "linux/arm/v8", NULL },
    { "arm/linux", "arm/linux", NULL },
    { "linux/armv7", "linux/armv7", NULL },
    { "linux/amd64/v8", "linux/amd64/v8", NULL },
    { "linux/x86_64", "linux/x86_64", NULL },
    { "windows/amd64", "windows/amd64", NULL },
    { "a-b.c_d/0", "a-b.c_d/0", NULL },
    { A16 A16 A16 "/" A16 "aaa", NULL, LONG },
    { A16 A16 A16 "/aaaaaaaaaaaaaaa", A16 A16 A16 "/aaaaaaaaaaaaaaa", NULL },
    { A16 A16 A16 "aaaaaaaaa/arm", A16 A16 A16 "aaaaaaaaa/arm/v7", NULL },
    { A16 A16 A16 "aaaaaaaaaa/arm", NULL, LONG },
    { A16 A16 A16 "aaaaaaa/arm64/v8", A16 A16 A16 "aaaaaaa/arm64", NULL },
    { "", NULL, "the platform is empty" },
    { "linux", NULL, FORM },
    { "linux/arm/v7/x", NULL, FORM },
    { "linux/arm/v7/", NULL, FORM },
    { "///", NULL, FORM },
    { "/", NULL, PART },
    { "//", NULL, PART },
    { "linux/", NULL, PART },
    { "/amd64", NULL, PART },
    { "linux//v7", NULL, PART },
    { "linux/arm/", NULL, PART },
    { "linux amd64", NULL, FORM },
    { "linux/amd 64", NULL, CHAR },
    { "linux/amd64\n", NULL, CHAR },
    { "linux/\xc3\xa4", NULL, CHAR },
    { "linux/amd64,linux/arm64", NULL, CHAR },
    { "linux(10)/amd64", NULL, CHAR },
    { "../..", NULL, CHAR },
    { "linux/.amd64", NULL, CHAR },
    { "linux/amd64/-", NULL, CHAR }
};


static const struct {
    const char  *platform;
    const char  *os;
    const char  *architecture;
    const char  *variant;
    int          is;
} entries[] = {
    { "linux/amd64", "linux", "amd64", NULL, 1 },
    { "linux/amd64", "linux", "amd64", "", 1 },
    { "linux/amd64", "LINUX", "Amd64", NULL, 1 },
    { "linux/amd64", "linux", "amd64", "v2", 0 },
    { "linux/amd64", "linux", "arm64", NULL, 0 },
    { "linux/amd64", "windows", "amd64", NULL, 0 },
    { "linux/amd64", NULL, "amd64", NULL, 0 },
    { "linux/amd64", "linux", NULL, NULL, 0 },
    { "linux/amd64", "", "amd64", NULL, 0 },
    { "linux/amd64", "linux", "", NULL, 0 },
    { "linux/amd64", "linux", "amd6", NULL, 0 },
    { "linux/amd64", "unknown", "unknown", NULL, 0 },
    { "linux/arm64", "linux", "arm64", "v8", 1 },
    { "linux/arm64", "linux", "arm64", NULL, 1 },
    { "linux/arm64/v8", "linux", "arm64", NULL, 1 },
    { "linux/arm64", "linux", "arm64", "v9", 0 },
    { "linux/arm", "linux", "arm", "v7", 1 },
    { "linux/arm", "linux", "arm", NULL, 1 },
    { "linux/arm/v7", "linux", "arm", "", 1 },
    { "linux/arm", "linux", "arm", "v6", 0 },
    { "linux/arm/v6", "linux", "arm", NULL, 0 },
    { "linux/arm/v7", "linux", "arm/v7", NULL, 0 },
    { "linux/arm/v7", "linux/arm", "v7", NULL, 0 },
    { "linux/amd64", "linux", "amd64\n", NULL, 0 },
    { "linux/amd64", A16 A16 A16 A16, A16, NULL, 0 }
};


int
main(void)
{
    size_t             i;
    const char        *error;
    image_platform_t   platform;

    for (i = 0; i < items(parses); i++) {
        error = image_platform_parse(&platform, bytes(parses[i].text));

        same(error, parses[i].error, parses[i].text);

        is(platform.text, platform.len,
           parses[i].normal ? parses[i].normal : "", "  normalised");
    }

    same(image_platform_parse(&platform, (u_char *) "linux/amd\0004", 11),
         CHAR, "a NUL");

    for (i = 0; i < items(entries); i++) {
        image_platform_parse(&platform, bytes(entries[i].platform));

        ok(image_platform_is(&platform, entries[i].os,
                             entries[i].architecture, entries[i].variant)
           == entries[i].is, "%s is%s %s %s %s", entries[i].platform,
           entries[i].is ? "" : " not",
           entries[i].os ? entries[i].os : "NULL",
           entries[i].architecture ? entries[i].architecture : "NULL",
           entries[i].variant ? entries[i].variant : "NULL");
    }

    platform.len = 0;
    ok(!image_platform_is(&platform, "linux", "amd64", NULL),
       "no platform is none of them");

    return done();
}
