/*
 * Replies of Redis: four bytes, then a stream that comes in pieces of so many
 * bytes in turn (0: of 256).  The replies are bounded, and those of the stream
 * as it comes whole.  With 0xff as the first byte something follows that
 * never ends.
 */

#include "fuzz.h"
#include "image_reply.h"


#define SIZES    4
#define ENDLESS  (IMAGE_REPLY_UNREAD + 4096)


/* what was read, in a number that tells it from others; so that a write past
 * the reply is seen, it is a block of its own */

typedef struct {
    redisReader    *reader;
    image_reply_t  *reply;
    uint64_t        sum;
    size_t          nreplies;
    int             failed;
} client_t;


static void
add(client_t *client, const void *data, size_t len)
{
    size_t        i;
    const u_char *p;

    p = data;

    for (i = 0; i < len; i++) {
        client->sum = (client->sum ^ p[i]) * 0x100000001b3;
    }
}


static void
check(client_t *client)
{
    size_t                      i, n;
    const image_reply_t        *reply;
    const image_reply_value_t  *v;

    reply = client->reply;

    invariant(reply->nvalues <= IMAGE_REPLY_VALUES);
    invariant(reply->array == 1 || (reply->array == 0
                                    && reply->nvalues == 1));

    n = 0;

    for (i = 0; i < reply->nvalues; i++) {
        v = &reply->values[i];

        switch (v->type) {

        case IMAGE_REPLY_NIL:
        case IMAGE_REPLY_INTEGER:
            invariant(v->text.data == NULL && v->text.len == 0);
            invariant(v->type == IMAGE_REPLY_INTEGER || v->integer == 0);
            break;

        case IMAGE_REPLY_STRING:
        case IMAGE_REPLY_ERROR:
            invariant(v->integer == 0);
            invariant(v->text.data == reply->bytes + n);
            invariant(v->text.len < IMAGE_REPLY_BYTES - n);
            invariant(v->text.data[v->text.len] == '\0');

            n += v->text.len + 1;
            break;

        default:
            invariant(!"a type of this reply");
        }

        add(client, &v->type, sizeof(v->type));
        add(client, &v->integer, sizeof(v->integer));
        add(client, &v->text.len, sizeof(v->text.len));
        add(client, v->text.data, v->text.len);
    }

    invariant(n == reply->nbytes);

    add(client, &reply->array, sizeof(reply->array));
    client->nreplies++;
}


static void
feed(client_t *client, const uint8_t *data, size_t len)
{
    int          rc;
    const char  *error;

    if (client->failed) {
        return;
    }

    invariant(redisReaderFeed(client->reader, (const char *) data, len)
              == REDIS_OK);

    for ( ;; ) {
        error = NULL;
        rc = image_reply_next(client->reader, &error);

        if (rc != 1) {
            break;
        }

        check(client);

        invariant(image_reply_more(client->reader)
                  == (client->reader->pos < client->reader->len));
    }

    if (rc == 0) {
        invariant(error == NULL);
        invariant(client->reader->len - client->reader->pos
                  <= IMAGE_REPLY_UNREAD);
        return;
    }

    invariant(rc == -1 && error[0] != '\0');
    invariant(image_reply_next(client->reader, &error) == -1);
    invariant(error[0] != '\0');

    client->failed = 1;
}


static void
begin(client_t *client)
{
    memset(client, 0, sizeof(client_t));

    client->reply = malloc(sizeof(image_reply_t));
    invariant(client->reply != NULL);

    client->reader = image_reply_reader(client->reply);
    invariant(client->reader != NULL);
}


static void
end(client_t *client)
{
    redisReaderFree(client->reader);
    free(client->reply);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t          i, k, n;
    client_t        whole, pieces;
    const uint8_t  *sizes;

    static uint8_t  endless[ENDLESS];

    if (size < SIZES) {
        return 0;
    }

    sizes = data;
    data += SIZES;
    size -= SIZES;

    begin(&whole);
    begin(&pieces);

    feed(&whole, data, size);

    for (i = 0, k = 0; i < size; i += n, k++) {
        n = sizes[k % SIZES] ? sizes[k % SIZES] : 256;
        n = size - i < n ? size - i : n;
        feed(&pieces, data + i, n);
    }

    invariant(whole.failed == pieces.failed);
    invariant(whole.nreplies == pieces.nreplies);
    invariant(whole.sum == pieces.sum);

    /* it may end what had begun, but not go on for ever */

    if (sizes[0] == 0xff) {
        endless[0] = 'a';
        memset(endless + 1, 'a', ENDLESS - 1);

        feed(&whole, endless, ENDLESS);
        invariant(whole.failed);
    }

    end(&whole);
    end(&pieces);

    return 0;
}
