/*
 * As whom a daemon asks a registry: X-Registry-Auth (Docker Engine API,
 * "Authentication"; Podman reads the same).  Uses jansson.
 */

#include <ngx_image_daemon.h>
#include <image_json.h>


static json_t *ngx_image_daemon_auth_json(image_reference_t *reference,
    image_credential_t *credential);
static ngx_int_t ngx_image_daemon_auth_header(ngx_image_fetch_t *f,
    const char *json);


ngx_int_t
ngx_image_daemon_auth(ngx_image_ask_t *ask, ngx_image_fetch_t *f)
{
    char                *text;
    json_t              *json;
    ngx_int_t            rc;
    ngx_image_call_t    *call;
    image_credential_t   credential;

    call = ask->call;

    if (ngx_image_credential(call->engine->credentials, call->reference, NULL,
                             &credential)
        != NGX_OK)
    {
        goto failed;
    }

    if (credential.registry_token.len == 0
        && credential.identity_token.len == 0
        && credential.username.len == 0)
    {
        return NGX_OK;
    }

    json = ngx_image_daemon_auth_json(call->reference, &credential);

    if (json == NULL) {

        /* jansson takes no other text */

        ngx_image_ask_error(ask, IMAGE_UNAUTHORIZED,
                            "its credentials are no UTF-8 text");
        return NGX_ERROR;
    }

    text = json_dumps(json, JSON_COMPACT);

    image_json_wipe(json);

    if (text == NULL) {
        goto failed;
    }

    rc = ngx_image_daemon_auth_header(f, text);

    ngx_explicit_memzero(text, ngx_strlen(text));
    free(text);

    if (rc == NGX_OK) {
        return NGX_OK;
    }

failed:

    ngx_image_ask_failed(ask);

    return NGX_ERROR;
}


/* the same one of several that tells who asks: ngx_image_credential_who() */

static json_t *
ngx_image_daemon_auth_json(image_reference_t *reference,
    image_credential_t *credential)
{
    int           rc;
    json_t       *json;
    image_str_t   server, *secret;
    const char   *name;

    static const image_str_t  hub = image_str("docker.io");
    static const image_str_t  index = image_str("https://index.docker.io/v1/");

    json = json_object();
    if (json == NULL) {
        return NULL;
    }

    server = reference->domain;

    if (server.len == hub.len
        && ngx_strncmp(server.data, hub.data, hub.len) == 0)
    {
        server = index;
    }

    rc = 0;

    if (credential->registry_token.len) {
        name = "registrytoken";
        secret = &credential->registry_token;

    } else if (credential->identity_token.len) {
        name = "identitytoken";
        secret = &credential->identity_token;

    } else {
        name = "password";
        secret = &credential->password;

        rc = json_object_set_new(json, "username",
                                 json_stringn(
                                     (const char *) credential->username.data,
                                     credential->username.len));
    }

    /* a value that could not be made is NULL, and is not taken */

    if (rc != 0
        || json_object_set_new(json, name,
                               json_stringn(secret->len
                                            ? (const char *) secret->data : "",
                                            secret->len))
           != 0
        || json_object_set_new(json, "serveraddress",
                               json_stringn((const char *) server.data,
                                            server.len))
           != 0)
    {
        image_json_wipe(json);
        return NULL;
    }

    return json;
}


/* padded base64url: what is not read so is passed over without a word */

static ngx_int_t
ngx_image_daemon_auth_header(ngx_image_fetch_t *f, const char *json)
{
    size_t                     i;
    ngx_str_t                  src, dst;
    ngx_image_fetch_header_t  *header;

    src.data = (u_char *) json;
    src.len = ngx_strlen(json);

    dst.data = ngx_pnalloc(f->pool, ngx_base64_encoded_length(src.len));
    if (dst.data == NULL) {
        return NGX_ERROR;
    }

    ngx_encode_base64(&dst, &src);

    for (i = 0; i < dst.len; i++) {

        if (dst.data[i] == '+') {
            dst.data[i] = '-';

        } else if (dst.data[i] == '/') {
            dst.data[i] = '_';
        }
    }

    f->extra = ngx_array_create(f->pool, 1, sizeof(ngx_image_fetch_header_t));
    if (f->extra == NULL) {
        return NGX_ERROR;
    }

    header = ngx_array_push(f->extra);
    if (header == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&header->name, "x-registry-auth");
    header->value = dst;

    return NGX_OK;
}
