/*
 * image_record.c: what is believed of records that hosts share (docs/redis.md,
 * "Records" and "A secret").
 */

#include "tap.h"
#include "image_record.h"


#define HEX64   "0123456789abcdef0123456789abcdef"                           \
                "0123456789abcdef0123456789abcdef"
#define DIGEST  "sha256:" HEX64
#define GOLANG  "docker.io/library/golang:1.22"
#define SECRET  "ssssssssssssssssssssssssssssssss"

#define AT      INT64_C(1700000000000000)
#define SINCE   INT64_C(1600000000000000)
#define NOW     INT64_C(1700000100000000)
#define S       INT64_C(1000000)

/* made by another program, of what docs/redis.md says */
#define DIGEST_MAC   \
    "0b10ba6713509cb607a537ab9140c9aca7c3cc32f159e89f80849ed3bbc44161"
#define FAILURE_MAC  \
    "b91942e09082f5a07d1bd3cdd46cc4ef965f1b94e69b382562e1eeb99a956bdb"
#define LIMIT_MAC    \
    "f4ea015430e538ff1316ad56fbf194babf0c7a2669ec679e8f4a7e332675170a"
#define SESSION_MAC  \
    "bc0e537dbdfd8d9ad7b9f977ff6ec90fcb35ddb31cbd208e66b45ec65d4892e6"

#define FIELDS    IMAGE_RECORD_FIELDS
#define LIMITS    IMAGE_RECORD_LIMIT_FIELDS
#define SESSIONS  IMAGE_RECORD_SESSION_FIELDS

#define ABSENT  "(absent)"
#define KEEP    (24 * 3600 * S)


static const u_char  id[IMAGE_HASH] = {
    0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab,
    0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab,
    0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab,
    0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab
};


/* one field of a good record is another one: the error, or none with what is
 * then believed of the slots */

#define DIGEST_SLOT   1
#define FAILURE_SLOT  2
#define BOTH          (DIGEST_SLOT|FAILURE_SLOT)

typedef struct {
    int          field;
    const char  *value;
    const char  *error;
    int          slots;
} change_t;


static const char *const  good[IMAGE_RECORD_FIELDS] = {
    "1", GOLANG, "linux/amd64",
    DIGEST, "1700000000000000", "1600000000000000", DIGEST_MAC,
    "not_found", "1700000000000000", FAILURE_MAC
};

static const change_t  changes[] = {
    { IMAGE_RECORD_VERSION, "1", NULL, BOTH },
    { IMAGE_RECORD_VERSION, ABSENT, "version", 0 },
    { IMAGE_RECORD_VERSION, "", "version", 0 },
    { IMAGE_RECORD_VERSION, "2", "version", 0 },
    { IMAGE_RECORD_VERSION, "11", "version", 0 },
    { IMAGE_RECORD_VERSION, "1 ", "version", 0 },

    { IMAGE_RECORD_REFERENCE, ABSENT, "reference", 0 },
    { IMAGE_RECORD_REFERENCE, "", "reference", 0 },
    { IMAGE_RECORD_REFERENCE, GOLANG "0", "reference", 0 },
    { IMAGE_RECORD_REFERENCE, "docker.io/library/golang:1.2", "reference",
      0 },

    { IMAGE_RECORD_PLATFORM, ABSENT, "platform", 0 },
    { IMAGE_RECORD_PLATFORM, "", "platform", 0 },
    { IMAGE_RECORD_PLATFORM, "linux/arm64", "platform", 0 },

    { IMAGE_RECORD_VALUE, ABSENT, "digest", FAILURE_SLOT },
    { IMAGE_RECORD_VALUE, "", "digest", FAILURE_SLOT },
    { IMAGE_RECORD_VALUE, HEX64, "digest", FAILURE_SLOT },
    { IMAGE_RECORD_VALUE, "sha256:", "digest", FAILURE_SLOT },
    { IMAGE_RECORD_VALUE, DIGEST "0", "digest", FAILURE_SLOT },
    { IMAGE_RECORD_VALUE, "md5:" HEX64, "digest", FAILURE_SLOT },
    { IMAGE_RECORD_VALUE, "sha256:0123456789ABCDEF0123456789abcdef"
      "0123456789abcdef0123456789abcdef", "digest", FAILURE_SLOT },
    { IMAGE_RECORD_VALUE, "sha512:" HEX64 HEX64, "digest_mac",
      FAILURE_SLOT },

    { IMAGE_RECORD_VALUE_AT, ABSENT, "digest_at", FAILURE_SLOT },
    { IMAGE_RECORD_VALUE_AT, "", "digest_at", FAILURE_SLOT },
    { IMAGE_RECORD_VALUE_AT, "0", "digest_at", FAILURE_SLOT },
    { IMAGE_RECORD_VALUE_AT, "-1", "digest_at", FAILURE_SLOT },
    { IMAGE_RECORD_VALUE_AT, "now", "digest_at", FAILURE_SLOT },
    { IMAGE_RECORD_VALUE_AT, "9007199254740992", "digest_at", FAILURE_SLOT },
    { IMAGE_RECORD_VALUE_AT, "1599999999999999", "digest_since",
      FAILURE_SLOT },
    { IMAGE_RECORD_VALUE_AT, "1700000000000001", "digest_mac",
      FAILURE_SLOT },

    { IMAGE_RECORD_VALUE_SINCE, ABSENT, "digest_since", FAILURE_SLOT },
    { IMAGE_RECORD_VALUE_SINCE, "", "digest_since", FAILURE_SLOT },
    { IMAGE_RECORD_VALUE_SINCE, "0", "digest_since", FAILURE_SLOT },
    { IMAGE_RECORD_VALUE_SINCE, "1700000000000001", "digest_since",
      FAILURE_SLOT },
    { IMAGE_RECORD_VALUE_SINCE, "1500000000000000", "digest_mac",
      FAILURE_SLOT },

    { IMAGE_RECORD_VALUE_MAC, ABSENT, "digest_mac", FAILURE_SLOT },
    { IMAGE_RECORD_VALUE_MAC, "", "digest_mac", FAILURE_SLOT },
    { IMAGE_RECORD_VALUE_MAC, HEX64, "digest_mac", FAILURE_SLOT },
    { IMAGE_RECORD_VALUE_MAC, DIGEST_MAC "0", "digest_mac", FAILURE_SLOT },
    { IMAGE_RECORD_VALUE_MAC, FAILURE_MAC, "digest_mac", FAILURE_SLOT },

    { IMAGE_RECORD_FAILED, ABSENT, "failure", DIGEST_SLOT },
    { IMAGE_RECORD_FAILED, "", "failure", DIGEST_SLOT },
    { IMAGE_RECORD_FAILED, "because", "failure", DIGEST_SLOT },
    { IMAGE_RECORD_FAILED, "unauthorized", "failure", DIGEST_SLOT },
    { IMAGE_RECORD_FAILED, "rate_limited", "failure", DIGEST_SLOT },
    { IMAGE_RECORD_FAILED, "not_found ", "failure", DIGEST_SLOT },
    { IMAGE_RECORD_FAILED, "platform_not_found", "failure_mac",
      DIGEST_SLOT },

    { IMAGE_RECORD_FAILED_AT, ABSENT, "failure_at", DIGEST_SLOT },
    { IMAGE_RECORD_FAILED_AT, "", "failure_at", DIGEST_SLOT },
    { IMAGE_RECORD_FAILED_AT, "0", "failure_at", DIGEST_SLOT },
    { IMAGE_RECORD_FAILED_AT, "1700000000000001", "failure_mac",
      DIGEST_SLOT },

    { IMAGE_RECORD_FAILED_MAC, ABSENT, "failure_mac", DIGEST_SLOT },
    { IMAGE_RECORD_FAILED_MAC, DIGEST_MAC, "failure_mac", DIGEST_SLOT }
};


/* a record of AT, by a clock */

static const struct {
    const char            *name;
    image_record_clock_t   clock;
    int                    believed;
} moments[] = {
    { "a record of now", { AT, 0, 0, KEEP }, 1 },
    { "one of the future", { AT - 1, 0, 0, KEEP }, 0 },
    { "one after the floor", { NOW, AT - 1, 0, KEEP }, 1 },
    { "one at the floor", { NOW, AT, 0, KEEP }, 0 },
    { "one before the floor", { NOW, AT + 1, 0, KEEP }, 0 },
    { "one after an invalidation", { NOW, 0, AT - 1, KEEP }, 1 },
    { "one at the invalidation", { NOW, 0, AT, KEEP }, 0 },
    { "one before it", { NOW, 0, AT + 1, KEEP }, 0 },
    { "one that is kept", { NOW, 0, 0, NOW - AT + 1 }, 1 },
    { "one that is no longer", { NOW, 0, 0, NOW - AT }, 0 },
    { "one that is kept for no time", { AT, 0, 0, 0 }, 0 },
    { "one at the end of time", { IMAGE_RECORD_TIME_MAX, 0, 0, INT64_MAX },
      1 },
    { "one of a floor beyond it", { NOW, IMAGE_RECORD_TIME_MAX, 0, KEEP },
      0 }
};


static const struct {
    const char  *text;
    int64_t      n;
} numbers[] = {
    { ABSENT, -1 },
    { "", -1 },
    { "0", 0 },
    { "7", 7 },
    { "007", 7 },
    { "9007199254740991", INT64_C(9007199254740991) },
    { "9007199254740992", -1 },
    { "9999999999999999", -1 },
    { "00000000000000000", -1 },
    { "18446744073709551617", -1 },
    { "-1", -1 },
    { "+1", -1 },
    { " 1", -1 },
    { "1 ", -1 },
    { "1.0", -1 },
    { "1e3", -1 },
    { "0x1", -1 }
};


static void vectors(void);
static void records(void);
static void clocks(void);
static void limits(void);
static void sessions(void);
static void subjects(void);
static void fields_of(image_str_t *fields, const char *const *texts,
    size_t n, size_t all);
static void set(image_str_t *field, const char *text);
static void subject_of(image_record_subject_t *subject);
static int slots_of(const image_record_t *record);


int
main(void)
{
    size_t       i;
    image_str_t  field;

    vectors();
    records();
    clocks();
    limits();
    sessions();
    subjects();

    for (i = 0; i < items(numbers); i++) {
        set(&field, numbers[i].text);
        number(image_record_number(&field), numbers[i].n, numbers[i].text);
    }

    return done();
}


static void
vectors(void)
{
    u_char                  mac[IMAGE_RECORD_MAC];
    image_record_subject_t  subject;

    static const image_str_t  digest = image_str(DIGEST);
    static const image_str_t  reason = image_str("not_found");
    static const image_str_t  none = image_str("");

    subject_of(&subject);

    number(image_record_mac(mac, &subject, IMAGE_RECORD_DIGEST, &digest, AT,
                            SINCE), 0, "of a digest");
    is(mac, IMAGE_RECORD_MAC, DIGEST_MAC, "... as the docs say");

    number(image_record_mac(mac, &subject, IMAGE_RECORD_FAILURE, &reason, AT,
                            AT), 0, "of a failure");
    is(mac, IMAGE_RECORD_MAC, FAILURE_MAC, "... as the docs say");

    set(&subject.session, "job.1");

    number(image_record_mac(mac, &subject, IMAGE_RECORD_SESSION, &digest, AT,
                            AT), 0, "of a session");
    is(mac, IMAGE_RECORD_MAC, SESSION_MAC, "... as the docs say");

    set(&subject.session, "");
    set(&subject.reference, "docker.io");
    set(&subject.platform, "");

    number(image_record_mac(mac, &subject, IMAGE_RECORD_LIMIT, &none, AT,
                            AT + 60 * S), 0, "of a limit");
    is(mac, IMAGE_RECORD_MAC, LIMIT_MAC, "... as the docs say");
}


static void
records(void)
{
    size_t                   i, k;
    image_str_t              fields[IMAGE_RECORD_FIELDS];
    image_record_t           record;
    const change_t          *c;
    image_record_clock_t     clock;
    image_record_subject_t   subject;

    subject_of(&subject);

    clock.now = NOW;
    clock.floor = 0;
    clock.invalid = 0;
    clock.keep = KEEP;

    fields_of(fields, good, FIELDS, FIELDS);

    same(image_record_read(&record, fields, &subject, &clock), NULL,
         "a good record");
    number(slots_of(&record), BOTH, "... is believed");
    number(record.at, AT, "... its time");
    number(record.since, SINCE, "... since when");
    number(record.failure, IMAGE_NOT_FOUND, "... its failure");
    number(record.failure_at, AT, "... when it was");

    for (i = 0; i < items(changes); i++) {
        c = &changes[i];

        fields_of(fields, good, FIELDS, FIELDS);
        set(&fields[c->field], c->value);

        same(image_record_read(&record, fields, &subject, &clock), c->error,
             c->value);
        number(slots_of(&record), c->slots, "... what is believed");
    }

    /* slots that there are not */

    fields_of(fields, good, FIELDS, FIELDS);

    for (k = IMAGE_RECORD_VALUE; k <= IMAGE_RECORD_VALUE_MAC; k++) {
        set(&fields[k], ABSENT);
    }

    same(image_record_read(&record, fields, &subject, &clock), NULL,
         "a failure alone");
    number(slots_of(&record), FAILURE_SLOT, "... is believed");

    fields_of(fields, good, IMAGE_RECORD_VALUE, FIELDS);
    same(image_record_read(&record, fields, &subject, &clock), NULL,
         "no slot at all");
    number(slots_of(&record), 0, "... nothing");

    fields_of(fields, good, 0, FIELDS);
    same(image_record_read(&record, fields, &subject, &clock), NULL,
         "no record");
    number(slots_of(&record), 0, "... nothing");

    /* without a secret a MAC is nobody's */

    set(&subject.secret, ABSENT);
    fields_of(fields, good, FIELDS, FIELDS);

    same(image_record_read(&record, fields, &subject, &clock), NULL,
         "MACs, and no secret");
    number(slots_of(&record), BOTH, "... it is believed");

    set(&fields[IMAGE_RECORD_VALUE_MAC], ABSENT);
    set(&fields[IMAGE_RECORD_FAILED_MAC], "x");

    same(image_record_read(&record, fields, &subject, &clock), NULL,
         "neither, or a wrong one");
    number(slots_of(&record), BOTH, "... it is believed");

    /* where none is asked for its text may be NULL, and the field is empty */

    set(&subject.platform, ABSENT);
    set(&fields[IMAGE_RECORD_PLATFORM], "");

    same(image_record_read(&record, fields, &subject, &clock), NULL,
         "no platform");
    number(slots_of(&record), BOTH, "... it is believed");
}


static void
clocks(void)
{
    size_t                   i;
    image_str_t              fields[IMAGE_RECORD_FIELDS];
    image_record_t           record;
    image_record_subject_t   subject;

    subject_of(&subject);

    for (i = 0; i < items(moments); i++) {
        fields_of(fields, good, FIELDS, FIELDS);

        same(image_record_read(&record, fields, &subject, &moments[i].clock),
             NULL, moments[i].name);
        number(slots_of(&record), moments[i].believed ? BOTH : 0,
               "... in both slots");
    }
}


static void
limits(void)
{
    size_t                   i;
    int64_t                  at, span;
    image_str_t              fields[IMAGE_RECORD_LIMIT_FIELDS];
    image_record_clock_t     clock;
    image_record_subject_t   subject;

    static const char *const  limit[IMAGE_RECORD_LIMIT_FIELDS] = {
        "1", "docker.io", "1700000000000000", "1700000060000000", LIMIT_MAC
    };

    static const struct {
        int          field;
        const char  *value;
        const char  *error;
    } wrong[] = {
        { IMAGE_RECORD_LIMIT_VERSION, ABSENT, "version" },
        { IMAGE_RECORD_LIMIT_VERSION, "0", "version" },
        { IMAGE_RECORD_LIMIT_REGISTRY, ABSENT, "registry" },
        { IMAGE_RECORD_LIMIT_REGISTRY, "ghcr.io", "registry" },
        { IMAGE_RECORD_LIMITED_AT, ABSENT, "limited_at" },
        { IMAGE_RECORD_LIMITED_AT, "0", "limited_at" },
        { IMAGE_RECORD_LIMITED_AT, "1700000060000000", "limited_until" },
        { IMAGE_RECORD_LIMITED_UNTIL, ABSENT, "limited_until" },
        { IMAGE_RECORD_LIMITED_UNTIL, "1700000000000000", "limited_until" },
        { IMAGE_RECORD_LIMITED_UNTIL, "1700000300000001", "limited_until" },
        { IMAGE_RECORD_LIMITED_UNTIL, "1700000300000000", "mac" },
        { IMAGE_RECORD_LIMIT_MAC, ABSENT, "mac" },
        { IMAGE_RECORD_LIMIT_MAC, HEX64, "mac" }
    };

    static const struct {
        const char            *name;
        image_record_clock_t   clock;
        int64_t                span;
    } times[] = {
        { "a limit", { AT + 1, 0, 0, KEEP }, 60 * S },
        { "one that has just begun", { AT, 0, 0, KEEP }, 60 * S },
        { "one of the future", { AT - 1, 0, 0, KEEP }, 0 },
        { "the last moment of one", { AT + 60 * S - 1, 0, 0, KEEP }, 60 * S },
        { "one that is over", { AT + 60 * S, 0, 0, KEEP }, 0 },
        { "one at the floor", { AT + 1, AT, 0, KEEP }, 0 },
        { "one before an invalidation", { AT + 2, 0, AT + 1, KEEP }, 60 * S }
    };

    subject_of(&subject);
    set(&subject.reference, "docker.io");
    set(&subject.platform, "");

    clock.now = AT + 1;
    clock.floor = 0;
    clock.invalid = 0;
    clock.keep = KEEP;

    for (i = 0; i < items(times); i++) {
        fields_of(fields, limit, LIMITS, LIMITS);

        same(image_record_read_limit(&at, &span, fields, &subject,
                                     &times[i].clock),
             NULL, times[i].name);
        number(span, times[i].span, "... for how long");
        number(at, AT, "... from when on");
    }

    for (i = 0; i < items(wrong); i++) {
        fields_of(fields, limit, LIMITS, LIMITS);
        set(&fields[wrong[i].field], wrong[i].value);

        same(image_record_read_limit(&at, &span, fields, &subject, &clock),
             wrong[i].error, wrong[i].value);
        number(span, 0, "... and no limit");
    }

    fields_of(fields, limit, 0, LIMITS);
    same(image_record_read_limit(&at, &span, fields, &subject, &clock), NULL,
         "no record");
    number(span, 0, "... and no limit");
}


static void
sessions(void)
{
    size_t                   i;
    int64_t                  at;
    image_str_t              fields[IMAGE_RECORD_SESSION_FIELDS];
    image_digest_t           digest;
    image_record_subject_t   subject;

    static const char *const  session[IMAGE_RECORD_SESSION_FIELDS] = {
        "1", GOLANG, "linux/amd64", DIGEST, "1700000000000000", SESSION_MAC
    };

    static const struct {
        int          field;
        const char  *value;
        const char  *error;
    } wrong[] = {
        { IMAGE_RECORD_VERSION, ABSENT, "version" },
        { IMAGE_RECORD_VERSION, "2", "version" },
        { IMAGE_RECORD_REFERENCE, ABSENT, "reference" },
        { IMAGE_RECORD_REFERENCE, "docker.io", "reference" },
        { IMAGE_RECORD_PLATFORM, ABSENT, "platform" },
        { IMAGE_RECORD_PLATFORM, "", "platform" },
        { IMAGE_RECORD_SESSION_DIGEST, ABSENT, "digest" },
        { IMAGE_RECORD_SESSION_DIGEST, "", "digest" },
        { IMAGE_RECORD_SESSION_DIGEST, HEX64, "digest" },
        { IMAGE_RECORD_SESSION_DIGEST, "sha512:" HEX64 HEX64, "mac" },
        { IMAGE_RECORD_SESSION_AT, ABSENT, "digest_at" },
        { IMAGE_RECORD_SESSION_AT, "0", "digest_at" },
        { IMAGE_RECORD_SESSION_AT, "1700000000000001", "mac" },
        { IMAGE_RECORD_SESSION_MAC, ABSENT, "mac" },
        { IMAGE_RECORD_SESSION_MAC, DIGEST_MAC, "mac" }
    };

    subject_of(&subject);
    set(&subject.session, "job.1");

    fields_of(fields, session, SESSIONS, SESSIONS);
    same(image_record_read_session(&digest, &at, fields, &subject), NULL,
         "a session");
    number(digest.algorithm, IMAGE_DIGEST_SHA256, "... its digest");
    number(at, AT, "... and since when");

    for (i = 0; i < items(wrong); i++) {
        fields_of(fields, session, SESSIONS, SESSIONS);
        set(&fields[wrong[i].field], wrong[i].value);

        same(image_record_read_session(&digest, &at, fields, &subject),
             wrong[i].error, wrong[i].value);
        number(digest.algorithm, IMAGE_DIGEST_NONE, "... and no digest");
    }

    fields_of(fields, session, SESSIONS, SESSIONS);
    set(&subject.session, "job.2");
    same(image_record_read_session(&digest, &at, fields, &subject), "mac",
         "another one's");

    fields_of(fields, session, 0, SESSIONS);
    same(image_record_read_session(&digest, &at, fields, &subject), NULL,
         "no record");
    number(digest.algorithm, IMAGE_DIGEST_NONE, "... and no digest");
}


/* what a record is about is under its MAC */

static void
subjects(void)
{
    u_char                   other[IMAGE_HASH];
    size_t                   i;
    image_str_t              fields[IMAGE_RECORD_FIELDS];
    image_record_t           record;
    image_record_clock_t     clock;
    image_record_subject_t   subject;

    static const char *const  names[] = {
        "another secret", "another prefix", "another ID",
        "another reference", "another platform", "a session"
    };

    memcpy(other, id, IMAGE_HASH);
    other[IMAGE_HASH - 1] ^= 1;

    clock.now = NOW;
    clock.floor = 0;
    clock.invalid = 0;
    clock.keep = KEEP;

    for (i = 0; i < items(names); i++) {
        fields_of(fields, good, FIELDS, FIELDS);
        subject_of(&subject);

        switch (i) {

        case 0:
            set(&subject.secret, SECRET "s");
            break;

        case 1:
            set(&subject.prefix, "{q}:");
            break;

        case 2:
            subject.id = other;
            break;

        case 3:
            set(&subject.reference, GOLANG "0");
            set(&fields[IMAGE_RECORD_REFERENCE], GOLANG "0");
            break;

        case 4:
            set(&subject.platform, "linux/arm64");
            set(&fields[IMAGE_RECORD_PLATFORM], "linux/arm64");
            break;

        default:
            set(&subject.session, "job.1");
        }

        same(image_record_read(&record, fields, &subject, &clock),
             "digest_mac", names[i]);
        number(slots_of(&record), 0, "... nothing is believed");
    }
}


/* the first n of so many */

static void
fields_of(image_str_t *fields, const char *const *texts, size_t n, size_t all)
{
    size_t  i;

    for (i = 0; i < all; i++) {
        set(&fields[i], i < n ? texts[i] : ABSENT);
    }
}


static void
set(image_str_t *field, const char *text)
{
    if (strcmp(text, ABSENT) == 0) {
        field->data = NULL;
        field->len = 0;
        return;
    }

    field->data = (const u_char *) text;
    field->len = strlen(text);
}


static void
subject_of(image_record_subject_t *subject)
{
    memset(subject, 0, sizeof(image_record_subject_t));

    set(&subject->secret, SECRET);
    set(&subject->prefix, "{p}:");
    set(&subject->reference, GOLANG);
    set(&subject->platform, "linux/amd64");
    set(&subject->session, "");

    subject->id = id;
}


static int
slots_of(const image_record_t *record)
{
    return (record->digest.algorithm != IMAGE_DIGEST_NONE ? DIGEST_SLOT : 0)
           | (record->failure != IMAGE_OK ? FAILURE_SLOT : 0);
}
