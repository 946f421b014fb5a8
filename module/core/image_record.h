/*
 * Records that hosts share (docs/redis.md, "Records"): what of their fields is
 * believed.  They are read as if anybody could have written them; with a
 * secret nobody can who does not have it.
 *
 * All moments are microseconds of the clock of the server that keeps them.
 */

#ifndef IMAGE_RECORD_H
#define IMAGE_RECORD_H


#include "image_key.h"
#include "image_observation.h"


#define IMAGE_RECORD_MAC   64     /* hex digits */

/* no moment is later: what a Lua number holds exactly */
#define IMAGE_RECORD_TIME_MAX  ((int64_t) 1 << 53)


/* what a record is about */

typedef struct {
    image_str_t     secret;       /* len 0: records carry no MAC */
    image_str_t     prefix;       /* of its key */
    const uint8_t  *id;           /* of its key; IMAGE_HASH bytes */
    image_str_t     reference;    /* canonical; of a limit the registry */
    image_str_t     platform;     /* of a limit empty */
    image_str_t     session;      /* of a session; else empty */
} image_record_subject_t;


/* which moments say something (rules 6 and 12) */

typedef struct {
    int64_t         now;
    int64_t         floor;        /* nothing at or before it does */
    int64_t         invalid;      /* likewise, of observations */
    int64_t         keep;         /* how old they may be */
} image_record_clock_t;


typedef enum {
    IMAGE_RECORD_DIGEST = 0,      /* value: a digest; from: since */
    IMAGE_RECORD_FAILURE,         /* value: a reason; from: at */
    IMAGE_RECORD_LIMIT,           /* value: empty; from: until */
    IMAGE_RECORD_SESSION          /* value: a digest; from: at */
} image_record_e;


/* the fields of a record, in the order of their places */

enum {
    IMAGE_RECORD_VERSION = 0,
    IMAGE_RECORD_REFERENCE,
    IMAGE_RECORD_PLATFORM,
    IMAGE_RECORD_VALUE,           /* digest */
    IMAGE_RECORD_VALUE_AT,        /* digest_at */
    IMAGE_RECORD_VALUE_SINCE,     /* digest_since */
    IMAGE_RECORD_VALUE_MAC,       /* digest_mac */
    IMAGE_RECORD_FAILED,          /* failure */
    IMAGE_RECORD_FAILED_AT,       /* failure_at */
    IMAGE_RECORD_FAILED_MAC,      /* failure_mac */
    IMAGE_RECORD_FIELDS
};

/* ... of a limit */

enum {
    IMAGE_RECORD_LIMIT_VERSION = 0,
    IMAGE_RECORD_LIMIT_REGISTRY,
    IMAGE_RECORD_LIMITED_AT,
    IMAGE_RECORD_LIMITED_UNTIL,
    IMAGE_RECORD_LIMIT_MAC,
    IMAGE_RECORD_LIMIT_FIELDS
};

/* ... and of a session, which begins as a record does */

enum {
    IMAGE_RECORD_SESSION_DIGEST = IMAGE_RECORD_PLATFORM + 1,
    IMAGE_RECORD_SESSION_AT,
    IMAGE_RECORD_SESSION_MAC,
    IMAGE_RECORD_SESSION_FIELDS
};


/* what was believed; a slot that was not is empty */

typedef struct {
    image_digest_t  digest;
    int64_t         at;
    int64_t         since;
    image_reason_e  failure;
    int64_t         failure_at;
} image_record_t;


/*
 * HMAC-SHA256 of a slot, as IMAGE_RECORD_MAC hex digits without a NUL; 0, or
 * -1: libcrypto failed.
 */
int image_record_mac(u_char *mac, const image_record_subject_t *subject,
    image_record_e kind, const image_str_t *value, int64_t at, int64_t from);

/*
 * These read fields, those without a value having NULL ->data.  They return
 * NULL, or the name of what is malformed, which is then a miss.  A moment that
 * says nothing is no error: its slot stays empty.
 */

const char *image_record_read(image_record_t *record,
    const image_str_t *fields, const image_record_subject_t *subject,
    const image_record_clock_t *clock);

/* *span is how long it holds from *at on; 0: it does not */
const char *image_record_read_limit(int64_t *at, int64_t *span,
    const image_str_t *fields, const image_record_subject_t *subject,
    const image_record_clock_t *clock);

/* rule 13: a session's digest is its own, whatever the clock says of it;
 * IMAGE_DIGEST_NONE where there is no record */
const char *image_record_read_session(image_digest_t *digest, int64_t *at,
    const image_str_t *fields, const image_record_subject_t *subject);

/* a decimal number without a sign, below IMAGE_RECORD_TIME_MAX; or -1 */
int64_t image_record_number(const image_str_t *field);


#endif /* IMAGE_RECORD_H */
