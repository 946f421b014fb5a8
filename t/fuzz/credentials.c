/*
 * config.json: what is found is not empty, and may stand in a header.
 */

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


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t                i;
    const char           *error;
    image_credential_t    found;
    image_credentials_t  *credentials;

    static const char  *const registries[] = {
        "docker.io", "r.io", "r.io:5000", "r", "[::1]:5000"
    };

    error = NULL;
    credentials = image_credentials_parse(data, size, &error);

    if (credentials == NULL) {
        invariant(error != NULL && error[strlen(error) - 1] != '.');
        return 0;
    }

    invariant(error == NULL);

    for (i = 0; i < sizeof(registries) / sizeof(registries[0]); i++) {

        if (!image_credentials_find(credentials,
                                    (const u_char *) registries[i],
                                    strlen(registries[i]), &found))
        {
            invariant(found.username.len == 0 && found.password.len == 0);
            continue;
        }

        invariant(found.username.len || found.password.len
                  || found.identity_token.len || found.registry_token.len);
        invariant(found.username.len == 0
                  || memchr(found.username.data, ':', found.username.len)
                     == NULL);

        printable(&found.username);
        printable(&found.password);
        printable(&found.identity_token);
        printable(&found.registry_token);
    }

    image_credentials_free(credentials);

    return 0;
}
