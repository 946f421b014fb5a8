/*
 * image_reference.c: grammar, normalisation and limits (docs/references.md).
 */

#include <stdlib.h>

#include "tap.h"
#include "image_reference.h"


#define HEX64   "0123456789abcdef0123456789abcdef"                           \
                "0123456789abcdef0123456789abcdef"
#define SHA256  "sha256:" HEX64
#define SHA512  "sha512:" HEX64 HEX64

#define LOWER    "the repository name must be lower case"
#define CHAR     "the repository name holds a character that is not allowed"
#define BEGINS   "a component of the repository name begins with a separator"
#define ENDS     "a component of the repository name ends with a separator"
#define SEQ      "the repository name has a sequence of separators that is " \
                 "not allowed"
#define EMPTY    "the repository name has an empty component"
#define SLASH    "the repository name ends with a slash"
#define NAME     "the repository name is empty"
#define TAG      "the tag holds a character that is not allowed"
#define TAG0     "the tag begins with a dot or a dash"
#define NOTAG    "the tag is empty"
#define PORT     "the registry's port is no number from 1 to 65535"
#define HOST     "the registry's host holds a character that is not allowed"
#define HOST0    "the registry's host has an empty component"
#define DASH0    "a component of the registry's host begins with a dash"
#define DASH1    "a component of the registry's host ends with a dash"
#define IPV6     "the registry's host is no IPv6 address"
#define BARE6    "an IPv6 address must be in brackets"
#define AFTER    "the registry's host has characters after its bracket"
#define SCHEME   "the reference must be without a scheme and its \"//\""
#define DIGEST   "the digest is neither \"sha256:\" and 64 nor \"sha512:\" " \
                 "and 128 lower-case hex digits"
#define SPACE    "the reference holds white space"
#define CONTROL  "the reference holds a control character"
#define ASCII    "the reference holds a character that is not ASCII"


static const struct {
    const char  *text;
    const char  *canonical;
    const char  *domain;
    const char  *path;
    const char  *tag;
    const char  *digest;
} valid[] = {

    /* Docker Hub's short forms */

    { "golang", "docker.io/library/golang:latest",
      "docker.io", "library/golang", "latest", "" },
    { "golang:1.22", "docker.io/library/golang:1.22",
      "docker.io", "library/golang", "1.22", "" },
    { "library/golang", "docker.io/library/golang:latest",
      "docker.io", "library/golang", "latest", "" },
    { "library", "docker.io/library/library:latest",
      "docker.io", "library/library", "latest", "" },
    { "docker.io/golang", "docker.io/library/golang:latest",
      "docker.io", "library/golang", "latest", "" },
    { "docker.io/library", "docker.io/library/library:latest",
      "docker.io", "library/library", "latest", "" },
    { "index.docker.io/golang:1", "docker.io/library/golang:1",
      "docker.io", "library/golang", "1", "" },
    { "index.docker.io/a/b", "docker.io/a/b:latest",
      "docker.io", "a/b", "latest", "" },
    { "org/app", "docker.io/org/app:latest",
      "docker.io", "org/app", "latest", "" },
    { "a/b/c", "docker.io/a/b/c:latest",
      "docker.io", "a/b/c", "latest", "" },

    /* what is a host, and what is not */

    { "localhost:5000", "docker.io/library/localhost:5000",
      "docker.io", "library/localhost", "5000", "" },
    { "localhost", "docker.io/library/localhost:latest",
      "docker.io", "library/localhost", "latest", "" },
    { "localhost/a", "localhost/a:latest", "localhost", "a", "latest", "" },
    { "localhost:5000/a:1", "localhost:5000/a:1",
      "localhost:5000", "a", "1", "" },
    { "localhost:5000/x/y:1", "localhost:5000/x/y:1",
      "localhost:5000", "x/y", "1", "" },
    { "localhosts/a", "docker.io/localhosts/a:latest",
      "docker.io", "localhosts/a", "latest", "" },
    { "registry.corp/a", "registry.corp/a:latest",
      "registry.corp", "a", "latest", "" },
    { "registry:5000/a", "registry:5000/a:latest",
      "registry:5000", "a", "latest", "" },
    { "Registry/a", "Registry/a:latest", "Registry", "a", "latest", "" },
    { "Docker.io/a", "Docker.io/a:latest", "Docker.io", "a", "latest", "" },
    { "docker.io:443/a", "docker.io:443/a:latest",
      "docker.io:443", "a", "latest", "" },
    { "registry-1.docker.io/library/a", "registry-1.docker.io/library/a:latest",
      "registry-1.docker.io", "library/a", "latest", "" },
    { "golang.x/y", "golang.x/y:latest", "golang.x", "y", "latest", "" },
    { "127.0.0.1:5000/a", "127.0.0.1:5000/a:latest",
      "127.0.0.1:5000", "a", "latest", "" },
    { "a--b.c-d/x", "a--b.c-d/x:latest", "a--b.c-d", "x", "latest", "" },
    { "a.b:1/x", "a.b:1/x:latest", "a.b:1", "x", "latest", "" },
    { "a.b:65535/x", "a.b:65535/x:latest", "a.b:65535", "x", "latest", "" },
    { "[::1]/a", "[::1]/a:latest", "[::1]", "a", "latest", "" },
    { "[::1]:5000/a/b:t", "[::1]:5000/a/b:t", "[::1]:5000", "a/b", "t", "" },
    { "[2001:DB8::1]/a", "[2001:DB8::1]/a:latest",
      "[2001:DB8::1]", "a", "latest", "" },
    { "[2001:db8:1111:2222:3333:4444:5555:6666]/a",
      "[2001:db8:1111:2222:3333:4444:5555:6666]/a:latest",
      "[2001:db8:1111:2222:3333:4444:5555:6666]", "a", "latest", "" },

    /* separators */

    { "a.b_c__d-e--f---g", "docker.io/library/a.b_c__d-e--f---g:latest",
      "docker.io", "library/a.b_c__d-e--f---g", "latest", "" },
    { "0/1", "docker.io/0/1:latest", "docker.io", "0/1", "latest", "" },
    { "foo/foo__bar/b-a-z", "docker.io/foo/foo__bar/b-a-z:latest",
      "docker.io", "foo/foo__bar/b-a-z", "latest", "" },

    /* tags */

    { "a:_", "docker.io/library/a:_", "docker.io", "library/a", "_", "" },
    { "a:_.-x", "docker.io/library/a:_.-x",
      "docker.io", "library/a", "_.-x", "" },
    { "a:V1.0-RC.", "docker.io/library/a:V1.0-RC.",
      "docker.io", "library/a", "V1.0-RC.", "" },
    { "a:" HEX64 HEX64, "docker.io/library/a:" HEX64 HEX64,
      "docker.io", "library/a", HEX64 HEX64, "" },
    { "sha256:" HEX64, "docker.io/library/sha256:" HEX64,
      "docker.io", "library/sha256", HEX64, "" },

    /* digests */

    { "a@" SHA256, "docker.io/library/a",
      "docker.io", "library/a", "", SHA256 },
    { "a:t@" SHA256, "docker.io/library/a:t",
      "docker.io", "library/a", "t", SHA256 },
    { "r.io/a/b:t@" SHA512, "r.io/a/b:t", "r.io", "a/b", "t", SHA512 },
    { "r.io/a@" SHA512, "r.io/a", "r.io", "a", "", SHA512 },
    { "localhost:5000@" SHA256, "docker.io/library/localhost:5000",
      "docker.io", "library/localhost", "5000", SHA256 },

    /* 64 hex digits are refused where they are the whole text alone */

    { "docker.io/" HEX64, "docker.io/library/" HEX64 ":latest",
      "docker.io", "library/" HEX64, "latest", "" },
    { "a/" HEX64, "docker.io/a/" HEX64 ":latest",
      "docker.io", "a/" HEX64, "latest", "" },
    { HEX64 ":t", "docker.io/library/" HEX64 ":t",
      "docker.io", "library/" HEX64, "t", "" },
    { HEX64 "0", "docker.io/library/" HEX64 "0:latest",
      "docker.io", "library/" HEX64 "0", "latest", "" },
    { "g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
      "docker.io/library/"
      "g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
      ":latest", "docker.io", "library/"
      "g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
      "latest", "" }
};


static const struct {
    const char  *text;
    const char  *error;
} invalid[] = {
    { "", "the reference is empty" },
    { HEX64, "the reference is a bare name of 64 hex digits, which is an "
             "image ID" },

    { " golang", SPACE },
    { "golang ", SPACE },
    { "go lang", SPACE },
    { "golang\n", CONTROL },
    { "go\tlang", CONTROL },
    { "golang\x7f", CONTROL },
    { "\x01", CONTROL },
    { "gol\xc3\xa4ng", ASCII },
    { "golang:\xff", ASCII },

    { "https://docker.io/golang", SCHEME },
    { "docker://golang", SCHEME },

    { "Golang", LOWER },
    { "golanG:1", LOWER },
    { "docker.io/Org/app", LOWER },
    { "golang:1.22/x", PORT },

    { "/", EMPTY },
    { "//", EMPTY },
    { "/golang", EMPTY },
    { "golang/", SLASH },
    { "a//b", EMPTY },
    { "a/b/", SLASH },
    { "docker.io/", NAME },
    { "docker.io//golang", EMPTY },
    { "docker.io/a//b", EMPTY },
    { "r.io/:t", NAME },
    { "r.io/@" SHA256, NAME },
    { ":t", NAME },
    { ":", NAME },
    { "@", DIGEST },
    { "@" SHA256, NAME },

    { ".a", BEGINS },
    { "-a", BEGINS },
    { "_a", BEGINS },
    { "a/_b", BEGINS },
    { "a.", ENDS },
    { "a-", ENDS },
    { "a_", ENDS },
    { "a__", ENDS },
    { "a--", ENDS },
    { "a-/b", ENDS },
    { "x/b./c", ENDS },
    { "a..b", SEQ },
    { "a._b", SEQ },
    { "a_.b", SEQ },
    { "a___b", SEQ },
    { "a-_b", SEQ },
    { "a-.b", SEQ },
    { "a/..", BEGINS },
    { "..", BEGINS },
    { ".", BEGINS },
    { "a+b", CHAR },
    { "a*", CHAR },
    { "a%2fb", CHAR },
    { "a\\b", CHAR },
    { "a?b", CHAR },
    { "[a]/b", CHAR },
    { "{a}", CHAR },
    { "a\"b", CHAR },

    { "golang:", NOTAG },
    { "golang:@" SHA256, NOTAG },
    { "r.io/a:", NOTAG },
    { "golang:.1", TAG0 },
    { "golang:-1", TAG0 },
    { "golang:a:b", TAG },
    { "golang:a+b", TAG },
    { "r.io/golang:1/x", TAG },
    { "a:" HEX64 HEX64 "0", "the tag is longer than 128 characters" },

    { "golang@", DIGEST },
    { "golang@sha256", DIGEST },
    { "golang@sha256:", DIGEST },
    { "golang@sha256:" HEX64 "0", DIGEST },
    { "golang@sha256:0123456789ABCDEF0123456789abcdef"
      "0123456789abcdef0123456789abcdef", DIGEST },
    { "golang@sha256:g123456789abcdef0123456789abcdef"
      "0123456789abcdef0123456789abcdef", DIGEST },
    { "golang@SHA256:" HEX64, DIGEST },
    { "golang@sha512:" HEX64, DIGEST },
    { "golang@sha256:" HEX64 HEX64, DIGEST },
    { "golang@md5:0123456789abcdef0123456789abcdef", DIGEST },
    { "golang@" SHA256 "@" SHA256, DIGEST },
    { "golang@" SHA256 ":t", DIGEST },
    { "golang@" SHA256 "/x", HOST },

    { "a.b:/x", PORT },
    { "a.b:0/x", PORT },
    { "a.b:65536/x", PORT },
    { "a.b:99999/x", PORT },
    { "a.b:123456/x", PORT },
    { "a.b:00080/x", PORT },
    { "a.b:+1/x", PORT },
    { "a.b:-1/x", PORT },
    { "a.b:8x/x", PORT },
    { ":5000/x", "the registry's host is empty" },
    { ".b/x", HOST0 },
    { "a./x", HOST0 },
    { "a..b/x", HOST0 },
    { "a.:1/x", HOST0 },
    { "-a.b/x", DASH0 },
    { "a.-b/x", DASH0 },
    { "a-.b/x", DASH1 },
    { "a.b-/x", DASH1 },
    { "a.b-:1/x", DASH1 },
    { "a_b.c/x", HOST },
    { "user@a.b/x", HOST },
    { "a.b?c/x", HOST },
    { "2001:db8::1/x", BARE6 },
    { "::1/x", "the registry's host is empty" },
    { "[::1/x", "the registry's host lacks a closing bracket" },
    { "[]:1/x", IPV6 },
    { "[:]/x", IPV6 },
    { "[1.2.3.4]/x", IPV6 },
    { "[::ffff:1.2.3.4]/x", IPV6 },
    { "[fe80::1%eth0]/x", IPV6 },
    { "[12345::]/x", IPV6 },
    { "[2001:db8:1111:2222:3333:4444:5555:66667]/x", IPV6 },
    { "[::1]5000/x", AFTER },
    { "[::1]:/x", PORT },
    { "[::1]:5000:1/x", PORT }
};


static void normalised(void);
static void refused(void);
static void limits(void);
static void pinned(void);
static void copied(void);
static char *repeat(char *p, const char *text, size_t n);


int
main(void)
{
    normalised();
    refused();
    limits();
    pinned();
    copied();

    return done();
}


static void
normalised(void)
{
    char               *copy;
    size_t              i, len;
    u_char              buf[IMAGE_DIGEST_TEXT];
    const char         *error;
    image_reference_t   ref;

    for (i = 0; i < items(valid); i++) {

        /* of the exact size, so that a byte too far is seen */

        len = strlen(valid[i].text);
        copy = malloc(len);
        memcpy(copy, valid[i].text, len);

        memset(&ref, 0xa5, sizeof(ref));
        error = image_reference_parse(&ref, (u_char *) copy, len);

        free(copy);

        if (!same(error, NULL, valid[i].text)) {
            continue;
        }

        is(ref.text, ref.len, valid[i].canonical, "  canonical");
        is(ref.domain.data, ref.domain.len, valid[i].domain, "  domain");
        is(ref.path.data, ref.path.len, valid[i].path, "  path");
        is(ref.tag.data, ref.tag.len, valid[i].tag, "  tag");

        len = image_digest_format(&ref.digest, buf);
        is(buf, len, valid[i].digest, "  digest");
        ok(image_reference_is_pinned(&ref) == (valid[i].digest[0] != '\0'),
           "  pinned");
    }
}


static void
refused(void)
{
    size_t             i;
    image_reference_t  ref;

    for (i = 0; i < items(invalid); i++) {
        same(image_reference_parse(&ref, bytes(invalid[i].text)),
             invalid[i].error, invalid[i].text);
    }

    same(image_reference_parse(&ref, (u_char *) "golang\0", 7), CONTROL,
         "a NUL at the end");
    same(image_reference_parse(&ref, (u_char *) "go\0lang", 7), CONTROL,
         "a NUL inside");
    same(image_reference_parse(&ref, NULL, 0), "the reference is empty",
         "no bytes at all");
}


static void
limits(void)
{
    char               buf[2048], *p;
    image_reference_t  ref;

    p = repeat(buf, "a", 247);
    same(image_reference_parse(&ref, (u_char *) buf, (size_t) (p - buf)),
         NULL, "a name of 247, of 255 with library/");
    ok(ref.path.len == 255, "  path is of 255");

    p = repeat(buf, "a", 248);
    same(image_reference_parse(&ref, (u_char *) buf, (size_t) (p - buf)),
         "the repository name is longer than 255 characters",
         "a name of 248, of 256 with library/");

    p = repeat(buf, "", 0);
    p = repeat(p, "r.io/", 1);
    p = repeat(p, "a", 255);
    same(image_reference_parse(&ref, (u_char *) buf, (size_t) (p - buf)),
         NULL, "the host does not count: a path of 255");

    p = repeat(p, "a", 1);
    same(image_reference_parse(&ref, (u_char *) buf, (size_t) (p - buf)),
         "the repository name is longer than 255 characters",
         "a path of 256");

    p = repeat(buf, "a.", 127);
    p = repeat(p, "b", 1);
    p = repeat(p, "/", 1);
    p = repeat(p, "c", 255);
    p = repeat(p, ":", 1);
    p = repeat(p, "t", 128);
    same(image_reference_parse(&ref, (u_char *) buf, (size_t) (p - buf)),
         NULL, "all parts at their limits");
    ok(ref.len == IMAGE_REFERENCE_NAME, "  text is full");

    p = repeat(p, "@" SHA512, 1);
    ok((size_t) (p - buf) == IMAGE_REFERENCE_TEXT, "the longest reference");
    same(image_reference_parse(&ref, (u_char *) buf, (size_t) (p - buf)),
         NULL, "  is valid");

    p = repeat(p, "0", 1);
    same(image_reference_parse(&ref, (u_char *) buf, (size_t) (p - buf)),
         "the reference is too long", "one byte more");

    p = repeat(buf, "a.", 127);
    p = repeat(p, "bb/c", 1);
    same(image_reference_parse(&ref, (u_char *) buf, (size_t) (p - buf)),
         "the registry's host is longer than 255 characters",
         "a host of 256");

    p = repeat(buf, " ", 2000);
    same(image_reference_parse(&ref, (u_char *) buf, (size_t) (p - buf)),
         "the reference is too long", "the length comes first");
}


static void
pinned(void)
{
    u_char             text[IMAGE_REFERENCE_TEXT];
    size_t             len;
    image_digest_t     digest;
    image_reference_t  ref;

    image_digest_parse(&digest, bytes(SHA256));

    image_reference_parse(&ref, bytes("golang:1.22"));
    len = image_reference_pinned(&ref, &digest, text);
    is(text, len, "docker.io/library/golang:1.22@" SHA256, "pinned by a tag");

    image_reference_parse(&ref, bytes("golang@" SHA256));
    len = image_reference_pinned(&ref, &ref.digest, text);
    is(text, len, "docker.io/library/golang@" SHA256, "pinned without a tag");
}


static void
copied(void)
{
    size_t             i;
    image_reference_t  ref, copy;

    static const char  *const texts[] = {
        "r.io:5000/a/b:t", "golang@" SHA256, "r.io/a:t@" SHA512
    };

    for (i = 0; i < items(texts); i++) {
        image_reference_parse(&ref, bytes(texts[i]));
        memset(&copy, 0xa5, sizeof(copy));
        image_reference_copy(&copy, &ref);

        ok(copy.len == ref.len && memcmp(copy.text, ref.text, ref.len) == 0,
           "a copy of %s", texts[i]);
        ok(copy.domain.data == copy.text
           && copy.domain.len == ref.domain.len, "  domain");
        ok(copy.path.data == copy.text + (ref.path.data - ref.text)
           && copy.path.len == ref.path.len, "  path");
        ok(copy.tag.len == ref.tag.len
           && (ref.tag.len == 0
               || copy.tag.data == copy.text + (ref.tag.data - ref.text)),
           "  tag");
        ok(memcmp(&copy.digest, &ref.digest, sizeof(ref.digest)) == 0,
           "  digest");
    }
}


static char *
repeat(char *p, const char *text, size_t n)
{
    size_t  len;

    len = strlen(text);

    while (n-- > 0) {
        memcpy(p, text, len);
        p += len;
    }

    return p;
}
