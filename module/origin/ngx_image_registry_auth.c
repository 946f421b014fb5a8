/*
 * Who asks a registry: challenges, tokens, and which credentials may go where
 * (distribution spec, token authentication).
 *
 * A challenge is a stranger's text.  Credentials go to the registry's own
 * origin, and to a token server on the registry's own host, or on one that
 * the configuration names; another one is asked without (CVE-2026-33540).
 */

#include <ngx_image_registry.h>


#define NGX_IMAGE_AUTH_ROUNDS  2


static ngx_int_t ngx_image_registry_basic(ngx_image_registry_ctx_t *ctx,
    image_str_t *username, image_str_t *password, ngx_str_t *value);
static ngx_int_t ngx_image_registry_bearer(ngx_image_registry_ctx_t *ctx,
    const u_char *token, size_t len);
static void ngx_image_registry_refused(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_t *f);
static void ngx_image_registry_token(ngx_image_registry_ctx_t *ctx,
    image_challenge_t *challenge, ngx_image_fetch_t *f);
static ngx_int_t ngx_image_registry_realm(ngx_image_registry_ctx_t *ctx,
    image_challenge_t *challenge);
static ngx_uint_t ngx_image_registry_trusted(ngx_image_registry_ctx_t *ctx);
static ngx_image_fetch_t *ngx_image_registry_token_fetch(
    ngx_image_registry_ctx_t *ctx, ngx_image_fetch_method_e method,
    ngx_image_url_t *url);
static ngx_int_t ngx_image_registry_token_get(ngx_image_registry_ctx_t *ctx);
static ngx_int_t ngx_image_registry_token_post(
    ngx_image_registry_ctx_t *ctx);
static ngx_int_t ngx_image_registry_parameters(ngx_image_registry_ctx_t *ctx,
    ngx_str_t *form);
static u_char *ngx_image_registry_escape(u_char *p, const char *name,
    const u_char *value, size_t len);
static void ngx_image_registry_token_handler(ngx_image_fetch_t *f);
static ngx_int_t ngx_image_registry_token_key(ngx_image_registry_ctx_t *ctx,
    const u_char *realm, size_t realm_len, const u_char *service,
    size_t service_len);


/*
 * A registry that is known to ask is not made to ask again: that would cost
 * a round trip for each call.
 */

ngx_int_t
ngx_image_registry_auth(ngx_image_registry_ctx_t *ctx)
{
    u_char              *p;
    image_token_t       *token;
    image_challenge_t   *challenge;
    image_reference_t   *reference;
    ngx_image_learnt_t  *learnt;

    reference = ctx->call->reference;

    ctx->known = (ctx->credential.username.len
                  || ctx->credential.identity_token.len
                  || ctx->credential.registry_token.len);

    /* ours, never the challenge's: some registries give a placeholder */

    ctx->scope.len = sizeof("repository::pull") - 1 + reference->path.len;
    ctx->scope.data = ngx_pnalloc(ctx->call->pool, ctx->scope.len);
    if (ctx->scope.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(ctx->scope.data, "repository:", sizeof("repository:") - 1);
    p = ngx_cpymem(p, reference->path.data, reference->path.len);
    ngx_memcpy(p, ":pull", sizeof(":pull") - 1);

    if (ctx->credential.registry_token.len) {
        ctx->auth = NGX_IMAGE_AUTH_REGISTRY_TOKEN;
        return ngx_image_registry_bearer(ctx,
                                         ctx->credential.registry_token.data,
                                         ctx->credential.registry_token.len);
    }

    learnt = ngx_image_registry_learnt(ctx);

    if (learnt == NULL) {
        return NGX_OK;
    }

    challenge = &learnt->challenge;

    if (challenge->scheme == IMAGE_CHALLENGE_BASIC
        && ctx->credential.username.len)
    {
        ctx->auth = NGX_IMAGE_AUTH_BASIC;
        return ngx_image_registry_basic(ctx, &ctx->credential.username,
                                        &ctx->credential.password,
                                        &ctx->authorization);
    }

    if (challenge->scheme == IMAGE_CHALLENGE_BEARER) {

        if (ngx_image_registry_token_key(ctx, challenge->realm,
                                         challenge->realm_len,
                                         challenge->service,
                                         challenge->service_len)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        token = ngx_image_token_find(ctx->token_key);

        if (token) {
            ctx->auth = NGX_IMAGE_AUTH_CACHED;
            return ngx_image_registry_bearer(ctx, token->token, token->len);
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_image_registry_basic(ngx_image_registry_ctx_t *ctx,
    image_str_t *username, image_str_t *password, ngx_str_t *value)
{
    u_char     *p;
    ngx_str_t   plain, encoded;

    plain.len = username->len + 1 + password->len;
    plain.data = ngx_pnalloc(ctx->call->pool, plain.len);

    value->data = ngx_pnalloc(ctx->call->pool, sizeof("Basic ") - 1
                              + ngx_base64_encoded_length(plain.len));

    if (plain.data == NULL || value->data == NULL) {
        return NGX_ERROR;
    }

    p = plain.data;

    if (username->len) {
        p = ngx_cpymem(p, username->data, username->len);
    }

    *p++ = ':';

    if (password->len) {
        ngx_memcpy(p, password->data, password->len);
    }

    encoded.data = ngx_cpymem(value->data, "Basic ", sizeof("Basic ") - 1);
    ngx_encode_base64(&encoded, &plain);

    value->len = sizeof("Basic ") - 1 + encoded.len;

    ngx_explicit_memzero(plain.data, plain.len);

    return NGX_OK;
}


static ngx_int_t
ngx_image_registry_bearer(ngx_image_registry_ctx_t *ctx, const u_char *token,
    size_t len)
{
    u_char  *p;

    p = ngx_pnalloc(ctx->call->pool, sizeof("Bearer ") - 1 + len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ctx->authorization.data = p;
    ctx->authorization.len = sizeof("Bearer ") - 1 + len;

    p = ngx_cpymem(p, "Bearer ", sizeof("Bearer ") - 1);
    ngx_memcpy(p, token, len);

    return NGX_OK;
}


void
ngx_image_registry_challenge(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_t *f)
{
    ngx_uint_t                 i;
    image_challenge_t         *challenge;
    ngx_image_auth_e           auth;
    ngx_image_learnt_t        *learnt;
    ngx_image_fetch_header_t  *header;

    auth = ctx->auth;

    ngx_image_registry_drop(ctx);

    challenge = ngx_pcalloc(ctx->call->pool, sizeof(image_challenge_t));
    if (challenge == NULL) {
        ngx_image_registry_error(ctx, IMAGE_OVERLOADED, "out of memory");
        return;
    }

    header = f->headers.elts;

    for (i = 0; i < f->headers.nelts; i++) {

        if (header[i].name.len == sizeof("www-authenticate") - 1
            && ngx_strncmp(header[i].name.data, "www-authenticate",
                           sizeof("www-authenticate") - 1)
               == 0)
        {
            image_challenge_parse(challenge, header[i].value.data,
                                  header[i].value.len);
        }
    }

    learnt = ngx_image_registry_learnt(ctx);

    if (learnt) {
        learnt->challenge = *challenge;
    }

    /* a token may grant less than was asked for, and is a 200 all the same:
     * what has just been made is not made again */

    if (++ctx->rounds > NGX_IMAGE_AUTH_ROUNDS
        || auth == NGX_IMAGE_AUTH_FRESH
        || auth == NGX_IMAGE_AUTH_REGISTRY_TOKEN)
    {
        ngx_image_registry_refused(ctx, f);
        return;
    }

    switch (challenge->scheme) {

    case IMAGE_CHALLENGE_BASIC:

        if (auth == NGX_IMAGE_AUTH_BASIC || ctx->credential.username.len == 0)
        {
            break;
        }

        if (ngx_image_registry_basic(ctx, &ctx->credential.username,
                                     &ctx->credential.password,
                                     &ctx->authorization)
            != NGX_OK)
        {
            ngx_image_registry_error(ctx, IMAGE_OVERLOADED, "out of memory");
            return;
        }

        ctx->auth = NGX_IMAGE_AUTH_BASIC;

        ngx_image_registry_again(ctx);
        return;

    case IMAGE_CHALLENGE_BEARER:
        ngx_image_registry_token(ctx, challenge, f);
        return;

    default: /* IMAGE_CHALLENGE_NONE */
        break;
    }

    ngx_image_registry_refused(ctx, f);
}


static void
ngx_image_registry_refused(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_t *f)
{
    if (!ctx->known) {
        ngx_image_registry_error(ctx, IMAGE_UNAUTHORIZED,
                                 "%ui, asked without credentials",
                                 f->status);
        return;
    }

    ngx_image_registry_status(ctx, f);
}


void
ngx_image_registry_drop(ngx_image_registry_ctx_t *ctx)
{
    image_token_t  *token;

    if (ctx->auth == NGX_IMAGE_AUTH_CACHED
        || ctx->auth == NGX_IMAGE_AUTH_FRESH)
    {
        token = ngx_image_token_find(ctx->token_key);

        /* another call may have put a newer one there */

        if (token
            && ctx->authorization.len == sizeof("Bearer ") - 1 + token->len
            && ngx_memcmp(ctx->authorization.data + sizeof("Bearer ") - 1,
                          token->token, token->len)
               == 0)
        {
            ngx_image_token_drop(ctx->token_key);
        }
    }

    ctx->auth = NGX_IMAGE_AUTH_NONE;
    ctx->authorization.len = 0;
}


static void
ngx_image_registry_token(ngx_image_registry_ctx_t *ctx,
    image_challenge_t *challenge, ngx_image_fetch_t *f)
{
    ngx_int_t       rc;
    image_token_t  *token;

    rc = ngx_image_registry_realm(ctx, challenge);

    if (rc == NGX_DECLINED) {
        ngx_image_registry_error(ctx, IMAGE_UNAUTHORIZED,
                                 "%ui with a realm that may not be asked",
                                 f->status);
        return;
    }

    if (rc != NGX_OK
        || ngx_image_registry_token_key(ctx, challenge->realm,
                                        challenge->realm_len,
                                        challenge->service,
                                        challenge->service_len)
           != NGX_OK)
    {
        ngx_image_registry_error(ctx, IMAGE_OVERLOADED, "out of memory");
        return;
    }

    token = ngx_image_token_find(ctx->token_key);

    if (token) {
        if (ngx_image_registry_bearer(ctx, token->token, token->len)
            != NGX_OK)
        {
            ngx_image_registry_error(ctx, IMAGE_OVERLOADED, "out of memory");
            return;
        }

        ctx->auth = NGX_IMAGE_AUTH_CACHED;

        ngx_image_registry_again(ctx);
        return;
    }

    ctx->withheld = ctx->known && !ngx_image_registry_trusted(ctx);

    if (ctx->credential.identity_token.len && !ctx->withheld) {
        rc = ngx_image_registry_token_post(ctx);

    } else {
        rc = ngx_image_registry_token_get(ctx);
    }

    if (rc != NGX_OK) {
        ngx_image_registry_error(ctx, IMAGE_OVERLOADED,
                                 "the request could not be made");
    }
}


/*
 * NGX_OK; NGX_DECLINED: it may not be asked; NGX_ERROR: no memory.
 * https, unless the registry itself is asked in plain text; no user, no
 * fragment.
 */

static ngx_int_t
ngx_image_registry_realm(ngx_image_registry_ctx_t *ctx,
    image_challenge_t *challenge)
{
    ngx_int_t  rc;
    ngx_str_t  text;

    text.len = challenge->realm_len;
    text.data = challenge->realm;

    if (text.len && ngx_strlchr(text.data, text.data + text.len, '#')) {
        return NGX_DECLINED;
    }

    rc = ngx_image_registry_url(&ctx->realm, ctx->call->pool, &text, NULL);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ctx->own.https && !ctx->realm.https) {
        return NGX_DECLINED;
    }

    ctx->service.len = challenge->service_len;
    ctx->service.data = challenge->service;

    return NGX_OK;
}


/* may the token server of ->realm see the credentials? */

static ngx_uint_t
ngx_image_registry_trusted(ngx_image_registry_ctx_t *ctx)
{
    ngx_str_t    *host, *name;
    ngx_uint_t    i;
    ngx_array_t  *realms;

    host = &ctx->realm.host;

    if (host->len == ctx->own.host.len
        && ngx_strncmp(host->data, ctx->own.host.data, host->len) == 0)
    {
        return 1;
    }

    realms = ctx->call->registry->realms;

    if (realms) {
        name = realms->elts;

        for (i = 0; i < realms->nelts; i++) {

            if (name[i].len == host->len
                && ngx_strncasecmp(name[i].data, host->data, host->len) == 0)
            {
                return 1;
            }
        }
    }

    return ctx->realm.https
           && ctx->mirror == NULL
           && ctx->domain.len == sizeof("docker.io") - 1
           && ngx_strncmp(ctx->domain.data, "docker.io",
                          sizeof("docker.io") - 1)
              == 0
           && host->len == sizeof("auth.docker.io") - 1
           && ngx_strncmp(host->data, "auth.docker.io",
                          sizeof("auth.docker.io") - 1)
              == 0;
}


/* a token server that the operator named is no stranger's host */

static ngx_image_fetch_t *
ngx_image_registry_token_fetch(ngx_image_registry_ctx_t *ctx,
    ngx_image_fetch_method_e method, ngx_image_url_t *url)
{
    ngx_image_fetch_t  *f;

    f = ngx_image_registry_fetch(ctx, method, url,
                                 ngx_image_registry_token_handler);

    if (f && !ctx->call->registry->any && ngx_image_registry_trusted(ctx)) {
        f->stranger = 0;
    }

    return f;
}


static ngx_int_t
ngx_image_registry_token_get(ngx_image_registry_ctx_t *ctx)
{
    u_char              *p;
    ngx_str_t            form;
    image_str_t         *password;
    ngx_image_url_t      url;
    ngx_image_fetch_t   *f;
    image_credential_t  *credential;

    if (ngx_image_registry_parameters(ctx, &form) != NGX_OK) {
        return NGX_ERROR;
    }

    url = ctx->realm;

    url.text.len = ctx->realm.text.len + 1 + form.len;
    url.text.data = ngx_pnalloc(ctx->call->pool, url.text.len + 1);
    if (url.text.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(url.text.data, ctx->realm.text.data, ctx->realm.text.len);

    *p = ngx_strlchr(url.text.data, p, '?') ? '&' : '?';
    p++;

    p = ngx_cpymem(p, form.data, form.len);
    *p = '\0';

    f = ngx_image_registry_token_fetch(ctx, NGX_IMAGE_FETCH_GET, &url);
    if (f == NULL) {
        return NGX_ERROR;
    }

    f->max_body = IMAGE_TOKEN_MAX;

    credential = &ctx->credential;

    if (!ctx->withheld
        && (credential->username.len || credential->identity_token.len))
    {
        /* where the server does not know the POST, the identity token is
         * the password */

        password = credential->password.len ? &credential->password
                                            : &credential->identity_token;

        if (ngx_image_registry_basic(ctx, &credential->username, password,
                                     &f->authorization)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    ctx->asked = ngx_image_token_now();

    return ngx_image_registry_send(ctx, f);
}


static ngx_int_t
ngx_image_registry_token_post(ngx_image_registry_ctx_t *ctx)
{
    u_char             *p;
    size_t              size;
    ngx_str_t           form;
    image_str_t        *secret;
    ngx_image_fetch_t  *f;

    static const char  grant[] =
        "grant_type=refresh_token&client_id=nginx-image-digest&";

    if (ngx_image_registry_parameters(ctx, &form) != NGX_OK) {
        return NGX_ERROR;
    }

    f = ngx_image_registry_token_fetch(ctx, NGX_IMAGE_FETCH_POST, &ctx->realm);
    if (f == NULL) {
        return NGX_ERROR;
    }

    secret = &ctx->credential.identity_token;

    size = sizeof(grant) + form.len + sizeof("&refresh_token=")
           + 3 * secret->len;

    f->form.data = ngx_pnalloc(ctx->call->pool, size);
    if (f->form.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(f->form.data, grant, sizeof(grant) - 1);
    p = ngx_cpymem(p, form.data, form.len);
    p = ngx_image_registry_escape(p, "&refresh_token=", secret->data,
                                  secret->len);

    f->form.len = p - f->form.data;
    f->max_body = IMAGE_TOKEN_MAX;

    ctx->asked = ngx_image_token_now();

    return ngx_image_registry_send(ctx, f);
}


/* "service=...&scope=...", escaped: both are somebody else's text */

static ngx_int_t
ngx_image_registry_parameters(ngx_image_registry_ctx_t *ctx, ngx_str_t *form)
{
    u_char  *p;

    p = ngx_pnalloc(ctx->call->pool,
                    sizeof("service=&scope=") + 3 * ctx->service.len
                    + 3 * ctx->scope.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    form->data = p;

    if (ctx->service.len) {
        p = ngx_image_registry_escape(p, "service=", ctx->service.data,
                                      ctx->service.len);
        *p++ = '&';
    }

    p = ngx_image_registry_escape(p, "scope=", ctx->scope.data,
                                  ctx->scope.len);

    form->len = p - form->data;

    return NGX_OK;
}


static u_char *
ngx_image_registry_escape(u_char *p, const char *name, const u_char *value,
    size_t len)
{
    p = ngx_cpymem(p, name, ngx_strlen(name));

    return (u_char *) ngx_escape_uri(p, (u_char *) value, len,
                                     NGX_ESCAPE_URI_COMPONENT);
}


static void
ngx_image_registry_token_handler(ngx_image_fetch_t *f)
{
    ngx_int_t                  rc;
    image_token_t              token;
    ngx_image_registry_ctx_t  *ctx;

    ctx = f->data;

    ngx_log_debug2(NGX_LOG_DEBUG_CORE, f->log, 0,
                   "image registry token: result:%ui, status:%ui",
                   (ngx_uint_t) f->result, f->status);

    ctx->fetch = NULL;

    if (f->result != NGX_IMAGE_FETCH_OK) {
        ngx_image_registry_failure(ctx, f, IMAGE_UNAUTHORIZED);
        return;
    }

    switch (f->status) {

    case 200:
        break;

    case 400:
    case 401:
    case 404:
    case 405:

        /* it may know no refresh tokens, or not by this method */

        if (f->method == NGX_IMAGE_FETCH_POST) {

            if (ngx_image_registry_token_get(ctx) != NGX_OK) {
                ngx_image_registry_error(ctx, IMAGE_OVERLOADED,
                                         "the request could not be made");
            }

            return;
        }

        if (f->status == 401) {
            ngx_image_registry_refused(ctx, f);
            return;
        }

        /* a token server that is not there says nothing of the image */

        ngx_image_registry_error(ctx, IMAGE_BAD_RESPONSE, "%ui", f->status);
        return;

    case 403:
        ngx_image_registry_refused(ctx, f);
        return;

    case 429:
        ngx_image_registry_status(ctx, f);
        return;

    default:

        /* redirects among them: a token call follows none */

        ngx_image_registry_error(ctx, IMAGE_BAD_RESPONSE, "%ui", f->status);
        return;
    }

    if (image_token_parse(&token, f->body.data, f->body.len) != 0) {
        ngx_image_registry_error(ctx, IMAGE_BAD_RESPONSE,
                                 "200 without a token");
        return;
    }

    ngx_explicit_memzero(f->body.data, f->body.len);

    ctx->auth = NGX_IMAGE_AUTH_FRESH;

    rc = ngx_image_registry_bearer(ctx, token.token, token.len);

    if (rc == NGX_OK) {
        rc = ngx_image_token_store(ctx->token_key, &token, ctx->asked,
                                   ctx->call->log);

    } else {
        ngx_explicit_memzero(token.token, token.len);
        free(token.token);
    }

    if (rc != NGX_OK) {
        ngx_image_registry_error(ctx, IMAGE_OVERLOADED, "out of memory");
        return;
    }

    ngx_image_registry_again(ctx);
}


/* a token is of one line of the configuration, and for one registry, token
 * server, service, scope and credential */

static ngx_int_t
ngx_image_registry_token_key(ngx_image_registry_ctx_t *ctx,
    const u_char *realm, size_t realm_len, const u_char *service,
    size_t service_len)
{
    image_str_t  parts[6];

    parts[0].data = (u_char *) &ctx->call->registry;
    parts[0].len = sizeof(ngx_image_registry_t *);

    parts[1].data = ctx->own.text.data;
    parts[1].len = ctx->own.text.len;

    parts[2].data = realm;
    parts[2].len = realm_len;

    parts[3].data = service;
    parts[3].len = service_len;

    parts[4].data = ctx->scope.data;
    parts[4].len = ctx->scope.len;

    if (ngx_image_credential_who(&ctx->credential, ctx->call->pool, &parts[5])
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return image_hash(ctx->token_key, parts, 6) == 0 ? NGX_OK : NGX_ERROR;
}
