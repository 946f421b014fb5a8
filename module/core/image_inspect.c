/*
 * Answers of container engines about one image.  Bytes that a daemon sent,
 * some of them from whoever made the image; uses jansson, no I/O.
 */

#include <string.h>
#include <strings.h>

#include "image_inspect.h"
#include "image_json.h"


/* the same three are spelt in two ways */

typedef struct {
    const char  *os;
    const char  *architecture;
    const char  *variant;
} image_inspect_names_t;


typedef struct {
    const char  *os;               /* NULL: absent */
    const char  *architecture;
    const char  *variant;
} image_inspect_fields_t;


static const image_inspect_names_t  image_inspect_image_names
    = { "Os", "Architecture", "Variant" };
static const image_inspect_names_t  image_inspect_distribution_names
    = { "os", "architecture", "variant" };


static image_reason_e image_inspect_image(image_digest_t *digest,
    const u_char *body, size_t len, const image_reference_t *reference,
    const image_platform_t *platform, int podman);
static int image_inspect_digest(image_digest_t *digest, const json_t *json,
    const image_reference_t *reference, int podman);
static int image_inspect_repositories(image_digest_t *digest,
    const json_t *entries, const image_reference_t *reference,
    const image_digest_t *preferred);
static int image_inspect_is_repository(const image_reference_t *a,
    const image_reference_t *b);
static int image_inspect_id(image_digest_t *digest, const json_t *id,
    int podman);
static image_reason_e image_inspect_platform(const json_t *json,
    const image_platform_t *platform, int podman);
static image_reason_e image_inspect_platforms(const json_t *json,
    const image_platform_t *platform);
static int image_inspect_fields(image_inspect_fields_t *fields,
    const json_t *json, const image_inspect_names_t *names);
static json_t *image_inspect_parse(const u_char *body, size_t len,
    size_t flags);
static int image_inspect_get(const json_t **value, const json_t *json,
    const char *name, json_type type);
static int image_inspect_string(const char **text, const json_t *json,
    const char *name);
static int image_inspect_value(image_digest_t *digest, const json_t *value);


image_reason_e
image_inspect_docker(image_digest_t *digest, const u_char *body, size_t len,
    const image_reference_t *reference, const image_platform_t *platform)
{
    return image_inspect_image(digest, body, len, reference, platform, 0);
}


image_reason_e
image_inspect_podman(image_digest_t *digest, const u_char *body, size_t len,
    const image_reference_t *reference, const image_platform_t *platform)
{
    return image_inspect_image(digest, body, len, reference, platform, 1);
}


static image_reason_e
image_inspect_image(image_digest_t *digest, const u_char *body, size_t len,
    const image_reference_t *reference, const image_platform_t *platform,
    int podman)
{
    json_t          *json;
    image_reason_e   reason;

    reason = IMAGE_BAD_RESPONSE;

    memset(digest, 0, sizeof(image_digest_t));

    json = image_inspect_parse(body, len, 0);
    if (json == NULL) {
        return reason;
    }

    if (image_inspect_digest(digest, json, reference, podman) == 0) {
        reason = image_inspect_platform(json, platform, podman);
    }

    json_decref(json);

    if (reason != IMAGE_OK) {
        memset(digest, 0, sizeof(image_digest_t));
    }

    return reason;
}


static int
image_inspect_digest(image_digest_t *digest, const json_t *json,
    const image_reference_t *reference, int podman)
{
    const json_t    *id, *entries, *value;
    image_digest_t   preferred;

    if (image_inspect_get(&id, json, "Id", JSON_STRING) != 0
        || image_inspect_get(&entries, json, "RepoDigests", JSON_ARRAY) != 0)
    {
        return -1;
    }

    memset(&preferred, 0, sizeof(image_digest_t));

    if (podman) {
        if (image_inspect_get(&value, json, "Digest", JSON_STRING) != 0) {
            return -1;
        }

        if (value != NULL) {
            (void) image_inspect_value(&preferred, value);
        }
    }

    if (image_inspect_repositories(digest, entries, reference, &preferred)
        != 0)
    {
        return -1;
    }

    if (digest->algorithm != IMAGE_DIGEST_NONE) {
        return 0;
    }

    return image_inspect_id(digest, id, podman);
}


/*
 * The digest of the requested repository: the preferred one, else the least;
 * or of whatever repository is named first.  0 without a digest, too.
 */

static int
image_inspect_repositories(image_digest_t *digest, const json_t *entries,
    const image_reference_t *reference, const image_digest_t *preferred)
{
    int                 found;
    size_t              i;
    const json_t       *entry;
    image_digest_t      first, least;
    image_reference_t   ref;

    found = 0;

    memset(&first, 0, sizeof(image_digest_t));
    memset(&least, 0, sizeof(image_digest_t));

    for (i = 0; i < json_array_size(entries); i++) {
        entry = json_array_get(entries, i);

        if (!json_is_string(entry)) {
            return -1;
        }

        /* "<none>@<none>" and the like name nothing */

        if (image_reference_parse(&ref,
                                  (const u_char *) json_string_value(entry),
                                  json_string_length(entry))
                != NULL
            || !image_reference_is_pinned(&ref))
        {
            continue;
        }

        if (first.algorithm == IMAGE_DIGEST_NONE) {
            first = ref.digest;
        }

        if (!image_inspect_is_repository(&ref, reference)) {
            continue;
        }

        if (image_digest_equal(&ref.digest, preferred)) {
            found = 1;
        }

        /* algorithms and digits are in the order of their texts */

        if (least.algorithm == IMAGE_DIGEST_NONE
            || memcmp(&ref.digest, &least, sizeof(image_digest_t)) < 0)
        {
            least = ref.digest;
        }
    }

    if (found) {
        *digest = *preferred;

    } else if (least.algorithm != IMAGE_DIGEST_NONE) {
        *digest = least;

    } else {
        *digest = first;
    }

    return 0;
}


static int
image_inspect_is_repository(const image_reference_t *a,
    const image_reference_t *b)
{
    return a->domain.len == b->domain.len
           && memcmp(a->domain.data, b->domain.data, a->domain.len) == 0
           && a->path.len == b->path.len
           && memcmp(a->path.data, b->path.data, a->path.len) == 0;
}


static int
image_inspect_id(image_digest_t *digest, const json_t *id, int podman)
{
    u_char  text[sizeof("sha256:") - 1 + 64];

    static const image_str_t  sha256 = image_str("sha256:");

    if (id == NULL) {
        return -1;
    }

    if (podman && json_string_length(id) == sizeof(text) - sha256.len) {
        memcpy(text, sha256.data, sha256.len);
        memcpy(text + sha256.len, json_string_value(id),
               sizeof(text) - sha256.len);

        return image_digest_parse(digest, text, sizeof(text));
    }

    return image_inspect_value(digest, id);
}


static image_reason_e
image_inspect_platform(const json_t *json, const image_platform_t *platform,
    int podman)
{
    image_inspect_fields_t  fields;

    if (image_inspect_fields(&fields, json, &image_inspect_image_names) != 0)
    {
        return IMAGE_BAD_RESPONSE;
    }

    if (platform->len == 0) {
        return IMAGE_OK;
    }

    /* an engine leaves an empty field out, or shows it */

    if (fields.os == NULL || fields.os[0] == '\0'
        || fields.architecture == NULL || fields.architecture[0] == '\0')
    {
        return IMAGE_BAD_RESPONSE;
    }

    if (!image_platform_is(platform, fields.os, fields.architecture,
                           fields.variant))
    {
        return IMAGE_PLATFORM_NOT_FOUND;
    }

    /* Podman tells no variant: what is for "arm" may be for any of them */

    if (podman && strcasecmp(fields.architecture, "arm") == 0
        && (fields.variant == NULL || fields.variant[0] == '\0'))
    {
        return IMAGE_PLATFORM_NOT_FOUND;
    }

    return IMAGE_OK;
}


image_reason_e
image_inspect_distribution(image_digest_t *digest, const u_char *body,
    size_t len, const image_platform_t *platform)
{
    json_t          *json;
    const json_t    *descriptor, *value;
    image_reason_e   reason;

    reason = IMAGE_BAD_RESPONSE;

    memset(digest, 0, sizeof(image_digest_t));

    json = image_inspect_parse(body, len, 0);
    if (json == NULL) {
        return reason;
    }

    if (image_inspect_get(&descriptor, json, "Descriptor", JSON_OBJECT) == 0
        && image_inspect_get(&value, descriptor, "digest", JSON_STRING) == 0
        && value != NULL
        && image_inspect_value(digest, value) == 0)
    {
        reason = image_inspect_platforms(json, platform);
    }

    json_decref(json);

    if (reason != IMAGE_OK) {
        memset(digest, 0, sizeof(image_digest_t));
    }

    return reason;
}


static image_reason_e
image_inspect_platforms(const json_t *json, const image_platform_t *platform)
{
    int                      found;
    size_t                   i;
    const json_t            *entries, *entry;
    image_inspect_fields_t   fields;

    if (image_inspect_get(&entries, json, "Platforms", JSON_ARRAY) != 0) {
        return IMAGE_BAD_RESPONSE;
    }

    found = 0;

    for (i = 0; i < json_array_size(entries); i++) {
        entry = json_array_get(entries, i);

        if (!json_is_object(entry)
            || image_inspect_fields(&fields, entry,
                                    &image_inspect_distribution_names)
               != 0)
        {
            return IMAGE_BAD_RESPONSE;
        }

        if (image_platform_is(platform, fields.os, fields.architecture,
                              fields.variant))
        {
            found = 1;
        }
    }

    return platform->len == 0 || found ? IMAGE_OK : IMAGE_PLATFORM_NOT_FOUND;
}


static int
image_inspect_fields(image_inspect_fields_t *fields, const json_t *json,
    const image_inspect_names_t *names)
{
    if (image_inspect_string(&fields->os, json, names->os) != 0
        || image_inspect_string(&fields->architecture, json,
                                names->architecture)
           != 0
        || image_inspect_string(&fields->variant, json, names->variant) != 0)
    {
        return -1;
    }

    return 0;
}


int
image_inspect_error(const u_char *body, size_t len, u_char *message,
    size_t size, size_t *used)
{
    json_t        *json;
    const json_t  *value;

    *used = 0;

    /* a NUL of a registry's own text is no reason to lose it */

    json = image_inspect_parse(body, len, JSON_ALLOW_NUL);
    if (json == NULL) {
        return 0;
    }

    value = json_object_get(json, "message");

    if (!json_is_string(value)) {
        json_decref(json);
        return 0;
    }

    *used = image_inspect_text(message, size,
                               (const u_char *) json_string_value(value),
                               json_string_length(value));
    json_decref(json);

    return 1;
}


image_reason_e
image_inspect_answer(image_digest_t *digest, const u_char *body, size_t len)
{
    int      rc;
    json_t  *json;

    memset(digest, 0, sizeof(image_digest_t));

    json = image_inspect_parse(body, len, 0);
    if (json == NULL) {
        return IMAGE_BAD_RESPONSE;
    }

    rc = image_inspect_value(digest, json_object_get(json, "digest"));

    json_decref(json);

    return rc == 0 ? IMAGE_OK : IMAGE_BAD_RESPONSE;
}


size_t
image_inspect_text(u_char *to, size_t size, const u_char *text, size_t len)
{
    size_t  i;

    if (len > size) {
        len = size;
    }

    for (i = 0; i < len; i++) {
        to[i] = (u_char) (text[i] >= ' ' && text[i] <= '~' ? text[i] : '?');
    }

    return len;
}


/* of two members of one name others may read the other one */

static json_t *
image_inspect_parse(const u_char *body, size_t len, size_t flags)
{
    if (len > IMAGE_INSPECT_MAX) {
        return NULL;
    }

    return image_json_parse(body, len, JSON_REJECT_DUPLICATES|flags);
}


/* *value is NULL for what is absent or null; -1: another type */

static int
image_inspect_get(const json_t **value, const json_t *json, const char *name,
    json_type type)
{
    *value = json_object_get(json, name);

    if (*value != NULL && json_is_null(*value)) {
        *value = NULL;
    }

    return *value == NULL || json_typeof(*value) == type ? 0 : -1;
}


static int
image_inspect_string(const char **text, const json_t *json, const char *name)
{
    const json_t  *value;

    if (image_inspect_get(&value, json, name, JSON_STRING) != 0) {
        return -1;
    }

    *text = json_string_value(value);

    return 0;
}


static int
image_inspect_value(image_digest_t *digest, const json_t *value)
{
    if (!json_is_string(value)) {
        return -1;
    }

    return image_digest_parse(digest,
                              (const u_char *) json_string_value(value),
                              json_string_length(value));
}
