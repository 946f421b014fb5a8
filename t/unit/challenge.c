/*
 * image_challenge.c: WWW-Authenticate as registries send it.
 */

#include <stdlib.h>

#include "tap.h"
#include "image_challenge.h"


#define NONE    IMAGE_CHALLENGE_NONE
#define BASIC   IMAGE_CHALLENGE_BASIC
#define BEARER  IMAGE_CHALLENGE_BEARER


static const struct {
    const char         *lines[2];
    image_challenge_e   scheme;
    const char         *realm;
    const char         *service;
} cases[] = {

    { { "Bearer realm=\"https://auth.docker.io/token\","
        "service=\"registry.docker.io\",scope=\"repository:a/b:pull\"" },
      BEARER, "https://auth.docker.io/token", "registry.docker.io" },
    { { "Basic realm=\"Registry\"" }, BASIC, "Registry", "" },
    { { "Basic" }, BASIC, "", "" },

    /* case, blanks, order */

    { { "bEARER Realm=\"R\", SERVICE=\"S\"" }, BEARER, "R", "S" },
    { { "BASIC REALM=\"r\"" }, BASIC, "r", "" },
    { { "  Bearer\t realm = \"r\" ,\tservice\t=\"s\"  " }, BEARER, "r", "s" },
    { { "Bearer service=\"s\",realm=\"r\"" }, BEARER, "r", "s" },
    { { ",,Bearer ,,realm=\"r\",,,service=\"s\",," }, BEARER, "r", "s" },
    { { "Bearer realm=\"r\" service=\"s\"" }, BEARER, "r", "s" },

    /* unquoted */

    { { "Bearer realm=https://a.b/token,service=a.b:5000" },
      BEARER, "https://a.b/token", "a.b:5000" },
    { { "Bearer realm=r service=s" }, BEARER, "r", "s" },

    /* empty parameters */

    { { "Bearer realm=\"r\",error=\"\",service=\"s\"" }, BEARER, "r", "s" },
    { { "Bearer error=\"\",realm=\"r\",service=\"s\"" }, BEARER, "r", "s" },
    { { "Bearer error=,realm=\"r\",service=\"s\"" }, BEARER, "r", "s" },
    { { "Bearer realm=\"r\",service=\"\"" }, BEARER, "r", "" },
    { { "Bearer realm=\"r\",service=" }, BEARER, "r", "" },
    { { "Bearer realm=\"\"" }, NONE, "", "" },
    { { "Bearer realm=" }, NONE, "", "" },

    /* quoted pairs, and what stands inside quotes */

    { { "Bearer realm=\"he\\\"l\\lo\",service=\"s\"" },
      BEARER, "he\"llo", "s" },
    { { "Bearer realm=\"a\\\\\",service=\"s\"" }, BEARER, "a\\", "s" },
    { { "Bearer realm=\"a, Basic realm=b\",service=\"s=,\"" },
      BEARER, "a, Basic realm=b", "s=," },
    { { "Basic realm=\"x, Bearer realm=\\\"evil\\\"\"" },
      BASIC, "x, Bearer realm=\"evil\"", "" },
    { { "Custom \"x, Bearer realm=evil\", Basic realm=\"r\"" },
      BASIC, "r", "" },

    /* several in a line, and several lines */

    { { "Basic realm=\"b\", Bearer realm=\"r\",service=\"s\"" },
      BEARER, "r", "s" },
    { { "Bearer realm=\"r\",service=\"s\", Basic realm=\"b\"" },
      BEARER, "r", "s" },
    { { "Basic, Bearer realm=\"r\"" }, BEARER, "r", "" },
    { { "Bearer realm=\"r\",Basic" }, BEARER, "r", "" },
    { { "Basic realm=\"b\"", "Bearer realm=\"r\"" }, BEARER, "r", "" },
    { { "Bearer realm=\"r\"", "Basic realm=\"b\"" }, BEARER, "r", "" },
    { { "Bearer realm=\"r\"", "Bearer realm=\"q\"" }, BEARER, "r", "" },
    { { "Basic realm=\"a\"", "Basic realm=\"b\"" }, BASIC, "a", "" },
    { { "Bearer error=\"x\", Basic realm=\"b\"" }, BASIC, "b", "" },
    { { "Bearer", "Basic realm=\"b\"" }, BASIC, "b", "" },
    { { "Bearer", "realm=\"b\"" }, NONE, "", "" },
    { { "Basic realm=\"b\", Custom service=\"no\"" }, BASIC, "b", "" },

    /* other schemes and token68 */

    { { "Negotiate" }, NONE, "", "" },
    { { "Negotiate a87421000000009==, Bearer realm=\"r\"" },
      BEARER, "r", "" },
    { { "NTLM TlRM/TVNTUAAC+Bearer=, Basic realm=\"b\"" }, BASIC, "b", "" },
    { { "Digest realm=\"d\",nonce=\"n\",Basic realm=\"b\"" },
      BASIC, "b", "" },
    { { "Negotiate Bearer realm=\"r\"" }, NONE, "", "" },
    { { "Bearers realm=\"r\"" }, NONE, "", "" },
    { { "Bear realm=\"r\"" }, NONE, "", "" },
    { { "realm=\"r\"" }, NONE, "", "" },

    /* the first of a name stands */

    { { "Bearer realm=\"r\",realm=\"q\"" }, BEARER, "r", "" },

    /* broken */

    { { "" }, NONE, "", "" },
    { { "=" }, NONE, "", "" },
    { { "\"" }, NONE, "", "" },
    { { ",;:()<>@" }, NONE, "", "" },
    { { "Bearer realm=\"r" }, NONE, "", "" },
    { { "Bearer realm=\"r\\" }, NONE, "", "" },
    { { "Bearer realm=\"r\\\"" }, NONE, "", "" },
    { { "Bearer realm=\"r\",service=\"s" }, BEARER, "r", "" },
    { { "Bearer realm=\"r\"; service=\"s\"" }, BEARER, "r", "s" },
    { { "Bearer realm=\"a\nb\"" }, NONE, "", "" },
    { { "Bearer realm=\"r\x7f\",service=\"s\"" }, NONE, "", "" },
    { { "Bearer =\"x\",realm=\"r\"" }, NONE, "", "" }
};


int
main(void)
{
    char               *copy, line[4096];
    size_t              i, n, len;
    image_challenge_t   challenge;

    for (i = 0; i < items(cases); i++) {
        memset(&challenge, 0, sizeof(challenge));

        for (n = 0; n < 2 && cases[i].lines[n] != NULL; n++) {
            len = strlen(cases[i].lines[n]);
            copy = malloc(len);
            memcpy(copy, cases[i].lines[n], len);
            image_challenge_parse(&challenge, (u_char *) copy, len);
            free(copy);
        }

        number(challenge.scheme, cases[i].scheme, cases[i].lines[0]);
        is(challenge.realm, challenge.realm_len, cases[i].realm, "  realm");
        is(challenge.service, challenge.service_len, cases[i].service,
           "  service");
    }

    /* limits */

    for (n = IMAGE_CHALLENGE_VALUE; n <= IMAGE_CHALLENGE_VALUE + 1; n++) {
        strcpy(line, "Bearer realm=\"r\",service=\"");
        len = strlen(line);
        memset(line + len, 's', n);
        len += n;
        line[len++] = '"';

        memset(&challenge, 0, sizeof(challenge));
        image_challenge_parse(&challenge, (u_char *) line, len);

        number(challenge.scheme, BEARER, "a long service");
        number((int64_t) challenge.service_len,
               n == IMAGE_CHALLENGE_VALUE ? IMAGE_CHALLENGE_VALUE : 0,
               "  an over-long one counts as absent");
    }

    memset(&challenge, 0, sizeof(challenge));
    image_challenge_parse(&challenge, (const u_char *) "Bearer realm=\"\0\"",
                          16);
    number(challenge.scheme, NONE, "a NUL in the realm");

    return done();
}
