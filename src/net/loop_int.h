/* loop_int.h - the loop as connections and listeners see it. Layer: net. */
#ifndef FCT_NET_LOOP_INT_H
#define FCT_NET_LOOP_INT_H

#include <uv.h>

#include "net/loop.h"

/* The libuv loop, for uv_poll_init and similar calls. */
uv_loop_t *fct_loop_uv(struct fct_loop *loop);
/* Received bytes lie in this buffer during one call: all connections share it. */
#define FCT_LOOP_BUFFER_SIZE ((size_t)64 << 10)
uint8_t *fct_loop_buffer(struct fct_loop *loop);

#endif
