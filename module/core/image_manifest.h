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


/* what is read of a document for the next step */

typedef struct {
    image_media_e   media;
    image_digest_t  next;       /* index: the entry that was chosen;
                                   manifest: its configuration */
    image_media_e   next_media; /* index: the entry's media type */
} image_manifest_t;


/* of a Content-Type's value; parameters and case are ignored */
image_media_e image_media_type(const u_char *value, size_t len);

/*
 * Parses a body that came with that Content-Type and holds it against
 * itself: mediaType, where present, equals the Content-Type; schemaVersion
 * is 2; an index has no layers or config, a manifest no manifests
 * (CVE-2021-41190).
 * With a platform (NULL or empty: without) an index gives the entry to follow
 * in ->next: the first manifest of that platform, else the first nested index
 * that names no other.
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
