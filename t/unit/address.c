/*
 * image_address.c: what leads into this host or its network.
 */

#include <arpa/inet.h>
#include <netinet/in.h>

#include "tap.h"
#include "image_address.h"


#define ALL         IMAGE_ADDRESS_ALL
#define LOOPBACK    IMAGE_ADDRESS_LOOPBACK
#define LINK_LOCAL  IMAGE_ADDRESS_LINK_LOCAL
#define PRIVATE     IMAGE_ADDRESS_PRIVATE


typedef struct {
    const char  *text;
    unsigned     class;
} address_t;


static void addresses_as_text(void);
static void addresses_of_sockets(void);
static void hosts(void);


static const address_t  addresses[] = {

    { "93.184.216.34", 0 },
    { "127.0.0.1", LOOPBACK },
    { "127.255.255.255", LOOPBACK },
    { "0.0.0.0", LOOPBACK },
    { "0.1.2.3", LOOPBACK },
    { "169.254.169.254", LINK_LOCAL },
    { "100.100.100.200", LINK_LOCAL },
    { "168.63.129.16", LINK_LOCAL },
    { "192.0.0.192", LINK_LOCAL },
    { "10.0.0.1", PRIVATE },
    { "172.15.255.255", 0 },
    { "172.16.0.0", PRIVATE },
    { "172.31.255.255", PRIVATE },
    { "172.32.0.0", 0 },
    { "192.168.0.1", PRIVATE },
    { "100.64.0.1", PRIVATE },
    { "198.19.255.255", PRIVATE },
    { "224.0.0.1", PRIVATE },
    { "255.255.255.255", PRIVATE },

    { "2606:2800:220:1::1", 0 },
    { "::1", LOOPBACK },
    { "::", LOOPBACK },
    { "fe80::1", LINK_LOCAL },
    { "fd00:ec2::254", LINK_LOCAL },
    { "fd00:ec2::255", PRIVATE },
    { "fec0::1", PRIVATE },
    { "fc00::1", PRIVATE },
    { "ff02::1", PRIVATE },
    { "2001::1", PRIVATE },
    { "2001:db8::1", PRIVATE },
    { "100::1", PRIVATE },
    { "64:ff9b:1::1", PRIVATE },
    { "::1:0:0:1", PRIVATE },

    /* what holds another one */

    { "::ffff:127.0.0.1", LOOPBACK },
    { "::ffff:93.184.216.34", 0 },
    { "::127.0.0.1", LOOPBACK },
    { "64:ff9b::a9fe:a9fe", LINK_LOCAL },
    { "2002:7f00:1::1", LOOPBACK },
    { "2002:5db8:d822::1", 0 }
};


int
main(void)
{
    addresses_as_text();
    addresses_of_sockets();
    hosts();

    return done();
}


static void
addresses_as_text(void)
{
    size_t  i;

    static const char  *const others[] = {
        "", "a", "1", "127.1", "127.0.0.1.", "127.0.0.256", "0x7f.0.0.1",
        "1.2.3.4.5", ":::", "::g", "[::1]", "%lo",
        "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"
    };

    for (i = 0; i < items(addresses); i++) {
        number(image_address_text(addresses[i].text), addresses[i].class,
               addresses[i].text);
    }

    number(image_address_text("fe80::1%eth0"), LINK_LOCAL,
           "an address with a zone");

    for (i = 0; i < items(others); i++) {
        number(image_address_text(others[i]), ALL, others[i]);
    }
}


static void
addresses_of_sockets(void)
{
    size_t                   i;
    struct sockaddr_in       sin;
    struct sockaddr_in6      sin6;
    struct sockaddr_storage  other;

    for (i = 0; i < items(addresses); i++) {
        memset(&other, 0, sizeof(other));

        if (strchr(addresses[i].text, ':') == NULL) {
            memset(&sin, 0, sizeof(sin));
            sin.sin_family = AF_INET;
            inet_pton(AF_INET, addresses[i].text, &sin.sin_addr);
            memcpy(&other, &sin, sizeof(sin));

        } else {
            memset(&sin6, 0, sizeof(sin6));
            sin6.sin6_family = AF_INET6;
            inet_pton(AF_INET6, addresses[i].text, &sin6.sin6_addr);
            memcpy(&other, &sin6, sizeof(sin6));
        }

        number(image_address((struct sockaddr *) &other), addresses[i].class,
               addresses[i].text);
    }

    memset(&other, 0, sizeof(other));
    other.ss_family = AF_UNIX;

    number(image_address((struct sockaddr *) &other), ALL, "another family");
}


static void
hosts(void)
{
    char    text[300];
    size_t  i;

    static const u_char  nul[] = "[::1\0x]";

    static const address_t  list[] = {

        { "example.com", 0 },
        { "EXAMPLE.com.", 0 },
        { "a_b", 0 },
        { "1.example", 0 },
        { "localhost", LOOPBACK },
        { "LocalHost.", LOOPBACK },
        { "a.localhost", LOOPBACK },
        { "localhost.example", 0 },
        { "127.0.0.1", LOOPBACK },
        { "127.0.0.1.", LOOPBACK },
        { "10.0.0.1", PRIVATE },
        { "8.8.8.8", 0 },
        { "[::1]", LOOPBACK },
        { "[FE80::1]", LINK_LOCAL },
        { "[2606:2800:220:1::1]", 0 },

        { "", ALL },
        { ".", ALL },
        { "[", ALL },
        { "[]", ALL },
        { "[::1", ALL },
        { "[::1]x", ALL },
        { "::1", ALL },
        { "a b", ALL },
        { "a%62", ALL },
        { "127.1", ALL },
        { "2130706433", ALL },
        { "0x7f000001", ALL },
        { "0x7f.1", ALL },
        { "127.0.0.0x1", ALL },
        { "0177.0.0.1", ALL },
        { "[0177.0.0.1]", ALL },
        { "127.0.0.01", ALL }
    };

    for (i = 0; i < items(list); i++) {
        number(image_address_host(bytes(list[i].text)), list[i].class,
               list[i].text);
    }

    number(image_address_host(nul, sizeof(nul) - 1), ALL,
           "a NUL in an address");

    memset(text, 'a', sizeof(text));

    number(image_address_host((u_char *) text, 255), 0, "a long name");
    number(image_address_host((u_char *) text, 256), ALL, "... too long");
}
