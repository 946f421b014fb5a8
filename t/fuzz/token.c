/*
 * Answers of token servers: a token is visible ASCII, its life is bounded.
 */

#include "fuzz.h"
#include "image_credentials.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t         i;
    image_token_t  token;

    if (image_token_parse(&token, data, size) != 0) {
        invariant(token.token == NULL && token.len == 0);
        return 0;
    }

    invariant(token.len > 0 && token.token[token.len] == '\0');
    invariant(token.expires_in >= 60 && token.expires_in <= 86400);

    for (i = 0; i < token.len; i++) {
        invariant(token.token[i] > ' ' && token.token[i] < 0x7f);
    }

    free(token.token);

    return 0;
}
