/*
 * image_reply.c: what a Redis server sends, in pieces or not, and what no
 * Redis should.
 */

#include <stdlib.h>

#include "tap.h"
#include "image_reply.h"


#define MANY   "too many values in a reply"
#define LARGE  "too large a reply"
#define OTHER  "a value of another protocol"


/* shown as "array: values", or the error */

typedef struct {
    const char  *stream;
    const char  *shown;
    const char  *error;
} stream_t;


static void streams_whole(void);
static void streams_in_pieces(void);
static void limits(void);
static void unread(void);
static void protocols(void);
static void again(void);
static const char *read_all(const char *stream, size_t len, size_t step,
    char *shown, size_t size);
static void show(char *shown, size_t size, const image_reply_t *reply);


static const stream_t  streams[] = {

    { "", "", NULL },

    { "+OK\r\n", "\"OK\"; ", NULL },
    { "+\r\n", "\"\"; ", NULL },
    { "-ERR no\r\n", "!\"ERR no\"; ", NULL },
    { ":42\r\n", "42; ", NULL },
    { ":-1\r\n", "-1; ", NULL },
    { "$-1\r\n", "nil; ", NULL },
    { "$0\r\n\r\n", "\"\"; ", NULL },
    { "$4\r\na\r\nb\r\n", "\"a\r\nb\"; ", NULL },

    { "*0\r\n", "[ ]; ", NULL },
    { "*-1\r\n", "nil; ", NULL },
    { "*2\r\n$1\r\na\r\n$-1\r\n", "[ \"a\" nil ]; ", NULL },
    { "*3\r\n:1\r\n-ERR\r\n*-1\r\n", "[ 1 !\"ERR\" nil ]; ", NULL },

    /* one after the other, and the begin of another */

    { "+A\r\n*1\r\n+B\r\n:3\r\n$9\r\nabc", "\"A\"; [ \"B\" ]; 3; ", NULL },

    { "*1\r\n*1\r\n:1\r\n", "", "an array in an array" },
    { "+A\r\n*2\r\n:1\r\n*0\r\n", "\"A\"; ", "an array in an array" },

    { "*29\r\n", "", MANY },
    { "*2147483647\r\n", "", MANY },
    { "$99999\r\n", "", NULL },

    { "HTTP/1.1 400 Bad Request\r\n", "", "" },
    { ":no\r\n", "", "" },
    { "$1\r\nabc\r\n+OK\r\n", "\"a\"; ", "" }
};


int
main(void)
{
    streams_whole();
    streams_in_pieces();
    limits();
    unread();
    protocols();
    again();

    return done();
}


static void
streams_whole(void)
{
    char         shown[512];
    size_t       i;
    const char  *error;

    for (i = 0; i < items(streams); i++) {
        error = read_all(streams[i].stream, strlen(streams[i].stream), 4096,
                         shown, sizeof(shown));

        same(shown, streams[i].shown, streams[i].stream);

        /* the reader has words of its own, which are not ours to test */

        if (streams[i].error != NULL && streams[i].error[0] == '\0') {
            ok(error != NULL && error[0] != '\0', "... fails");

        } else {
            same(error, streams[i].error, "... and ends");
        }
    }
}


static void
streams_in_pieces(void)
{
    char         shown[512];
    size_t       i, step;
    const char  *error;

    for (i = 0; i < items(streams); i++) {

        for (step = 1; step < 4; step++) {
            error = read_all(streams[i].stream, strlen(streams[i].stream),
                             step, shown, sizeof(shown));

            ok(strcmp(shown, streams[i].shown) == 0
               && (error == NULL) == (streams[i].error == NULL),
               "in pieces of %d: %s", (int) step, streams[i].stream);
        }
    }
}


static void
limits(void)
{
    char           *p, *stream;
    size_t          i, n;
    const char     *error;
    redisReader    *reader;
    image_reply_t   reply;

    stream = malloc(4 * IMAGE_REPLY_BYTES);
    if (stream == NULL) {
        abort();
    }

    /* as many values as there may be */

    p = stream + sprintf(stream, "*%d\r\n", IMAGE_REPLY_VALUES);

    for (i = 0; i < IMAGE_REPLY_VALUES; i++) {
        p += sprintf(p, ":%d\r\n", (int) i);
    }

    reader = image_reply_reader(&reply);
    redisReaderFeed(reader, stream, (size_t) (p - stream));

    number(image_reply_next(reader, &error), 1, "as many values as may be");
    number((int64_t) reply.nvalues, IMAGE_REPLY_VALUES, "... are all there");
    number(reply.values[IMAGE_REPLY_VALUES - 1].integer,
           IMAGE_REPLY_VALUES - 1, "... the last one, too");

    redisReaderFree(reader);

    sprintf(stream, "*%d\r\n", IMAGE_REPLY_VALUES + 1);

    reader = image_reply_reader(&reply);
    redisReaderFeed(reader, stream, strlen(stream));

    number(image_reply_next(reader, &error), -1, "one more is refused");
    same(error, MANY, "... for that reason");

    redisReaderFree(reader);

    /* the bytes of one text, and of two, with their NULs */

    for (n = IMAGE_REPLY_BYTES - 1; n <= IMAGE_REPLY_BYTES; n++) {
        p = stream + sprintf(stream, "$%d\r\n", (int) n);
        memset(p, 'a', n);
        memcpy(p + n, "\r\n", 2);

        reader = image_reply_reader(&reply);
        redisReaderFeed(reader, stream, (size_t) (p + n + 2 - stream));

        if (n < IMAGE_REPLY_BYTES) {
            number(image_reply_next(reader, &error), 1, "a text that fits");
            ok(reply.values[0].text.len == n
               && reply.values[0].text.data[n] == '\0', "... with its NUL");

        } else {
            number(image_reply_next(reader, &error), -1, "one byte more");
            same(error, LARGE, "... is too large");
        }

        redisReaderFree(reader);
    }

    for (n = 0; n < 2; n++) {
        p = stream + sprintf(stream, "*2\r\n$%d\r\n", IMAGE_REPLY_BYTES - 3);
        memset(p, 'a', IMAGE_REPLY_BYTES - 3);
        p += IMAGE_REPLY_BYTES - 3;
        p += sprintf(p, "\r\n$%d\r\n%.*s\r\n", (int) n + 1, (int) n + 1,
                     "bb");

        reader = image_reply_reader(&reply);
        redisReaderFeed(reader, stream, (size_t) (p - stream));

        if (n == 0) {
            number(image_reply_next(reader, &error), 1, "two that fit");
            is(reply.values[1].text.data, reply.values[1].text.len, "b",
               "... and the second of them");

        } else {
            number(image_reply_next(reader, &error), -1, "two that do not");
            same(error, LARGE, "... are too large");
        }

        redisReaderFree(reader);
    }

    free(stream);
}


/* what never ends must not be kept */

static void
unread(void)
{
    int             rc;
    char            chunk[4096];
    size_t          i, total;
    const char     *error;
    redisReader    *reader;
    image_reply_t   reply;

    static const char  *const begins[] = {
        "+", "$99999999\r\n", "*2\r\n:1\r\n+"
    };

    memset(chunk, 'a', sizeof(chunk));

    for (i = 0; i < items(begins); i++) {
        reader = image_reply_reader(&reply);
        redisReaderFeed(reader, begins[i], strlen(begins[i]));

        rc = 0;

        for (total = 0; total < 4 * IMAGE_REPLY_UNREAD && rc == 0;
             total += sizeof(chunk))
        {
            rc = image_reply_next(reader, &error);

            if (rc == 0) {
                redisReaderFeed(reader, chunk, sizeof(chunk));
            }
        }

        number(rc, -1, "a reply without an end");
        same(error, LARGE, "... is too large");
        ok(total > IMAGE_REPLY_UNREAD
           && total <= IMAGE_REPLY_UNREAD + 2 * sizeof(chunk),
           "... once it is");

        redisReaderFree(reader);
    }
}


/* RESP3, which hiredis reads since 1.0: before, it fails by itself */

static void
protocols(void)
{
    char         shown[512];
    size_t       i;
    const char  *error;

    static const char  *const others[] = {
        "%1\r\n+a\r\n+b\r\n", "~1\r\n+a\r\n", ">1\r\n+a\r\n", ",1.5\r\n",
        "#t\r\n", "=5\r\ntxt:a\r\n", "(123\r\n"
    };

    for (i = 0; i < items(others); i++) {
        error = read_all(others[i], strlen(others[i]), 4096, shown,
                         sizeof(shown));

#if (HIREDIS_MAJOR >= 1)
        same(error, OTHER, others[i]);
#else
        ok(error != NULL, "%s", others[i]);
#endif
        same(shown, "", "... is no reply");
    }
}


/* nothing follows a failure */

static void
again(void)
{
    const char     *error;
    redisReader    *reader;
    image_reply_t   reply;

    static const char  stream[] = "+A\r\n+B\r\n?\r\n+C\r\n";

    reader = image_reply_reader(&reply);

    redisReaderFeed(reader, stream, strlen(stream));

    number(image_reply_next(reader, &error), 1, "a reply");
    ok(image_reply_more(reader), "... and more");
    number(image_reply_next(reader, &error), 1, "another one");
    is(reply.values[0].text.data, reply.values[0].text.len, "B",
       "... in the place of the first");
    number((int64_t) reply.nvalues, 1, "... alone");
    number(image_reply_next(reader, &error), -1, "garbage");
    number(image_reply_next(reader, &error), -1, "... and nothing after it");
    ok(error[0] != '\0', "... for a reason");

    redisReaderFree(reader);
}


static const char *
read_all(const char *stream, size_t len, size_t step, char *shown,
    size_t size)
{
    int             rc;
    size_t          n;
    const char     *error;
    redisReader    *reader;
    image_reply_t   reply;

    static char  text[256];

    shown[0] = '\0';
    error = NULL;

    reader = image_reply_reader(&reply);
    if (reader == NULL) {
        abort();
    }

    for ( ;; ) {
        rc = image_reply_next(reader, &error);

        if (rc == -1) {
            snprintf(text, sizeof(text), "%s", error);
            error = text;
            break;
        }

        if (rc == 1) {
            show(shown, size, &reply);
            continue;
        }

        if (len == 0) {
            error = NULL;
            break;
        }

        n = len < step ? len : step;
        redisReaderFeed(reader, stream, n);
        stream += n;
        len -= n;
    }

    redisReaderFree(reader);

    return error;
}


static void
show(char *shown, size_t size, const image_reply_t *reply)
{
    char                       *p, *last;
    size_t                      i;
    const image_reply_value_t  *v;

    p = shown + strlen(shown);
    last = shown + size;

    p += snprintf(p, (size_t) (last - p), "%s", reply->array ? "[ " : "");

    for (i = 0; i < reply->nvalues; i++) {
        v = &reply->values[i];

        switch (v->type) {

        case IMAGE_REPLY_NIL:
            p += snprintf(p, (size_t) (last - p), "nil");
            break;

        case IMAGE_REPLY_INTEGER:
            p += snprintf(p, (size_t) (last - p), "%lld",
                          (long long) v->integer);
            break;

        default:
            p += snprintf(p, (size_t) (last - p), "%s\"%s\"",
                          v->type == IMAGE_REPLY_ERROR ? "!" : "",
                          (const char *) v->text.data);
        }

        if (reply->array) {
            p += snprintf(p, (size_t) (last - p), " ");
        }
    }

    snprintf(p, (size_t) (last - p), "%s; ", reply->array ? "]" : "");
}
