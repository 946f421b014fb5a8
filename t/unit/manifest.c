/*
 * image_manifest.c: documents held against themselves, and the choice of a
 * platform.
 */

#include <stdlib.h>

#include "tap.h"
#include "image_manifest.h"


#define OCI_INDEX  "application/vnd.oci.image.index.v1+json"
#define OCI        "application/vnd.oci.image.manifest.v1+json"
#define LIST       "application/vnd.docker.distribution.manifest.list.v2+json"
#define V2         "application/vnd.docker.distribution.manifest.v2+json"
#define V1         "application/vnd.docker.distribution.manifest.v1+json"

#define A  "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"                         \
           "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B  "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"                         \
           "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C  "sha256:cccccccccccccccccccccccccccccccc"                         \
           "cccccccccccccccccccccccccccccccc"

#define MANIFEST  "\"config\":{\"digest\":\"" C "\"},\"layers\":[]"
#define ENTRY(type, digest, platform)                                        \
    "{\"mediaType\":\"" type "\",\"digest\":\"" digest "\"" platform "}"
#define PLATFORM(os, arch, more)                                             \
    ",\"platform\":{\"os\":\"" os "\",\"architecture\":\"" arch "\"" more "}"
#define INDEX(entries)                                                       \
    "{\"schemaVersion\":2,\"mediaType\":\"" OCI_INDEX "\",\"manifests\":["   \
    entries "]}"
#define AMD64  PLATFORM("linux", "amd64", "")
#define ARM64  PLATFORM("linux", "arm64", ",\"variant\":\"v8\"")
#define ARM    PLATFORM("linux", "arm", "")

/* four nested indexes, and how they are told */

#define NEST  ENTRY(OCI_INDEX, A, "")
#define N4    NEST "," NEST "," NEST "," NEST
#define T4    A " " A " " A " " A " "

#define BAD   IMAGE_BAD_RESPONSE
#define MISS  IMAGE_PLATFORM_NOT_FOUND
#define OK    IMAGE_OK


static const struct {
    const char     *value;
    image_media_e   media;
} types[] = {
    { OCI_INDEX, IMAGE_MEDIA_INDEX },
    { LIST, IMAGE_MEDIA_INDEX },
    { OCI, IMAGE_MEDIA_MANIFEST },
    { V2, IMAGE_MEDIA_MANIFEST },
    { OCI "; charset=utf-8", IMAGE_MEDIA_MANIFEST },
    { OCI ";charset=utf-8", IMAGE_MEDIA_MANIFEST },
    { " " OCI " \t; x=y", IMAGE_MEDIA_MANIFEST },
    { "Application/VND.OCI.image.Manifest.v1+JSON", IMAGE_MEDIA_MANIFEST },
    { V1, IMAGE_MEDIA_OTHER },
    { "application/vnd.docker.distribution.manifest.v1+prettyjws",
      IMAGE_MEDIA_OTHER },
    { OCI "x", IMAGE_MEDIA_OTHER },
    { "x" OCI, IMAGE_MEDIA_OTHER },
    { "application/json", IMAGE_MEDIA_OTHER },
    { "text/html; " OCI, IMAGE_MEDIA_OTHER },
    { "", IMAGE_MEDIA_OTHER },
    { ";", IMAGE_MEDIA_OTHER },
    { "  ", IMAGE_MEDIA_OTHER }
};


static const struct {
    const char      *name;
    const char      *type;
    const char      *platform;
    const char      *body;
    image_reason_e   reason;
    const char      *next;
    const char      *nested;        /* each with a blank after it */
} documents[] = {

    /* manifests */

    { "a manifest", OCI, "", "{\"schemaVersion\":2," MANIFEST "}",
      OK, C, "" },
    { "a manifest with its type", OCI, "",
      "{\"schemaVersion\":2,\"mediaType\":\"" OCI "\"," MANIFEST "}",
      OK, C, "" },
    { "parameters of the Content-Type", OCI "; charset=utf-8", "",
      "{\"schemaVersion\":2,\"mediaType\":\"" OCI "\"," MANIFEST "}",
      OK, C, "" },
    { "Docker's manifest, a platform asked for", V2, "linux/amd64",
      "{\"schemaVersion\":2,\"mediaType\":\"" V2 "\"," MANIFEST "}",
      OK, C, "" },
    { "another mediaType of the same kind", OCI, "",
      "{\"schemaVersion\":2,\"mediaType\":\"" V2 "\"," MANIFEST "}",
      BAD, "", "" },
    { "a manifest that calls itself an index", OCI, "",
      "{\"schemaVersion\":2,\"mediaType\":\"" OCI_INDEX "\"," MANIFEST "}",
      BAD, "", "" },
    { "mediaType is no string", OCI, "",
      "{\"schemaVersion\":2,\"mediaType\":1," MANIFEST "}", BAD, "", "" },
    { "mediaType is null", OCI, "",
      "{\"schemaVersion\":2,\"mediaType\":null," MANIFEST "}", BAD, "", "" },
    { "mediaType is empty", OCI, "",
      "{\"schemaVersion\":2,\"mediaType\":\"\"," MANIFEST "}", BAD, "", "" },
    { "an unknown Content-Type", "application/json", "",
      "{\"schemaVersion\":2,\"mediaType\":\"" OCI "\"," MANIFEST "}",
      BAD, "", "" },
    { "no Content-Type", "", "", "{\"schemaVersion\":2," MANIFEST "}",
      BAD, "", "" },
    { "schema 1", OCI, "", "{\"schemaVersion\":1," MANIFEST "}",
      BAD, "", "" },
    { "schemaVersion is a string", OCI, "",
      "{\"schemaVersion\":\"2\"," MANIFEST "}", BAD, "", "" },
    { "schemaVersion is a real number", OCI, "",
      "{\"schemaVersion\":2.0," MANIFEST "}", BAD, "", "" },
    { "no schemaVersion", OCI, "", "{" MANIFEST "}", BAD, "", "" },
    { "no config", OCI, "", "{\"schemaVersion\":2,\"layers\":[]}",
      BAD, "", "" },
    { "config is no object", OCI, "",
      "{\"schemaVersion\":2,\"config\":\"" C "\",\"layers\":[]}",
      BAD, "", "" },
    { "config with a bad digest", OCI, "",
      "{\"schemaVersion\":2,\"config\":{\"digest\":\"../../x\"},"
      "\"layers\":[]}", BAD, "", "" },
    { "config without a digest", OCI, "",
      "{\"schemaVersion\":2,\"config\":{},\"layers\":[]}", BAD, "", "" },
    { "no layers", OCI, "",
      "{\"schemaVersion\":2,\"config\":{\"digest\":\"" C "\"}}",
      BAD, "", "" },
    { "layers is no array", OCI, "",
      "{\"schemaVersion\":2,\"config\":{\"digest\":\"" C "\"},"
      "\"layers\":{}}", BAD, "", "" },
    { "a manifest with manifests", OCI, "",
      "{\"schemaVersion\":2,\"manifests\":[]," MANIFEST "}", BAD, "", "" },
    { "a name twice", OCI, "",
      "{\"schemaVersion\":2,\"config\":{\"digest\":\"" A "\"}," MANIFEST "}",
      BAD, "", "" },

    /* no documents */

    { "nothing", OCI, "", "", BAD, "", "" },
    { "no JSON", OCI, "", "<html>", BAD, "", "" },
    { "an array", OCI, "", "[]", BAD, "", "" },
    { "a string", OCI, "", "\"x\"", BAD, "", "" },
    { "cut off", OCI, "", "{\"schemaVersion\":2," MANIFEST, BAD, "", "" },
    { "more after the end", OCI, "", "{\"schemaVersion\":2," MANIFEST "}{}",
      BAD, "", "" },
    { "not UTF-8", OCI, "", "{\"schemaVersion\":2,\"x\":\"\xff\"," MANIFEST
      "}", BAD, "", "" },

    /* indexes */

    { "an index, no platform", OCI_INDEX, "",
      INDEX(ENTRY(OCI, A, AMD64)), OK, "", "" },
    { "an empty index, no platform", OCI_INDEX, "", INDEX(""), OK, "", "" },
    { "Docker's list", LIST, "linux/amd64",
      "{\"schemaVersion\":2,\"mediaType\":\"" LIST "\",\"manifests\":["
      ENTRY(V2, A, AMD64) "]}", OK, A, "" },
    { "an index that came as Docker's list", LIST, "",
      INDEX(ENTRY(OCI, A, AMD64)), BAD, "", "" },
    { "an index that came as a manifest", OCI, "",
      "{\"schemaVersion\":2,\"manifests\":[]}", BAD, "", "" },
    { "an index without manifests", OCI_INDEX, "", "{\"schemaVersion\":2}",
      BAD, "", "" },
    { "manifests is no array", OCI_INDEX, "",
      "{\"schemaVersion\":2,\"manifests\":{}}", BAD, "", "" },
    { "an index with layers", OCI_INDEX, "",
      "{\"schemaVersion\":2,\"manifests\":[],\"layers\":[]}", BAD, "", "" },
    { "an index with config", OCI_INDEX, "",
      "{\"schemaVersion\":2,\"manifests\":[],\"config\":{}}", BAD, "", "" },
    { "an index with config null", OCI_INDEX, "",
      "{\"schemaVersion\":2,\"manifests\":[],\"config\":null}", BAD, "", "" },
    { "an entry that is no object", OCI_INDEX, "",
      INDEX("1"), BAD, "", "" },

    /* the choice */

    { "the first of the platform", OCI_INDEX, "linux/amd64",
      INDEX(ENTRY(OCI, A, AMD64) "," ENTRY(OCI, B, AMD64)),
      OK, A, "" },
    { "not another platform", OCI_INDEX, "linux/arm64",
      INDEX(ENTRY(OCI, A, AMD64) "," ENTRY(OCI, B, ARM64)),
      OK, B, "" },
    { "arm without a variant is v7", OCI_INDEX, "linux/arm/v7",
      INDEX(ENTRY(OCI, A, AMD64) "," ENTRY(OCI, B, ARM)),
      OK, B, "" },
    { "and not v6", OCI_INDEX, "linux/arm/v6",
      INDEX(ENTRY(OCI, B, ARM)), MISS, "", "" },
    { "a null variant is absent", OCI_INDEX, "linux/amd64",
      INDEX(ENTRY(OCI, A, PLATFORM("linux", "amd64", ",\"variant\":null"))),
      OK, A, "" },
    { "a variant that is no string matches nothing", OCI_INDEX,
      "linux/arm/v7",
      INDEX(ENTRY(OCI, A, PLATFORM("linux", "arm", ",\"variant\":7"))),
      MISS, "", "" },
    { "no such platform", OCI_INDEX, "windows/amd64",
      INDEX(ENTRY(OCI, A, AMD64)), MISS, "", "" },
    { "an empty index", OCI_INDEX, "linux/amd64", INDEX(""), MISS, "", "" },
    { "an entry without a platform", OCI_INDEX, "linux/amd64",
      INDEX(ENTRY(OCI, A, "")), MISS, "", "" },
    { "a platform that is no object", OCI_INDEX, "linux/amd64",
      INDEX(ENTRY(OCI, A, ",\"platform\":\"linux/amd64\"")), MISS, "", "" },
    { "attestations are passed over", OCI_INDEX, "linux/amd64",
      INDEX(ENTRY(OCI, A, PLATFORM("unknown", "unknown", "")) ","
            ENTRY(OCI, B, AMD64)), OK, B, "" },
    { "other types are passed over", OCI_INDEX, "linux/amd64",
      INDEX(ENTRY("application/x", "x", AMD64) "," ENTRY(OCI, B, AMD64)),
      OK, B, "" },
    { "so is an entry without a type", OCI_INDEX, "linux/amd64",
      INDEX("{\"digest\":\"" A "\"" AMD64 "}," ENTRY(OCI, B, AMD64)),
      OK, B, "" },
    { "the chosen one has a bad digest", OCI_INDEX, "linux/amd64",
      INDEX(ENTRY(OCI, "sha256:x", AMD64) "," ENTRY(OCI, B, AMD64)),
      BAD, "", "" },
    { "the chosen one has no digest", OCI_INDEX, "linux/amd64",
      INDEX("{\"mediaType\":\"" OCI "\"" AMD64 "}"), BAD, "", "" },
    { "a type that is no string", OCI_INDEX, "linux/amd64",
      INDEX("{\"mediaType\":1,\"digest\":\"" A "\"" AMD64 "}"),
      MISS, "", "" },

    /* nested indexes */

    { "a nested index", OCI_INDEX, "linux/amd64",
      INDEX(ENTRY(OCI, A, ARM64) "," ENTRY(OCI_INDEX, B, "")),
      OK, "", B " " },
    { "several, in their order", OCI_INDEX, "linux/amd64",
      INDEX(ENTRY(OCI_INDEX, C, "") "," ENTRY(OCI, A, ARM64) ","
            ENTRY(LIST, A, "") "," ENTRY(OCI_INDEX, B, "")),
      OK, "", C " " A " " B " " },
    { "the one that names the platform is not first", OCI_INDEX,
      "linux/amd64",
      INDEX(ENTRY(OCI_INDEX, B, "") "," ENTRY(OCI_INDEX, A, AMD64)),
      OK, "", B " " A " " },
    { "a manifest beats a nested index before it", OCI_INDEX, "linux/amd64",
      INDEX(ENTRY(OCI_INDEX, B, "") "," ENTRY(OCI, A, AMD64)),
      OK, A, "" },
    { "whatever is wrong with that one", OCI_INDEX, "linux/amd64",
      INDEX(ENTRY(OCI_INDEX, "x", "") "," ENTRY(OCI, A, AMD64)),
      OK, A, "" },
    { "a nested index of another platform", OCI_INDEX, "linux/amd64",
      INDEX(ENTRY(OCI_INDEX, B, ARM64) "," ENTRY(LIST, A, AMD64)),
      OK, "", A " " },
    { "all of other platforms", OCI_INDEX, "linux/amd64",
      INDEX(ENTRY(OCI_INDEX, B, ARM64) "," ENTRY(LIST, A, ARM)),
      MISS, "", "" },
    { "a nested index with a platform of null", OCI_INDEX, "linux/amd64",
      INDEX(ENTRY(OCI_INDEX, B, ",\"platform\":null")), OK, "", B " " },
    { "a nested index with a platform that is none", OCI_INDEX,
      "linux/amd64", INDEX(ENTRY(OCI_INDEX, B, ",\"platform\":\"\"")),
      MISS, "", "" },
    { "nested indexes, no platform asked for", OCI_INDEX, "",
      INDEX(ENTRY(OCI_INDEX, B, "")), OK, "", "" },
    { "a nested index with a bad digest", OCI_INDEX, "linux/amd64",
      INDEX(ENTRY(OCI_INDEX, "x", "")), BAD, "", "" },
    { "the second one with a bad digest", OCI_INDEX, "linux/amd64",
      INDEX(ENTRY(OCI_INDEX, A, "") "," ENTRY(OCI_INDEX, "x", "")),
      BAD, "", "" },
    { "as many as allowed", OCI_INDEX, "linux/amd64",
      INDEX(N4 "," N4 "," N4 "," N4),
      OK, "", T4 T4 T4 T4 },
    { "one more", OCI_INDEX, "linux/amd64",
      INDEX(N4 "," N4 "," N4 "," N4 "," ENTRY(LIST, B, "")), BAD, "", "" },
    { "those of other platforms do not count", OCI_INDEX, "linux/amd64",
      INDEX(N4 "," N4 "," N4 "," N4 "," ENTRY(LIST, B, ARM64)),
      OK, "", T4 T4 T4 T4 },
    { "nor where there is a manifest", OCI_INDEX, "linux/amd64",
      INDEX(N4 "," N4 "," N4 "," N4 "," N4 "," ENTRY(OCI, B, AMD64)),
      OK, B, "" }
};


static const struct {
    const char      *name;
    const char      *platform;
    const char      *body;
    image_reason_e   reason;
} configurations[] = {
    { "of the platform", "linux/amd64",
      "{\"os\":\"linux\",\"architecture\":\"amd64\",\"config\":{}}", OK },
    { "normalised", "linux/arm64",
      "{\"os\":\"linux\",\"architecture\":\"arm64\",\"variant\":\"v8\"}",
      OK },
    { "arm without a variant", "linux/arm/v7",
      "{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"\"}", OK },
    { "of another", "linux/amd64",
      "{\"os\":\"linux\",\"architecture\":\"arm64\"}", MISS },
    { "of another variant", "linux/amd64",
      "{\"os\":\"linux\",\"architecture\":\"amd64\",\"variant\":\"v3\"}",
      MISS },
    { "a variant that is no string", "linux/arm",
      "{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":[]}", MISS },
    { "without an os", "linux/amd64", "{\"architecture\":\"amd64\"}", BAD },
    { "without an architecture", "linux/amd64", "{\"os\":\"linux\"}", BAD },
    { "empty", "linux/amd64", "{}", BAD },
    { "no object", "linux/amd64", "[]", BAD },
    { "a name twice", "linux/amd64",
      "{\"os\":\"linux\",\"os\":\"x\",\"architecture\":\"amd64\"}", BAD },
    { "nothing", "linux/amd64", "", BAD }
};


static void bounds(void);


int
main(void)
{
    size_t             i, k, len;
    u_char             text[IMAGE_MANIFEST_NESTED * (IMAGE_DIGEST_TEXT + 1)];
    image_reason_e     reason;
    image_manifest_t   manifest;
    image_platform_t   platform;

    for (i = 0; i < items(types); i++) {
        number(image_media_type(bytes(types[i].value)), types[i].media,
               types[i].value);
    }

    for (i = 0; i < items(documents); i++) {
        platform.len = 0;

        if (documents[i].platform[0] != '\0') {
            image_platform_parse(&platform, bytes(documents[i].platform));
        }

        reason = image_manifest_parse(&manifest, bytes(documents[i].type),
                                      bytes(documents[i].body), &platform);

        same(image_reason_name(reason), image_reason_name(documents[i].reason),
             documents[i].name);

        len = image_digest_format(&manifest.next, text);
        is(text, len, documents[i].next, "  next");

        len = 0;

        for (k = 0; k < manifest.nnested; k++) {
            len += image_digest_format(&manifest.nested[k], text + len);
            text[len++] = ' ';
        }

        is(text, len, documents[i].nested, "  nested");

        number(manifest.media, reason == OK
                               ? image_media_type(bytes(documents[i].type))
                               : IMAGE_MEDIA_OTHER, "  own type");
    }

    number(image_manifest_parse(&manifest, bytes(OCI_INDEX),
                                bytes(INDEX(ENTRY(OCI, A, AMD64))), NULL),
           OK, "no platform at all");

    for (i = 0; i < items(configurations); i++) {
        image_platform_parse(&platform, bytes(configurations[i].platform));

        reason = image_configuration_is(bytes(configurations[i].body),
                                        &platform);
        same(image_reason_name(reason),
             image_reason_name(configurations[i].reason),
             configurations[i].name);
    }

    bounds();

    return done();
}


/* what a registry could send to take memory or the stack */

static void
bounds(void)
{
    char              *body, *p;
    size_t             i, len;
    image_manifest_t   manifest;

    static const char  begin[] = "{\"schemaVersion\":2," MANIFEST ",\"x\":";

    body = malloc(IMAGE_MANIFEST_MAX + 1);

    memset(body, ' ', IMAGE_MANIFEST_MAX + 1);
    memcpy(body, begin, sizeof(begin) - 1);
    p = body + sizeof(begin) - 1;
    memcpy(p, "1}", 2);

    number(image_manifest_parse(&manifest, bytes(OCI), (u_char *) body,
                                IMAGE_MANIFEST_MAX, NULL), OK,
           "as large as allowed");
    number(image_manifest_parse(&manifest, bytes(OCI), (u_char *) body,
                                IMAGE_MANIFEST_MAX + 1, NULL), BAD,
           "a byte larger");

    /* commas inside a string are no values */

    memset(p, ',', 1000000);
    p[0] = '"';
    memcpy(p + 1, "\\\"", 2);
    memcpy(p + 1000000, "\"}", 2);
    number(image_manifest_parse(&manifest, bytes(OCI), (u_char *) body,
                                (size_t) (p - body) + 1000002, NULL), OK,
           "a long string");

    *p++ = '[';

    for (i = 0; i < 400000; i++) {
        memcpy(p + 3 * i, "{},", 3);
    }

    len = (size_t) (p - body) + 3 * i;
    memcpy(body + len - 1, "]}", 2);
    number(image_manifest_parse(&manifest, bytes(OCI), (u_char *) body,
                                len + 1, NULL), BAD, "too many values");

    for (i = 0; i < 1000; i++) {
        memcpy(p + 3 * i, "{},", 3);
    }

    len = (size_t) (p - body) + 3 * i;
    memcpy(body + len - 1, "]}", 2);
    number(image_manifest_parse(&manifest, bytes(OCI), (u_char *) body,
                                len + 1, NULL), OK, "many values");

    memset(p - 1, '[', 100000);
    number(image_manifest_parse(&manifest, bytes(OCI), (u_char *) body,
                                (size_t) (p - body) + 100000, NULL), BAD,
           "too deep");

    free(body);
}
