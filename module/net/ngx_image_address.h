/*
 * Classes of addresses (IANA's special-purpose registries), as bits.  IPv6
 * addresses that hold an IPv4 address are judged by that.
 */

#ifndef NGX_IMAGE_ADDRESS_H
#define NGX_IMAGE_ADDRESS_H


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_IMAGE_ADDR_LOOPBACK    0x01   /* and unspecified ones */
#define NGX_IMAGE_ADDR_LINK_LOCAL  0x02   /* metadata services among them */
#define NGX_IMAGE_ADDR_PRIVATE     0x04   /* RFC 1918, 4193, 6598, reserved */


/* of another family than these two: all classes, as of no readable text;
 * 0: a public address */
ngx_uint_t ngx_image_address(struct sockaddr *sa);
ngx_uint_t ngx_image_address_text(const char *text);

/*
 * Of a host as it is written in a URL or a reference, an IPv6 address in
 * brackets; 0: a name, whose addresses are not known.  "localhost" and names
 * under it are this host.  What is no name, and no plain address, is of all
 * classes: to some, "127.1" and "0177.0.0.1" are this host.
 */
ngx_uint_t ngx_image_address_host(ngx_str_t *host);


#endif /* NGX_IMAGE_ADDRESS_H */
