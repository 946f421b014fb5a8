/*
 * JSON from outside.  The one place that calls jansson's decoder.
 */

#include <openssl/crypto.h>

#include "image_json.h"


static int image_json_is_bounded(const u_char *text, size_t len,
    size_t values);
static void image_json_cleanse(json_t *json);


json_t *
image_json_parse(const u_char *text, size_t len, size_t flags)
{
    return image_json_parse_max(text, len, flags, IMAGE_JSON_VALUES);
}


json_t *
image_json_parse_max(const u_char *text, size_t len, size_t flags,
    size_t values)
{
    json_t        *json;
    json_error_t   error;

    if (len == 0 || !image_json_is_bounded(text, len, values)) {
        return NULL;
    }

    json = json_loadb((const char *) text, len, flags, &error);

    if (json != NULL && !json_is_object(json)) {
        json_decref(json);
        return NULL;
    }

    return json;
}


/* each value but the first stands after one of "{", "[" and "," */

static int
image_json_is_bounded(const u_char *text, size_t len, size_t values)
{
    int     quoted;
    size_t  i, n;

    n = 0;
    quoted = 0;

    for (i = 0; i < len; i++) {

        switch (text[i]) {

        case '"':
            quoted = !quoted;
            break;

        case '\\':

            /* outside of a string it is an error that jansson finds */

            i++;
            break;

        case '{':
        case '[':
        case ',':

            if (!quoted && ++n > values) {
                return 0;
            }

            break;
        }
    }

    return 1;
}


void
image_json_wipe(json_t *json)
{
    image_json_cleanse(json);
    json_decref(json);
}


static void
image_json_cleanse(json_t *json)
{
    size_t       i;
    json_t      *value;
    const char  *name;

    switch (json_typeof(json)) {

    case JSON_STRING:

        /* the bytes are the heap's and ours alone: nobody else holds them */

        OPENSSL_cleanse((void *) (uintptr_t) json_string_value(json),
                        json_string_length(json));
        break;

    case JSON_OBJECT:

        json_object_foreach(json, name, value) {
            image_json_cleanse(value);
        }

        break;

    case JSON_ARRAY:

        json_array_foreach(json, i, value) {
            image_json_cleanse(value);
        }

        break;

    default:
        break;
    }
}
