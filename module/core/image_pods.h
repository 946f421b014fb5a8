/*
 * Lists of pods, as the Kubernetes API gives them (PodList, v1), and which
 * digest their kubelets report for a reference (contract, "Engines").
 */

#ifndef IMAGE_PODS_H
#define IMAGE_PODS_H


#include "image_reason.h"
#include "image_reference.h"


#define IMAGE_PODS_PAGE      (16 * 1024 * 1024)    /* bytes of a page */
#define IMAGE_PODS_VALUES    (512 * 1024)          /* JSON values of a page */
#define IMAGE_PODS_CONTINUE  4096                  /* bytes of the token */


/*
 * What the pages gave so far; zeroed by the caller, which sets ->reference,
 * and ->address to ask for one pod.
 */

typedef struct {
    const image_reference_t  *reference;
    image_str_t               address;     /* normalised text of an IP address,
                                              or len 0: all pods */

    image_digest_t            digest;      /* IMAGE_DIGEST_NONE: none so far */
    size_t                    containers;  /* that run the reference */
    size_t                    pods;        /* at the address */
    unsigned                  ambiguous:1;
    unsigned                  unknown:1;   /* one whose imageID is no digest */

    u_char                    next[IMAGE_PODS_CONTINUE];  /* for "continue=" */
    size_t                    next_len;    /* 0: this was the last page */
} image_pods_t;


/*
 * Takes a page.  Containers of all three kinds (init, ephemeral) count while
 * their status says that they run, and are joined to the pod's spec by their
 * name: the spec's image is compared with the reference, both normalised,
 * since status.image may name another tag.  Pods that have ended (Succeeded,
 * Failed) run nothing.  A spec that is pinned by a digest
 * names no tag, but for the one pod of an address.  With an address, pods of
 * another one are passed over, and one in the host's network, or a second
 * pod, is ambiguous.
 * IMAGE_OK, or IMAGE_BAD_RESPONSE: no such list, or over a bound.
 */
image_reason_e image_pods_page(image_pods_t *pods, const u_char *body,
    size_t len);

/*
 * After the last page: IMAGE_OK with ->digest, IMAGE_NOT_FOUND,
 * IMAGE_AMBIGUOUS: they disagree, or IMAGE_BAD_RESPONSE: an imageID that is
 * none.
 */
image_reason_e image_pods_end(image_pods_t *pods);

/*
 * The digest in an imageID: "repo@sha256:...", "docker-pullable://repo@...",
 * "docker://sha256:...", "sha256:...", or 64 bare hex digits.  0, or -1.
 */
int image_pods_image_id(image_digest_t *digest, const u_char *text,
    size_t len);


#endif /* IMAGE_PODS_H */
