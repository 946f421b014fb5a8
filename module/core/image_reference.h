/*
 * Image references: grammar and normalisation of distribution/reference,
 * with the limits of notes in docs/references.md.  Pure: no I/O, no
 * allocation.
 */

#ifndef IMAGE_REFERENCE_H
#define IMAGE_REFERENCE_H


#include "image_digest.h"


#define IMAGE_REFERENCE_DOMAIN  255
#define IMAGE_REFERENCE_PATH    255
#define IMAGE_REFERENCE_TAG     128

/* "domain/path:tag", and with "@digest": no valid reference is longer */
#define IMAGE_REFERENCE_NAME                                                 \
    (IMAGE_REFERENCE_DOMAIN + 1 + IMAGE_REFERENCE_PATH                       \
     + 1 + IMAGE_REFERENCE_TAG)
#define IMAGE_REFERENCE_TEXT    (IMAGE_REFERENCE_NAME + 1 + IMAGE_DIGEST_TEXT)


/*
 * text is canonical: "domain/path:tag", or "domain/path" where there is a
 * digest and no tag.  A missing tag without a digest is "latest".
 */

typedef struct {
    u_char          text[IMAGE_REFERENCE_NAME];
    size_t          len;

    image_str_t     domain;            /* these three point into text, */
    image_str_t     path;              /* so the struct is not copied  */
    image_str_t     tag;               /* by assignment                */

    image_digest_t  digest;            /* IMAGE_DIGEST_NONE: not pinned */
} image_reference_t;


#define image_reference_is_pinned(ref)                                       \
    ((ref)->digest.algorithm != IMAGE_DIGEST_NONE)


/*
 * Parses and normalises.  Returns NULL, or a sentence without a full stop
 * that says what is wrong with the text and never repeats a byte of it; *ref
 * is then undefined.  Any bytes may be given, NUL among them.
 */
const char *image_reference_parse(image_reference_t *ref, const u_char *text,
    size_t len);

/* a copy whose parts point into itself */
void image_reference_copy(image_reference_t *to,
    const image_reference_t *from);

/* "domain/path[:tag]@digest" into at most IMAGE_REFERENCE_TEXT bytes, with
 * any digest; returns their number */
size_t image_reference_pinned(const image_reference_t *ref,
    const image_digest_t *digest, u_char *text);


#endif /* IMAGE_REFERENCE_H */
