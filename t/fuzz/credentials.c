/*
 * config.json: what is found is not empty, may stand in a header, and is of
 * a key that holds the registry's host.
 */

#include <strings.h>

#include "fuzz.h"
#include "image_credentials.h"


static void
printable(const image_str_t *value)
{
    size_t  i;

    for (i = 0; i < value->len; i++) {
        invariant(value->data[i] >= ' ' && value->data[i] != 0x7f);
    }
}


/* a text with escapes may hold anything */

static int
may_hold(const uint8_t *data, size_t size, const image_str_t *text)
{
    size_t  i;

    if (size && memchr(data, '\\', size) != NULL) {
        return 1;
    }

    for (i = 0; i + text->len <= size; i++) {
        if (strncasecmp((const char *) data + i, (const char *) text->data,
                        text->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                   any;
    size_t                i, k;
    const char           *error;
    image_credential_t    found;
    image_credentials_t  *credentials;

    static const image_str_t  registries[] = {
        image_str("docker.io"), image_str("r.io"), image_str("r.io:5000"),
        image_str("r"), image_str("[::1]:5000")
    };

    /* the first one is no path: of it there are the keys of the host alone */

    static const image_str_t  paths[] = {
        image_str(""), image_str("team/app"), image_str("teamx"),
        image_str("library/golang"), image_str("v2/app"), image_str("a")
    };

    error = NULL;
    credentials = image_credentials_parse(data, size, &error);

    if (credentials == NULL) {
        invariant(error != NULL && error[strlen(error) - 1] != '.');
        return 0;
    }

    invariant(error == NULL);

    for (i = 0; i < sizeof(registries) / sizeof(registries[0]); i++) {
        any = 0;

        for (k = 0; k < sizeof(paths) / sizeof(paths[0]); k++) {

            if (!image_credentials_find(credentials, &registries[i],
                                        &paths[k], &found))
            {
                invariant(!any);
                invariant(found.username.len == 0 && found.password.len == 0);
                continue;
            }

            if (k == 0) {
                any = 1;
            }

            invariant(may_hold(data, size, &registries[i]));
            invariant(found.username.len || found.password.len
                      || found.identity_token.len
                      || found.registry_token.len);
            invariant(found.username.len == 0
                      || memchr(found.username.data, ':', found.username.len)
                         == NULL);

            printable(&found.username);
            printable(&found.password);
            printable(&found.identity_token);
            printable(&found.registry_token);
        }
    }

    (void) image_credentials_helped(credentials);

    image_credentials_free(credentials);

    return 0;
}
