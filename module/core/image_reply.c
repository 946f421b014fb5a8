/*
 * Replies of a Redis server.  Bytes from outside; uses hiredis' reader, no
 * I/O.
 *
 * The reader hands each value to the functions at the end, and they fill the
 * one reply that the reader was made for: no reply costs an allocation, and
 * none can grow past it.  An array in an array and the values of later
 * protocols are none that was asked for.
 */

#include <string.h>

#include "image_reply.h"


static void image_reply_clear(image_reply_t *reply);
static image_reply_value_t *image_reply_add(const redisReadTask *task);
static void *image_reply_bad(const redisReadTask *task, const char *error);
static void *image_reply_create_string(const redisReadTask *task, char *text,
    size_t len);
#if (HIREDIS_MAJOR >= 1)
static void *image_reply_create_array(const redisReadTask *task,
    size_t elements);
static void *image_reply_create_double(const redisReadTask *task,
    double value, char *text, size_t len);
static void *image_reply_create_bool(const redisReadTask *task, int value);
#else
static void *image_reply_create_array(const redisReadTask *task,
    int elements);
#endif
static void *image_reply_create_integer(const redisReadTask *task,
    long long value);
static void *image_reply_create_nil(const redisReadTask *task);
static void image_reply_free_object(void *object);


static redisReplyObjectFunctions  image_reply_objects = {
    .createString = image_reply_create_string,
    .createArray = image_reply_create_array,
    .createInteger = image_reply_create_integer,
#if (HIREDIS_MAJOR >= 1)
    .createDouble = image_reply_create_double,
    .createBool = image_reply_create_bool,
#endif
    .createNil = image_reply_create_nil,
    .freeObject = image_reply_free_object
};


redisReader *
image_reply_reader(image_reply_t *reply)
{
    redisReader  *reader;

    image_reply_clear(reply);

    reader = redisReaderCreateWithFunctions(&image_reply_objects);

    if (reader != NULL) {
        reader->privdata = reply;
    }

    return reader;
}


int
image_reply_next(redisReader *reader, const char **error)
{
    void           *object;
    image_reply_t  *reply;

    reply = reader->privdata;

    /* a part of a reply stays until the rest of it comes */

    if (reply->whole) {
        image_reply_clear(reply);
    }

    if (redisReaderGetReply(reader, &object) != REDIS_OK) {
        *error = reply->error ? reply->error : reader->errstr;
        return -1;
    }

    if (object != NULL) {
        reply->whole = 1;
        return 1;
    }

    if (reader->len - reader->pos > IMAGE_REPLY_UNREAD) {
        *error = "too large a reply";
        return -1;
    }

    return 0;
}


int
image_reply_more(const redisReader *reader)
{
    return reader->pos < reader->len;
}


static void
image_reply_clear(image_reply_t *reply)
{
    reply->nvalues = 0;
    reply->array = 0;
    reply->whole = 0;
    reply->error = NULL;
    reply->nbytes = 0;
}


static image_reply_value_t *
image_reply_add(const redisReadTask *task)
{
    image_reply_t        *reply;
    image_reply_value_t  *value;

    reply = task->privdata;

    if (reply->nvalues == IMAGE_REPLY_VALUES) {
        return image_reply_bad(task, "too many values in a reply");
    }

    value = &reply->values[reply->nvalues++];

    memset(value, 0, sizeof(image_reply_value_t));

    return value;
}


/* the reader takes NULL for want of memory, and fails */

static void *
image_reply_bad(const redisReadTask *task, const char *error)
{
    image_reply_t  *reply;

    reply = task->privdata;
    reply->error = error;

    return NULL;
}


static void *
image_reply_create_string(const redisReadTask *task, char *text, size_t len)
{
    u_char               *p;
    image_reply_t        *reply;
    image_reply_value_t  *value;

    reply = task->privdata;

    switch (task->type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_ERROR:
        break;

    default:
        return image_reply_bad(task, "a value of another protocol");
    }

    /* one byte more: what reads a text may count on a NUL */

    if (len >= IMAGE_REPLY_BYTES - reply->nbytes) {
        return image_reply_bad(task, "too large a reply");
    }

    value = image_reply_add(task);
    if (value == NULL) {
        return NULL;
    }

    p = reply->bytes + reply->nbytes;

    memcpy(p, text, len);
    p[len] = '\0';

    value->type = (task->type == REDIS_REPLY_ERROR) ? IMAGE_REPLY_ERROR
                                                    : IMAGE_REPLY_STRING;
    value->text.data = p;
    value->text.len = len;

    reply->nbytes += len + 1;

    return reply;
}


#if (HIREDIS_MAJOR >= 1)
static void *
image_reply_create_array(const redisReadTask *task, size_t elements)
#else
static void *
image_reply_create_array(const redisReadTask *task, int elements)
#endif
{
    image_reply_t  *reply;

    reply = task->privdata;

    if (task->type != REDIS_REPLY_ARRAY) {
        return image_reply_bad(task, "a value of another protocol");
    }

    if (task->parent) {
        return image_reply_bad(task, "an array in an array");
    }

    if (elements > IMAGE_REPLY_VALUES) {
        return image_reply_bad(task, "too many values in a reply");
    }

    reply->array = 1;

    return reply;
}


static void *
image_reply_create_integer(const redisReadTask *task, long long value)
{
    image_reply_value_t  *v;

    v = image_reply_add(task);
    if (v == NULL) {
        return NULL;
    }

    v->type = IMAGE_REPLY_INTEGER;
    v->integer = value;

    return task->privdata;
}


#if (HIREDIS_MAJOR >= 1)

static void *
image_reply_create_double(const redisReadTask *task, double value,
    char *text, size_t len)
{
    (void) value;
    (void) text;
    (void) len;

    return image_reply_bad(task, "a value of another protocol");
}


static void *
image_reply_create_bool(const redisReadTask *task, int value)
{
    (void) value;

    return image_reply_bad(task, "a value of another protocol");
}

#endif


static void *
image_reply_create_nil(const redisReadTask *task)
{
    if (image_reply_add(task) == NULL) {
        return NULL;
    }

    return task->privdata;
}


static void
image_reply_free_object(void *object)
{
    /* it is the reply */

    (void) object;
}
