/*
 * Manifests, indexes and image configurations.  Reads bytes that the caller
 * has held against their digest; uses jansson, no I/O.  No URL is ever taken
 * out of a document (CVE-2020-15157).
 */

#include <string.h>
#include <strings.h>

#include "image_json.h"
#include "image_manifest.h"


typedef struct {
    image_str_t    name;
    image_media_e  media;
} image_media_entry_t;


static const image_media_entry_t  image_media_types[] = {

    { image_str("application/vnd.oci.image.index.v1+json"),
      IMAGE_MEDIA_INDEX },

    { image_str("application/vnd.oci.image.manifest.v1+json"),
      IMAGE_MEDIA_MANIFEST },

    { image_str("application/vnd.docker.distribution.manifest.list.v2+json"),
      IMAGE_MEDIA_INDEX },

    { image_str("application/vnd.docker.distribution.manifest.v2+json"),
      IMAGE_MEDIA_MANIFEST },

    { { 0, NULL }, IMAGE_MEDIA_OTHER }
};


static const image_media_entry_t *image_media_find(const u_char *value,
    size_t len);
static image_reason_e image_manifest_read(image_manifest_t *manifest,
    const json_t *json, const image_media_entry_t *type,
    const image_platform_t *platform);
static image_reason_e image_manifest_index(image_manifest_t *manifest,
    const json_t *json, const image_platform_t *platform);
static image_reason_e image_manifest_nested(image_manifest_t *manifest,
    const json_t *entries, const image_platform_t *platform);
static image_media_e image_manifest_media(const json_t *entry);
static int image_manifest_platform_is(const image_platform_t *platform,
    const json_t *json);
static image_reason_e image_manifest_digest(image_digest_t *digest,
    const json_t *descriptor);


image_media_e
image_media_type(const u_char *value, size_t len)
{
    const u_char  *p;

    if (len == 0) {
        return IMAGE_MEDIA_OTHER;
    }

    p = memchr(value, ';', len);

    if (p != NULL) {
        len = (size_t) (p - value);
    }

    return image_media_find(value, len)->media;
}


static const image_media_entry_t *
image_media_find(const u_char *value, size_t len)
{
    const image_media_entry_t  *type;

    while (len > 0 && (value[0] == ' ' || value[0] == '\t')) {
        value++;
        len--;
    }

    while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t')) {
        len--;
    }

    for (type = image_media_types; type->name.len != 0; type++) {
        if (type->name.len == len
            && strncasecmp((const char *) type->name.data,
                           (const char *) value, len) == 0)
        {
            break;
        }
    }

    return type;
}


image_reason_e
image_manifest_parse(image_manifest_t *manifest, const u_char *type,
    size_t type_len, const u_char *body, size_t len,
    const image_platform_t *platform)
{
    json_t                     *json;
    const u_char               *p;
    image_reason_e              reason;
    const image_media_entry_t  *media;

    memset(manifest, 0, sizeof(image_manifest_t));

    if (type_len == 0 || len > IMAGE_MANIFEST_MAX) {
        return IMAGE_BAD_RESPONSE;
    }

    p = memchr(type, ';', type_len);

    media = image_media_find(type, p ? (size_t) (p - type) : type_len);

    if (media->media == IMAGE_MEDIA_OTHER) {
        return IMAGE_BAD_RESPONSE;
    }

    /* of two members of one name others may read the other one */

    json = image_json_parse(body, len, JSON_REJECT_DUPLICATES);
    if (json == NULL) {
        return IMAGE_BAD_RESPONSE;
    }

    reason = image_manifest_read(manifest, json, media, platform);

    json_decref(json);

    if (reason != IMAGE_OK) {
        memset(manifest, 0, sizeof(image_manifest_t));
    }

    return reason;
}


static image_reason_e
image_manifest_read(image_manifest_t *manifest, const json_t *json,
    const image_media_entry_t *type, const image_platform_t *platform)
{
    const json_t  *value;

    value = json_object_get(json, "schemaVersion");

    if (!json_is_integer(value) || json_integer_value(value) != 2) {
        return IMAGE_BAD_RESPONSE;
    }

    value = json_object_get(json, "mediaType");

    if (value != NULL
        && (!json_is_string(value)
            || image_media_find((const u_char *) json_string_value(value),
                                json_string_length(value))
               != type))
    {
        return IMAGE_BAD_RESPONSE;
    }

    manifest->media = type->media;

    if (type->media == IMAGE_MEDIA_INDEX) {
        return image_manifest_index(manifest, json, platform);
    }

    if (json_object_get(json, "manifests") != NULL
        || !json_is_array(json_object_get(json, "layers")))
    {
        return IMAGE_BAD_RESPONSE;
    }

    return image_manifest_digest(&manifest->next,
                                 json_object_get(json, "config"));
}


static image_reason_e
image_manifest_index(image_manifest_t *manifest, const json_t *json,
    const image_platform_t *platform)
{
    size_t         i;
    const json_t  *entries, *entry;

    entries = json_object_get(json, "manifests");

    if (!json_is_array(entries)
        || json_object_get(json, "layers") != NULL
        || json_object_get(json, "config") != NULL)
    {
        return IMAGE_BAD_RESPONSE;
    }

    for (i = 0; i < json_array_size(entries); i++) {
        entry = json_array_get(entries, i);

        if (!json_is_object(entry)) {
            return IMAGE_BAD_RESPONSE;
        }

        if (platform != NULL && platform->len != 0
            && image_manifest_media(entry) == IMAGE_MEDIA_MANIFEST
            && image_manifest_platform_is(platform,
                                          json_object_get(entry, "platform")))
        {
            return image_manifest_digest(&manifest->next, entry);
        }
    }

    if (platform == NULL || platform->len == 0) {
        return IMAGE_OK;
    }

    return image_manifest_nested(manifest, entries, platform);
}


/* a nested index may say of which platform it is; most say nothing */

static image_reason_e
image_manifest_nested(image_manifest_t *manifest, const json_t *entries,
    const image_platform_t *platform)
{
    size_t          i;
    const json_t   *entry, *value;
    image_reason_e  reason;

    for (i = 0; i < json_array_size(entries); i++) {
        entry = json_array_get(entries, i);

        if (image_manifest_media(entry) != IMAGE_MEDIA_INDEX) {
            continue;
        }

        value = json_object_get(entry, "platform");

        if (value != NULL && !json_is_null(value)
            && !image_manifest_platform_is(platform, value))
        {
            continue;
        }

        if (manifest->nnested == IMAGE_MANIFEST_NESTED) {
            return IMAGE_BAD_RESPONSE;
        }

        reason = image_manifest_digest(&manifest->nested[manifest->nnested],
                                       entry);
        if (reason != IMAGE_OK) {
            return reason;
        }

        manifest->nnested++;
    }

    return manifest->nnested ? IMAGE_OK : IMAGE_PLATFORM_NOT_FOUND;
}


/* other types are not images: they are nobody's platform */

static image_media_e
image_manifest_media(const json_t *entry)
{
    const json_t  *value;

    value = json_object_get(entry, "mediaType");

    if (!json_is_string(value)) {
        return IMAGE_MEDIA_OTHER;
    }

    return image_media_find((const u_char *) json_string_value(value),
                            json_string_length(value))->media;
}


/* a field that is no string matches nothing: it must not count as absent */

static int
image_manifest_platform_is(const image_platform_t *platform,
    const json_t *json)
{
    const char    *text;
    const json_t  *variant;

    variant = json_object_get(json, "variant");
    text = NULL;

    if (variant != NULL && !json_is_null(variant)) {
        text = json_string_value(variant);

        if (text == NULL) {
            return 0;
        }
    }

    return image_platform_is(platform,
                             json_string_value(json_object_get(json, "os")),
                             json_string_value(json_object_get(json,
                                                           "architecture")),
                             text);
}


static image_reason_e
image_manifest_digest(image_digest_t *digest, const json_t *descriptor)
{
    const json_t  *value;

    value = json_object_get(descriptor, "digest");

    if (!json_is_string(value)
        || image_digest_parse(digest,
                              (const u_char *) json_string_value(value),
                              json_string_length(value))
           != 0)
    {
        return IMAGE_BAD_RESPONSE;
    }

    return IMAGE_OK;
}


image_reason_e
image_configuration_is(const u_char *body, size_t len,
    const image_platform_t *platform)
{
    json_t         *json;
    image_reason_e  reason;

    if (len > IMAGE_MANIFEST_MAX) {
        return IMAGE_BAD_RESPONSE;
    }

    json = image_json_parse(body, len, JSON_REJECT_DUPLICATES);
    if (json == NULL) {
        return IMAGE_BAD_RESPONSE;
    }

    if (!json_is_string(json_object_get(json, "os"))
        || !json_is_string(json_object_get(json, "architecture")))
    {
        reason = IMAGE_BAD_RESPONSE;

    } else if (!image_manifest_platform_is(platform, json)) {
        reason = IMAGE_PLATFORM_NOT_FOUND;

    } else {
        reason = IMAGE_OK;
    }

    json_decref(json);

    return reason;
}
