/*
 * Classes of addresses: which lead into this host or its network.  Hosts are
 * bytes from outside; libc alone, no I/O.
 */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "image_address.h"


#define IMAGE_ADDRESS_HOST  255    /* bytes */


static unsigned image_address_inet(uint32_t a);
static unsigned image_address_inet6(const u_char *a);


unsigned
image_address(const struct sockaddr *sa)
{
    struct sockaddr_in   sin;
    struct sockaddr_in6  sin6;

    switch (sa->sa_family) {

    case AF_INET:
        memcpy(&sin, sa, sizeof(sin));
        return image_address_inet(ntohl(sin.sin_addr.s_addr));

    case AF_INET6:
        memcpy(&sin6, sa, sizeof(sin6));
        return image_address_inet6(sin6.sin6_addr.s6_addr);

    default:
        return IMAGE_ADDRESS_ALL;
    }
}


unsigned
image_address_text(const char *text)
{
    char             copy[INET6_ADDRSTRLEN];
    size_t           len;
    struct in_addr   in;
    struct in6_addr  in6;

    len = strcspn(text, "%");

    if (len >= sizeof(copy)) {
        return IMAGE_ADDRESS_ALL;
    }

    memcpy(copy, text, len);
    copy[len] = '\0';

    if (inet_pton(AF_INET, copy, &in) == 1) {
        return image_address_inet(ntohl(in.s_addr));
    }

    if (inet_pton(AF_INET6, copy, &in6) == 1) {
        return image_address_inet6(in6.s6_addr);
    }

    return IMAGE_ADDRESS_ALL;
}


unsigned
image_address_host(const u_char *host, size_t len)
{
    char    *label, *p, text[IMAGE_ADDRESS_HOST + 1];
    size_t   i;

    if (len && host[len - 1] == '.') {
        len--;
    }

    if (len == 0 || len >= sizeof(text)) {
        return IMAGE_ADDRESS_ALL;
    }

    for (i = 0; i < len; i++) {
        text[i] = (host[i] >= 'A' && host[i] <= 'Z') ? (char) (host[i] | 0x20)
                                                     : (char) host[i];
    }

    text[len] = '\0';

    if (text[0] == '[') {

        if (text[len - 1] != ']' || strlen(text) != len) {
            return IMAGE_ADDRESS_ALL;
        }

        text[len - 1] = '\0';

        return image_address_text(text + 1);
    }

    if (strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789._-") != len) {
        return IMAGE_ADDRESS_ALL;
    }

    label = strrchr(text, '.');
    label = label ? label + 1 : text;

    if (strcmp(label, "localhost") == 0) {
        return IMAGE_ADDRESS_LOOPBACK;
    }

    /* no name ends in a number */

    if (label[strspn(label, "0123456789")] != '\0'
        && strncmp(label, "0x", 2) != 0)
    {
        return 0;
    }

    for (p = text; *p; p++) {
        if (p[0] == '0' && (p == text || p[-1] == '.') && p[1] != '.'
            && p[1] != '\0')
        {
            return IMAGE_ADDRESS_ALL;
        }
    }

    return image_address_text(text);
}


/*
 * IANA's registry of special-purpose addresses (RFC 6890).  The metadata
 * services of clouds that are not link-local ones count as such.
 */

static unsigned
image_address_inet(uint32_t a)
{
    size_t  i;

    static const struct {
        uint32_t  net;
        uint32_t  mask;
        unsigned  class;
    }  nets[] = {
        /* 127.0.0.0/8, and 0.0.0.0/8, which connects to this host */
        { 0x7f000000, 0xff000000, IMAGE_ADDRESS_LOOPBACK },
        { 0x00000000, 0xff000000, IMAGE_ADDRESS_LOOPBACK },

        /* 169.254.0.0/16 */
        { 0xa9fe0000, 0xffff0000, IMAGE_ADDRESS_LINK_LOCAL },
        /* metadata: 100.100.100.200, 168.63.129.16, 192.0.0.192 */
        { 0x646464c8, 0xffffffff, IMAGE_ADDRESS_LINK_LOCAL },
        { 0xa83f8110, 0xffffffff, IMAGE_ADDRESS_LINK_LOCAL },
        { 0xc00000c0, 0xffffffff, IMAGE_ADDRESS_LINK_LOCAL },

        /* RFC 1918: 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 */
        { 0x0a000000, 0xff000000, IMAGE_ADDRESS_PRIVATE },
        { 0xac100000, 0xfff00000, IMAGE_ADDRESS_PRIVATE },
        { 0xc0a80000, 0xffff0000, IMAGE_ADDRESS_PRIVATE },
        /* RFC 6598: 100.64.0.0/10 */
        { 0x64400000, 0xffc00000, IMAGE_ADDRESS_PRIVATE },
        /* 192.0.0.0/24, 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24 */
        { 0xc0000000, 0xffffff00, IMAGE_ADDRESS_PRIVATE },
        { 0xc0000200, 0xffffff00, IMAGE_ADDRESS_PRIVATE },
        { 0xc6336400, 0xffffff00, IMAGE_ADDRESS_PRIVATE },
        { 0xcb007100, 0xffffff00, IMAGE_ADDRESS_PRIVATE },
        /* RFC 2544: 198.18.0.0/15 */
        { 0xc6120000, 0xfffe0000, IMAGE_ADDRESS_PRIVATE },
        /* multicast and reserved: 224.0.0.0/3 */
        { 0xe0000000, 0xe0000000, IMAGE_ADDRESS_PRIVATE }
    };

    for (i = 0; i < sizeof(nets) / sizeof(nets[0]); i++) {
        if ((a & nets[i].mask) == nets[i].net) {
            return nets[i].class;
        }
    }

    return 0;
}


/*
 * What holds an IPv4 address is judged by that: mapped and compatible ones,
 * NAT64 (RFC 6052) and 6to4 (RFC 3056).
 */

static unsigned
image_address_inet6(const u_char *a)
{
    size_t    i;
    uint32_t  v4;

    static const u_char  zeroes[12];
    static const u_char  mapped[12] =
        { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
    static const u_char  nat64[12] =
        { 0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0 };

    static const struct {
        u_char    net[4];
        u_char    mask[4];
        unsigned  class;
    }  nets[] = {
        /* fe80::/10, fec0::/10, fc00::/7, ff00::/8 */
        { { 0xfe, 0x80 }, { 0xff, 0xc0 }, IMAGE_ADDRESS_LINK_LOCAL },
        { { 0xfe, 0xc0 }, { 0xff, 0xc0 }, IMAGE_ADDRESS_PRIVATE },
        { { 0xfc }, { 0xfe }, IMAGE_ADDRESS_PRIVATE },
        { { 0xff }, { 0xff }, IMAGE_ADDRESS_PRIVATE },
        /* Teredo 2001::/32, documentation 2001:db8::/32, discard 100::/32 */
        { { 0x20, 0x01, 0x00, 0x00 }, { 0xff, 0xff, 0xff, 0xff },
          IMAGE_ADDRESS_PRIVATE },
        { { 0x20, 0x01, 0x0d, 0xb8 }, { 0xff, 0xff, 0xff, 0xff },
          IMAGE_ADDRESS_PRIVATE },
        { { 0x01, 0x00, 0x00, 0x00 }, { 0xff, 0xff, 0xff, 0xff },
          IMAGE_ADDRESS_PRIVATE },
        /* NAT64 of local use (RFC 8215), 64:ff9b:1::/48 and more */
        { { 0x00, 0x64, 0xff, 0x9b }, { 0xff, 0xff, 0xff, 0xff },
          IMAGE_ADDRESS_PRIVATE },
        /* ::/32 */
        { { 0 }, { 0xff, 0xff, 0xff, 0xff }, IMAGE_ADDRESS_PRIVATE }
    };

    /* the metadata service of AWS */
    static const u_char  metadata[16] =
        { 0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54 };

    if (memcmp(a, metadata, 16) == 0) {
        return IMAGE_ADDRESS_LINK_LOCAL;
    }

    v4 = (uint32_t) a[12] << 24 | (uint32_t) a[13] << 16
         | (uint32_t) a[14] << 8 | a[15];

    if (memcmp(a, zeroes, 12) == 0) {

        /* :: and ::1 */
        return (v4 <= 1) ? IMAGE_ADDRESS_LOOPBACK : image_address_inet(v4);
    }

    if (memcmp(a, mapped, 12) == 0 || memcmp(a, nat64, 12) == 0) {
        return image_address_inet(v4);
    }

    if (a[0] == 0x20 && a[1] == 0x02) {
        v4 = (uint32_t) a[2] << 24 | (uint32_t) a[3] << 16
             | (uint32_t) a[4] << 8 | a[5];
        return image_address_inet(v4);
    }

    for (i = 0; i < sizeof(nets) / sizeof(nets[0]); i++) {
        if ((a[0] & nets[i].mask[0]) == nets[i].net[0]
            && (a[1] & nets[i].mask[1]) == nets[i].net[1]
            && (a[2] & nets[i].mask[2]) == nets[i].net[2]
            && (a[3] & nets[i].mask[3]) == nets[i].net[3])
        {
            return nets[i].class;
        }
    }

    return 0;
}
