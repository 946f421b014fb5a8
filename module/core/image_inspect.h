/*
 * What a container engine says of an image: the JSON answers of Docker's and
 * Podman's APIs, and the choice of the digest (contract, "Engines").
 */

#ifndef IMAGE_INSPECT_H
#define IMAGE_INSPECT_H


#include "image_platform.h"
#include "image_reason.h"
#include "image_reference.h"


#define IMAGE_INSPECT_MAX  (4 * 1024 * 1024)       /* bytes of an answer */


/*
 * All three: platform of len 0: none is asked for.  IMAGE_OK with *digest,
 * IMAGE_PLATFORM_NOT_FOUND: the image is for another platform, or
 * IMAGE_BAD_RESPONSE: no such answer, no digest in it, or no platform where
 * one is asked for.  With a reason *digest is IMAGE_DIGEST_NONE.  A member of
 * another type than the engine's makes the answer bad, whether it is needed or
 * not; null counts as absent, since an empty list is null there.
 */

/*
 * GET /images/{name}/json of Docker: the digest of RepoDigests whose
 * repository, normalised, is the reference's (several: the least by its
 * text); else the first that parses; else Id.
 */
image_reason_e image_inspect_docker(image_digest_t *digest,
    const u_char *body, size_t len, const image_reference_t *reference,
    const image_platform_t *platform);

/*
 * GET /libpod/images/{name}/json of Podman: Digest, where it is among the
 * RepoDigests of the reference's repository; else as for Docker, with an Id
 * that may be bare hex digits.  It tells no variant, so an image for "arm" is
 * never the one that is asked for.
 */
image_reason_e image_inspect_podman(image_digest_t *digest,
    const u_char *body, size_t len, const image_reference_t *reference,
    const image_platform_t *platform);

/*
 * GET /distribution/{name}/json of Docker: Descriptor.digest, with the
 * platform among Platforms.
 */
image_reason_e image_inspect_distribution(image_digest_t *digest,
    const u_char *body, size_t len, const image_platform_t *platform);

/*
 * Is this the JSON error of a container engine ({"message":...} of Docker;
 * Podman's has "cause" and "response", too)?  1 and *message, as of
 * image_inspect_text(), *used its length; or 0.
 */
int image_inspect_error(const u_char *body, size_t len, u_char *message,
    size_t size, size_t *used);

/*
 * GET of an engine of type "http": {"digest":"sha256:..."}.  IMAGE_OK, or
 * IMAGE_BAD_RESPONSE.
 */
image_reason_e image_inspect_answer(image_digest_t *digest,
    const u_char *body, size_t len);

/*
 * The begin of an engine's text, at most size bytes, each in visible ASCII or
 * a blank, without NUL; returns their number.  URLs in it are as they were.
 */
size_t image_inspect_text(u_char *to, size_t size, const u_char *text,
    size_t len);


#endif /* IMAGE_INSPECT_H */
