/*
 * nginx's face of the module: directives, the request, variables, answers.
 *
 * http/ may use everything below it; nothing below includes this.
 */

#ifndef NGX_HTTP_IMAGE_DIGEST_H
#define NGX_HTTP_IMAGE_DIGEST_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include <ngx_image_lookup.h>
#include <image_url.h>
#include <image_value.h>


/* spans are in microseconds, as below http/ */
#define NGX_HTTP_IMAGE_SECOND   ((int64_t) 1000000)

/* what is known of a pod's address is used no longer */
#define NGX_HTTP_IMAGE_POD_TTL  (5 * NGX_HTTP_IMAGE_SECOND)

/* room for the text of an address, with a NUL */
#define NGX_HTTP_IMAGE_ADDRESS  (NGX_INET6_ADDRSTRLEN + 1)

/* the name of a session is no longer */
#define NGX_HTTP_IMAGE_SESSION_LEN  128


typedef enum {
    NGX_HTTP_IMAGE_FALLBACK_TAG = 0,
    NGX_HTTP_IMAGE_FALLBACK_MISS,
    NGX_HTTP_IMAGE_FALLBACK_ERROR
} ngx_http_image_fallback_e;

typedef enum {
    NGX_HTTP_IMAGE_WRITES_ANY = 0,
    NGX_HTTP_IMAGE_WRITES_SETTLED,
    NGX_HTTP_IMAGE_WRITES_PINNED
} ngx_http_image_writes_e;

#define NGX_HTTP_IMAGE_WINDOW_TTL  -1          /* as long as the TTL */
#define NGX_HTTP_IMAGE_WINDOW_OFF  -2


typedef struct {
    ngx_array_t                 resolvers;     /* ngx_image_resolver_t * */
} ngx_http_image_digest_main_conf_t;


/* "image_digest": set and inherited as a whole */

typedef struct {
    ngx_http_complex_value_t   *reference;
    ngx_http_complex_value_t   *engine;        /* NULL: "registry" */
    ngx_http_complex_value_t   *platform;      /* NULL: none */
    ngx_http_complex_value_t   *pod;           /* NULL: none */
    ngx_http_complex_value_t   *session;       /* NULL: none */
    ngx_str_t                   resolver_name; /* empty: not written */
    ngx_image_resolver_t       *resolver;

    /* where it is written, for what a merge alone can find */
    ngx_str_t                   file;
    ngx_uint_t                  line;
} ngx_http_image_digest_t;


typedef struct {
    ngx_flag_t                  enable;
    ngx_http_image_digest_t    *image;         /* where enabled */

    ngx_http_complex_value_t   *ttl;
    int64_t                     ttl_constant;  /* of a ttl without variables */
    int64_t                     ttl_min;
    int64_t                     ttl_max;
    ngx_str_t                   ttl_file;
    ngx_uint_t                  ttl_line;

    ngx_array_t                *key;           /* ngx_http_complex_value_t */
    ngx_msec_t                  timeout;

    ngx_uint_t                  fallback;      /* ngx_http_image_fallback_e */
    int64_t                     window;        /* or NGX_HTTP_IMAGE_WINDOW_ */

    ngx_uint_t                  writes;        /* ngx_http_image_writes_e */
    int64_t                     settled;
    int64_t                     fresh;
    ngx_str_t                   writes_file;
    ngx_uint_t                  writes_line;
} ngx_http_image_digest_loc_conf_t;


typedef enum {
    NGX_HTTP_IMAGE_WAITING = 0,
    NGX_HTTP_IMAGE_PINNED,
    NGX_HTTP_IMAGE_HIT,
    NGX_HTTP_IMAGE_SHARED,
    NGX_HTTP_IMAGE_RESOLVED,
    NGX_HTTP_IMAGE_SESSION,
    NGX_HTTP_IMAGE_FALLBACK,
    NGX_HTTP_IMAGE_INVALID
} ngx_http_image_status_e;


/*
 * The decision on a client's request: one, whatever internal redirects and
 * subrequests it has.  It belongs to the main request, and outlives the
 * contexts that a redirect clears.
 */

typedef struct {
    ngx_http_request_t         *main;
    ngx_http_image_digest_loc_conf_t  *conf;   /* where it was made */

    ngx_http_image_status_e     status;
    image_reason_e              reason;
    const char                 *error;         /* what is wrong, for a 400 */
    ngx_uint_t                  answer;        /* the module's own status;
                                                  0: the request goes on */

    image_reference_t           reference;
    image_platform_t            platform;
    ngx_image_question_t        question;
    ngx_str_t                   engine;
    ngx_str_t                   pod;
    ngx_str_t                   session;

    image_str_t                *parts;         /* of the key */
    ngx_uint_t                  nparts;
    int64_t                     ttl;           /* of this request */

    image_digest_t              digest;
    u_char                      key[IMAGE_KEY_TEXT];
    int64_t                     age;
    int64_t                     held;
    int64_t                     wait;

    ngx_image_waiter_t          waiter;
    ngx_array_t                *suspended;     /* ngx_http_request_t * */

    ngx_str_t                   method;        /* the client's own */
    unsigned                    read:1;
    unsigned                    pinned:1;
    unsigned                    podless:1;     /* "pod=" gives no address */
    unsigned                    passed:1;      /* a write */
    unsigned                    dropped:1;     /* a write */
} ngx_http_image_decision_t;


extern ngx_module_t  ngx_http_image_digest_module;


/* "image_digest", ngx_http_image_digest_set.c */

char *ngx_http_image_digest_set(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* what it names may be written after it, so it is found when all is read */
char *ngx_http_image_digest_merge_image(ngx_conf_t *cf,
    ngx_http_image_digest_loc_conf_t *conf);


/* configuration, ngx_http_image_resolver.c */

char *ngx_http_image_resolver_block(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
ngx_image_resolver_t *ngx_http_image_resolver_default(ngx_conf_t *cf,
    ngx_http_image_digest_main_conf_t *imcf);
ngx_image_resolver_t *ngx_http_image_resolver_find(
    ngx_http_image_digest_main_conf_t *imcf, ngx_str_t *name);

/* "redis", "registry" and "engine" in it, with a file of their own each */
char *ngx_http_image_resolver_redis(ngx_conf_t *cf,
    ngx_image_resolver_t *resolver);
char *ngx_http_image_resolver_registry(ngx_conf_t *cf,
    ngx_image_resolver_t *resolver);
char *ngx_http_image_resolver_engine(ngx_conf_t *cf,
    ngx_image_resolver_t *resolver);

/* the engine of that name, or NULL */
ngx_image_engine_t *ngx_http_image_resolver_engine_find(
    ngx_image_resolver_t *resolver, ngx_str_t *name);

/* constant "engine=" and "pod=", once the resolver is known */
char *ngx_http_image_resolver_engine_check(ngx_conf_t *cf,
    ngx_http_image_digest_t *image);


/* what directives have in common, ngx_http_image_conf.c */

/* TIME, in microseconds; -1, which is NGX_ERROR, where it is none */
int64_t ngx_http_image_conf_time(ngx_str_t *value);

/* is it "name=..."?  *value is then what follows */
ngx_flag_t ngx_http_image_conf_parameter(ngx_str_t *arg, const char *name,
    ngx_str_t *value);

/* says what to write instead; always NGX_CONF_ERROR */
char *ngx_http_image_conf_invalid(ngx_conf_t *cf, ngx_str_t *arg,
    const char *instead);

/* the same of a parameter, whose value may be a secret: "name=" alone */
char *ngx_http_image_conf_unknown(ngx_conf_t *cf, ngx_str_t *arg,
    const char *instead);

/* "a", "b" WORD "c" of ngx_str_t, for a sentence; NUL-terminated, or NULL */
u_char *ngx_http_image_conf_list(ngx_conf_t *cf, ngx_array_t *names,
    const char *word);

/* letters, digits, ".", "_" and "-", at least one? */
ngx_flag_t ngx_http_image_conf_name(ngx_str_t *name);

/* a host name, an IPv4 address, or an IPv6 address in brackets? */
ngx_flag_t ngx_http_image_conf_host(ngx_str_t *host);

/* a value that may hold variables, or NULL */
ngx_http_complex_value_t *ngx_http_image_conf_compile(ngx_conf_t *cf,
    ngx_str_t *value);

/* a NUL-terminated copy, or NULL */
u_char *ngx_http_image_conf_copy(ngx_conf_t *cf, ngx_str_t *value);

/* a whole file of at most 1 MiB; says what is wrong with it */
char *ngx_http_image_conf_read(ngx_conf_t *cf, ngx_str_t *name,
    ngx_str_t *content);

/* a file with secrets; says what is wrong with it, and returns NULL */
ngx_image_file_t *ngx_http_image_conf_file(ngx_conf_t *cf, ngx_str_t *arg,
    ngx_str_t *name, ngx_image_file_type_t *type);

/*
 * "http[s]://host[:port][/path]", without a user, query or fragment, taken
 * apart in place; says nothing.  NGX_OK, NGX_DECLINED: it is none.
 */
ngx_int_t ngx_http_image_conf_url(ngx_str_t *url, ngx_str_t *host,
    ngx_str_t *authority, ngx_str_t *path);

/* what core/ found in a text that is nginx's, which may be changed */
void ngx_http_image_conf_part(ngx_str_t *value, image_str_t *part);

/* "localhost", a name under it, or an address that connects to this host? */
ngx_flag_t ngx_http_image_conf_loopback(ngx_str_t *host);


/* TLS parameters of "registry" and "engine", ngx_http_image_conf_tls.c */

/*
 * "ca=", "certificate=" and "key=": reads the file.  NGX_CONF_OK, and *taken
 * tells whether it was one of them.
 */
char *ngx_http_image_conf_tls(ngx_conf_t *cf, ngx_str_t *arg,
    ngx_image_fetch_tls_t *tls, ngx_flag_t *taken);

/* what does not go together; *subject is set to the certificate's, or empty */
char *ngx_http_image_conf_tls_check(ngx_conf_t *cf, ngx_str_t *arg,
    ngx_image_fetch_tls_t *tls, ngx_str_t *subject);


/* the request, ngx_http_image_digest_handler.c */

ngx_int_t ngx_http_image_digest_handler(ngx_http_request_t *r);

/* the decision on the client's request, or NULL: nothing decided yet */
ngx_http_image_decision_t *ngx_http_image_digest_decision(
    ngx_http_request_t *r);

/* 64 hex digits that match nothing */
void ngx_http_image_digest_random_key(u_char *key);


/* what it asks, ngx_http_image_digest_evaluate.c */

/*
 * The client's own method: error_page makes a GET of it.  NGX_OK;
 * NGX_DECLINED: it has its answer.
 */
ngx_int_t ngx_http_image_digest_method(ngx_http_image_decision_t *d);
ngx_flag_t ngx_http_image_digest_is(ngx_http_image_decision_t *d,
    const char *method);

/* NGX_OK; NGX_DECLINED: the request is invalid; NGX_ERROR */
ngx_int_t ngx_http_image_digest_evaluate(ngx_http_request_t *r,
    ngx_http_image_decision_t *d);

/* the same of reference, platform, engine and pod alone */
ngx_int_t ngx_http_image_digest_evaluate_image(ngx_http_request_t *r,
    ngx_http_image_decision_t *d);

/*
 * One text for an IP address, into NGX_HTTP_IMAGE_ADDRESS bytes; its length,
 * or 0: it is none.
 */
size_t ngx_http_image_digest_address(ngx_str_t *value, u_char *text);


/* access control, ngx_http_image_digest_access.c */

/* the preaccess handler: it comes to access control */
ngx_int_t ngx_http_image_digest_enter(ngx_http_request_t *r);

/* it is past it */
void ngx_http_image_digest_passed(ngx_http_request_t *r);

/* was it turned away, and is now on its way to an error page? */
ngx_flag_t ngx_http_image_digest_refused(ngx_http_request_t *r);


/* the module's own answers, ngx_http_image_digest_answer.c */

ngx_int_t ngx_http_image_digest_answer(ngx_http_request_t *r,
    ngx_http_image_decision_t *d);


/* ngx_http_image_digest_variables.c */

ngx_int_t ngx_http_image_digest_add_variables(ngx_conf_t *cf);


#endif /* NGX_HTTP_IMAGE_DIGEST_H */
