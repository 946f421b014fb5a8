/*
 * image_record.c: what of a record in Redis is believed.
 */

#include "tap.h"
#include "image_record.h"


#define DAY  ((int64_t) 86400 * 1000000)
#define NOW  ((int64_t) 1700000000 * 1000000)

#define HEX  "0123456789abcdef0123456789abcdef"                              \
             "0123456789abcdef0123456789abcdef"
#define REF  "docker.io/library/golang:1.22"

#define AT      "1699999999000000"
#define SINCE   "1699900000000000"
#define FUTURE  "1700000000000001"
#define VOID    "1699999000000000"


/* fields, and what comes of them; a NULL field is one without a value */

typedef struct {
    const char  *fields[IMAGE_RECORD_FIELDS];
    const char  *error;
    int          digest;
    int          failure;
} record_t;


typedef struct {
    const char  *fields[IMAGE_RECORD_LIMIT_FIELDS];
    const char  *error;
    int64_t      span;
} limit_t;


typedef struct {
    const char  *fields[IMAGE_RECORD_SESSION_FIELDS];
    const char  *error;
    int          digest;
} session_t;


static void records(void);
static void limits(void);
static void sessions(void);
static void macs(void);
static void nowhere(void);
static void numbers(void);
static void set(image_str_t *fields, const char *const *texts, size_t n);


static const uint8_t  id[IMAGE_HASH] = { 1, 2, 3 };

static const image_record_clock_t  now = {
    NOW, NOW - DAY, NOW - 1000 * 1000000, DAY
};

static const image_record_subject_t  subject = {
    { 0, NULL }, image_str("image-digest:"), id, image_str(REF),
    image_str("linux/amd64"), { 0, NULL }
};


int
main(void)
{
    records();
    limits();
    sessions();
    macs();
    nowhere();
    numbers();

    return done();
}


static void
records(void)
{
    size_t          i;
    image_str_t     fields[IMAGE_RECORD_FIELDS];
    image_record_t  r;

    static const record_t  list[] = {

        { { NULL }, NULL, 0, 0 },

        { { "1", REF, "linux/amd64", "sha256:" HEX, AT, SINCE }, NULL, 1, 0 },
        { { "1", REF, "linux/amd64", "sha256:" HEX, AT, SINCE, NULL,
            "not_found", AT }, NULL, 1, 1 },
        { { "1", REF, "linux/amd64", NULL, NULL, NULL, NULL, "not_found",
            AT }, NULL, 0, 1 },

        /* another's */

        { { "2", REF, "linux/amd64", "sha256:" HEX, AT, SINCE }, "version",
          0, 0 },
        { { NULL, REF, "linux/amd64", "sha256:" HEX, AT, SINCE }, "version",
          0, 0 },
        { { "1", REF "1", "linux/amd64", "sha256:" HEX, AT, SINCE },
          "reference", 0, 0 },
        { { "1", REF, "linux/arm64", "sha256:" HEX, AT, SINCE }, "platform",
          0, 0 },
        { { "1", REF, "", "sha256:" HEX, AT, SINCE }, "platform", 0, 0 },

        /* a slot that is malformed leaves the other one */

        { { "1", REF, "linux/amd64", HEX, AT, SINCE, NULL, "not_found",
            AT }, "digest", 0, 1 },
        { { "1", REF, "linux/amd64", NULL, AT, SINCE }, "digest", 0, 0 },
        { { "1", REF, "linux/amd64", "sha256:" HEX, "0", SINCE },
          "digest_at", 0, 0 },
        { { "1", REF, "linux/amd64", "sha256:" HEX, AT, NULL },
          "digest_since", 0, 0 },
        { { "1", REF, "linux/amd64", "sha256:" HEX, AT, FUTURE },
          "digest_since", 0, 0 },
        { { "1", REF, "linux/amd64", "sha256:" HEX, AT, SINCE, NULL,
            "timeout", AT }, "failure", 1, 0 },
        { { "1", REF, "linux/amd64", "sha256:" HEX, AT, SINCE, NULL, NULL,
            AT }, "failure", 1, 0 },
        { { "1", REF, "linux/amd64", NULL, NULL, NULL, NULL, "not_found",
            "x" }, "failure_at", 0, 0 },

        /* moments that say nothing */

        { { "1", REF, "linux/amd64", "sha256:" HEX, FUTURE, SINCE, NULL,
            "not_found", FUTURE }, NULL, 0, 0 },
        { { "1", REF, "linux/amd64", "sha256:" HEX, VOID, SINCE, NULL,
            "not_found", VOID }, NULL, 0, 0 }
    };

    for (i = 0; i < items(list); i++) {
        set(fields, list[i].fields, IMAGE_RECORD_FIELDS);

        same(image_record_read(&r, fields, &subject, &now), list[i].error,
             "a record");
        ok((r.digest.algorithm != IMAGE_DIGEST_NONE) == list[i].digest,
           "... its digest");
        ok((r.failure != IMAGE_OK) == list[i].failure, "... its failure");
    }
}


static void
limits(void)
{
    size_t       i;
    int64_t      at, span;
    image_str_t  fields[IMAGE_RECORD_LIMIT_FIELDS];

    static const limit_t  list[] = {

        { { NULL }, NULL, 0 },
        { { "1", REF, AT, "1700000060000000" }, NULL, 61 * 1000000 },

        /* no observation that could be invalidated */

        { { "1", REF, VOID, "1699999000000001" }, NULL, 0 },
        { { "1", REF, "1699999900000000", "1700000060000000" }, NULL,
          160 * 1000000 },
        { { "1", REF, AT, "1700000000000000" }, NULL, 0 },
        { { "1", REF, FUTURE, "1700000060000000" }, NULL, 0 },

        { { NULL, REF, AT, "1700000060000000" }, "version", 0 },
        { { "1", "docker.io", AT, "1700000060000000" }, "registry", 0 },
        { { "1", REF, "-1", "1700000060000000" }, "limited_at", 0 },
        { { "1", REF, AT, AT }, "limited_until", 0 },
        { { "1", REF, AT, "1700009999000000" }, "limited_until", 0 }
    };

    for (i = 0; i < items(list); i++) {
        set(fields, list[i].fields, IMAGE_RECORD_LIMIT_FIELDS);

        same(image_record_read_limit(&at, &span, fields, &subject, &now),
             list[i].error, "a limit");
        number(span, list[i].span, "... how long");
    }
}


static void
sessions(void)
{
    size_t          i;
    int64_t         at;
    image_str_t     fields[IMAGE_RECORD_SESSION_FIELDS];
    image_digest_t  digest;

    static const session_t  list[] = {

        { { NULL }, NULL, 0 },
        { { "1", REF, "linux/amd64", "sha256:" HEX, AT }, NULL, 1 },
        { { "1", REF, "linux/amd64", "sha256:" HEX, FUTURE }, NULL, 1 },

        { { "", REF, "linux/amd64", "sha256:" HEX, AT }, "version", 0 },
        { { "1", NULL, "linux/amd64", "sha256:" HEX, AT }, "reference", 0 },
        { { "1", REF, NULL, "sha256:" HEX, AT }, "platform", 0 },
        { { "1", REF, "linux/amd64", NULL, AT }, "digest", 0 },
        { { "1", REF, "linux/amd64", "sha256:" HEX, "0" }, "digest_at", 0 }
    };

    for (i = 0; i < items(list); i++) {
        set(fields, list[i].fields, IMAGE_RECORD_SESSION_FIELDS);

        same(image_record_read_session(&digest, &at, fields, &subject),
             list[i].error, "a session");
        ok((digest.algorithm != IMAGE_DIGEST_NONE) == list[i].digest,
           "... its digest");
    }
}


/* with a secret nothing is believed that does not know it */

static void
macs(void)
{
    u_char                  mac[IMAGE_RECORD_MAC], other[IMAGE_RECORD_MAC];
    int64_t                 at, span;
    image_str_t             fields[IMAGE_RECORD_FIELDS];
    image_digest_t          digest;
    image_record_t          r;
    image_record_subject_t  secret, stranger;

    static const image_str_t  key = image_str("a secret");
    static const image_str_t  wrong = image_str("another one");
    static const image_str_t  none = image_str("");

    static const char  *const texts[IMAGE_RECORD_FIELDS] = {
        "1", REF, "linux/amd64", "sha256:" HEX, AT, SINCE
    };

    secret = subject;
    secret.secret = key;
    stranger = subject;
    stranger.secret = wrong;

    set(fields, texts, IMAGE_RECORD_FIELDS);

    same(image_record_read(&r, fields, &secret, &now), "digest_mac",
         "no MAC");

    image_record_mac(mac, &secret, IMAGE_RECORD_DIGEST, &fields[3],
                     1699999999000000, 1699900000000000);
    image_record_mac(other, &stranger, IMAGE_RECORD_DIGEST, &fields[3],
                     1699999999000000, 1699900000000000);

    fields[IMAGE_RECORD_VALUE_MAC].data = other;
    fields[IMAGE_RECORD_VALUE_MAC].len = IMAGE_RECORD_MAC;

    same(image_record_read(&r, fields, &secret, &now), "digest_mac",
         "a MAC by another secret");

    fields[IMAGE_RECORD_VALUE_MAC].data = mac;

    same(image_record_read(&r, fields, &secret, &now), NULL, "the MAC");
    ok(r.digest.algorithm != IMAGE_DIGEST_NONE, "... and the digest");

    fields[IMAGE_RECORD_VALUE_MAC].len--;

    same(image_record_read(&r, fields, &secret, &now), "digest_mac",
         "a part of the MAC");

    /* of another kind, and of the others */

    fields[IMAGE_RECORD_VALUE_MAC].len++;
    fields[IMAGE_RECORD_SESSION_MAC] = fields[IMAGE_RECORD_VALUE_MAC];

    same(image_record_read_session(&digest, &at, fields, &secret), "mac",
         "the MAC of a record in a session");

    set(fields, texts, IMAGE_RECORD_FIELDS);

    fields[IMAGE_RECORD_LIMITED_AT] = fields[IMAGE_RECORD_VALUE_AT];
    set(&fields[IMAGE_RECORD_LIMITED_UNTIL],
        (const char *const []) { "1700000060000000" }, 1);
    set(&fields[IMAGE_RECORD_LIMIT_MAC], (const char *const []) { HEX }, 1);

    same(image_record_read_limit(&at, &span, fields, &secret, &now), "mac",
         "a limit that is forged");

    image_record_mac(mac, &secret, IMAGE_RECORD_LIMIT, &none,
                     1699999999000000, 1700000060000000);

    fields[IMAGE_RECORD_LIMIT_MAC].data = mac;

    same(image_record_read_limit(&at, &span, fields, &secret, &now), NULL,
         "... and one that is not");
    number(span, 61 * 1000000, "... which holds");
}


/* no platform is asked for: its text may be NULL, the field is empty */

static void
nowhere(void)
{
    image_str_t             fields[IMAGE_RECORD_FIELDS];
    image_record_t          r;
    image_record_subject_t  any;

    static const char  *const texts[IMAGE_RECORD_FIELDS] = {
        "1", REF, "", "sha256:" HEX, AT, SINCE
    };

    any = subject;
    any.platform.data = NULL;
    any.platform.len = 0;

    set(fields, texts, IMAGE_RECORD_FIELDS);

    same(image_record_read(&r, fields, &any, &now), NULL, "no platform");
    ok(r.digest.algorithm != IMAGE_DIGEST_NONE, "... and the digest");
}


static void
numbers(void)
{
    size_t       i;
    image_str_t  field;

    static const struct {
        const char  *text;
        int64_t      value;
    } list[] = {
        { "0", 0 },
        { "1", 1 },
        { "0000000000000001", 1 },
        { "9007199254740991", ((int64_t) 1 << 53) - 1 },
        { "9007199254740992", -1 },
        { "9999999999999999", -1 },
        { "10000000000000000", -1 },
        { "", -1 },
        { "-1", -1 },
        { "1.0", -1 },
        { "1e9", -1 },
        { " 1", -1 },
        { NULL, -1 }
    };

    for (i = 0; i < items(list); i++) {
        set(&field, &list[i].text, 1);
        number(image_record_number(&field), list[i].value,
               list[i].text ? list[i].text : "none");
    }
}


static void
set(image_str_t *fields, const char *const *texts, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        fields[i].data = (const u_char *) texts[i];
        fields[i].len = texts[i] ? strlen(texts[i]) : 0;
    }
}
