/*
 * Manifests, indexes and image configurations: JSON documents of a registry
 * (OCI image spec; Docker image manifest v2, schema 2).  The caller holds
 * the bytes against their digest.
 */

#ifndef IMAGE_MANIFEST_H
#define IMAGE_MANIFEST_H


#include "image_platform.h"
#include "image_reason.h"
#include "image_digest.h"


#define IMAGE_MANIFEST_MAX  (4 * 1024 * 1024)      /* bytes of a document */


typedef enum {
    IMAGE_MEDIA_OTHER = 0,
    IMAGE_MEDIA_INDEX,                 /* OCI index, Docker manifest list */
    IMAGE_MEDIA_MANIFEST               /* OCI manifest, Docker schema 2 */
} image_media_e;

/* the value of Accept: all four types, always */
#define IMAGE_MANIFEST_ACCEPT                                                \
    "application/vnd.oci.image.index.v1+json, "                              \
    "application/vnd.oci.image.manifest.v1+json, "                           \
    "application/vnd.docker.distribution.manifest.list.v2+json, "            \
    "application/vnd.docker.distribution.manifest.v2+json"


#define IMAGE_MANIFEST_NESTED  16      /* indexes followed from one */


/* what is read of a document for the next step */

typedef struct {
    image_media_e   media;

    /* of a manifest: its configuration; of an index: the manifest of the
     * platform, or IMAGE_DIGEST_NONE: it may be in a nested index */
    image_digest_t  next;

    image_digest_t  nested[IMAGE_MANIFEST_NESTED];
    size_t          nnested;
} image_manifest_t;


/* of a Content-Type's value; parameters and case are ignored */
image_media_e image_media_type(const u_char *value, size_t len);

/*
 * Parses a body that came with that Content-Type and holds it against
 * itself: mediaType, where present, equals the Content-Type; schemaVersion
 * is 2; an index has no layers or config, a manifest no manifests
 * (CVE-2021-41190).
 * With a platform (NULL or empty: without) an index gives what to follow: in
 * ->next the first manifest of that platform; where there is none, in
 * ->nested, in their order, the nested indexes that name no other platform.
 * Over IMAGE_MANIFEST_NESTED of them are IMAGE_BAD_RESPONSE.
 * IMAGE_OK, IMAGE_BAD_RESPONSE, or IMAGE_PLATFORM_NOT_FOUND.
 */
image_reason_e image_manifest_parse(image_manifest_t *manifest,
    const u_char *type, size_t type_len, const u_char *body, size_t len,
    const image_platform_t *platform);

/*
 * Is the image of this configuration document for the platform?
 * IMAGE_OK, IMAGE_BAD_RESPONSE, or IMAGE_PLATFORM_NOT_FOUND.
 */
image_reason_e image_configuration_is(const u_char *body, size_t len,
    const image_platform_t *platform);


#endif /* IMAGE_MANIFEST_H */
