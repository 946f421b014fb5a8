/*
 * Credentials: a Docker config.json, and the answers of token servers.  Uses
 * jansson and libcrypto, no I/O.
 *
 * Secrets are overwritten before their memory is given back.  What jansson's
 * decoder held while it read is beyond reach.
 */

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

#include "image_json.h"
#include "image_credentials.h"


#define IMAGE_TOKEN_EXPIRES_MIN  60
#define IMAGE_TOKEN_EXPIRES_MAX  (24 * 60 * 60)


/* values are malloc()ed, or absent with len 0 */

typedef struct {
    image_str_t         key;
    image_credential_t  value;
} image_credentials_entry_t;


struct image_credentials_s {
    size_t                      n;
    image_credentials_entry_t  *entries;
    int                         helped;
};


/*
 * How well a key names what is asked for.  A path counts more than the
 * registry alone, and the longer one more than the shorter one.
 */

enum {
    IMAGE_CREDENTIALS_OTHER = 0,
    IMAGE_CREDENTIALS_URL,             /* host, but for scheme, case, path */
    IMAGE_CREDENTIALS_EXACT,
    IMAGE_CREDENTIALS_PATH             /* and the path's length */
};


static const char *image_credentials_read(image_credentials_t *credentials,
    json_t *json);
static const char *image_credentials_entry(image_credentials_entry_t *entry,
    const char *key, const json_t *json);
static const char *image_credentials_auth(image_credential_t *value,
    const char *text, size_t len);
static ssize_t image_credentials_base64(u_char *out, const char *text,
    size_t len);
static const char *image_credentials_field(image_str_t *value,
    const json_t *json, const char *name);
static const char *image_credentials_set(image_str_t *value,
    const void *data, size_t len);
static void image_credentials_wipe(image_str_t *value);
static int image_credentials_read_helpers(const json_t *json);
static size_t image_credentials_rank(const image_str_t *key,
    const image_str_t *host, const image_str_t *path);
static int image_credentials_is_inside(const image_str_t *path,
    const u_char *prefix, size_t len);
static int image_credentials_is_api(const u_char *path, size_t len);
static int image_token_is_valid(const json_t *json);


static const char  image_credentials_no_memory[] = "could not be held in "
                                                   "memory";


image_credentials_t *
image_credentials_parse(const u_char *text, size_t len, const char **error)
{
    json_t               *json;
    image_credentials_t  *credentials;

    if (len > IMAGE_CREDENTIALS_FILE_MAX) {
        *error = "is larger than 1 MiB";
        return NULL;
    }

    /* an operator who wrote a registry twice must not guess which is used */

    json = image_json_parse(text, len, JSON_REJECT_DUPLICATES);
    if (json == NULL) {
        *error = "is no JSON object, or holds a name twice";
        return NULL;
    }

    credentials = calloc(1, sizeof(image_credentials_t));

    if (credentials == NULL) {
        *error = image_credentials_no_memory;

    } else {
        *error = image_credentials_read(credentials, json);

        if (*error != NULL) {
            image_credentials_free(credentials);
            credentials = NULL;
        }
    }

    image_json_wipe(json);

    return credentials;
}


static const char *
image_credentials_read(image_credentials_t *credentials, json_t *json)
{
    size_t                      n;
    json_t                     *auths, *value;
    const char                 *key, *error;
    image_credentials_entry_t  *entry;

    credentials->helped = image_credentials_read_helpers(json);

    auths = json_object_get(json, "auths");

    if (auths == NULL || json_is_null(auths)) {
        return NULL;
    }

    if (!json_is_object(auths)) {
        return "has \"auths\" that is no object";
    }

    n = json_object_size(auths);

    if (n == 0) {
        return NULL;
    }

    credentials->entries = calloc(n, sizeof(image_credentials_entry_t));
    if (credentials->entries == NULL) {
        return image_credentials_no_memory;
    }

    json_object_foreach(auths, key, value) {
        entry = &credentials->entries[credentials->n++];

        error = image_credentials_entry(entry, key, value);
        if (error != NULL) {
            return error;
        }
    }

    return NULL;
}


static int
image_credentials_read_helpers(const json_t *json)
{
    const json_t  *store, *helpers;

    store = json_object_get(json, "credsStore");
    helpers = json_object_get(json, "credHelpers");

    /* of what is no string and no object the length is 0 */

    return json_string_length(store) > 0 || json_object_size(helpers) > 0;
}


static const char *
image_credentials_entry(image_credentials_entry_t *entry, const char *key,
    const json_t *json)
{
    const char          *error;
    const json_t        *auth;
    image_credential_t  *value;

    value = &entry->value;

    if (!json_is_object(json)) {
        return "has an entry of \"auths\" that is no object";
    }

    error = image_credentials_set(&entry->key, key, strlen(key));
    if (error != NULL) {
        return error;
    }

    auth = json_object_get(json, "auth");

    if (auth != NULL && !json_is_null(auth)) {

        if (!json_is_string(auth)) {
            return "has an \"auth\" that is no string";
        }

        error = image_credentials_auth(value, json_string_value(auth),
                                       json_string_length(auth));
        if (error != NULL) {
            return error;
        }
    }

    /* "auth" beats the two fields that say the same */

    if (value->username.len == 0 && value->password.len == 0) {
        error = image_credentials_field(&value->username, json, "username");
        if (error != NULL) {
            return error;
        }

        error = image_credentials_field(&value->password, json, "password");
        if (error != NULL) {
            return error;
        }

        if (value->username.len != 0
            && memchr(value->username.data, ':', value->username.len) != NULL)
        {
            return "has a \"username\" with a colon";
        }
    }

    error = image_credentials_field(&value->identity_token, json,
                                    "identitytoken");
    if (error != NULL) {
        return error;
    }

    return image_credentials_field(&value->registry_token, json,
                                   "registrytoken");
}


/* base64 of USER:PASSWORD, which may hold colons of its own */

static const char *
image_credentials_auth(image_credential_t *value, const char *text,
    size_t len)
{
    u_char      *buf, *colon;
    size_t       size, n;
    ssize_t      decoded;
    const char  *error;

    if (len == 0) {
        return NULL;
    }

    size = len / 4 * 3 + 3;

    buf = malloc(size);
    if (buf == NULL) {
        return image_credentials_no_memory;
    }

    decoded = image_credentials_base64(buf, text, len);

    if (decoded < 0) {
        error = "has an \"auth\" that is not base64";
        goto done;
    }

    n = (size_t) decoded;

    while (n > 0 && buf[n - 1] == '\0') {
        n--;
    }

    colon = memchr(buf, ':', n);

    if (colon == NULL) {
        error = "has an \"auth\" that is not base64 of USER:PASSWORD";
        goto done;
    }

    error = image_credentials_set(&value->username, buf,
                                  (size_t) (colon - buf));

    if (error == NULL) {
        colon++;
        error = image_credentials_set(&value->password, colon,
                                      n - (size_t) (colon - buf));
    }

done:

    OPENSSL_cleanse(buf, size);
    free(buf);

    return error;
}


/*
 * RFC 4648, 4, with or without padding, and with line ends anywhere, as
 * base64(1) writes them.  EVP_DecodeBlock() would count the padding as bytes.
 */

static ssize_t
image_credentials_base64(u_char *out, const char *text, size_t len)
{
    size_t       i, n, digits;
    uint32_t     bits;
    const char  *p;

    static const char  alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "abcdefghijklmnopqrstuvwxyz"
                                    "0123456789+/";

    n = 0;
    bits = 0;
    digits = 0;

    for (i = 0; i < len && text[i] != '='; i++) {

        if (text[i] == '\r' || text[i] == '\n') {
            continue;
        }

        p = memchr(alphabet, text[i], sizeof(alphabet) - 1);
        if (p == NULL) {
            return -1;
        }

        bits = (bits << 6 | (uint32_t) (p - alphabet)) & 0xffffff;

        if (++digits % 4 == 0) {
            out[n++] = (u_char) (bits >> 16);
            out[n++] = (u_char) (bits >> 8 & 0xff);
            out[n++] = (u_char) (bits & 0xff);
        }
    }

    for ( /* void */ ; i < len; i++) {
        if (text[i] != '=' && text[i] != '\r' && text[i] != '\n') {
            return -1;
        }
    }

    switch (digits % 4) {

    case 1:
        return -1;

    case 2:
        out[n++] = (u_char) (bits >> 4 & 0xff);
        break;

    case 3:
        out[n++] = (u_char) (bits >> 10 & 0xff);
        out[n++] = (u_char) (bits >> 2 & 0xff);
        break;
    }

    return (ssize_t) n;
}


static const char *
image_credentials_field(image_str_t *value, const json_t *json,
    const char *name)
{
    const json_t  *field;

    field = json_object_get(json, name);

    if (field == NULL || json_is_null(field)) {
        return NULL;
    }

    if (!json_is_string(field)) {
        return "has a user, a password or a token that is no string";
    }

    return image_credentials_set(value, json_string_value(field),
                                 json_string_length(field));
}


/* none of these may end a header's line */

static const char *
image_credentials_set(image_str_t *value, const void *data, size_t len)
{
    size_t         i;
    u_char        *copy;
    const u_char  *p;

    if (len == 0) {
        return NULL;
    }

    p = data;

    for (i = 0; i < len; i++) {
        if (p[i] < ' ' || p[i] == 0x7f) {
            return "has a value with a control character";
        }
    }

    copy = malloc(len);
    if (copy == NULL) {
        return image_credentials_no_memory;
    }

    memcpy(copy, data, len);

    value->data = copy;
    value->len = len;

    return NULL;
}


void
image_credentials_free(image_credentials_t *credentials)
{
    size_t               i;
    image_credential_t  *value;

    if (credentials == NULL) {
        return;
    }

    for (i = 0; i < credentials->n; i++) {
        value = &credentials->entries[i].value;

        image_credentials_wipe(&credentials->entries[i].key);
        image_credentials_wipe(&value->username);
        image_credentials_wipe(&value->password);
        image_credentials_wipe(&value->identity_token);
        image_credentials_wipe(&value->registry_token);
    }

    free(credentials->entries);
    free(credentials);
}


static void
image_credentials_wipe(image_str_t *value)
{
    void  *data;

    if (value->len == 0) {
        return;
    }

    data = (void *) (uintptr_t) value->data;

    OPENSSL_cleanse(data, value->len);
    free(data);
}


int
image_credentials_find(const image_credentials_t *credentials,
    const image_str_t *registry, const image_str_t *path,
    image_credential_t *found)
{
    int                               hub;
    size_t                            i, rank, old, best;
    const image_credential_t         *value;
    const image_credentials_entry_t  *entry;

    static const image_str_t  hub_host = image_str("docker.io");
    static const image_str_t  hub_index = image_str("index.docker.io");

    memset(found, 0, sizeof(image_credential_t));

    hub = registry->len == hub_host.len
          && memcmp(registry->data, hub_host.data, hub_host.len) == 0;

    best = 0;

    for (i = 0; i < credentials->n; i++) {
        entry = &credentials->entries[i];
        value = &entry->value;

        if (value->username.len == 0 && value->password.len == 0
            && value->identity_token.len == 0
            && value->registry_token.len == 0)
        {
            continue;
        }

        /* twice, to leave a place below each rank for the hub's old name */

        rank = 2 * image_credentials_rank(&entry->key, registry, path);

        if (rank == 0 && hub) {
            old = image_credentials_rank(&entry->key, &hub_index, path);

            if (old >= IMAGE_CREDENTIALS_PATH) {
                rank = 2 * old - 1;

            } else if (old != IMAGE_CREDENTIALS_OTHER) {
                rank = 1;
            }
        }

        if (rank > best) {
            best = rank;
            *found = *value;
        }
    }

    return best > 0;
}


int
image_credentials_helped(const image_credentials_t *credentials)
{
    return credentials->helped;
}


static size_t
image_credentials_rank(const image_str_t *key, const image_str_t *host,
    const image_str_t *path)
{
    int            scheme;
    size_t         rest;
    const u_char  *p;

    static const image_str_t  schemes[] = {
        image_str("https://"),
        image_str("http://")
    };

    p = key->data;
    rest = key->len;

    for (scheme = 0; scheme < 2; scheme++) {
        if (rest > schemes[scheme].len
            && strncasecmp((const char *) p,
                           (const char *) schemes[scheme].data,
                           schemes[scheme].len) == 0)
        {
            p += schemes[scheme].len;
            rest -= schemes[scheme].len;
            break;
        }
    }

    if (host->len == 0 || rest < host->len
        || strncasecmp((const char *) p, (const char *) host->data, host->len)
           != 0)
    {
        return IMAGE_CREDENTIALS_OTHER;
    }

    if (rest == host->len) {
        return rest == key->len && memcmp(p, host->data, rest) == 0
               ? IMAGE_CREDENTIALS_EXACT : IMAGE_CREDENTIALS_URL;
    }

    p += host->len;
    rest -= host->len;

    /* the host ends here, or it is a longer one */

    if (*p != '/') {
        return IMAGE_CREDENTIALS_OTHER;
    }

    /* of a URL the path is its API's; without a scheme it is a part of the
     * registry, not the registry */

    if (scheme < 2 || image_credentials_is_api(p, rest)) {
        return IMAGE_CREDENTIALS_URL;
    }

    p++;
    rest--;

    if (p[rest - 1] == '/') {
        rest--;
    }

    return image_credentials_is_inside(path, p, rest)
           ? IMAGE_CREDENTIALS_PATH + rest : IMAGE_CREDENTIALS_OTHER;
}


/* /par is no part of /partial */

static int
image_credentials_is_inside(const image_str_t *path, const u_char *prefix,
    size_t len)
{
    return len > 0 && path->len >= len
           && memcmp(path->data, prefix, len) == 0
           && (path->len == len || path->data[len] == '/');
}


static int
image_credentials_is_api(const u_char *path, size_t len)
{
    if (len > 1 && path[len - 1] == '/') {
        len--;
    }

    return (len == 1 && path[0] == '/')
           || (len == 3 && memcmp(path, "/v", 2) == 0
               && (path[2] == '1' || path[2] == '2'));
}


int
image_token_parse(image_token_t *token, const u_char *text, size_t len)
{
    double         seconds;
    json_t        *json;
    const json_t  *value;

    memset(token, 0, sizeof(image_token_t));

    if (len > IMAGE_TOKEN_MAX) {
        return -1;
    }

    /* as real numbers, since one that is too large must not be an error */

    json = image_json_parse(text, len, JSON_DECODE_INT_AS_REAL);
    if (json == NULL) {
        return -1;
    }

    value = json_object_get(json, "token");

    if (!image_token_is_valid(value)) {
        value = json_object_get(json, "access_token");

        if (!image_token_is_valid(value)) {
            image_json_wipe(json);
            return -1;
        }
    }

    token->len = json_string_length(value);
    token->token = malloc(token->len + 1);

    if (token->token == NULL) {
        image_json_wipe(json);
        token->len = 0;
        return -1;
    }

    memcpy(token->token, json_string_value(value), token->len);
    token->token[token->len] = '\0';

    seconds = json_number_value(json_object_get(json, "expires_in"));

    if (!(seconds > IMAGE_TOKEN_EXPIRES_MIN)) {
        token->expires_in = IMAGE_TOKEN_EXPIRES_MIN;

    } else if (seconds > IMAGE_TOKEN_EXPIRES_MAX) {
        token->expires_in = IMAGE_TOKEN_EXPIRES_MAX;

    } else {
        token->expires_in = (int64_t) seconds;
    }

    image_json_wipe(json);

    return 0;
}


static int
image_token_is_valid(const json_t *json)
{
    size_t       i, len;
    const char  *p;

    if (!json_is_string(json)) {
        return 0;
    }

    p = json_string_value(json);
    len = json_string_length(json);

    for (i = 0; i < len; i++) {
        if (p[i] <= ' ' || p[i] > '~') {
            return 0;
        }
    }

    return len > 0;
}
