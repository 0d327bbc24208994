/* recent.h - the newest events of the store, each read once and encoded once for all who follow.
 * Layer: server.
 *
 * The tail (feed.c) adds every event that it reads; a feed that has caught up takes its events from
 * here by their numbers, instead of reading them itself. What is kept is bounded by count and
 * bytes: the oldest go, and who has not taken them yet reads them from the store. So nothing is
 * ever queued for a subscriber, and a slow one costs the others nothing.
 *
 * What an event was encoded to is kept with it for those who want the same bytes. Knows nothing of
 * subscribers.
 *
 * Invariant: of the events after |since| up to |place| every one is here.
 */
#ifndef FCT_SERVER_RECENT_H
#define FCT_SERVER_RECENT_H

#include <factum/store.h>

#include "core/mem.h"

/* Forms that are the same for all who want them. Links that are shown or resolved are not. */
enum fct_shape {
    FCT_SHAPE_KURRENT,         /* a ReadResp with its frame, ids structured */
    FCT_SHAPE_KURRENT_TEXT_ID, /* the same, ids as texts */
    FCT_SHAPE_SSE,             /* a server-sent event: its token and a line of JSON */
    FCT_SHAPES
};

struct fct_recent_event {
    factum_event event;      /* all that it points to is behind this struct */
    uint64_t stream_hash;    /* fct_recent_hash of its stream */
    size_t size;             /* of this struct, what is behind it, and what it was encoded to */
    bool asked;              /* |first_revision| is known */
    uint64_t first_revision; /* for feed.c: of its stream, when one of it was given first */
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
    uint64_t first; /* number of the oldest event; |end| if there is none */
    uint64_t end;   /* number that the next event will have */
    size_t size;
    struct fct_recent_event *events[FCT_RECENT_MAX]; /* by number modulo FCT_RECENT_MAX */
};

uint64_t fct_recent_hash(factum_slice stream);
/* Forgets everything up to |place|, which lies at or after all that is there. Who has not taken all
 * finds its number below |first|. */
void fct_recent_restart(struct fct_recent *recent, uint64_t place);
/* Adds a copy of the event that follows the last one. If the copy is too big, or there is no memory
 * for it, all are forgotten, as by fct_recent_restart at this event, and NULL is returned. */
struct fct_recent_event *fct_recent_add(struct fct_recent *recent, const factum_event *event);
/* Nothing follows up to |place|. */
void fct_recent_reach(struct fct_recent *recent, uint64_t place);
/* Is everything after |place| here? Then *number is that of the first event after it. */
bool fct_recent_covers(const struct fct_recent *recent, uint64_t place, uint64_t *number);
/* NULL: it is gone, or not there yet. Lasts until the next add or restart. */
struct fct_recent_event *fct_recent_get(struct fct_recent *recent, uint64_t number);
/* Keeps a copy of what |event| is in |shape|, which it is not in yet. Without memory it does not:
 * the next one encodes for itself. */
void fct_recent_keep(struct fct_recent *recent, struct fct_recent_event *event,
                     enum fct_shape shape, factum_slice bytes);
void fct_recent_finish(struct fct_recent *recent);

#endif
