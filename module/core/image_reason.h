/*
 * Why there is no digest: the closed set of the contract ("Variables").
 */

#ifndef IMAGE_REASON_H
#define IMAGE_REASON_H


typedef enum {
    IMAGE_OK = 0,

    IMAGE_INVALID_REFERENCE,
    IMAGE_REGISTRY_NOT_ALLOWED,
    IMAGE_ENGINE_UNKNOWN,
    IMAGE_NOT_FOUND,
    IMAGE_UNAUTHORIZED,
    IMAGE_RATE_LIMITED,
    IMAGE_TIMEOUT,
    IMAGE_UNREACHABLE,
    IMAGE_TLS,
    IMAGE_BAD_RESPONSE,
    IMAGE_DIGEST_MISMATCH,
    IMAGE_PLATFORM_NOT_FOUND,
    IMAGE_AMBIGUOUS,
    IMAGE_OVERLOADED,
    IMAGE_INVALID_PLATFORM,
    IMAGE_INVALID_SESSION,
    IMAGE_EMPTY_KEY,
    IMAGE_SESSION_UNAVAILABLE,

    IMAGE_REASONS
} image_reason_e;


/* the name in variables, logs and Redis; "" for IMAGE_OK */
const char *image_reason_name(image_reason_e reason);

/* the reason of that name; IMAGE_OK where it is none */
image_reason_e image_reason_parse(const void *name, size_t len);

/* what an operator can do about it: one clause, without a full stop */
const char *image_reason_advice(image_reason_e reason);

/* true where only a change of configuration or of the registry helps: logged
 * once for a reference, at "warn" */
int image_reason_permanent(image_reason_e reason);

/* true where it holds for every host, so that Redis may keep it (rule 4);
 * IMAGE_RATE_LIMITED is kept for a whole registry, by other means */
int image_reason_shared(image_reason_e reason);


#endif /* IMAGE_REASON_H */
