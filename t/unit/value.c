/*
 * image_value.c: times, names, hosts.
 */

#include "tap.h"
#include "image_value.h"


#define S  1000000LL


typedef struct {
    const char  *text;
    int64_t      value;
} value_t;


typedef struct {
    const char  *text;
    const char  *host;         /* NULL: it is none */
    const char  *port;
} pattern_t;


static void times(void);
static void numbers(void);
static void names(void);
static void hosts(void);
static void sockets(void);
static void patterns(void);


int
main(void)
{
    times();
    numbers();
    names();
    hosts();
    sockets();
    patterns();

    return done();
}


static void
times(void)
{
    size_t  i;

    static const value_t  list[] = {

        { "0", 0 },
        { "30", 30 * S },
        { "007", 7 * S },
        { "1ms", 1000 },
        { "500ms", S / 2 },
        { "30s", 30 * S },
        { "5m", 300 * S },
        { "1h", 3600 * S },
        { "1d", 86400 * S },
        { "1w", 7 * 86400 * S },
        { "1h30m", 5400 * S },
        { "1h 30m", 5400 * S },
        { "1w1d1h1m1s1ms", 694861 * S + 1000 },
        { "1m1ms", 60 * S + 1000 },

        /* as nginx has it */

        { " 5", 5 * S },
        { "5 ", 5 * S },
        { "1m ", 60 * S },
        { "1m30", 90 * S },
        { "5 6", 11 * S },
        { "m5", 5 * S },
        { "1hm", 3600 * S },
        { "5s 6", 11 * S },

        /* the longest, and what is longer than is told */

        { "9223372036854ms", 9223372036854 * 1000 },
        { "9223372036854775807ms", 9223372036854775 * 1000 },
        { "9223372036854775", 9223372036854775 * 1000 },
        { "9223372036854776", -1 },
        { "9223372036854775808ms", -1 },
        { "92233720368547758070ms", -1 },
        { "15250284452w", 9223372036854775 * 1000 },
        { "15250284453w", -1 },
        { "15250284452w1000000000d", -1 },
        { "9223372036854775s9223372036854775807ms", -1 },
        { "9223372036854775807ms1", -1 },

        { "", -1 },
        { " ", -1 },
        { "s", -1 },
        { "soon", -1 },
        { "-1s", -1 },
        { "+1s", -1 },
        { "1.5s", -1 },
        { "1x", -1 },
        { "1y", -1 },
        { "1M", -1 },
        { "1S", -1 },
        { "1m1h", -1 },
        { "1s1s", -1 },
        { "1ms1s", -1 },
        { "1 1s", -1 },
        { "1s 1 ", -1 },
        { "5 6 ", -1 },
        { "1\t", -1 },
        { "0x10", -1 }
    };

    for (i = 0; i < items(list); i++) {
        number(image_time_parse(bytes(list[i].text)), list[i].value,
               list[i].text);
    }

    number(image_time_parse((const u_char *) "1m5", 1), S, "in its bounds");
    number(image_time_parse((const u_char *) "1ms", 2), 60 * S, "... too");
    number(image_time_parse((const u_char *) "1\0", 2), -1, "a NUL");
}


static void
numbers(void)
{
    number(image_number_parse(bytes("0"), 9), 0, "0");
    number(image_number_parse(bytes("65535"), 65535), 65535, "the last");
    number(image_number_parse(bytes("65536"), 65535), -1, "... one more");
    number(image_number_parse(bytes("0000000065535"), 65535), 65535,
           "zeroes before it");
    number(image_number_parse(bytes("9"), 5), -1, "a digit too large");
    number(image_number_parse(bytes("9223372036854775807"), INT64_MAX),
           INT64_MAX, "the largest");
    number(image_number_parse(bytes("9223372036854775808"), INT64_MAX), -1,
           "... one more");
    number(image_number_parse(bytes("99999999999999999999"), INT64_MAX), -1,
           "... many more");
    number(image_number_parse(bytes(""), 9), -1, "nothing");
    number(image_number_parse(bytes("-1"), 9), -1, "a sign");
    number(image_number_parse(bytes("1 "), 9), -1, "a blank");
}


static void
names(void)
{
    ok(image_is_name(bytes("a")), "a letter");
    ok(image_is_name(bytes("aZ09._-")), "all that a name may have");
    ok(!image_is_name(bytes("")), "nothing");
    ok(!image_is_name(bytes("a b")), "a blank");
    ok(!image_is_name(bytes("a/b")), "a slash");
    ok(!image_is_name(bytes("\xc3\xa4")), "a letter of others");
    ok(!image_is_name((const u_char *) "a\0b", 3), "a NUL");
}


static void
hosts(void)
{
    char    text[254];
    size_t  i;

    static const char  *const good[] = {
        "a", "localhost", "Registry.Example.COM", "a-b.c", "1", "1.2.3.4",
        "xn--4ca.example", "a--b", "127.1", "[::1]", "[::]",
        "[2001:DB8::1:0]", "[::ffff:1.2.3.4]",
        "[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]"
    };

    static const char  *const bad[] = {
        "", ".", "a.", ".a", "a..b", "-a", "a-", "a.-b", "a-.b", "a_b", "a b",
        "a:1", "a/b", "a@b", "*", "\xc3\xa4", "[", "[]", "]", "[::1", "[::1]x",
        "[:::]", "[::x]", "[1.2.3.4]", "[fe80::1%lo]", "::1", "[[::1]]",
        "[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555]"
    };

    for (i = 0; i < items(good); i++) {
        ok(image_is_host(bytes(good[i])), "%s", good[i]);
    }

    for (i = 0; i < items(bad); i++) {
        ok(!image_is_host(bytes(bad[i])), "no host: %s", bad[i]);
    }

    memset(text, 'a', sizeof(text));

    ok(image_is_host((u_char *) text, 253), "a long name");
    ok(!image_is_host((u_char *) text, 254), "... too long");

    /* what follows a NUL was no part of the address that was judged */

    ok(!image_is_host((const u_char *) "[::1\0/]", 7), "a NUL in an address");
    ok(!image_is_host((const u_char *) "a\0b", 3), "a NUL in a name");
}


static void
sockets(void)
{
    char  text[200];

    memset(text, 'a', sizeof(text));
    text[0] = '/';

    ok(image_is_socket(bytes("/")), "a path");
    ok(image_is_socket((u_char *) text, 107), "the longest one");
    ok(!image_is_socket((u_char *) text, 108), "... and one byte more");
    ok(!image_is_socket(bytes("")), "nothing");
    ok(!image_is_socket(bytes("a/b")), "a relative one");
}


static void
patterns(void)
{
    size_t           i;
    image_pattern_t  pattern;

    static const pattern_t  list[] = {

        { "ghcr.io", "ghcr.io", "" },
        { "ghcr.io:5000", "ghcr.io", "5000" },
        { "ghcr.io:65535", "ghcr.io", "65535" },
        { "localhost:*", "localhost", "*" },
        { "[::1]", "[::1]", "" },
        { "[::1]:80", "[::1]", "80" },

        { "", NULL, NULL },
        { ":", NULL, NULL },
        { ":80", NULL, NULL },
        { "a:", NULL, NULL },
        { "a:0", NULL, NULL },
        { "a:080", NULL, NULL },
        { "a:65536", NULL, NULL },
        { "a:b", NULL, NULL },
        { "a:**", NULL, NULL },
        { "a:1:2", NULL, NULL },
        { "*:5000", NULL, NULL },
        { "*.a", NULL, NULL },
        { "**", NULL, NULL },
        { "::1", NULL, NULL },
        { "[::1]80", NULL, NULL },
        { "a/b", NULL, NULL },
        { "https://a", NULL, NULL }
    };

    for (i = 0; i < items(list); i++) {

        if (list[i].host == NULL) {
            ok(image_pattern_parse(&pattern, bytes(list[i].text)) == -1,
               "no pattern: %s", list[i].text);
            continue;
        }

        ok(image_pattern_parse(&pattern, bytes(list[i].text)) == 0
           && !pattern.any, "%s", list[i].text);
        is(pattern.host.data, pattern.host.len, list[i].host, "... its host");
        is(pattern.port.data, pattern.port.len, list[i].port, "... its port");
    }

    ok(image_pattern_parse(&pattern, bytes("*")) == 0 && pattern.any, "any");
    is(pattern.host.data, pattern.host.len, "*", "... as it was written");
}
