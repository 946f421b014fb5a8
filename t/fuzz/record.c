/*
 * Records of Redis: a byte, then a field a line.  "~" is a field without a
 * value; "@" is the MAC that is right for its slot.  The byte says whether
 * there is a secret, and a platform.  What is believed is in form, in time,
 * and authentic where there is a secret.
 */

#include "fuzz.h"
#include "image_record.h"


#define FIELDS   IMAGE_RECORD_FIELDS

#define SECRET   0x01
#define NOWHERE  0x02

#define DAY      ((int64_t) 86400 * 1000000)
#define NOW      ((int64_t) 1700000000 * 1000000)
#define FLOOR    (NOW - DAY / 2)
#define INVALID  (NOW - DAY / 4)


static const image_record_clock_t  now = { NOW, FLOOR, INVALID, DAY };


static int
is(const image_str_t *field, const char *text)
{
    return field->data != NULL && field->len == strlen(text)
           && memcmp(field->data, text, field->len) == 0;
}


/* "@" becomes the MAC; returns whether it did */

static int
authenticate(u_char *mac, image_str_t *field,
    const image_record_subject_t *subject, image_record_e kind,
    const image_str_t *value, const image_str_t *at, const image_str_t *from)
{
    if (!is(field, "@")) {
        return 0;
    }

    invariant(image_record_mac(mac, subject, kind, value,
                               image_record_number(at),
                               image_record_number(from))
              == 0);

    field->data = mac;
    field->len = IMAGE_RECORD_MAC;

    return 1;
}


static void
word(const char *error)
{
    invariant(error == NULL
              || (error[0] != '\0' && error[strlen(error) - 1] != '.'));
}


static void
same_digest(const image_digest_t *digest, const image_str_t *field)
{
    size_t  len;
    u_char  text[IMAGE_DIGEST_TEXT];

    len = image_digest_format(digest, text);

    invariant(len != 0 && len == field->len);
    invariant(memcmp(text, field->data, len) == 0);
}


static void
record(const image_str_t *given, const image_record_subject_t *subject)
{
    int             digest, failure;
    u_char          macs[2][IMAGE_RECORD_MAC];
    const char     *error;
    image_str_t     f[FIELDS];
    image_record_t  r;

    memcpy(f, given, sizeof(f));

    digest = authenticate(macs[0], &f[IMAGE_RECORD_VALUE_MAC], subject,
                          IMAGE_RECORD_DIGEST, &f[IMAGE_RECORD_VALUE],
                          &f[IMAGE_RECORD_VALUE_AT],
                          &f[IMAGE_RECORD_VALUE_SINCE]);

    failure = authenticate(macs[1], &f[IMAGE_RECORD_FAILED_MAC], subject,
                           IMAGE_RECORD_FAILURE, &f[IMAGE_RECORD_FAILED],
                           &f[IMAGE_RECORD_FAILED_AT],
                           &f[IMAGE_RECORD_FAILED_AT]);

    error = image_record_read(&r, f, subject, &now);
    word(error);

    if (r.digest.algorithm != IMAGE_DIGEST_NONE) {
        same_digest(&r.digest, &f[IMAGE_RECORD_VALUE]);

        invariant(is(&f[IMAGE_RECORD_VERSION], "1"));
        invariant(r.at > INVALID && r.at <= NOW);
        invariant(r.since > 0 && r.since <= r.at);
        invariant(subject->secret.len == 0 || digest);

    } else {
        invariant(r.at == 0 && r.since == 0);
    }

    if (r.failure != IMAGE_OK) {
        invariant(is(&f[IMAGE_RECORD_VERSION], "1"));
        invariant(image_reason_shared(r.failure));
        invariant(r.failure_at > INVALID && r.failure_at <= NOW);
        invariant(subject->secret.len == 0 || failure);

    } else {
        invariant(r.failure_at == 0);
    }
}


static void
limit(const image_str_t *given, const image_record_subject_t *subject)
{
    int          right;
    u_char       mac[IMAGE_RECORD_MAC];
    int64_t      at, span;
    const char  *error;
    image_str_t  f[FIELDS];

    static const image_str_t  none = image_str("");

    memcpy(f, given, sizeof(f));

    right = authenticate(mac, &f[IMAGE_RECORD_LIMIT_MAC], subject,
                         IMAGE_RECORD_LIMIT, &none,
                         &f[IMAGE_RECORD_LIMITED_AT],
                         &f[IMAGE_RECORD_LIMITED_UNTIL]);

    error = image_record_read_limit(&at, &span, f, subject, &now);
    word(error);

    if (span == 0) {
        return;
    }

    invariant(error == NULL);
    invariant(at > FLOOR && at <= NOW && at + span > NOW);
    invariant(span > 0 && span <= IMAGE_LIMIT_MAX);
    invariant(subject->secret.len == 0 || right);
}


static void
session(const image_str_t *given, const image_record_subject_t *subject)
{
    int             right;
    u_char          mac[IMAGE_RECORD_MAC];
    int64_t         at;
    const char     *error;
    image_str_t     f[FIELDS];
    image_digest_t  digest;

    memcpy(f, given, sizeof(f));

    right = authenticate(mac, &f[IMAGE_RECORD_SESSION_MAC], subject,
                         IMAGE_RECORD_SESSION,
                         &f[IMAGE_RECORD_SESSION_DIGEST],
                         &f[IMAGE_RECORD_SESSION_AT],
                         &f[IMAGE_RECORD_SESSION_AT]);

    error = image_record_read_session(&digest, &at, f, subject);
    word(error);

    if (digest.algorithm == IMAGE_DIGEST_NONE) {
        return;
    }

    same_digest(&digest, &f[IMAGE_RECORD_SESSION_DIGEST]);

    invariant(error == NULL);
    invariant(at > 0 && at < IMAGE_RECORD_TIME_MAX);
    invariant(subject->secret.len == 0 || right);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                     flags;
    size_t                  i;
    int64_t                 n;
    image_str_t             fields[FIELDS];
    const uint8_t          *p, *last;
    image_record_subject_t  subject;

    static const uint8_t      id[IMAGE_HASH] = { 1, 2, 3 };
    static const image_str_t  secret = image_str("a secret");
    static const image_str_t  prefix = image_str("image-digest:");
    static const image_str_t  reference =
        image_str("docker.io/library/golang:1.22");
    static const image_str_t  registry = image_str("docker.io");
    static const image_str_t  platform = image_str("linux/amd64");
    static const image_str_t  token = image_str("a session");

    if (size == 0) {
        return 0;
    }

    flags = data[0];
    last = data + size;
    data++;

    memset(fields, 0, sizeof(fields));

    for (i = 0; i < FIELDS && data < last; i++) {
        p = memchr(data, '\n', (size_t) (last - data));

        fields[i].data = data;
        fields[i].len = (size_t) ((p ? p : last) - data);

        if (is(&fields[i], "~")) {
            fields[i].data = NULL;
            fields[i].len = 0;
        }

        n = image_record_number(&fields[i]);

        invariant(n >= -1 && n < IMAGE_RECORD_TIME_MAX);
        invariant(n == -1 || fields[i].len > 0);

        data = p ? p + 1 : last;
    }

    memset(&subject, 0, sizeof(subject));

    subject.prefix = prefix;
    subject.id = id;

    if (flags & SECRET) {
        subject.secret = secret;
    }

    if (!(flags & NOWHERE)) {
        subject.platform = platform;
    }

    subject.reference = reference;
    record(fields, &subject);

    subject.session = token;
    session(fields, &subject);

    memset(&subject.session, 0, sizeof(subject.session));
    memset(&subject.platform, 0, sizeof(subject.platform));

    subject.reference = registry;
    limit(fields, &subject);

    return 0;
}
