/*
 * Values of directives, each parser with the same text: what is found lies in
 * it, and means the same alone.
 */

#include <arpa/inet.h>
#include <netinet/in.h>

#include "fuzz.h"
#include "image_address.h"
#include "image_url.h"
#include "image_value.h"


/* it is a piece of the text, or empty */

static void
inside(const uint8_t *data, size_t size, const image_str_t *part)
{
    invariant(part->len == 0
              || (part->data >= data && part->len <= size
                  && part->data <= data + size - part->len));
}


static void
host_of_url(const image_str_t *host)
{
    size_t       i;
    u_char       text[IMAGE_VALUE_HOST + 8];
    unsigned     class;
    image_url_t  again;

    invariant(host->len > 0 && host->len <= IMAGE_VALUE_HOST);
    invariant(image_is_host(host->data, host->len));

    for (i = 0; i < host->len; i++) {
        invariant(host->data[i] > ' ' && host->data[i] < 0x7f);
        invariant(strchr("@/?#%\\", host->data[i]) == NULL);
    }

    /* nobody takes it for another address; "0x" alone is a name */

    class = image_address_host(host->data, host->len);
    invariant(class != IMAGE_ADDRESS_ALL
              || (host->data[host->len - 1] | 0x20) == 'x');

    memcpy(text, "http://", 7);
    memcpy(text + 7, host->data, host->len);

    invariant(image_url_parse(&again, text, 7 + host->len) == 0);
    invariant(again.host.len == host->len && again.authority.len == host->len
              && again.path.len == 0 && !again.tls);
}


static void
url(const uint8_t *data, size_t size)
{
    size_t       begin;
    image_str_t  user;
    image_url_t  u, proxy;

    if (image_url_parse(&u, data, size) == 0) {
        begin = u.tls ? 8 : 7;

        invariant(u.authority.data == data + begin);
        invariant(u.host.data == u.authority.data);
        invariant(u.path.data == u.authority.data + u.authority.len);
        invariant(begin + u.authority.len + u.path.len == size);
        invariant(u.path.len == 0 || u.path.data[0] == '/');
        invariant(u.authority.len == u.host.len
                  || (u.authority.data[u.host.len] == ':'
                      && u.authority.len - u.host.len <= 6));

        host_of_url(&u.host);

        invariant((image_url_parse_proxy(&proxy, &user, data, size) == 0)
                  == (u.path.len <= 1));
    }

    if (image_url_parse_proxy(&u, &user, data, size) == 0) {
        inside(data, size, &user);
        inside(data, size, &u.authority);
        host_of_url(&u.host);

        invariant(user.len != 1);
        invariant(user.len == 0 || user.data[user.len - 1] == '@');
        invariant(u.path.len <= 1);
    }

    if (image_url_parse_template(&u, data, size) == 0) {
        invariant(size <= IMAGE_URL_TEMPLATE);
        invariant(u.path.len == 0);
        inside(data, size, &u.authority);
        host_of_url(&u.host);
    }
}


static void
redis(const uint8_t *data, size_t size)
{
    const char         *instead;
    image_url_redis_t   r;

    instead = image_url_parse_redis(&r, data, size);

    if (instead != NULL) {
        invariant(instead[0] != '\0' && instead[strlen(instead) - 1] != '.');
        return;
    }

    inside(data, size, &r.name);
    inside(data, size, &r.user);
    inside(data, size, &r.host);
    inside(data, size, &r.path);

    invariant(r.name.len > 0);
    invariant(r.database >= 0 && r.database <= IMAGE_URL_DATABASE);
    invariant((r.host.len == 0) != (r.path.len == 0));
    invariant(memchr(r.name.data, '@', r.name.len) == NULL || r.path.len);

    if (r.host.len == 0) {
        invariant(!r.tls && r.port == 0 && r.user.len == 0);
        invariant(image_is_socket(r.path.data, r.path.len));
        return;
    }

    invariant(r.port >= 1 && r.port <= 65535);
    invariant(r.host.data[0] != '[');
    invariant(r.user.len == 0
              || memchr(r.user.data, ':', r.user.len) == NULL);
}


static void
pattern(const uint8_t *data, size_t size)
{
    image_pattern_t  p;

    if (image_pattern_parse(&p, data, size) != 0) {
        return;
    }

    if (p.any) {
        invariant(size == 1 && data[0] == '*' && p.port.len == 0);
        return;
    }

    invariant(p.host.data == data && image_is_host(data, p.host.len));
    invariant(p.host.len + (p.port.len ? 1 + p.port.len : 0) == size);
    invariant(p.port.len <= 5);
}


/* the bytes of an address, and what is written for it, are of one class */

static void
address(const uint8_t *data, size_t size)
{
    char                     text[INET6_ADDRSTRLEN];
    struct sockaddr_in       sin;
    struct sockaddr_in6      sin6;
    struct sockaddr_storage  storage;

    memset(&storage, 0, sizeof(storage));

    if (size == 4) {
        memset(&sin, 0, sizeof(sin));
        sin.sin_family = AF_INET;
        memcpy(&sin.sin_addr, data, size);
        memcpy(&storage, &sin, sizeof(sin));

        invariant(inet_ntop(AF_INET, data, text, sizeof(text)) != NULL);

    } else if (size == 16) {
        memset(&sin6, 0, sizeof(sin6));
        sin6.sin6_family = AF_INET6;
        memcpy(&sin6.sin6_addr, data, size);
        memcpy(&storage, &sin6, sizeof(sin6));

        invariant(inet_ntop(AF_INET6, data, text, sizeof(text)) != NULL);

    } else {
        storage.ss_family = AF_UNIX;
        text[0] = '\0';
    }

    invariant(image_address((struct sockaddr *) &storage)
              == image_address_text(text));
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char      text[256];
    int64_t   span, n;
    unsigned  class;

    url(data, size);
    redis(data, size);
    pattern(data, size);
    address(data, size);

    span = image_time_parse(data, size);

    invariant(span >= -1 && span <= INT64_MAX / 1000 * 1000);
    invariant(span == -1 || span % 1000 == 0);
    invariant(span == -1 || size > 0);

    n = image_number_parse(data, size, 65535);

    invariant(n >= -1 && n <= 65535);

    /* a number alone is a time, in seconds */

    invariant(n == -1 || span == n * 1000000);

    if (image_is_name(data, size)) {
        invariant(size > 0 && memchr(data, '\0', size) == NULL);
    }

    class = image_address_host(data, size);

    invariant(class <= IMAGE_ADDRESS_ALL);

    /* the point at the end says nothing */

    if (size > 0 && size < 250 && data[size - 1] != '.') {
        memcpy(text, data, size);
        text[size] = '.';
        invariant(image_address_host((u_char *) text, size + 1) == class);

        text[size] = '\0';
        invariant(image_address_text(text) <= IMAGE_ADDRESS_ALL);
    }

    return 0;
}
