/*
 * Records that hosts share: read as if anybody could have written them.
 */

#include "image_record.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>


static const char *image_record_read_head(const image_str_t *fields,
    const image_record_subject_t *subject);
static const char *image_record_read_digest(image_record_t *record,
    const image_str_t *fields, const image_record_subject_t *subject,
    const image_record_clock_t *clock);
static const char *image_record_read_failure(image_record_t *record,
    const image_str_t *fields, const image_record_subject_t *subject,
    const image_record_clock_t *clock);
static int image_record_void(int64_t at, const image_record_clock_t *clock);
static int image_record_authentic(const image_str_t *mac,
    const image_record_subject_t *subject, image_record_e kind,
    const image_str_t *value, int64_t at, int64_t from);
static int image_record_none(const image_str_t *fields, size_t n);
static int image_record_is(const image_str_t *field, const image_str_t *text);


static const image_str_t  image_record_version = image_str("1");


int
image_record_mac(u_char *mac, const image_record_subject_t *subject,
    image_record_e kind, const image_str_t *value, int64_t at, int64_t from)
{
    char         at_text[24], from_text[24];
    u_char       id[2 * IMAGE_HASH];
    uint8_t      hash[IMAGE_HASH], out[EVP_MAX_MD_SIZE];
    unsigned     len;
    image_str_t  parts[10];

    static const image_str_t  form = image_str("image-digest-record/1");

    static const image_str_t  kinds[] = {
        image_str("digest"), image_str("failure"), image_str("limit"),
        image_str("session")
    };

    image_hex(id, subject->id, IMAGE_HASH);

    parts[0] = form;
    parts[1] = kinds[kind];
    parts[2] = subject->prefix;
    parts[3].data = id;
    parts[3].len = sizeof(id);
    parts[4] = subject->reference;
    parts[5] = subject->platform;
    parts[6] = subject->session;
    parts[7] = *value;
    parts[8].data = (u_char *) at_text;
    parts[8].len = (size_t) snprintf(at_text, sizeof(at_text), "%lld",
                                     (long long) at);
    parts[9].data = (u_char *) from_text;
    parts[9].len = (size_t) snprintf(from_text, sizeof(from_text), "%lld",
                                     (long long) from);

    /* of the hash of netstrings, so that no two lists of parts meet */

    if (image_hash(hash, parts, 10) != 0
        || HMAC(EVP_sha256(), subject->secret.data, (int) subject->secret.len,
                hash, IMAGE_HASH, out, &len)
           == NULL
        || 2 * len != IMAGE_RECORD_MAC)
    {
        return -1;
    }

    image_hex(mac, out, len);

    return 0;
}


const char *
image_record_read(image_record_t *record, const image_str_t *fields,
    const image_record_subject_t *subject, const image_record_clock_t *clock)
{
    const char  *error, *digest, *failure;

    memset(record, 0, sizeof(image_record_t));

    if (image_record_none(fields, IMAGE_RECORD_FIELDS)) {
        return NULL;
    }

    error = image_record_read_head(fields, subject);

    if (error) {
        return error;
    }

    digest = image_record_read_digest(record, fields, subject, clock);
    failure = image_record_read_failure(record, fields, subject, clock);

    return digest ? digest : failure;
}


/* of a record and of a session: is it of that form, and about that? */

static const char *
image_record_read_head(const image_str_t *fields,
    const image_record_subject_t *subject)
{
    if (!image_record_is(&fields[IMAGE_RECORD_VERSION],
                         &image_record_version))
    {
        return "version";
    }

    if (!image_record_is(&fields[IMAGE_RECORD_REFERENCE],
                         &subject->reference))
    {
        return "reference";
    }

    if (!image_record_is(&fields[IMAGE_RECORD_PLATFORM], &subject->platform))
    {
        return "platform";
    }

    return NULL;
}


static const char *
image_record_read_digest(image_record_t *record, const image_str_t *fields,
    const image_record_subject_t *subject, const image_record_clock_t *clock)
{
    int64_t             at, since;
    image_digest_t      digest;
    const image_str_t  *value;

    value = &fields[IMAGE_RECORD_VALUE];

    if (image_record_none(value, 4)) {
        return NULL;
    }

    at = image_record_number(&fields[IMAGE_RECORD_VALUE_AT]);
    since = image_record_number(&fields[IMAGE_RECORD_VALUE_SINCE]);

    if (image_digest_parse(&digest, value->data, value->len) != 0) {
        return "digest";
    }

    if (at <= 0) {
        return "digest_at";
    }

    if (since <= 0 || since > at) {
        return "digest_since";
    }

    if (!image_record_authentic(&fields[IMAGE_RECORD_VALUE_MAC], subject,
                                IMAGE_RECORD_DIGEST, value, at, since))
    {
        return "digest_mac";
    }

    if (image_record_void(at, clock)) {
        return NULL;
    }

    record->digest = digest;
    record->at = at;
    record->since = since;

    return NULL;
}


static const char *
image_record_read_failure(image_record_t *record, const image_str_t *fields,
    const image_record_subject_t *subject, const image_record_clock_t *clock)
{
    int64_t             at;
    image_reason_e      reason;
    const image_str_t  *value;

    value = &fields[IMAGE_RECORD_FAILED];

    if (image_record_none(value, 3)) {
        return NULL;
    }

    at = image_record_number(&fields[IMAGE_RECORD_FAILED_AT]);
    reason = image_reason_parse(value->data, value->len);

    /* rule 4: only what is true for all hosts */

    if (reason == IMAGE_OK || !image_reason_shared(reason)) {
        return "failure";
    }

    if (at <= 0) {
        return "failure_at";
    }

    if (!image_record_authentic(&fields[IMAGE_RECORD_FAILED_MAC], subject,
                                IMAGE_RECORD_FAILURE, value, at, at))
    {
        return "failure_mac";
    }

    if (image_record_void(at, clock)) {
        return NULL;
    }

    record->failure = reason;
    record->failure_at = at;

    return NULL;
}


const char *
image_record_read_limit(int64_t *at, int64_t *span, const image_str_t *fields,
    const image_record_subject_t *subject, const image_record_clock_t *clock)
{
    int64_t               until;
    image_record_clock_t  always;

    static const image_str_t  none = image_str("");

    *at = 0;
    *span = 0;

    if (image_record_none(fields, IMAGE_RECORD_LIMIT_FIELDS)) {
        return NULL;
    }

    if (!image_record_is(&fields[IMAGE_RECORD_LIMIT_VERSION],
                         &image_record_version))
    {
        return "version";
    }

    if (!image_record_is(&fields[IMAGE_RECORD_LIMIT_REGISTRY],
                         &subject->reference))
    {
        return "registry";
    }

    *at = image_record_number(&fields[IMAGE_RECORD_LIMITED_AT]);
    until = image_record_number(&fields[IMAGE_RECORD_LIMITED_UNTIL]);

    if (*at <= 0) {
        return "limited_at";
    }

    if (until <= *at || until - *at > IMAGE_LIMIT_MAX) {
        return "limited_until";
    }

    if (!image_record_authentic(&fields[IMAGE_RECORD_LIMIT_MAC], subject,
                                IMAGE_RECORD_LIMIT, &none, *at, until))
    {
        return "mac";
    }

    /* a registry's wish is no observation that could be invalidated */

    always = *clock;
    always.invalid = 0;

    if (image_record_void(*at, &always) || until <= clock->now) {
        return NULL;
    }

    *span = until - *at;

    return NULL;
}


const char *
image_record_read_session(image_digest_t *digest, int64_t *at,
    const image_str_t *fields, const image_record_subject_t *subject)
{
    const char         *error;
    image_digest_t      parsed;
    const image_str_t  *value;

    memset(digest, 0, sizeof(image_digest_t));
    *at = 0;

    if (image_record_none(fields, IMAGE_RECORD_SESSION_FIELDS)) {
        return NULL;
    }

    error = image_record_read_head(fields, subject);

    if (error) {
        return error;
    }

    value = &fields[IMAGE_RECORD_SESSION_DIGEST];
    *at = image_record_number(&fields[IMAGE_RECORD_SESSION_AT]);

    if (image_digest_parse(&parsed, value->data, value->len) != 0) {
        return "digest";
    }

    if (*at <= 0) {
        return "digest_at";
    }

    if (!image_record_authentic(&fields[IMAGE_RECORD_SESSION_MAC], subject,
                                IMAGE_RECORD_SESSION, value, *at, *at))
    {
        return "mac";
    }

    *digest = parsed;

    return NULL;
}


int64_t
image_record_number(const image_str_t *field)
{
    size_t   i;
    int64_t  n;

    /* 2^53 has 16 digits */

    if (field->data == NULL || field->len == 0 || field->len > 16) {
        return -1;
    }

    n = 0;

    for (i = 0; i < field->len; i++) {

        if (field->data[i] < '0' || field->data[i] > '9') {
            return -1;
        }

        n = n * 10 + (field->data[i] - '0');
    }

    return n < IMAGE_RECORD_TIME_MAX ? n : -1;
}


/*
 * A moment that says nothing (rule 6): it is in the future, or from before
 * the last time that the clock fell behind, or from before an invalidation
 * (rule 12), or older than anything is kept.
 */

static int
image_record_void(int64_t at, const image_record_clock_t *clock)
{
    return at > clock->now
           || at <= clock->floor
           || at <= clock->invalid
           || clock->now - at >= clock->keep;
}


static int
image_record_authentic(const image_str_t *mac,
    const image_record_subject_t *subject, image_record_e kind,
    const image_str_t *value, int64_t at, int64_t from)
{
    u_char  right[IMAGE_RECORD_MAC];

    if (subject->secret.len == 0) {
        return 1;
    }

    return mac->data != NULL
           && mac->len == IMAGE_RECORD_MAC
           && image_record_mac(right, subject, kind, value, at, from) == 0
           && CRYPTO_memcmp(right, mac->data, IMAGE_RECORD_MAC) == 0;
}


static int
image_record_none(const image_str_t *fields, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (fields[i].data != NULL) {
            return 0;
        }
    }

    return 1;
}


static int
image_record_is(const image_str_t *field, const image_str_t *text)
{
    return field->data != NULL
           && field->len == text->len
           && (text->len == 0
               || memcmp(field->data, text->data, text->len) == 0);
}
