/*
 * WWW-Authenticate challenges.  No I/O, no allocation; what cannot be read
 * is passed over.
 *
 * The elements of the list are challenges and parameters alike, both parted
 * by commas: a token with "=" after it is a parameter of the challenge
 * before it, and a token that begins an element without one is a scheme.
 */

#include <string.h>
#include <strings.h>

#include "image_challenge.h"


static const u_char *image_challenge_value(const u_char *p,
    const u_char *last, u_char *value, size_t *value_len);
static void image_challenge_set(image_challenge_t *challenge,
    const image_str_t *name, const u_char *value, size_t len);
static void image_challenge_keep(image_challenge_t *best,
    const image_challenge_t *challenge);
static const u_char *image_challenge_blanks(const u_char *p,
    const u_char *last);
static int image_challenge_is_token(u_char c);
static int image_challenge_is(const image_str_t *name, const char *text);


void
image_challenge_parse(image_challenge_t *challenge, const u_char *line,
    size_t len)
{
    int                begins;
    size_t             value_len;
    u_char             value[IMAGE_CHALLENGE_VALUE];
    image_str_t        name;
    const u_char      *p, *q, *last;
    image_challenge_t  current;

    memset(&current, 0, sizeof(image_challenge_t));

    if (len == 0) {
        return;
    }

    p = line;
    last = line + len;
    begins = 1;

    for ( ;; ) {
        p = image_challenge_blanks(p, last);

        if (p == last) {
            break;
        }

        if (*p == ',') {
            begins = 1;
            p++;
            continue;
        }

        name.data = p;

        while (p < last && image_challenge_is_token(*p)) {
            p++;
        }

        name.len = (size_t) (p - name.data);

        if (name.len == 0) {

            /* a comma in a stray quoted string begins nothing */

            p = (*p == '"') ? image_challenge_value(p, last, value, &value_len)
                            : p + 1;
            begins = 0;
            continue;
        }

        q = image_challenge_blanks(p, last);

        if (q < last && *q == '=') {
            p = image_challenge_blanks(q + 1, last);
            p = image_challenge_value(p, last, value, &value_len);

            image_challenge_set(&current, &name, value, value_len);

        } else if (begins) {
            image_challenge_keep(challenge, &current);
            memset(&current, 0, sizeof(image_challenge_t));

            if (image_challenge_is(&name, "bearer")) {
                current.scheme = IMAGE_CHALLENGE_BEARER;

            } else if (image_challenge_is(&name, "basic")) {
                current.scheme = IMAGE_CHALLENGE_BASIC;
            }
        }

        /* else a token68, which is of a scheme that is not known here */

        begins = 0;
    }

    image_challenge_keep(challenge, &current);
}


/*
 * Reads a quoted string or what stands there until a blank or a comma, since
 * unquoted URLs exist.  An over-long or an unterminated value, or one with a
 * control character, has no bytes.
 */

static const u_char *
image_challenge_value(const u_char *p, const u_char *last, u_char *value,
    size_t *value_len)
{
    int     bad, quoted;
    u_char  c;
    size_t  len;

    *value_len = 0;

    if (p == last) {
        return p;
    }

    len = 0;
    bad = 0;
    quoted = (*p == '"');

    if (quoted) {
        p++;
    }

    for ( /* void */ ; p < last; p++) {
        c = *p;

        if (quoted) {
            if (c == '"') {
                break;
            }

            if (c == '\\') {
                if (++p == last) {
                    break;
                }

                c = *p;
            }

        } else if (c == ',' || c == ' ' || c == '\t') {
            break;
        }

        if (c < ' ' || c == 0x7f || len == IMAGE_CHALLENGE_VALUE) {
            bad = 1;
            continue;
        }

        value[len++] = c;
    }

    if (quoted) {
        if (p == last) {
            bad = 1;

        } else {
            p++;
        }
    }

    if (!bad) {
        *value_len = len;
    }

    return p;
}


static void
image_challenge_set(image_challenge_t *challenge, const image_str_t *name,
    const u_char *value, size_t len)
{
    if (len == 0 || challenge->scheme == IMAGE_CHALLENGE_NONE) {
        return;
    }

    /* the first of a name stands */

    if (image_challenge_is(name, "realm") && challenge->realm_len == 0) {
        memcpy(challenge->realm, value, len);
        challenge->realm_len = len;

    } else if (image_challenge_is(name, "service")
               && challenge->service_len == 0)
    {
        memcpy(challenge->service, value, len);
        challenge->service_len = len;
    }
}


static void
image_challenge_keep(image_challenge_t *best,
    const image_challenge_t *challenge)
{
    switch (challenge->scheme) {

    case IMAGE_CHALLENGE_BEARER:

        /* without a realm there is nobody to ask for a token */

        if (challenge->realm_len == 0
            || best->scheme == IMAGE_CHALLENGE_BEARER)
        {
            return;
        }

        break;

    case IMAGE_CHALLENGE_BASIC:

        if (best->scheme != IMAGE_CHALLENGE_NONE) {
            return;
        }

        break;

    default:
        return;
    }

    *best = *challenge;
}


static const u_char *
image_challenge_blanks(const u_char *p, const u_char *last)
{
    while (p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    return p;
}


static int
image_challenge_is_token(u_char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9')
           || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}


static int
image_challenge_is(const image_str_t *name, const char *text)
{
    size_t  len;

    len = strlen(text);

    return name->len == len
           && strncasecmp((const char *) name->data, text, len) == 0;
}
