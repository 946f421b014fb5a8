/*
 * Classes of addresses (IANA's special-purpose registries), as bits.  IPv6
 * addresses that hold an IPv4 address are judged by that.  No name is looked
 * up.
 */

#ifndef IMAGE_ADDRESS_H
#define IMAGE_ADDRESS_H


#include <sys/socket.h>

#include "image_str.h"


#define IMAGE_ADDRESS_LOOPBACK    0x01   /* and unspecified ones */
#define IMAGE_ADDRESS_LINK_LOCAL  0x02   /* metadata services among them */
#define IMAGE_ADDRESS_PRIVATE     0x04   /* RFC 1918, 4193, 6598, reserved */
#define IMAGE_ADDRESS_ALL         0x07


/* of another family than these two: all classes, as of no readable text;
 * 0: a public address */
unsigned image_address(const struct sockaddr *sa);
unsigned image_address_text(const char *text);

/*
 * Of a host as it is written in a URL or a reference, an IPv6 address in
 * brackets; 0: a name, whose addresses are not known.  "localhost" and names
 * under it are this host.  What is no name, and no plain address, is of all
 * classes: to some, "127.1" and "0177.0.0.1" are this host.
 */
unsigned image_address_host(const u_char *host, size_t len);


#endif /* IMAGE_ADDRESS_H */
