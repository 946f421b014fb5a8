/*
 * image_pull.c: the streams of Docker's POST /images/create and Podman's
 * POST /libpod/images/pull, and what errors in prose mean.
 */

#include <stdlib.h>

#include "tap.h"
#include "image_pull.h"


#define NL  "\r\n"

#define BAD  IMAGE_BAD_RESPONSE
#define OK   IMAGE_OK

#define HEX  "0123456789abcdef0123456789abcdef"                              \
             "0123456789abcdef0123456789abcdef"


static const char  docker_done[] =
    "{\"status\":\"Pulling from library/golang\",\"id\":\"1.22\"}" NL
    "{\"status\":\"Pulling fs layer\",\"progressDetail\":{},"
    "\"id\":\"4f4fb700ef54\"}" NL
    "{\"status\":\"Downloading\",\"progressDetail\":{\"current\":32,"
    "\"total\":99},\"progress\":\"[=\\u003e   ]  32B/99B\","
    "\"id\":\"4f4fb700ef54\"}" NL
    "{\"status\":\"Digest: sha256:" HEX "\"}" NL
    "{\"status\":\"Status: Downloaded newer image for golang:1.22\"}" NL;

static const char  docker_failed[] =
    "{\"status\":\"Pulling from library/golang\",\"id\":\"1.22\"}" NL
    "{\"errorDetail\":{\"message\":\"toomanyrequests: You have reached your "
    "pull rate limit.\"},\"error\":\"toomanyrequests: You have reached your "
    "pull rate limit.\"}" NL;

static const char  podman_done[] =
    "{\"stream\":\"Trying to pull docker.io/library/golang:1.22...\\n\"}\n"
    "{\"stream\":\"Getting image source signatures\\n\"}\n"
    "{\"stream\":\"Writing manifest to image destination\\n\"}\n"
    "{\"images\":[\"" HEX "\"],\"id\":\"" HEX "\"}\n";

static const char  podman_failed[] =
    "{\"stream\":\"Trying to pull docker.io/library/golang:9...\\n\"}\n"
    "{\"error\":\"initializing source docker://golang:9: reading manifest 9 "
    "in docker.io/library/golang: manifest unknown\"}\n";


typedef struct {
    const char      *body;
    image_reason_e   reason;
    const char      *message;
} stream_t;


typedef struct {
    image_reason_e   reason;
    const char      *message;
} prose_t;


static void whole(void);
static void pieces(void);
static void bounds(void);
static void poisoned(void);
static void prose(void);
static void names(void);
static image_pull_t *fresh(void);


static image_pull_t  pulls;


static const stream_t  streams[] = {

    { docker_done, OK, "" },
    { podman_done, OK, "" },

    { docker_failed, IMAGE_RATE_LIMITED,
      "toomanyrequests: You have reached your pull rate limit." },
    { podman_failed, IMAGE_NOT_FOUND,
      "initializing source docker://golang:9: reading manifest 9 in "
      "docker.io/library/golang: manifest unknown" },

    /* nothing */

    { "", BAD, "" },
    { "\r\n", BAD, "" },
    { " \t\r\n\n\n  ", BAD, "" },

    /* lines */

    { "{}", OK, "" },
    { "{}\n", OK, "" },
    { "{}\r\n", OK, "" },
    { "\r\n\n \t{} \t\r\n\n", OK, "" },
    { "{}\n{\"error\":\"manifest unknown\"}", IMAGE_NOT_FOUND,
      "manifest unknown" },
    { "{}{}\n", BAD, "" },
    { "{\n\"status\":\"x\"}\n", BAD, "" },
    { "{}\v\n", BAD, "" },
    { "[]\n", BAD, "" },
    { "null\n", BAD, "" },
    { "\"error\"\n", BAD, "" },
    { "1\n", BAD, "" },
    { "{}\n{\n", BAD, "" },
    { "{}\n{", BAD, "" },
    { "{}\nx", BAD, "" },
    { "<html>\n", BAD, "" },
    { "\xef\xbb\xbf{}\n", BAD, "" },
    { "{\"status\":\"\xff\xfe\"}\n", BAD, "" },
    { "{\"status\":\"a\",\"status\":\"b\"}\n", BAD, "" },

    /* errors: where they stand, and which one counts */

    { "{\"error\":\"i/o timeout\"}\n{\"error\":\"manifest unknown\"}\n",
      IMAGE_TIMEOUT, "i/o timeout" },
    { "{\"error\":\"manifest unknown\"}\n{\"status\":\"done\"}\n",
      IMAGE_NOT_FOUND, "manifest unknown" },
    { "{\"error\":\"manifest unknown\"}\nx\n", BAD, "manifest unknown" },
    { "{\"errorDetail\":{\"message\":\"i/o timeout\"}}\n", IMAGE_TIMEOUT,
      "i/o timeout" },
    { "{\"errorDetail\":{\"code\":404,\"message\":\"i/o timeout\"},"
      "\"error\":\"no such host\"}\n", IMAGE_TIMEOUT, "i/o timeout" },
    { "{\"errorDetail\":{\"message\":\"\"},\"error\":\"no such host\"}\n",
      IMAGE_UNREACHABLE, "no such host" },
    { "{\"errorDetail\":{},\"error\":\"no such host\"}\n",
      IMAGE_UNREACHABLE, "no such host" },
    { "{\"errorDetail\":null,\"error\":\"no such host\"}\n",
      IMAGE_UNREACHABLE, "no such host" },
    { "{\"error\":\"out of cheese\"}\n", BAD, "out of cheese" },

    /* none */

    { "{\"error\":\"\"}\n", OK, "" },
    { "{\"error\":null}\n", OK, "" },
    { "{\"errorDetail\":null,\"error\":null}\n", OK, "" },
    { "{\"errorDetail\":{},\"error\":\"\"}\n", OK, "" },
    { "{\"errorDetail\":{\"message\":null}}\n", OK, "" },
    { "{\"status\":\"error: manifest unknown\"}\n", OK, "" },
    { "{\"aux\":{\"error\":\"manifest unknown\"}}\n", OK, "" },
    { "{\"Error\":\"manifest unknown\"}\n", OK, "" },

    /* another type is not the same as none */

    { "{\"error\":1}\n", BAD, "" },
    { "{\"error\":true}\n", BAD, "" },
    { "{\"error\":{\"message\":\"x\"}}\n", BAD, "" },
    { "{\"error\":[\"x\"]}\n", BAD, "" },
    { "{\"errorDetail\":\"x\"}\n", BAD, "" },
    { "{\"errorDetail\":[]}\n", BAD, "" },
    { "{\"errorDetail\":false}\n", BAD, "" },
    { "{\"errorDetail\":{\"message\":1},\"error\":\"x\"}\n", BAD, "" },

    /* what is kept of a text */

    { "{\"error\":\"a\\u0000b\\r\\n\\u001b[31m\\u007f\\t~\"}\n", BAD,
      "a?b???[31m??~" },
    { "{\"error\":\"caf\xc3\xa9: manifest unknown\"}\n", IMAGE_NOT_FOUND,
      "caf??: manifest unknown" },
    { "{\"error\":\"\\u0000\"}\n", BAD, "?" },
};


static const prose_t  proses[] = {

    /* Docker */

    { IMAGE_RATE_LIMITED,
      "toomanyrequests: You have reached your pull rate limit. You may "
      "increase the limit by authenticating and upgrading: "
      "https://www.docker.com/increase-rate-limit" },
    { IMAGE_RATE_LIMITED,
      "error pulling image: denied: toomanyrequests: Rate exceeded" },
    { IMAGE_RATE_LIMITED,
      "received unexpected HTTP status: 429 Too Many Requests" },

    { IMAGE_NOT_FOUND,
      "manifest for golang:9 not found: manifest unknown: manifest unknown" },
    { IMAGE_NOT_FOUND, "manifest for golang:9 not found" },
    { IMAGE_NOT_FOUND, "manifest unknown" },
    { IMAGE_NOT_FOUND, "MANIFEST UNKNOWN" },
    { IMAGE_NOT_FOUND,
      "name unknown: repository name not known to registry" },
    { IMAGE_NOT_FOUND, "repository corp/app not found" },
    { IMAGE_NOT_FOUND,
      "repository corp/app not found: does not exist or no pull access" },
    { IMAGE_NOT_FOUND, "No such image: golang:9" },
    { IMAGE_NOT_FOUND,
      "failed to resolve reference \"docker.io/library/golang:9\": "
      "docker.io/library/golang:9: not found" },

    { IMAGE_UNAUTHORIZED,
      "pull access denied for corp/app, repository does not exist or may "
      "require 'docker login': denied: requested access to the resource is "
      "denied" },
    { IMAGE_UNAUTHORIZED, "unauthorized: authentication required" },
    { IMAGE_UNAUTHORIZED,
      "Get \"https://r.corp/v2/app/manifests/1\": no basic auth "
      "credentials" },
    { IMAGE_UNAUTHORIZED, "Head \"https://r.corp/v2/\": unauthorized" },
    { IMAGE_UNAUTHORIZED, "errors:\ndenied: not yours\n" },
    { IMAGE_UNAUTHORIZED,
      "failed to authorize: failed to fetch anonymous token: unexpected "
      "status from GET request to https://ghcr.io/token: 403 Forbidden" },
    { IMAGE_UNAUTHORIZED,
      "insufficient_scope: authorization failed" },

    { IMAGE_PLATFORM_NOT_FOUND,
      "no matching manifest for linux/arm64/v8 in the manifest list "
      "entries" },
    { IMAGE_PLATFORM_NOT_FOUND,
      "no matching manifest for linux/arm64/v8 in the manifest list entries: "
      "no match for platform in manifest: not found" },
    { IMAGE_PLATFORM_NOT_FOUND,
      "image with reference golang:1.22 was found but does not match the "
      "specified platform: wanted linux/arm64, actual: linux/amd64" },
    { IMAGE_PLATFORM_NOT_FOUND,
      "image with reference golang:1.22 was found but does not provide the "
      "specified platform (linux/arm64)" },

    { IMAGE_TLS,
      "Get \"https://r.corp/v2/\": x509: certificate signed by unknown "
      "authority" },
    { IMAGE_TLS,
      "Get \"https://r.corp/v2/\": tls: failed to verify certificate: x509: "
      "certificate has expired" },
    { IMAGE_TLS,
      "Get \"https://r.corp/v2/\": remote error: tls: handshake failure" },
    { IMAGE_TLS,
      "Get \"https://r.corp:5000/v2/\": http: server gave HTTP response to "
      "HTTPS client" },
    { IMAGE_TLS, "could not load certificate" },

    { IMAGE_UNREACHABLE,
      "Get \"https://r.corp/v2/\": dial tcp: lookup r.corp on 127.0.0.53:53: "
      "no such host" },
    { IMAGE_UNREACHABLE,
      "Get \"https://r.corp/v2/\": dial tcp: lookup r.corp on 127.0.0.53:53: "
      "server misbehaving" },
    { IMAGE_UNREACHABLE,
      "Get \"http://127.0.0.1:1/v2/\": dial tcp 127.0.0.1:1: connect: "
      "connection refused" },
    { IMAGE_UNREACHABLE, "connect: no route to host" },
    { IMAGE_UNREACHABLE, "connect: network is unreachable" },
    { IMAGE_UNREACHABLE,
      "read tcp 127.0.0.1:2->127.0.0.1:1: read: connection reset by peer" },
    { IMAGE_UNREACHABLE, "Get \"https://r.corp/v2/\": EOF" },
    { IMAGE_UNREACHABLE, "unexpected EOF" },

    { IMAGE_TIMEOUT,
      "Get \"https://r.corp/v2/\": dial tcp 10.0.0.1:443: i/o timeout" },
    { IMAGE_TIMEOUT, "context deadline exceeded" },
    { IMAGE_TIMEOUT,
      "Get \"https://r.corp/v2/\": net/http: request canceled (Client.Timeout "
      "exceeded while awaiting headers)" },
    { IMAGE_TIMEOUT,
      "Get \"https://r.corp/v2/\": net/http: request canceled while waiting "
      "for connection" },
    { IMAGE_TIMEOUT,
      "Get \"https://r.corp/v2/\": net/http: TLS handshake timeout" },

    /* Podman */

    { IMAGE_RATE_LIMITED,
      "initializing source docker://golang:1.22: reading manifest 1.22 in "
      "docker.io/library/golang: toomanyrequests: You have reached your "
      "unauthenticated pull rate limit." },
    { IMAGE_NOT_FOUND,
      "initializing source docker://golang:9: reading manifest 9 in "
      "docker.io/library/golang: manifest unknown" },
    { IMAGE_NOT_FOUND,
      "initializing source docker://r.corp/app:1: (Mirrors also failed: "
      "[m.corp/app:1: pinging container registry m.corp: Get "
      "\"https://m.corp/v2/\": dial tcp 10.0.0.1:443: i/o timeout]): "
      "r.corp/app:1: reading manifest 1 in r.corp/app: manifest unknown" },
    { IMAGE_NOT_FOUND,
      "failed to find image r.corp/app:1: r.corp/app:1: image not known" },
    { IMAGE_UNAUTHORIZED,
      "initializing source docker://corp/app:1: reading manifest 1 in "
      "docker.io/corp/app: requested access to the resource is denied" },
    { IMAGE_UNAUTHORIZED,
      "initializing source docker://ghcr.io/corp/app:1: reading manifest 1 "
      "in ghcr.io/corp/app: denied" },
    { IMAGE_UNAUTHORIZED,
      "initializing source docker://r.corp/app:1: unable to retrieve auth "
      "token: invalid username/password: unauthorized: incorrect username or "
      "password" },
    { IMAGE_UNAUTHORIZED, "unable to retrieve auth token: what" },
    { IMAGE_UNREACHABLE,
      "unable to retrieve auth token: dial tcp: connection refused" },
    { IMAGE_UNAUTHORIZED,
      "Requesting bearer token: invalid status code from registry 403 "
      "(Forbidden)" },
    { IMAGE_PLATFORM_NOT_FOUND,
      "choosing an image from manifest list docker://golang:1.22: no image "
      "found in manifest list for architecture arm64, variant \"v8\", OS "
      "linux" },
    { IMAGE_PLATFORM_NOT_FOUND,
      "no image found in image index for architecture \"arm64\"" },
    { IMAGE_PLATFORM_NOT_FOUND,
      "choosing an image from manifest list docker://127.0.0.1:5000/app:1: no "
      "image found in image index for architecture s390x, variant \"\", OS "
      "linux" },
    { IMAGE_PLATFORM_NOT_FOUND, "choosing image instance: what" },
    { IMAGE_UNREACHABLE,
      "initializing source docker://localhost:1/app:1: pinging container "
      "registry localhost:1: Get \"https://localhost:1/v2/\": dial tcp "
      "[::1]:1: connect: connection refused" },

    /* a phrase of each */

    { IMAGE_RATE_LIMITED, "You have reached your pull rate limit." },
    { IMAGE_PLATFORM_NOT_FOUND, "r.corp/app: no match for platform in "
      "manifest: not found" },
    { IMAGE_UNAUTHORIZED, "pull access denied, repository does not exist" },
    { IMAGE_UNAUTHORIZED, "unauthorized: what" },
    { IMAGE_UNAUTHORIZED, "error: authentication required" },
    { IMAGE_UNAUTHORIZED, "logging in: invalid username/password" },
    { IMAGE_UNAUTHORIZED, "registry said 401 (Unauthorized)" },
    { IMAGE_UNAUTHORIZED, "unexpected HTTP status: 401 Unauthorized" },
    { IMAGE_NOT_FOUND, "name unknown: what" },
    { IMAGE_NOT_FOUND, "repository name not known to registry" },
    { IMAGE_TLS, "x509: what" },

    /* nothing but the code */

    { IMAGE_UNAUTHORIZED, "denied" },
    { IMAGE_UNAUTHORIZED, "Unauthorized" },
    { IMAGE_RATE_LIMITED, "toomanyrequests" },

    /* nothing known */

    { BAD, "" },
    { BAD, " " },
    { BAD, "received unexpected HTTP status: 503 Service Unavailable" },
    { BAD, "no space left on device" },
    { BAD, "manifest unknow" },
    { BAD, "not found" },
    { BAD, "exec: \"docker-credential-x\": executable file not found in "
           "$PATH" },
};


/* a client chooses the name, and with it no reason */

static const prose_t  named[] = {
    { IMAGE_NOT_FOUND,
      "reading manifest latest in docker.io/x/toomanyrequests: manifest "
      "unknown" },
    { IMAGE_NOT_FOUND,
      "reading manifest latest in docker.io/x/a-toomanyrequests: manifest "
      "unknown" },
    { IMAGE_NOT_FOUND,
      "reading manifest toomanyrequests in docker.io/x/y:toomanyrequests: "
      "manifest unknown" },
    { IMAGE_NOT_FOUND,
      "manifest for toomanyrequests:latest not found: manifest unknown" },
    { IMAGE_NOT_FOUND, "No such image: x/unauthorized:denied" },
    { IMAGE_NOT_FOUND, "No such image: denied:unauthorized" },
    { IMAGE_NOT_FOUND,
      "reading manifest 1 in docker.io/x/denied: manifest unknown" },
    { IMAGE_NOT_FOUND,
      "reading manifest 1 in docker.io/x/y@unauthorized: manifest unknown" },
    { IMAGE_UNREACHABLE,
      "pinging container registry r.corp/x509: connection refused" },
    { IMAGE_UNREACHABLE, "docker://r.corp/tls:1.0: connection refused" },
    { IMAGE_UNREACHABLE, "docker://r.corp/tls: connection refused" },
    { BAD, "cannot store r.corp/certificate" },
    { BAD, "cannot store toomanyrequests:1" },
    { BAD, "cannot store manifest-unknown/no-such-host:connection_refused" },
};


int
main(void)
{
    whole();
    pieces();
    bounds();
    poisoned();
    prose();
    names();

    return done();
}


static void
whole(void)
{
    size_t            i;
    image_pull_t     *pull;
    image_reason_e    reason;
    const stream_t   *s;

    for (i = 0; i < items(streams); i++) {
        s = &streams[i];
        pull = fresh();

        (void) image_pull_feed(pull, bytes(s->body));
        reason = image_pull_end(pull);

        number(reason, s->reason, s->body);
        is(pull->message, pull->message_len, s->message, "  its message");
    }

    /* NUL is no blank */

    pull = fresh();
    number(image_pull_feed(pull, (const u_char *) "{}\0\n", 4), -1, "NUL");

    pull = fresh();
    number(image_pull_feed(pull, (const u_char *) "{\"a\":\"\0\"}\n", 10), -1,
           "NUL in a string");
}


/* each stream gives the same, wherever it is cut */

static void
pieces(void)
{
    int               rc, passed, cut;
    size_t            i, k, len;
    image_pull_t     *pull;
    const stream_t   *s;

    for (i = 0; i < items(streams); i++) {
        s = &streams[i];
        len = strlen(s->body);
        pull = fresh();

        for (rc = 0, k = 0; k < len && rc == 0; k++) {
            rc = image_pull_feed(pull, (const u_char *) s->body + k, 1);
        }

        number(image_pull_end(pull), s->reason, "a byte at a time");
        is(pull->message, pull->message_len, s->message, "  its message");

        passed = 1;

        for (k = 0; k <= len; k++) {
            pull = fresh();

            cut = image_pull_feed(pull, (const u_char *) s->body, k) == 0
                  && image_pull_feed(pull, (const u_char *) s->body + k, 0)
                     == 0
                  && image_pull_feed(pull, (const u_char *) s->body + k,
                                     len - k) == 0;

            /* what was found to be malformed stays so */

            passed &= image_pull_end(pull) == s->reason
                      && (cut || s->reason == BAD)
                      && pull->message_len == strlen(s->message)
                      && memcmp(pull->message, s->message, pull->message_len)
                         == 0;
        }

        ok(passed, "cut in two anywhere");
    }
}


static void
bounds(void)
{
    int              rc;
    char            *p;
    size_t           i;
    u_char          *line;
    image_pull_t    *pull;

    line = malloc(IMAGE_PULL_LINE + 2);
    if (line == NULL) {
        abort();
    }

    /* a line */

    memset(line, ' ', IMAGE_PULL_LINE + 2);
    memcpy(line, "{}", 2);

    line[IMAGE_PULL_LINE] = '\n';
    pull = fresh();
    number(image_pull_feed(pull, line, IMAGE_PULL_LINE + 1), 0,
           "a line as long as allowed");
    number(image_pull_end(pull), OK, "  it is one");

    pull = fresh();
    number(image_pull_feed(pull, line, IMAGE_PULL_LINE), 0,
           "  without its end");
    number(image_pull_end(pull), OK, "  it is one");

    line[IMAGE_PULL_LINE] = ' ';
    line[IMAGE_PULL_LINE + 1] = '\n';
    pull = fresh();
    number(image_pull_feed(pull, line, IMAGE_PULL_LINE + 2), -1,
           "a byte longer");
    number(image_pull_end(pull), BAD, "  it is none");

    pull = fresh();
    number(image_pull_feed(pull, line, IMAGE_PULL_LINE), 0, "in two pieces");
    number(image_pull_feed(pull, (const u_char *) " ", 1), -1,
           "  a byte longer");

    /* all of them */

    memset(line, '\n', IMAGE_PULL_LINE);
    memcpy(line, "{}", 2);

    pull = fresh();

    for (rc = 0, i = 0; i < IMAGE_PULL_STREAM / IMAGE_PULL_LINE; i++) {
        rc |= image_pull_feed(pull, line, IMAGE_PULL_LINE);
    }

    number(rc, 0, "a stream as long as allowed");
    number(image_pull_feed(pull, line, 0), 0, "  and nothing more");
    number(image_pull_feed(pull, line, 1), -1, "  a byte longer");
    number(image_pull_end(pull), BAD, "  it is none");

    pull = fresh();
    number(image_pull_feed(pull, line, 2), 0, "a few bytes");
    number(image_pull_feed(pull, line, SIZE_MAX), -1, "  and far too many");

    /* depth, and values */

    memset(line, '[', IMAGE_PULL_LINE);
    memcpy(line, "{\"a\":", 5);
    line[IMAGE_PULL_LINE] = '\n';

    pull = fresh();
    number(image_pull_feed(pull, line, IMAGE_PULL_LINE + 1), -1, "too deep");

    p = (char *) line;
    p += sprintf(p, "{\"a\":[");

    while (p < (char *) line + IMAGE_PULL_LINE - 3) {
        *p++ = '1';
        *p++ = ',';
    }

    memcpy(p - 1, "]}\n", 3);

    pull = fresh();
    number(image_pull_feed(pull, line, (size_t) (p - (char *) line) + 2), 0,
           "a long list");
    number(image_pull_end(pull), OK, "  is a line");

    memset(line, ',', IMAGE_PULL_LINE);
    memcpy(line, "{\"a\":[", 6);
    line[IMAGE_PULL_LINE] = '\n';

    pull = fresh();
    number(image_pull_feed(pull, line, IMAGE_PULL_LINE + 1), -1,
           "too many values");

    /* a long text: the reason is that of all of it */

    memset(line, 'x', IMAGE_PULL_LINE);
    memcpy(line, bytes("{\"error\":\""));
    p = (char *) line + IMAGE_PULL_LINE - strlen(" no such host\"}");
    memcpy(p, " no such host\"}\n", strlen(" no such host\"}\n"));

    pull = fresh();
    number(image_pull_feed(pull, line, IMAGE_PULL_LINE + 1), 0, "a long text");
    number(pull->reason, IMAGE_UNREACHABLE, "  its reason");
    number((int64_t) pull->message_len, IMAGE_PULL_MESSAGE,
           "  what is kept of it");
    ok(memcmp(pull->message, line + 10, IMAGE_PULL_MESSAGE) == 0,
       "  is its begin");

    free(line);
}


static void
poisoned(void)
{
    image_pull_t  *pull;

    pull = fresh();

    number(image_pull_feed(pull, bytes("{}\nx\n")), -1, "no object");
    number(image_pull_feed(pull, bytes("{}\n")), -1,
           "  an object after it changes nothing");
    number(image_pull_feed(pull, bytes("")), -1, "  nor does nothing");
    number(image_pull_end(pull), BAD, "  at the end");

    pull = fresh();

    number(image_pull_feed(pull, bytes("{}\n{")), 0, "half an object");
    number(image_pull_end(pull), BAD, "  at the end");
    number(image_pull_feed(pull, bytes("{}\n")), -1,
           "  an object after it is too late");
    number(image_pull_end(pull), BAD, "  for good");
}


static void
prose(void)
{
    size_t  i;

    for (i = 0; i < items(proses); i++) {
        number(image_pull_reason(bytes(proses[i].message)), proses[i].reason,
               proses[i].message);
    }

    number(image_pull_reason((const u_char *) "no\0such host", 12), BAD,
           "NUL is no blank");
    number(image_pull_reason((const u_char *) "\0no such host", 13),
           IMAGE_UNREACHABLE, "nor the end");
    number(image_pull_reason((const u_char *) "no such hosts", 11), BAD,
           "counted bytes");
    number(image_pull_reason(NULL, 0), BAD, "no text");
}


static void
names(void)
{
    size_t  i;

    for (i = 0; i < items(named); i++) {
        number(image_pull_reason(bytes(named[i].message)), named[i].reason,
               named[i].message);
    }
}


static image_pull_t *
fresh(void)
{
    memset(&pulls, 0, sizeof(image_pull_t));

    return &pulls;
}
