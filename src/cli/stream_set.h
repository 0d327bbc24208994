/* stream_set.h - streams that appends under way write to. Layer: cli. By hash: two streams of one
 * hash count as the same, which is harmless here. */
#ifndef FCT_CLI_STREAM_SET_H
#define FCT_CLI_STREAM_SET_H

#include <stdbool.h>
#include <stdint.h>

#include <factum/base.h>

#define STREAM_SET_SLOTS 8192u

struct stream_set {
    uint64_t hashes[STREAM_SET_SLOTS];
    uint32_t stamps[STREAM_SET_SLOTS]; /* a slot counts if its stamp is |stamp| */
    uint32_t stamp;
    uint32_t count;
};

/* Makes it empty. */
void stream_set_clear(struct stream_set *set);
bool stream_set_has(const struct stream_set *set, factum_slice stream);
/* False: it is full, and has not been added. */
bool stream_set_add(struct stream_set *set, factum_slice stream);

#endif
