/*
 * Credentials: a Docker config.json, and the answers of token servers.
 * Both are JSON; nothing here is ever logged.
 */

#ifndef IMAGE_CREDENTIALS_H
#define IMAGE_CREDENTIALS_H


#include "image_str.h"


#define IMAGE_CREDENTIALS_FILE_MAX  (1024 * 1024)
#define IMAGE_TOKEN_MAX             (1024 * 1024)


/* a parsed file, owned by the caller */

typedef struct image_credentials_s  image_credentials_t;

/* what it holds for a registry; strings live as long as the file's object,
 * absent ones have len 0 */

typedef struct {
    image_str_t  username;
    image_str_t  password;
    image_str_t  identity_token;
    image_str_t  registry_token;
} image_credential_t;


/*
 * Returns NULL on failure, with *error a sentence without a full stop that
 * holds nothing of the file's content.
 */
image_credentials_t *image_credentials_parse(const u_char *json, size_t len,
    const char **error);
void image_credentials_free(image_credentials_t *credentials);

/*
 * Finds what is for a repository ("team/app") of a registry ("docker.io",
 * "host:port").  A key is compared by whole components, never as a string
 * prefix, and the longest counts: "host/team/app", "host/team", then the
 * registry itself: the exact key first, then one whose host equals it, case
 * ignored, once a scheme and the path after it are stripped, or a path of /,
 * /v1/ or /v2/.  docker.io is also known by its key
 * https://index.docker.io/v1/.  An entry without a secret ({}: a helper holds
 * it) is passed over.
 * 1 where found, 0 where there is none.
 */
int image_credentials_find(const image_credentials_t *credentials,
    const image_str_t *registry, const image_str_t *path,
    image_credential_t *found);

/* does the file name a credential helper?  None is ever run */
int image_credentials_helped(const image_credentials_t *credentials);


/* a token server's answer (distribution spec, "Token Response Fields") */

typedef struct {
    u_char   *token;               /* malloc()ed, NUL-terminated */
    size_t    len;
    int64_t   expires_in;          /* seconds, at least 60 */
} image_token_t;

/*
 * Reads "token" or "access_token" and "expires_in" (default and floor 60, at
 * most a day).  A token holds visible ASCII alone, since it goes into a
 * header.  0, or -1; the caller frees ->token.
 */
int image_token_parse(image_token_t *token, const u_char *json, size_t len);


#endif /* IMAGE_CREDENTIALS_H */
