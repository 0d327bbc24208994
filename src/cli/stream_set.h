/* stream_set.h - the streams that appends under way write to. Layer: cli. Streams are compared by
 * hash: a collision only delays a commit. */
#ifndef FCT_CLI_STREAM_SET_H
#define FCT_CLI_STREAM_SET_H

#include <stdbool.h>
#include <stdint.h>

#include <factum/base.h>

#define STREAM_SET_SLOTS 8192u

struct stream_set {
    uint64_t hashes[STREAM_SET_SLOTS];
    uint32_t stamps[STREAM_SET_SLOTS]; /* a slot is used if its stamp is |stamp| */
    uint32_t stamp;
    uint32_t count;
};

/* Empties the set. */
void stream_set_clear(struct stream_set *set);
bool stream_set_has(const struct stream_set *set, factum_slice stream);
/* False: the set is full, and |stream| was not added. */
bool stream_set_add(struct stream_set *set, factum_slice stream);

#endif
