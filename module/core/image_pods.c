/*
 * Lists of pods of the Kubernetes API.  Bytes that a server sent; uses
 * jansson and inet_pton(), no I/O.
 *
 * What is malformed makes the whole page so: a pod that could not be read may
 * be the one that disagrees.
 */

#include <string.h>

#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>

#include "image_json.h"
#include "image_pods.h"


#define IMAGE_PODS_ADDRESS  16


typedef struct {
    const char  *spec;
    const char  *status;
} image_pods_kind_t;


/* where a page is told to, and what it is asked for */

typedef struct {
    image_pods_t  *pods;
    uint8_t        address[IMAGE_PODS_ADDRESS];
} image_pods_ctx_t;


/* a name is unique in its pod, but the lists are not held against each other:
 * a container is joined within its own kind */

static const image_pods_kind_t  image_pods_kinds[] = {
    { "containers", "containerStatuses" },
    { "initContainers", "initContainerStatuses" },
    { "ephemeralContainers", "ephemeralContainerStatuses" },
    { NULL, NULL }
};


static int image_pods_list(image_pods_ctx_t *ctx, const json_t *json);
static int image_pods_next(image_pods_t *pods, const json_t *json);
static int image_pods_pod(image_pods_ctx_t *ctx, const json_t *pod);
static int image_pods_at(const image_pods_ctx_t *ctx, const json_t *status,
    int host);
static int image_pods_at_ip(const image_pods_ctx_t *ctx, const json_t *json,
    const char *name);
static int image_pods_address(uint8_t *address, const void *text, size_t len);
static int image_pods_containers(image_pods_t *pods, const json_t *spec,
    const json_t *status, const image_pods_kind_t *kind);
static int image_pods_names(const image_pods_t *pods, json_t *names,
    const json_t *containers);
static int image_pods_is_named(const image_pods_t *pods,
    const json_t *image);
static int image_pods_status(image_pods_t *pods, json_t *names,
    const json_t *status);
static void image_pods_running(image_pods_t *pods, const json_t *id);
static int image_pods_get(const json_t **value, const json_t *json,
    const char *name, json_type type);
static int image_pods_string_is(const json_t *json, const char *text);


image_reason_e
image_pods_page(image_pods_t *pods, const u_char *body, size_t len)
{
    int                rc;
    json_t            *json;
    image_pods_ctx_t   ctx;

    rc = -1;
    ctx.pods = pods;
    pods->next_len = 0;

    json = NULL;

    if (len <= IMAGE_PODS_PAGE) {
        json = image_json_parse_max(body, len, JSON_REJECT_DUPLICATES,
                                    IMAGE_PODS_VALUES);
    }

    if (json != NULL) {
        if (pods->address.len == 0
            || image_pods_address(ctx.address, pods->address.data,
                                  pods->address.len) == 0)
        {
            rc = image_pods_list(&ctx, json);
        }

        json_decref(json);
    }

    if (rc != 0) {

        /* the pages that were read must not pass for all of them */

        pods->unknown = 1;
        pods->next_len = 0;

        return IMAGE_BAD_RESPONSE;
    }

    return IMAGE_OK;
}


image_reason_e
image_pods_end(image_pods_t *pods)
{
    if (pods->ambiguous) {
        return IMAGE_AMBIGUOUS;
    }

    /* with a next page not all of them were seen */

    if (pods->unknown || pods->next_len != 0) {
        return IMAGE_BAD_RESPONSE;
    }

    if (pods->digest.algorithm == IMAGE_DIGEST_NONE) {
        return IMAGE_NOT_FOUND;
    }

    return IMAGE_OK;
}


static int
image_pods_list(image_pods_ctx_t *ctx, const json_t *json)
{
    size_t         i;
    const json_t  *version, *items;

    if (!image_pods_string_is(json_object_get(json, "kind"), "PodList")) {
        return -1;
    }

    version = json_object_get(json, "apiVersion");

    if (version != NULL && !image_pods_string_is(version, "v1")) {
        return -1;
    }

    /* Go's encoders write an empty list as null, but never leave it out */

    items = json_object_get(json, "items");

    if (items == NULL || (!json_is_array(items) && !json_is_null(items))) {
        return -1;
    }

    for (i = 0; i < json_array_size(items); i++) {
        if (image_pods_pod(ctx, json_array_get(items, i)) != 0) {
            return -1;
        }
    }

    return image_pods_next(ctx->pods, json);
}


static int
image_pods_next(image_pods_t *pods, const json_t *json)
{
    size_t         i, len;
    const char    *p;
    const json_t  *metadata, *value;

    if (image_pods_get(&metadata, json, "metadata", JSON_OBJECT) != 0
        || image_pods_get(&value, metadata, "continue", JSON_STRING) != 0)
    {
        return -1;
    }

    if (value == NULL) {
        return 0;
    }

    p = json_string_value(value);
    len = json_string_length(value);

    if (len > IMAGE_PODS_CONTINUE) {
        return -1;
    }

    for (i = 0; i < len; i++) {
        if (p[i] <= ' ' || p[i] > '~') {
            return -1;
        }
    }

    memcpy(pods->next, p, len);
    pods->next_len = len;

    return 0;
}


static int
image_pods_pod(image_pods_ctx_t *ctx, const json_t *pod)
{
    int                       rc;
    image_pods_t             *pods;
    const json_t             *spec, *status, *phase, *host;
    const image_pods_kind_t  *kind;

    /* a pod that no kubelet has seen yet may have no status */

    if (!json_is_object(pod)
        || image_pods_get(&spec, pod, "spec", JSON_OBJECT) != 0
        || image_pods_get(&status, pod, "status", JSON_OBJECT) != 0
        || image_pods_get(&phase, status, "phase", JSON_STRING) != 0
        || spec == NULL)
    {
        return -1;
    }

    host = json_object_get(spec, "hostNetwork");

    if (host != NULL && !json_is_boolean(host) && !json_is_null(host)) {
        return -1;
    }

    /* nothing runs in it, whatever a lost kubelet said of its containers;
     * its address may be another pod's by now */

    if (image_pods_string_is(phase, "Succeeded")
        || image_pods_string_is(phase, "Failed"))
    {
        return 0;
    }

    pods = ctx->pods;

    if (pods->address.len != 0) {
        rc = image_pods_at(ctx, status, json_is_true(host));

        if (rc != 1) {
            return rc;
        }

        pods->pods++;

        /* all that share the host's network have its address */

        if (json_is_true(host) || pods->pods > 1) {
            pods->ambiguous = 1;
        }
    }

    for (kind = image_pods_kinds; kind->spec != NULL; kind++) {
        if (image_pods_containers(pods, spec, status, kind) != 0) {
            return -1;
        }
    }

    return 0;
}


/* 1: at the address, 0: not, -1: malformed */

static int
image_pods_at(const image_pods_ctx_t *ctx, const json_t *status, int host)
{
    int            rc, at;
    size_t         i;
    const json_t  *ips;

    at = image_pods_at_ip(ctx, status, "podIP");

    if (at != 0) {
        return at;
    }

    /* of two families: podIP is the first of them */

    if (image_pods_get(&ips, status, "podIPs", JSON_ARRAY) != 0) {
        return -1;
    }

    for (i = 0; i < json_array_size(ips); i++) {
        rc = image_pods_at_ip(ctx, json_array_get(ips, i), "ip");

        if (rc != 0) {
            return rc;
        }
    }

    return host ? image_pods_at_ip(ctx, status, "hostIP") : 0;
}


static int
image_pods_at_ip(const image_pods_ctx_t *ctx, const json_t *json,
    const char *name)
{
    uint8_t        address[IMAGE_PODS_ADDRESS];
    const json_t  *value;

    if (json != NULL && !json_is_object(json)) {
        return -1;
    }

    if (image_pods_get(&value, json, name, JSON_STRING) != 0) {
        return -1;
    }

    /* not yet given */

    if (json_string_length(value) == 0) {
        return 0;
    }

    if (image_pods_address(address, json_string_value(value),
                           json_string_length(value))
        != 0)
    {
        return -1;
    }

    return memcmp(address, ctx->address, IMAGE_PODS_ADDRESS) == 0;
}


/* an IPv4 address as its mapped IPv6 address, so that both are one */

static int
image_pods_address(uint8_t *address, const void *text, size_t len)
{
    char  buf[INET6_ADDRSTRLEN];

    if (len >= sizeof(buf) || memchr(text, '\0', len) != NULL) {
        return -1;
    }

    memcpy(buf, text, len);
    buf[len] = '\0';

    memset(address, 0, 10);
    memset(address + 10, 0xff, 2);

    if (inet_pton(AF_INET, buf, address + 12) == 1
        || inet_pton(AF_INET6, buf, address) == 1)
    {
        return 0;
    }

    return -1;
}


static int
image_pods_containers(image_pods_t *pods, const json_t *spec,
    const json_t *status, const image_pods_kind_t *kind)
{
    int            rc;
    size_t         i;
    json_t        *names;
    const json_t  *containers, *statuses;

    if (image_pods_get(&containers, spec, kind->spec, JSON_ARRAY) != 0
        || image_pods_get(&statuses, status, kind->status, JSON_ARRAY) != 0)
    {
        return -1;
    }

    /* name by name, each time a hash: a list may be as long as the page */

    names = json_object();
    if (names == NULL) {
        return -1;
    }

    rc = image_pods_names(pods, names, containers);

    for (i = 0; rc == 0 && i < json_array_size(statuses); i++) {
        rc = image_pods_status(pods, names, json_array_get(statuses, i));
    }

    json_decref(names);

    return rc;
}


/* which of the pod's containers name the reference: true or false by name */

static int
image_pods_names(const image_pods_t *pods, json_t *names,
    const json_t *containers)
{
    size_t         i;
    const char    *key;
    const json_t  *container, *name, *image;

    for (i = 0; i < json_array_size(containers); i++) {
        container = json_array_get(containers, i);

        if (!json_is_object(container)
            || image_pods_get(&name, container, "name", JSON_STRING) != 0
            || image_pods_get(&image, container, "image", JSON_STRING) != 0
            || name == NULL)
        {
            return -1;
        }

        key = json_string_value(name);

        if (json_object_get(names, key) != NULL
            || json_object_set_new(names, key,
                                   json_boolean(image_pods_is_named(pods,
                                                                    image)))
               != 0)
        {
            return -1;
        }
    }

    return 0;
}


static int
image_pods_is_named(const image_pods_t *pods, const json_t *image)
{
    image_reference_t         ref;
    const image_reference_t  *wanted;

    if (image == NULL
        || image_reference_parse(&ref,
                                 (const u_char *) json_string_value(image),
                                 json_string_length(image))
           != NULL)
    {
        return 0;
    }

    /* a digest was asked for, which the tag beside it may not name; but what
     * the one pod at an address runs is no guess */

    if (image_reference_is_pinned(&ref) && pods->address.len == 0) {
        return 0;
    }

    /* the text is without the digest */

    wanted = pods->reference;

    return ref.len == wanted->len
           && memcmp(ref.text, wanted->text, ref.len) == 0;
}


static int
image_pods_status(image_pods_t *pods, json_t *names, const json_t *status)
{
    const char    *key;
    const json_t  *name, *id, *state, *running, *waiting, *terminated, *named;

    if (!json_is_object(status)
        || image_pods_get(&name, status, "name", JSON_STRING) != 0
        || image_pods_get(&id, status, "imageID", JSON_STRING) != 0
        || image_pods_get(&state, status, "state", JSON_OBJECT) != 0
        || image_pods_get(&running, state, "running", JSON_OBJECT) != 0
        || image_pods_get(&waiting, state, "waiting", JSON_OBJECT) != 0
        || image_pods_get(&terminated, state, "terminated", JSON_OBJECT) != 0
        || name == NULL)
    {
        return -1;
    }

    if (running != NULL && (waiting != NULL || terminated != NULL)) {
        return -1;
    }

    key = json_string_value(name);
    named = json_object_get(names, key);

    if (named == NULL) {
        return 0;
    }

    /* one status for a container: null from now on */

    if (json_is_null(named)) {
        return -1;
    }

    if (running != NULL && json_is_true(named)) {
        image_pods_running(pods, id);
    }

    return json_object_set_new(names, key, json_null());
}


static void
image_pods_running(image_pods_t *pods, const json_t *id)
{
    image_digest_t  digest;

    pods->containers++;

    if (id == NULL
        || image_pods_image_id(&digest, (const u_char *) json_string_value(id),
                               json_string_length(id))
           != 0)
    {
        pods->unknown = 1;

    } else if (pods->digest.algorithm == IMAGE_DIGEST_NONE) {
        pods->digest = digest;

    } else if (!image_digest_equal(&digest, &pods->digest)) {
        pods->ambiguous = 1;
    }
}


int
image_pods_image_id(image_digest_t *digest, const u_char *text, size_t len)
{
    u_char             buf[sizeof("sha256:") - 1 + 64];
    image_reference_t  ref;

    static const image_str_t  sha256 = image_str("sha256:");
    static const image_str_t  docker = image_str("docker://");
    static const image_str_t  pullable = image_str("docker-pullable://");

    memset(digest, 0, sizeof(image_digest_t));

    if (len > docker.len && memcmp(text, docker.data, docker.len) == 0) {
        return image_digest_parse(digest, text + docker.len,
                                  len - docker.len);
    }

    if (len > pullable.len && memcmp(text, pullable.data, pullable.len) == 0)
    {
        text += pullable.len;
        len -= pullable.len;

    } else {

        if (image_digest_parse(digest, text, len) == 0) {
            return 0;
        }

        if (len == sizeof(buf) - sha256.len) {
            memcpy(buf, sha256.data, sha256.len);
            memcpy(buf + sha256.len, text, len);

            return image_digest_parse(digest, buf, sizeof(buf));
        }
    }

    if (image_reference_parse(&ref, text, len) != NULL
        || !image_reference_is_pinned(&ref))
    {
        return -1;
    }

    *digest = ref.digest;

    return 0;
}


/* absent and null are one in this API: *value is NULL; -1: another type */

static int
image_pods_get(const json_t **value, const json_t *json, const char *name,
    json_type type)
{
    *value = json_object_get(json, name);

    if (*value != NULL && json_is_null(*value)) {
        *value = NULL;
    }

    return *value == NULL || json_typeof(*value) == type ? 0 : -1;
}


static int
image_pods_string_is(const json_t *json, const char *text)
{
    return json_is_string(json) && strcmp(json_string_value(json), text) == 0;
}
