/*
 * The closed set of reasons: their names, and what an operator can do about
 * each.
 */

#include <string.h>

#include "image_reason.h"


#define IMAGE_REASON_PERMANENT  1
#define IMAGE_REASON_SHARED     2


typedef struct {
    const char  *name;
    const char  *advice;
    unsigned     flags;
} image_reason_entry_t;


static const image_reason_entry_t  image_reasons[IMAGE_REASONS] = {

    [IMAGE_OK] = { "", "", 0 },

    [IMAGE_INVALID_REFERENCE] = {
        "invalid_reference",
        "write the image as [HOST[:PORT]/]NAME[:TAG][@DIGEST]", 0 },

    [IMAGE_REGISTRY_NOT_ALLOWED] = {
        "registry_not_allowed",
        "add \"registry HOST;\" to the image_resolver block if this registry "
        "may be asked, by an engine's pull too",
        IMAGE_REASON_PERMANENT },

    [IMAGE_ENGINE_UNKNOWN] = {
        "engine_unknown",
        "add an \"engine\" line of that name to the image_resolver block, or "
        "mend \"engine=\"",
        IMAGE_REASON_PERMANENT },

    [IMAGE_NOT_FOUND] = {
        "not_found",
        "check the name and the tag, whether the engine has or runs it, or "
        "the registry's retention policy",
        IMAGE_REASON_PERMANENT|IMAGE_REASON_SHARED },

    [IMAGE_UNAUTHORIZED] = {
        "unauthorized",
        "give the registry \"credentials=FILE\" that may pull this "
        "repository, or the engine \"credentials=FILE\" or \"token=FILE\"; "
        "registries answer so for a missing one, too",
        IMAGE_REASON_PERMANENT },

    [IMAGE_RATE_LIMITED] = {
        "rate_limited",
        "give the registry \"credentials=FILE\" or \"mirror=URL\", or raise "
        "image_digest_ttl", 0 },

    [IMAGE_TIMEOUT] = {
        "timeout",
        "check the way to the registry or the engine, or raise \"timeout\" "
        "in the image_resolver block", 0 },

    [IMAGE_UNREACHABLE] = {
        "unreachable",
        "check the address, the name service, \"proxy\" and the firewall", 0 },

    [IMAGE_TLS] = {
        "tls",
        "give \"ca=FILE\" of the authority that signed the certificate, and "
        "check the certificate's name and dates", 0 },

    [IMAGE_BAD_RESPONSE] = {
        "bad_response",
        "check that a registry or an engine answers there, not a login page "
        "or another service", 0 },

    [IMAGE_DIGEST_MISMATCH] = {
        "digest_mismatch",
        "the registry's answer does not match its digest: check the registry "
        "and what stands between", 0 },

    [IMAGE_PLATFORM_NOT_FOUND] = {
        "platform_not_found",
        "mend \"platform=\", or push the image for this platform",
        IMAGE_REASON_PERMANENT|IMAGE_REASON_SHARED },

    [IMAGE_AMBIGUOUS] = {
        "ambiguous",
        "the engine knows several digests for this image: pin the reference, "
        "or remove the old ones there", 0 },

    [IMAGE_OVERLOADED] = {
        "overloaded",
        "raise \"connections\" in the image_resolver block, or "
        "image_digest_ttl", 0 },

    [IMAGE_INVALID_PLATFORM] = {
        "invalid_platform",
        "write \"platform=\" as OS/ARCH or OS/ARCH/VARIANT", 0 },

    [IMAGE_INVALID_SESSION] = {
        "invalid_session",
        "make \"session=\" of 1 to 128 of A-Z a-z 0-9 . _ -", 0 },

    [IMAGE_EMPTY_KEY] = {
        "empty_key",
        "check the variables of image_digest_key", 0 },

    [IMAGE_SESSION_UNAVAILABLE] = {
        "session_unavailable",
        "check the Redis of the image_resolver block, which holds the "
        "sessions", 0 }
};


const char *
image_reason_name(image_reason_e reason)
{
    if ((unsigned) reason >= IMAGE_REASONS) {
        return "";
    }

    return image_reasons[reason].name;
}


image_reason_e
image_reason_parse(const void *name, size_t len)
{
    unsigned  i;

    for (i = IMAGE_OK + 1; i < IMAGE_REASONS; i++) {
        if (strlen(image_reasons[i].name) == len
            && memcmp(image_reasons[i].name, name, len) == 0)
        {
            return (image_reason_e) i;
        }
    }

    return IMAGE_OK;
}


const char *
image_reason_advice(image_reason_e reason)
{
    if ((unsigned) reason >= IMAGE_REASONS) {
        return "";
    }

    return image_reasons[reason].advice;
}


int
image_reason_permanent(image_reason_e reason)
{
    return (unsigned) reason < IMAGE_REASONS
           && (image_reasons[reason].flags & IMAGE_REASON_PERMANENT) != 0;
}


int
image_reason_shared(image_reason_e reason)
{
    return (unsigned) reason < IMAGE_REASONS
           && (image_reasons[reason].flags & IMAGE_REASON_SHARED) != 0;
}
