/*
 * Image references: the grammar and the normalisation of
 * distribution/reference, in one pass over bounded bytes.  No I/O, no
 * allocation.
 *
 *   [HOST[:PORT]/]PATH[:TAG][@DIGEST]
 */

#include <string.h>

#include <sys/socket.h>
#include <arpa/inet.h>

#include "image_reference.h"


/* eight groups of four digits, and a NUL */
#define IMAGE_REFERENCE_IPV6  40


static const image_str_t  image_reference_hub = image_str("docker.io");
static const image_str_t  image_reference_old_hub
    = image_str("index.docker.io");
static const image_str_t  image_reference_localhost = image_str("localhost");
static const image_str_t  image_reference_library = image_str("library/");
static const image_str_t  image_reference_latest = image_str("latest");


static const char *image_reference_bytes(const u_char *text, size_t len);
static int image_reference_is_identifier(const u_char *text, size_t len);
static int image_reference_is_domain(const image_str_t *first);
static const char *image_reference_domain(const image_str_t *domain);
static const char *image_reference_ipv6(const u_char *p, size_t len);
static const char *image_reference_port(const u_char *p, size_t len);
static const char *image_reference_path(const image_str_t *path);
static const char *image_reference_component(const u_char *p, size_t len);
static const char *image_reference_tag(const image_str_t *tag);
static void image_reference_append(image_reference_t *ref, image_str_t *part,
    const image_str_t *text);
static int image_reference_equal(const image_str_t *a, const image_str_t *b);
static int image_reference_is_digit(u_char c);
static int image_reference_is_lower(u_char c);
static int image_reference_is_upper(u_char c);


const char *
image_reference_parse(image_reference_t *ref, const u_char *text, size_t len)
{
    int            library, tagged;
    const char    *error;
    image_str_t    domain, rest, tag;
    const u_char  *p;

    static const image_str_t  slash = image_str("/");
    static const image_str_t  colon = image_str(":");

    if (len == 0) {
        return "the reference is empty";
    }

    if (len > IMAGE_REFERENCE_TEXT) {
        return "the reference is too long";
    }

    error = image_reference_bytes(text, len);
    if (error != NULL) {
        return error;
    }

    if (image_reference_is_identifier(text, len)) {
        return "the reference is a bare name of 64 hex digits, which is an "
               "image ID";
    }

    /* the registry's host */

    domain = image_reference_hub;
    rest.data = text;
    rest.len = len;

    p = memchr(text, '/', len);

    if (p != NULL) {
        domain.data = text;
        domain.len = (size_t) (p - text);

        if (image_reference_is_domain(&domain)) {
            rest.data = p + 1;
            rest.len = len - domain.len - 1;

            error = image_reference_domain(&domain);
            if (error != NULL) {
                return error;
            }

            if (image_reference_equal(&domain, &image_reference_old_hub)) {
                domain = image_reference_hub;
            }

        } else {
            domain = image_reference_hub;
        }
    }

    /* neither a path nor a tag nor a digest can hold an "@" */

    memset(&ref->digest, 0, sizeof(image_digest_t));

    p = rest.len ? memchr(rest.data, '@', rest.len) : NULL;

    if (p != NULL) {
        if (image_digest_parse(&ref->digest, p + 1,
                               rest.len - (size_t) (p - rest.data) - 1)
            != 0)
        {
            return "the digest is neither \"sha256:\" and 64 nor \"sha512:\" "
                   "and 128 lower-case hex digits";
        }

        rest.len = (size_t) (p - rest.data);
    }

    tag.data = NULL;
    tag.len = 0;

    p = rest.len ? memchr(rest.data, ':', rest.len) : NULL;
    tagged = (p != NULL);

    if (tagged) {
        tag.data = p + 1;
        tag.len = rest.len - (size_t) (p - rest.data) - 1;
        rest.len = (size_t) (p - rest.data);
    }

    error = image_reference_path(&rest);
    if (error != NULL) {
        return error;
    }

    if (tagged) {
        error = image_reference_tag(&tag);
        if (error != NULL) {
            return error;
        }

    } else if (ref->digest.algorithm == IMAGE_DIGEST_NONE) {
        tag = image_reference_latest;
        tagged = 1;
    }

    library = image_reference_equal(&domain, &image_reference_hub)
              && memchr(rest.data, '/', rest.len) == NULL;

    /* the limit counts the path alone, with what was added to it */

    if (rest.len + (library ? image_reference_library.len : 0)
        > IMAGE_REFERENCE_PATH)
    {
        return "the repository name is longer than 255 characters";
    }

    ref->len = 0;
    ref->tag.len = 0;
    ref->tag.data = NULL;

    image_reference_append(ref, &ref->domain, &domain);
    image_reference_append(ref, NULL, &slash);

    ref->path.data = ref->text + ref->len;

    if (library) {
        image_reference_append(ref, NULL, &image_reference_library);
    }

    image_reference_append(ref, NULL, &rest);

    ref->path.len = (size_t) (ref->text + ref->len - ref->path.data);

    if (tagged) {
        image_reference_append(ref, NULL, &colon);
        image_reference_append(ref, &ref->tag, &tag);
    }

    return NULL;
}


void
image_reference_copy(image_reference_t *to, const image_reference_t *from)
{
    *to = *from;

    to->domain.data = to->text + (from->domain.data - from->text);
    to->path.data = to->text + (from->path.data - from->text);

    if (from->tag.len) {
        to->tag.data = to->text + (from->tag.data - from->text);
    }
}


size_t
image_reference_pinned(const image_reference_t *ref,
    const image_digest_t *digest, u_char *text)
{
    memcpy(text, ref->text, ref->len);
    text[ref->len] = '@';

    return ref->len + 1 + image_digest_format(digest, text + ref->len + 1);
}


/* what no part may hold, said first: it is what a log or a header minds */

static const char *
image_reference_bytes(const u_char *text, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {

        if (text[i] == ' ') {
            return "the reference holds white space";
        }

        if (text[i] < ' ' || text[i] == 0x7f) {
            return "the reference holds a control character";
        }

        if (text[i] > 0x7f) {
            return "the reference holds a character that is not ASCII";
        }

        if (text[i] == ':' && len - i > 2
            && text[i + 1] == '/' && text[i + 2] == '/')
        {
            return "the reference must be without a scheme and its \"//\"";
        }
    }

    return NULL;
}


static int
image_reference_is_identifier(const u_char *text, size_t len)
{
    size_t  i;

    if (len != 64) {
        return 0;
    }

    for (i = 0; i < len; i++) {
        if (!image_reference_is_digit(text[i])
            && !(text[i] >= 'a' && text[i] <= 'f'))
        {
            return 0;
        }
    }

    return 1;
}


/* is what stands before the first slash a host, or a part of the name? */

static int
image_reference_is_domain(const image_str_t *first)
{
    size_t  i;

    if (image_reference_equal(first, &image_reference_localhost)) {
        return 1;
    }

    for (i = 0; i < first->len; i++) {
        if (first->data[i] == '.' || first->data[i] == ':'
            || image_reference_is_upper(first->data[i]))
        {
            return 1;
        }
    }

    return 0;
}


static const char *
image_reference_domain(const image_str_t *domain)
{
    u_char         c, prev;
    const char    *error;
    const u_char  *p, *last, *end;

    if (domain->len > IMAGE_REFERENCE_DOMAIN) {
        return "the registry's host is longer than 255 characters";
    }

    p = domain->data;
    last = p + domain->len;

    if (*p == '[') {
        end = memchr(p, ']', domain->len);

        if (end == NULL) {
            return "the registry's host lacks a closing bracket";
        }

        error = image_reference_ipv6(p + 1, (size_t) (end - p) - 1);
        if (error != NULL) {
            return error;
        }

        p = end + 1;

        if (p < last && *p != ':') {
            return "the registry's host has characters after its bracket";
        }

    } else {

        /* letters, digits and, inside a component, dashes; RFC 1123, 2.1 */

        for (prev = '.'; p < last && *p != ':'; p++) {
            c = *p;

            if (c == '.') {
                if (prev == '.') {
                    return "the registry's host has an empty component";
                }

                if (prev == '-') {
                    return "a component of the registry's host ends with a "
                           "dash";
                }

            } else if (c == '-') {
                if (prev == '.') {
                    return "a component of the registry's host begins with a "
                           "dash";
                }

            } else if (!image_reference_is_digit(c)
                       && !image_reference_is_lower(c)
                       && !image_reference_is_upper(c))
            {
                return "the registry's host holds a character that is not "
                       "allowed";
            }

            prev = c;
        }

        if (p == domain->data) {
            return "the registry's host is empty";
        }

        if (prev == '.') {
            return "the registry's host has an empty component";
        }

        if (prev == '-') {
            return "a component of the registry's host ends with a dash";
        }

        if (p < last
            && memchr(p + 1, ':', (size_t) (last - p) - 1) != NULL)
        {
            return "an IPv6 address must be in brackets";
        }
    }

    if (p == last) {
        return NULL;
    }

    return image_reference_port(p + 1, (size_t) (last - p) - 1);
}


static const char *
image_reference_ipv6(const u_char *p, size_t len)
{
    char             text[IMAGE_REFERENCE_IPV6];
    size_t           i;
    struct in6_addr  addr;

    if (len < sizeof(text)) {

        /* no zone, and no dotted quad */

        for (i = 0; i < len; i++) {
            if (!image_reference_is_digit(p[i]) && p[i] != ':'
                && !((p[i] | 0x20) >= 'a' && (p[i] | 0x20) <= 'f'))
            {
                break;
            }

            text[i] = (char) p[i];
        }

        if (i == len) {
            text[len] = '\0';

            if (inet_pton(AF_INET6, text, &addr) == 1) {
                return NULL;
            }
        }
    }

    return "the registry's host is no IPv6 address";
}


static const char *
image_reference_port(const u_char *p, size_t len)
{
    size_t    i;
    unsigned  port;

    port = 0;

    for (i = 0; i < len && i < 5; i++) {
        if (!image_reference_is_digit(p[i])) {
            break;
        }

        port = port * 10 + (p[i] - '0');
    }

    /* two spellings of a port would be two names of one registry */

    if (len == 0 || i < len || p[0] == '0' || port > 65535) {
        return "the registry's port is no number from 1 to 65535";
    }

    return NULL;
}


static const char *
image_reference_path(const image_str_t *path)
{
    size_t         i;
    const char    *error;
    const u_char  *p, *last, *slash;

    if (path->len == 0) {
        return "the repository name is empty";
    }

    for (i = 0; i < path->len; i++) {
        if (image_reference_is_upper(path->data[i])) {
            return "the repository name must be lower case";
        }
    }

    p = path->data;
    last = p + path->len;

    for ( ;; ) {
        slash = memchr(p, '/', (size_t) (last - p));

        error = image_reference_component(p, (size_t) ((slash ? slash : last)
                                                       - p));
        if (error != NULL) {
            return error;
        }

        if (slash == NULL) {
            return NULL;
        }

        p = slash + 1;

        if (p == last) {
            return "the repository name ends with a slash";
        }
    }
}


/* [a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)* */

static const char *
image_reference_component(const u_char *p, size_t len)
{
    size_t  i, run;
    u_char  c, prev;

    if (len == 0) {
        return "the repository name has an empty component";
    }

    run = 0;
    prev = '/';

    for (i = 0; i < len; i++) {
        c = p[i];

        if (image_reference_is_lower(c) || image_reference_is_digit(c)) {
            run = 0;

        } else if (c == '.' || c == '_' || c == '-') {

            if (i == 0) {
                return "a component of the repository name begins with a "
                       "separator";
            }

            if (run > 0
                && (c != prev || c == '.' || (c == '_' && run == 2)))
            {
                return "the repository name has a sequence of separators "
                       "that is not allowed";
            }

            run++;

        } else {
            return "the repository name holds a character that is not "
                   "allowed";
        }

        prev = c;
    }

    if (run > 0) {
        return "a component of the repository name ends with a separator";
    }

    return NULL;
}


/* [A-Za-z0-9_][A-Za-z0-9_.-]{0,127} */

static const char *
image_reference_tag(const image_str_t *tag)
{
    size_t  i;
    u_char  c;

    if (tag->len == 0) {
        return "the tag is empty";
    }

    if (tag->len > IMAGE_REFERENCE_TAG) {
        return "the tag is longer than 128 characters";
    }

    if (tag->data[0] == '.' || tag->data[0] == '-') {
        return "the tag begins with a dot or a dash";
    }

    for (i = 0; i < tag->len; i++) {
        c = tag->data[i];

        if (!image_reference_is_lower(c) && !image_reference_is_upper(c)
            && !image_reference_is_digit(c)
            && c != '_' && c != '.' && c != '-')
        {
            return "the tag holds a character that is not allowed";
        }
    }

    return NULL;
}


/* the parts were checked: together they are no longer than ref->text */

static void
image_reference_append(image_reference_t *ref, image_str_t *part,
    const image_str_t *text)
{
    if (part != NULL) {
        part->data = ref->text + ref->len;
        part->len = text->len;
    }

    memcpy(ref->text + ref->len, text->data, text->len);
    ref->len += text->len;
}


static int
image_reference_equal(const image_str_t *a, const image_str_t *b)
{
    return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}


static int
image_reference_is_digit(u_char c)
{
    return c >= '0' && c <= '9';
}


static int
image_reference_is_lower(u_char c)
{
    return c >= 'a' && c <= 'z';
}


static int
image_reference_is_upper(u_char c)
{
    return c >= 'A' && c <= 'Z';
}
