/*
 * TLS parameters of "registry" and "engine".  Files are read here, by the
 * master, and kept as PEM bytes: a worker may not be let to read them.
 */

#include <ngx_http_image_digest.h>

#include <openssl/err.h>
#include <openssl/pem.h>


static char *ngx_http_image_conf_pem(ngx_conf_t *cf, ngx_str_t *arg,
    ngx_str_t *file, ngx_flag_t key, ngx_str_t *pem);
static X509 *ngx_http_image_conf_x509(ngx_str_t *pem);
static EVP_PKEY *ngx_http_image_conf_pkey(ngx_str_t *pem);
static ngx_int_t ngx_http_image_conf_subject(ngx_conf_t *cf, X509 *x509,
    ngx_str_t *subject);


char *
ngx_http_image_conf_tls(ngx_conf_t *cf, ngx_str_t *arg,
    ngx_image_fetch_tls_t *tls, ngx_flag_t *taken)
{
    ngx_str_t  file;

    *taken = 1;

    if (ngx_http_image_conf_parameter(arg, "ca=", &file)
        && tls->ca.len == 0)
    {
        return ngx_http_image_conf_pem(cf, arg, &file, 0, &tls->ca);
    }

    if (ngx_http_image_conf_parameter(arg, "certificate=", &file)
        && tls->certificate.len == 0)
    {
        return ngx_http_image_conf_pem(cf, arg, &file, 0, &tls->certificate);
    }

    if (ngx_http_image_conf_parameter(arg, "key=", &file)
        && tls->key.len == 0)
    {
        return ngx_http_image_conf_pem(cf, arg, &file, 1, &tls->key);
    }

    *taken = 0;

    return NGX_CONF_OK;
}


char *
ngx_http_image_conf_tls_check(ngx_conf_t *cf, ngx_str_t *arg,
    ngx_image_fetch_tls_t *tls, ngx_str_t *subject)
{
    char      *rv;
    X509      *x509;
    EVP_PKEY  *pkey;

    ngx_str_null(subject);

    if ((tls->certificate.len == 0) != (tls->key.len == 0)) {
        return ngx_http_image_conf_invalid(cf, arg,
                   "both \"certificate=FILE\" and \"key=FILE\", or neither");
    }

    if (tls->key.len == 0) {
        return NGX_CONF_OK;
    }

    x509 = ngx_http_image_conf_x509(&tls->certificate);
    pkey = ngx_http_image_conf_pkey(&tls->key);

    if (x509 && pkey && X509_check_private_key(x509, pkey) == 1) {
        rv = NGX_CONF_OK;

        if (ngx_http_image_conf_subject(cf, x509, subject) != NGX_OK) {
            rv = NGX_CONF_ERROR;
        }

    } else {
        rv = ngx_http_image_conf_invalid(cf, arg,
                   "the \"key=FILE\" that belongs to its \"certificate=FILE\"");
    }

    X509_free(x509);
    EVP_PKEY_free(pkey);
    ERR_clear_error();

    return rv;
}


static char *
ngx_http_image_conf_pem(ngx_conf_t *cf, ngx_str_t *arg, ngx_str_t *file,
    ngx_flag_t key, ngx_str_t *pem)
{
    X509      *x509;
    EVP_PKEY  *pkey;

    if (ngx_http_image_conf_read(cf, file, pem) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    x509 = key ? NULL : ngx_http_image_conf_x509(pem);
    pkey = key ? ngx_http_image_conf_pkey(pem) : NULL;

    if (x509 == NULL && pkey == NULL) {
        return ngx_http_image_conf_invalid(cf, arg,
                               key ? "a file with a private key in PEM, "
                                     "without a pass phrase"
                                   : "a file with a certificate in PEM");
    }

    X509_free(x509);
    EVP_PKEY_free(pkey);

    return NGX_CONF_OK;
}


/* the first certificate, or NULL */

static X509 *
ngx_http_image_conf_x509(ngx_str_t *pem)
{
    BIO   *bio;
    X509  *x509;

    bio = BIO_new_mem_buf(pem->data, pem->len);
    if (bio == NULL) {
        return NULL;
    }

    x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);

    BIO_free(bio);
    ERR_clear_error();

    return x509;
}


static EVP_PKEY *
ngx_http_image_conf_pkey(ngx_str_t *pem)
{
    BIO       *bio;
    EVP_PKEY  *pkey;

    bio = BIO_new_mem_buf(pem->data, pem->len);
    if (bio == NULL) {
        return NULL;
    }

    /* an empty pass phrase, or OpenSSL would ask for one */

    pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *) "");

    BIO_free(bio);
    ERR_clear_error();

    return pkey;
}


/* in one line (RFC 2253): as whom one asks, so a renewed one is the same */

static ngx_int_t
ngx_http_image_conf_subject(ngx_conf_t *cf, X509 *x509, ngx_str_t *subject)
{
    BIO   *bio;
    char  *text;
    long   len;

    bio = BIO_new(BIO_s_mem());
    if (bio == NULL) {
        return NGX_ERROR;
    }

    if (X509_NAME_print_ex(bio, X509_get_subject_name(x509), 0,
                           XN_FLAG_RFC2253)
        < 0)
    {
        goto failed;
    }

    len = BIO_get_mem_data(bio, &text);

    subject->data = ngx_pnalloc(cf->pool, len + 1);
    if (subject->data == NULL) {
        goto failed;
    }

    subject->len = len;

    if (len) {
        ngx_memcpy(subject->data, text, len);
    }

    BIO_free(bio);

    return NGX_OK;

failed:

    BIO_free(bio);

    return NGX_ERROR;
}
