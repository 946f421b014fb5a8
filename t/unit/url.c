/*
 * image_url.c: URLs of engines, mirrors, proxies and Redis.
 */

#include "tap.h"
#include "image_url.h"


#define URL       "\"redis://host:port/db\", \"rediss://host:port/db\" or "   \
                  "\"unix:/path?db=N\""
#define USER      "the user alone before \"@\", and \"password=\" or "        \
                  "\"password_file=\" after the URL"
#define PATH      "an absolute path that fits a socket"
#define DATABASE  "the number of a database"


typedef struct {
    const char  *text;
    const char  *host;         /* NULL: it is none */
    const char  *authority;
    const char  *path;
} url_t;


typedef struct {
    const char  *text;
    const char  *instead;
    const char  *name;
    const char  *user;
    const char  *host;
    const char  *path;
    int          port;
    int          database;
} redis_t;


static void urls(void);
static void proxies(void);
static void templates(void);
static void redis(void);


int
main(void)
{
    urls();
    proxies();
    templates();
    redis();

    return done();
}


static void
urls(void)
{
    size_t       i;
    image_url_t  url;

    static const url_t  list[] = {

        { "http://a", "a", "a", "" },
        { "https://a.example:443/", "a.example", "a.example:443", "/" },
        { "http://127.0.0.1:8080/v2/", "127.0.0.1", "127.0.0.1:8080",
          "/v2/" },
        { "http://[::1]:80/a", "[::1]", "[::1]:80", "/a" },
        { "http://[::1]/a:1", "[::1]", "[::1]", "/a:1" },
        { "http://a/-._~!$&'()*+,;=:@%41/Zz09", "a", "a",
          "/-._~!$&'()*+,;=:@%41/Zz09" },
        { "http://1.example", "1.example", "1.example", "" },
        { "http://0x.example", "0x.example", "0x.example", "" },

        { "", NULL, NULL, NULL },
        { "a", NULL, NULL, NULL },
        { "http:", NULL, NULL, NULL },
        { "http://", NULL, NULL, NULL },
        { "http:///", NULL, NULL, NULL },
        { "HTTP://a", NULL, NULL, NULL },
        { "ftp://a", NULL, NULL, NULL },
        { "http://user@a", NULL, NULL, NULL },
        { "http://user:password@a", NULL, NULL, NULL },
        { "http://a?b", NULL, NULL, NULL },
        { "http://a/?b", NULL, NULL, NULL },
        { "http://a/#b", NULL, NULL, NULL },
        { "http://a/b c", NULL, NULL, NULL },
        { "http://a/\\b", NULL, NULL, NULL },
        { "http://a/\"", NULL, NULL, NULL },
        { "http://a/\xc3\xa4", NULL, NULL, NULL },
        { "http://a/{image}", NULL, NULL, NULL },
        { "http://a:", NULL, NULL, NULL },
        { "http://a:0", NULL, NULL, NULL },
        { "http://a:080", NULL, NULL, NULL },
        { "http://a:65536", NULL, NULL, NULL },
        { "http://a:b", NULL, NULL, NULL },
        { "http://:80", NULL, NULL, NULL },
        { "http://::1", NULL, NULL, NULL },
        { "http://[::1", NULL, NULL, NULL },
        { "http://[::1]80", NULL, NULL, NULL },
        { "http://a_b", NULL, NULL, NULL },

        /* addresses to libcurl */

        { "http://127.1", NULL, NULL, NULL },
        { "http://2130706433", NULL, NULL, NULL },
        { "http://0177.0.0.1", NULL, NULL, NULL },
        { "http://0x7f000001", NULL, NULL, NULL },
        { "http://a.0X7f", NULL, NULL, NULL },
        { "http://127.0.0.256", NULL, NULL, NULL },
        { "http://1.1.1.1.1.1.1.1.1", NULL, NULL, NULL }
    };

    for (i = 0; i < items(list); i++) {

        if (list[i].host == NULL) {
            ok(image_url_parse(&url, bytes(list[i].text)) == -1,
               "no URL: %s", list[i].text);
            continue;
        }

        ok(image_url_parse(&url, bytes(list[i].text)) == 0
           && url.tls == (list[i].text[4] == 's'), "%s", list[i].text);
        is(url.host.data, url.host.len, list[i].host, "... its host");
        is(url.authority.data, url.authority.len, list[i].authority,
           "... its authority");
        is(url.path.data, url.path.len, list[i].path, "... its path");
    }

    ok(image_url_parse(&url, (const u_char *) "http://a/\0b", 11) == -1,
       "a NUL in a path");
    ok(image_url_parse(&url, (const u_char *) "http://[::1\0]", 13) == -1,
       "a NUL in a host");
}


static void
proxies(void)
{
    size_t       i;
    image_url_t  url;
    image_str_t  user;

    static const char  *const bad[] = {
        "", "on", "proxy:3128", "http://", "socks5://proxy", "http://proxy:0",
        "http://proxy/path", "http://proxy?a", "http://proxy#a",
        "http://127.1:3128", "http://@proxy", "http://:secret@proxy",
        "http://user:se@cret@proxy", "http://user:secret/@proxy",
        "http://user:secret @proxy", "http://user:\x7f@proxy",
        "http://user:\xc3@proxy", "http://us[er@proxy", "http://us\\er@proxy",
        "http://user:secret@proxy/path", "http://user:secret@",
        "user:secret@proxy:3128"
    };

    ok(image_url_parse_proxy(&url, &user, bytes("http://proxy:3128")) == 0
       && !url.tls, "a proxy");
    is(user.data, user.len, "", "... no user");
    is(url.authority.data, url.authority.len, "proxy:3128",
       "... its authority");
    is(url.host.data, url.host.len, "proxy", "... its host");

    ok(image_url_parse_proxy(&url, &user,
                             bytes("https://us:p%40ss@[::1]/")) == 0
       && url.tls, "one with a user");
    is(user.data, user.len, "us:p%40ss@", "... who is that");
    is(url.authority.data, url.authority.len, "[::1]", "... its authority");

    for (i = 0; i < items(bad); i++) {
        ok(image_url_parse_proxy(&url, &user, bytes(bad[i])) == -1,
           "no proxy: %s", bad[i]);
    }
}


static void
templates(void)
{
    char         text[IMAGE_URL_TEMPLATE + 1];
    size_t       i;
    image_url_t  url;

    static const char  *const good[] = {
        "http://a/{image}", "http://a?{image}", "https://a:1/b?i={image}&p=<>",
        "https://[::1]/{{image}}", "http://a/http://{image}"
    };

    static const char  *const bad[] = {
        "", "a", ":", "http:/", "http://a", "http://a/", "http://a/{imag}",
        "http://{image}", "http://{image}/", "http://u@a/{image}",
        "http://a/#{image}", "http://a/ {image}", "http://a/{image}\x7f",
        "http://127.1/{image}", "ftp://a/{image}", "a:b/{image}",
        "http://a/{image"
    };

    for (i = 0; i < items(good); i++) {
        ok(image_url_parse_template(&url, bytes(good[i])) == 0, "%s", good[i]);
    }

    is(url.host.data, url.host.len, "a", "its host");

    for (i = 0; i < items(bad); i++) {
        ok(image_url_parse_template(&url, bytes(bad[i])) == -1,
           "no template: %s", bad[i]);
    }

    memset(text, 'a', sizeof(text));
    memcpy(text, "http://a/{image}", 16);

    ok(image_url_parse_template(&url, (u_char *) text, sizeof(text) - 1) == 0,
       "a long one");
    ok(image_url_parse_template(&url, (u_char *) text, sizeof(text)) == -1,
       "... too long");
}


static void
redis(void)
{
    char               text[128];
    size_t             i;
    image_url_redis_t  r;

    static const redis_t  list[] = {

        { "redis://a", NULL, "a", "", "a", "", 6379, 0 },
        { "rediss://a:1/15", NULL, "a:1", "", "a", "", 1, 15 },
        { "redis://user@a.b/", NULL, "a.b", "user", "a.b", "", 6379, 0 },
        { "redis://[::1]:06379/65535", NULL, "[::1]:06379", "", "::1", "",
          6379, 65535 },
        { "redis://[::1]", NULL, "[::1]", "", "::1", "", 6379, 0 },
        { "redis://127.1", NULL, "127.1", "", "127.1", "", 6379, 0 },
        { "unix:/a b", NULL, "/a b", "", "", "/a b", 0, 0 },
        { "unix:/a?db=7", NULL, "/a", "", "", "/a", 0, 7 },

        { "", URL, 0, 0, 0, 0, 0, 0 },
        { "on", URL, 0, 0, 0, 0, 0, 0 },
        { "127.0.0.1:6379", URL, 0, 0, 0, 0, 0, 0 },
        { "REDIS://a", URL, 0, 0, 0, 0, 0, 0 },
        { "redis:a", URL, 0, 0, 0, 0, 0, 0 },
        { "redis://", URL, 0, 0, 0, 0, 0, 0 },
        { "redis:///1", URL, 0, 0, 0, 0, 0, 0 },
        { "redis://a:", URL, 0, 0, 0, 0, 0, 0 },
        { "redis://a:0", URL, 0, 0, 0, 0, 0, 0 },
        { "redis://a:65536", URL, 0, 0, 0, 0, 0, 0 },
        { "redis://a:6379:x", URL, 0, 0, 0, 0, 0, 0 },
        { "redis://a_b", URL, 0, 0, 0, 0, 0, 0 },
        { "redis://a?db=1", URL, 0, 0, 0, 0, 0, 0 },
        { "redis://::1", URL, 0, 0, 0, 0, 0, 0 },
        { "redis://[::1", URL, 0, 0, 0, 0, 0, 0 },
        { "redis://[::x]", URL, 0, 0, 0, 0, 0, 0 },
        { "redis://[::1]6379", URL, 0, 0, 0, 0, 0, 0 },
        { "redis://user@", URL, 0, 0, 0, 0, 0, 0 },
        { "redis://a@b@c", URL, 0, 0, 0, 0, 0, 0 },
        { "redis://@a", USER, 0, 0, 0, 0, 0, 0 },
        { "redis://:secret@a", USER, 0, 0, 0, 0, 0, 0 },
        { "redis://user:secret@a", USER, 0, 0, 0, 0, 0, 0 },
        { "redis://a/x", DATABASE, 0, 0, 0, 0, 0, 0 },
        { "redis://a/-1", DATABASE, 0, 0, 0, 0, 0, 0 },
        { "redis://a/65536", DATABASE, 0, 0, 0, 0, 0, 0 },
        { "redis://a/0/", DATABASE, 0, 0, 0, 0, 0, 0 },
        { "unix:", PATH, 0, 0, 0, 0, 0, 0 },
        { "unix:a", PATH, 0, 0, 0, 0, 0, 0 },
        { "unix:?db=1", PATH, 0, 0, 0, 0, 0, 0 },
        { "unix:/a?", URL, 0, 0, 0, 0, 0, 0 },
        { "unix:/a?db=", URL, 0, 0, 0, 0, 0, 0 },
        { "unix:/a?password=secret", URL, 0, 0, 0, 0, 0, 0 },
        { "unix:/a?db=x", DATABASE, 0, 0, 0, 0, 0, 0 }
    };

    for (i = 0; i < items(list); i++) {
        same(image_url_parse_redis(&r, bytes(list[i].text)), list[i].instead,
             list[i].text);

        if (list[i].instead) {
            continue;
        }

        is(r.name.data, r.name.len, list[i].name, "... its name");
        is(r.user.data, r.user.len, list[i].user, "... its user");
        is(r.host.data, r.host.len, list[i].host, "... its host");
        is(r.path.data, r.path.len, list[i].path, "... its path");
        number(r.port, list[i].port, "... its port");
        number(r.database, list[i].database, "... its database");
        ok(r.tls == (list[i].text[5] == 's'), "... TLS or not");
    }

    memset(text, 'a', sizeof(text));
    memcpy(text, "unix:/", 6);

    same(image_url_parse_redis(&r, (u_char *) text, 5 + 107), NULL,
         "a long path");
    same(image_url_parse_redis(&r, (u_char *) text, 5 + 108), PATH,
         "... too long");
}
