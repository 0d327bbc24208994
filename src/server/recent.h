/* recent.h - the newest events of the store, each read once and encoded once for all followers.
 * Layer: server.
 *
 * The tail (feed.c) adds every event that it reads. A feed that has caught up takes its events from
 * here by their numbers, instead of reading them itself. Events are bounded by count and bytes: the
 * oldest are dropped, and a feed that has not taken them reads them from the store. So nothing is
 * ever queued for a subscriber, and a slow one costs the others nothing.
 *
 * The encoded bytes are kept with an event for feeds that want the same bytes. Knows nothing of
 * subscribers.
 *
 * Invariants (recent_check).
 *  1. Every event after |since| up to |place| is here.
 *  2. |first| <= |end|, and at most FCT_RECENT_MAX events are here.
 *  3. |size| is the sum of the sizes of all events, and 0 without events.
 */
#ifndef FCT_SERVER_RECENT_H
#define FCT_SERVER_RECENT_H

#include <factum/store.h>

#include "core/mem.h"

/* Forms that are the same for all followers. Links that are shown or resolved are not. */
enum fct_shape {
    FCT_SHAPE_KURRENT,         /* a ReadResp with its frame, ids structured */
    FCT_SHAPE_KURRENT_TEXT_ID, /* the same, ids as texts */
    FCT_SHAPE_SSE,             /* a server-sent event: its token and a line of JSON */
    FCT_SHAPES
};

struct fct_recent_event {
    factum_event event;   /* everything that it points to follows this struct */
    uint64_t stream_hash; /* fct_recent_hash of its stream */
    size_t size;          /* of this struct, the memory after it, and the encoded bytes */
    bool asked;           /* |first_revision| is known */
    /* For feed.c: first visible revision of the stream, when one of its events was first
     * returned. */
    uint64_t first_revision;
    uint8_t *encoded[FCT_SHAPES]; /* NULL: not yet */
    size_t encoded_len[FCT_SHAPES];
};

#define FCT_RECENT_MAX 4096u
#define FCT_RECENT_SIZE_MAX ((size_t)4 << 20)
#define FCT_RECENT_EVENT_MAX ((size_t)1 << 20)

/* Zero it first, set |mem|. */
struct fct_recent {
    const struct fct_mem *mem;
    uint64_t since;
    uint64_t place;
    uint64_t first; /* number of the oldest event; |end| if none exists */
    uint64_t end;   /* number of the next event */
    size_t size;
    struct fct_recent_event *events[FCT_RECENT_MAX]; /* by number modulo FCT_RECENT_MAX */
};

uint64_t fct_recent_hash(factum_slice stream);
/* Drops all events; |place| is at or after all of them. A feed that has not taken them all finds
 * its number below |first|. */
void fct_recent_restart(struct fct_recent *recent, uint64_t place);
/* Adds a copy of the event that follows the last one. Returns NULL if the copy is too big or memory
 * is out: then all events are dropped, as by fct_recent_restart at this event. */
struct fct_recent_event *fct_recent_add(struct fct_recent *recent, const factum_event *event);
/* No event follows up to |place|. */
void fct_recent_reach(struct fct_recent *recent, uint64_t place);
/* True if everything after |place| is here; then *number is that of the first event after it. */
bool fct_recent_covers(const struct fct_recent *recent, uint64_t place, uint64_t *number);
/* Returns NULL if the event was dropped or has not come yet. Lasts until the next add or
 * restart. */
struct fct_recent_event *fct_recent_get(struct fct_recent *recent, uint64_t number);
/* Keeps a copy of |bytes|, the form |shape| of |event|, which has none yet. Keeps nothing if memory
 * is out: the next follower encodes for itself. */
void fct_recent_keep(struct fct_recent *recent, struct fct_recent_event *event,
                     enum fct_shape shape, factum_slice bytes);
void fct_recent_finish(struct fct_recent *recent);

#endif
