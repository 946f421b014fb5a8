/*
 * image_reason.c: the closed set, its names and its advice.
 */

#include "tap.h"
#include "image_reason.h"


static const struct {
    image_reason_e  reason;
    const char     *name;
    int             permanent;
    int             shared;
} reasons[] = {
    { IMAGE_INVALID_REFERENCE, "invalid_reference", 0, 0 },
    { IMAGE_REGISTRY_NOT_ALLOWED, "registry_not_allowed", 1, 0 },
    { IMAGE_ENGINE_UNKNOWN, "engine_unknown", 1, 0 },
    { IMAGE_NOT_FOUND, "not_found", 1, 1 },
    { IMAGE_UNAUTHORIZED, "unauthorized", 1, 0 },
    { IMAGE_RATE_LIMITED, "rate_limited", 0, 0 },
    { IMAGE_TIMEOUT, "timeout", 0, 0 },
    { IMAGE_UNREACHABLE, "unreachable", 0, 0 },
    { IMAGE_TLS, "tls", 0, 0 },
    { IMAGE_BAD_RESPONSE, "bad_response", 0, 0 },
    { IMAGE_DIGEST_MISMATCH, "digest_mismatch", 0, 0 },
    { IMAGE_PLATFORM_NOT_FOUND, "platform_not_found", 1, 1 },
    { IMAGE_AMBIGUOUS, "ambiguous", 0, 0 },
    { IMAGE_OVERLOADED, "overloaded", 0, 0 },
    { IMAGE_INVALID_PLATFORM, "invalid_platform", 0, 0 },
    { IMAGE_INVALID_SESSION, "invalid_session", 0, 0 },
    { IMAGE_EMPTY_KEY, "empty_key", 0, 0 },
    { IMAGE_SESSION_UNAVAILABLE, "session_unavailable", 0, 0 }
};


int
main(void)
{
    size_t           i, len;
    const char      *advice, *name;
    image_reason_e   reason;

    number(items(reasons), IMAGE_REASONS - 1, "the set is closed");

    for (i = 0; i < items(reasons); i++) {
        reason = reasons[i].reason;
        name = reasons[i].name;

        same(image_reason_name(reason), name, name);
        number(image_reason_parse(name, strlen(name)), reason, "  parses");
        number(image_reason_parse(name, strlen(name) - 1), IMAGE_OK,
               "  not without its last letter");
        number(image_reason_permanent(reason), reasons[i].permanent,
               "  permanent");
        number(image_reason_shared(reason), reasons[i].shared, "  shared");

        advice = image_reason_advice(reason);
        len = strlen(advice);
        ok(len > 0 && len < 200 && advice[len - 1] != '.', "  has advice");
    }

    same(image_reason_name(IMAGE_OK), "", "the name of ok");
    same(image_reason_advice(IMAGE_OK), "", "the advice of ok");
    number(image_reason_parse("", 0), IMAGE_OK, "no name");
    number(image_reason_parse("not_foundx", 10), IMAGE_OK, "a longer name");
    number(image_reason_parse("NOT_FOUND", 9), IMAGE_OK, "upper case");

    same(image_reason_name(IMAGE_REASONS), "", "a number beyond the set");
    same(image_reason_advice(IMAGE_REASONS), "", "  has no advice");
    number(image_reason_permanent(IMAGE_REASONS), 0, "  is not permanent");
    number(image_reason_shared(IMAGE_REASONS), 0, "  is not shared");

    return done();
}
