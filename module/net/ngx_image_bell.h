/*
 * Bells: a worker wakes other workers of its host.  Each has a datagram socket
 * in the abstract namespace, named by a number that only they share, so that
 * workers of an older or a newer configuration can be rung as well.
 *
 * A ring says nothing but "look again": whoever can send one can make a
 * worker look, and nothing else.  Lost rings are the listener's to survive.
 */

#ifndef NGX_IMAGE_BELL_H
#define NGX_IMAGE_BELL_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>


#define NGX_IMAGE_BELLS  256       /* workers that can be rung */


/* a set of them, as it lives in shared memory */

typedef struct {
    uint64_t   bits[NGX_IMAGE_BELLS / 64];
} ngx_image_bells_t;


typedef struct ngx_image_bell_s  ngx_image_bell_t;

/* closed: it will not be heard again, since nginx closes all connections of a
 * worker that has taken too long to exit (worker_shutdown_timeout) */

typedef void (*ngx_image_bell_pt)(void *data, ngx_flag_t closed);


/* a bell of this worker; NULL: it can't be had, and the log has the reason */
ngx_image_bell_t *ngx_image_bell_create(uint64_t nonce,
    ngx_image_bell_pt handler, void *data, ngx_cycle_t *cycle);
void ngx_image_bell_destroy(ngx_image_bell_t *bell);

/* adds this worker to a set; nothing without a bell (NULL) */
void ngx_image_bell_enter(ngx_image_bell_t *bell, ngx_image_bells_t *bells);

/* rings all of a set but this worker itself */
void ngx_image_bell_ring(ngx_image_bell_t *bell, ngx_image_bells_t *bells);


#endif /* NGX_IMAGE_BELL_H */
