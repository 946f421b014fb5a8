/*
 * Records that hosts share: a byte that says what kind, and how its clock is,
 * then its fields, one a line; a line of "-" alone is a field that is not
 * there.  What is believed is what a record may say, and with a secret
 * nothing is that does not carry it.
 */

#include "fuzz.h"
#include "image_record.h"


#define FIELDS   IMAGE_RECORD_FIELDS

#define NOW      INT64_C(1700000100000000)
#define KEEP     (INT64_C(86400) * 1000000)

#define SECRET   0x80
#define FLOOR    0x40
#define INVALID  0x20
#define KINDS    3


static const uint8_t  id[IMAGE_HASH];


static void
split(image_str_t *fields, const uint8_t *data, size_t size)
{
    size_t          i;
    const uint8_t  *end, *last;

    last = data + size;

    for (i = 0; i < FIELDS; i++) {
        fields[i].data = NULL;
        fields[i].len = 0;

        if (data == NULL) {
            continue;
        }

        end = memchr(data, '\n', (size_t) (last - data));

        if (end == NULL) {
            end = last;
        }

        if (end - data != 1 || *data != '-') {
            fields[i].data = data;
            fields[i].len = (size_t) (end - data);
        }

        data = end < last ? end + 1 : NULL;
    }
}


static void
equal(const image_str_t *field, const image_str_t *text)
{
    invariant(field->data != NULL && field->len == text->len);
    invariant(memcmp(field->data, text->data, text->len) == 0);
}


/* what was believed as a digest is written in the field */

static void
digest_is(const image_digest_t *digest, const image_str_t *field)
{
    size_t  n;
    u_char  text[IMAGE_DIGEST_TEXT];

    n = image_digest_format(digest, text);

    invariant(n != 0 && n == field->len);
    invariant(memcmp(text, field->data, n) == 0);
}


static void
moment_is(int64_t at, const image_record_clock_t *clock)
{
    invariant(at > 0 && at <= clock->now && at > clock->floor);
    invariant(clock->now - at < clock->keep);
}


static void
check_record(const image_str_t *fields,
    const image_record_subject_t *subject, const image_record_clock_t *clock)
{
    const char      *error;
    image_record_t   record;

    error = image_record_read(&record, fields, subject, clock);

    invariant(error == NULL || error[0] != '\0');

    if (record.digest.algorithm != IMAGE_DIGEST_NONE) {
        digest_is(&record.digest, &fields[IMAGE_RECORD_VALUE]);
        moment_is(record.at, clock);

        invariant(record.at > clock->invalid);
        invariant(record.since > 0 && record.since <= record.at);
        invariant(record.at == image_record_number(
                                         &fields[IMAGE_RECORD_VALUE_AT]));
    }

    if (record.failure != IMAGE_OK) {
        moment_is(record.failure_at, clock);

        invariant(record.failure_at > clock->invalid);
        invariant(image_reason_shared(record.failure));
    }

    if (record.digest.algorithm != IMAGE_DIGEST_NONE
        || record.failure != IMAGE_OK)
    {
        equal(&fields[IMAGE_RECORD_REFERENCE], &subject->reference);
        equal(&fields[IMAGE_RECORD_PLATFORM], &subject->platform);
    }
}


static void
check_limit(const image_str_t *fields, const image_record_subject_t *subject,
    const image_record_clock_t *clock)
{
    int64_t      at, span;
    const char  *error;

    error = image_record_read_limit(&at, &span, fields, subject, clock);

    invariant(error == NULL || (error[0] != '\0' && span == 0));
    invariant(span >= 0 && span <= IMAGE_LIMIT_MAX);

    if (span != 0) {
        moment_is(at, clock);

        invariant(at + span > clock->now);
        equal(&fields[IMAGE_RECORD_LIMIT_REGISTRY], &subject->reference);
    }
}


static void
check_session(const image_str_t *fields,
    const image_record_subject_t *subject)
{
    int64_t         at;
    const char     *error;
    image_digest_t  digest;

    error = image_record_read_session(&digest, &at, fields, subject);

    if (error != NULL) {
        invariant(error[0] != '\0');
        invariant(digest.algorithm == IMAGE_DIGEST_NONE);
        return;
    }

    if (digest.algorithm != IMAGE_DIGEST_NONE) {
        digest_is(&digest, &fields[IMAGE_RECORD_SESSION_DIGEST]);

        invariant(at > 0 && at < IMAGE_RECORD_TIME_MAX);
        equal(&fields[IMAGE_RECORD_SESSION_REFERENCE], &subject->reference);
        equal(&fields[IMAGE_RECORD_SESSION_PLATFORM], &subject->platform);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char                   kind;
    image_str_t              fields[FIELDS];
    image_record_clock_t     clock;
    image_record_subject_t   subject;

    static const image_str_t  none = image_str("");
    static const image_str_t  secret = image_str(
                                         "ssssssssssssssssssssssssssssssss");
    static const image_str_t  prefix = image_str("{p}:");
    static const image_str_t  golang = image_str(
                                             "docker.io/library/golang:1.22");
    static const image_str_t  platform = image_str("linux/amd64");
    static const image_str_t  registry = image_str("docker.io");
    static const image_str_t  session = image_str("job.1");

    if (size == 0) {
        return 0;
    }

    kind = data[0];

    split(fields, data + 1, size - 1);

    memset(&subject, 0, sizeof(subject));

    subject.secret = (kind & SECRET) ? secret : none;
    subject.prefix = prefix;
    subject.id = id;
    subject.reference = golang;
    subject.platform = platform;
    subject.session = none;

    clock.now = NOW;
    clock.floor = (kind & FLOOR) ? NOW - 1000 : 0;
    clock.invalid = (kind & INVALID) ? NOW - 500 : 0;
    clock.keep = KEEP;

    switch (kind % KINDS) {

    case 0:
        check_record(fields, &subject, &clock);
        break;

    case 1:
        subject.reference = registry;
        subject.platform = none;
        check_limit(fields, &subject, &clock);
        break;

    default:
        subject.session = session;
        check_session(fields, &subject);
    }

    return 0;
}
