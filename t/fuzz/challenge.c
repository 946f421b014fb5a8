/*
 * WWW-Authenticate: lines parted by line ends, as a response may hold
 * several.
 */

#include "fuzz.h"
#include "image_challenge.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t              i, begin;
    u_char             *line;
    image_challenge_e   before;
    image_challenge_t   challenge;

    memset(&challenge, 0, sizeof(challenge));

    for (i = 0, begin = 0; i <= size; i++) {

        if (i < size && data[i] != '\n') {
            continue;
        }

        before = challenge.scheme;

        line = malloc(i - begin + 1);
        invariant(line != NULL);

        if (i > begin) {
            memcpy(line, data + begin, i - begin);
        }

        line = realloc(line, i - begin ? i - begin : 1);
        image_challenge_parse(&challenge, line, i - begin);
        free(line);

        /* never worse than it was */

        invariant(challenge.scheme >= before);

        begin = i + 1;
    }

    invariant(challenge.scheme <= IMAGE_CHALLENGE_BEARER);
    invariant(challenge.realm_len <= IMAGE_CHALLENGE_VALUE);
    invariant(challenge.service_len <= IMAGE_CHALLENGE_VALUE);
    invariant(challenge.scheme != IMAGE_CHALLENGE_BEARER
              || challenge.realm_len > 0);

    for (i = 0; i < challenge.realm_len; i++) {
        invariant(challenge.realm[i] >= ' ' && challenge.realm[i] != 0x7f);
    }

    for (i = 0; i < challenge.service_len; i++) {
        invariant(challenge.service[i] >= ' ' && challenge.service[i] != 0x7f);
    }

    return 0;
}
