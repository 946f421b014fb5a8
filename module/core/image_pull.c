/*
 * Streams of pulls.  Bytes that a daemon sent, some of them from a registry;
 * uses jansson, no I/O.
 */

#include <string.h>
#include <strings.h>

#include "image_inspect.h"
#include "image_json.h"
#include "image_pull.h"


/* a text that means a reason; then, if not NULL, comes somewhere after it */

typedef struct {
    image_reason_e  reason;
    const char     *text;
    const char     *then;
} image_pull_entry_t;


/*
 * In lower case; the first that is found decides.  What a registry said comes
 * before what became of a connection, since mirrors may have failed, too.
 * Where a single word tells, a blank is a part of it: no name holds one.
 */

static const image_pull_entry_t  image_pull_entries[] = {

    /* some are refusals, too; this one may be held against a registry */

    { IMAGE_RATE_LIMITED, "toomanyrequests: ", NULL },
    { IMAGE_RATE_LIMITED, "too many requests", NULL },
    { IMAGE_RATE_LIMITED, "pull rate limit", NULL },

    /* containerd adds ": not found" */

    { IMAGE_PLATFORM_NOT_FOUND, "no matching manifest for ", NULL },
    { IMAGE_PLATFORM_NOT_FOUND, "no match for platform in manifest", NULL },
    { IMAGE_PLATFORM_NOT_FOUND, "no image found in manifest list", NULL },
    { IMAGE_PLATFORM_NOT_FOUND, "no image found in image index", NULL },
    { IMAGE_PLATFORM_NOT_FOUND, "does not match the specified platform",
      NULL },
    { IMAGE_PLATFORM_NOT_FOUND, "does not provide the specified platform",
      NULL },
    { IMAGE_PLATFORM_NOT_FOUND, "choosing image instance", NULL },

    /* Docker adds that the repository may not exist */

    { IMAGE_UNAUTHORIZED, "pull access denied", NULL },
    { IMAGE_UNAUTHORIZED, "access to the resource is denied", NULL },
    { IMAGE_UNAUTHORIZED, "denied: ", NULL },
    { IMAGE_UNAUTHORIZED, "unauthorized: ", NULL },
    { IMAGE_UNAUTHORIZED, "authentication required", NULL },
    { IMAGE_UNAUTHORIZED, "authorization failed", NULL },
    { IMAGE_UNAUTHORIZED, "no basic auth credentials", NULL },
    { IMAGE_UNAUTHORIZED, "invalid username/password", NULL },
    { IMAGE_UNAUTHORIZED, "401 (unauthorized)", NULL },
    { IMAGE_UNAUTHORIZED, "401 unauthorized", NULL },
    { IMAGE_UNAUTHORIZED, "403 (forbidden)", NULL },
    { IMAGE_UNAUTHORIZED, "403 forbidden", NULL },

    { IMAGE_NOT_FOUND, "manifest unknown", NULL },
    { IMAGE_NOT_FOUND, "name unknown", NULL },
    { IMAGE_NOT_FOUND, "repository name not known", NULL },
    { IMAGE_NOT_FOUND, "no such image", NULL },
    { IMAGE_NOT_FOUND, "image not known", NULL },
    { IMAGE_NOT_FOUND, "repository ", " not found" },
    { IMAGE_NOT_FOUND, "manifest for ", " not found" },

    /* without a message; "no such image: denied:latest" was above */

    { IMAGE_UNAUTHORIZED, ": denied", NULL },
    { IMAGE_UNAUTHORIZED, ": unauthorized", NULL },

    /* a handshake's timeout is no matter of certificates */

    { IMAGE_TIMEOUT, "i/o timeout", NULL },
    { IMAGE_TIMEOUT, "tls handshake timeout", NULL },
    { IMAGE_TIMEOUT, "context deadline exceeded", NULL },
    { IMAGE_TIMEOUT, "client.timeout exceeded", NULL },
    { IMAGE_TIMEOUT, "request canceled while waiting for connection", NULL },

    { IMAGE_TLS, "x509: ", NULL },
    { IMAGE_TLS, "tls: ", NULL },
    { IMAGE_TLS, "server gave http response to https client", NULL },

    { IMAGE_UNREACHABLE, "no such host", NULL },
    { IMAGE_UNREACHABLE, "server misbehaving", NULL },
    { IMAGE_UNREACHABLE, "connection refused", NULL },
    { IMAGE_UNREACHABLE, "connection reset", NULL },
    { IMAGE_UNREACHABLE, "no route to host", NULL },
    { IMAGE_UNREACHABLE, "network is unreachable", NULL },
    { IMAGE_UNREACHABLE, "unexpected eof", NULL },
    { IMAGE_UNREACHABLE, ": eof", NULL },

    /* what may have had any of the causes above */

    { IMAGE_UNAUTHORIZED, "unable to retrieve auth token", NULL },
    { IMAGE_TLS, "certificate", NULL },
    { IMAGE_NOT_FOUND, ": not found", NULL },

    { IMAGE_BAD_RESPONSE, NULL, NULL }
};


/* what a registry said without a message, when a daemon says nothing else */

static const image_pull_entry_t  image_pull_words[] = {
    { IMAGE_UNAUTHORIZED, "unauthorized", NULL },
    { IMAGE_UNAUTHORIZED, "denied", NULL },
    { IMAGE_RATE_LIMITED, "toomanyrequests", NULL },
    { IMAGE_BAD_RESPONSE, NULL, NULL }
};


static int image_pull_line(image_pull_t *pull);
static int image_pull_error(const json_t **message, const json_t *json);
static const u_char *image_pull_find(const u_char *p, const u_char *last,
    const char *text);
static int image_pull_is_name(u_char c);
static u_char image_pull_lower(u_char c);


int
image_pull_feed(image_pull_t *pull, const u_char *bytes, size_t len)
{
    size_t         n;
    const u_char  *p;

    if (pull->malformed || len > IMAGE_PULL_STREAM - pull->total) {
        goto malformed;
    }

    pull->total += len;

    while (len > 0) {
        p = memchr(bytes, '\n', len);
        n = p ? (size_t) (p - bytes) : len;

        if (n > IMAGE_PULL_LINE - pull->len) {
            goto malformed;
        }

        memcpy(pull->line + pull->len, bytes, n);
        pull->len += n;

        if (p == NULL) {
            break;
        }

        if (image_pull_line(pull) != 0) {
            goto malformed;
        }

        bytes += n + 1;
        len -= n + 1;
    }

    return 0;

malformed:

    pull->malformed = 1;

    return -1;
}


image_reason_e
image_pull_end(image_pull_t *pull)
{
    if (pull->malformed || image_pull_line(pull) != 0) {
        pull->malformed = 1;
        return IMAGE_BAD_RESPONSE;
    }

    if (pull->lines == 0) {
        return IMAGE_BAD_RESPONSE;
    }

    return pull->reason;
}


static int
image_pull_line(image_pull_t *pull)
{
    int            rc;
    size_t         i, len;
    json_t        *json;
    const json_t  *message;
    const u_char  *text;

    len = pull->len;
    pull->len = 0;

    for (i = 0; i < len; i++) {
        if (pull->line[i] != ' ' && pull->line[i] != '\t'
            && pull->line[i] != '\r')
        {
            break;
        }
    }

    if (i == len) {
        return 0;
    }

    /* a NUL of a registry's own text is no reason to lose it */

    json = image_json_parse(pull->line, len,
                            JSON_REJECT_DUPLICATES|JSON_ALLOW_NUL);
    if (json == NULL) {
        return -1;
    }

    pull->lines++;

    rc = image_pull_error(&message, json);

    if (rc == 0 && message != NULL && pull->reason == IMAGE_OK) {
        text = (const u_char *) json_string_value(message);
        len = json_string_length(message);

        pull->reason = image_pull_reason(text, len);
        pull->message_len = image_inspect_text(pull->message,
                                               IMAGE_PULL_MESSAGE, text, len);
    }

    json_decref(json);

    return rc;
}


/*
 * Docker says it twice, and is about to say it in errorDetail alone; Podman
 * says it in "error".  An empty one is none.  -1: no such line.
 */

static int
image_pull_error(const json_t **message, const json_t *json)
{
    size_t         i;
    const json_t  *detail, *texts[2];

    *message = NULL;

    detail = json_object_get(json, "errorDetail");

    if (detail != NULL && !json_is_null(detail) && !json_is_object(detail)) {
        return -1;
    }

    texts[0] = json_object_get(detail, "message");
    texts[1] = json_object_get(json, "error");

    for (i = 0; i < 2; i++) {
        if (texts[i] == NULL || json_is_null(texts[i])) {
            continue;
        }

        if (!json_is_string(texts[i])) {
            return -1;
        }

        if (*message == NULL && json_string_length(texts[i]) != 0) {
            *message = texts[i];
        }
    }

    return 0;
}


image_reason_e
image_pull_reason(const u_char *message, size_t len)
{
    const u_char              *p, *last;
    const image_pull_entry_t  *entry;

    last = message + len;

    for (entry = image_pull_words; entry->text != NULL; entry++) {
        if (len == strlen(entry->text)
            && strncasecmp((const char *) message, entry->text, len) == 0)
        {
            return entry->reason;
        }
    }

    for (entry = image_pull_entries; entry->text != NULL; entry++) {
        p = image_pull_find(message, last, entry->text);

        if (p != NULL
            && (entry->then == NULL
                || image_pull_find(p, last, entry->then) != NULL))
        {
            break;
        }
    }

    return entry->reason;
}


/*
 * Where the first match ends, or NULL.  A match does not begin inside a word,
 * nor inside an image's name: "registry/toomanyrequests: manifest unknown".
 */

static const u_char *
image_pull_find(const u_char *p, const u_char *last, const char *text)
{
    size_t         i, len;
    const u_char  *first;

    len = strlen(text);

    for (first = p; len <= (size_t) (last - p); p++) {

        for (i = 0; i < len; i++) {
            if (image_pull_lower(p[i]) != (u_char) text[i]) {
                break;
            }
        }

        if (i == len
            && (text[0] == ':' || text[0] == ' ' || p == first
                || !image_pull_is_name(p[-1])))
        {
            return p + len;
        }
    }

    return NULL;
}


static int
image_pull_is_name(u_char c)
{
    c = image_pull_lower(c);

    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
           || c == '.' || c == '_' || c == '-' || c == '/' || c == '@'
           || c == ':';
}


static u_char
image_pull_lower(u_char c)
{
    return (u_char) (c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}
