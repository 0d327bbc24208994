/* backlog.h - appends by completion that an engine has taken and that have not ended: their number,
 * their bytes, and whether one was refused. Layer: engine. For authors of engines, who hold the
 * lock that guards the backlog.
 *
 * Invariant: |count| and |size| are those of the ops that were added and not removed. */
#ifndef FCT_ENGINE_BACKLOG_H
#define FCT_ENGINE_BACKLOG_H

#include "engine/engine.h"

struct fct_backlog { /* all zero is empty */
    uint64_t count;
    uint64_t size; /* bytes */
    bool refused;  /* an append was refused with BUSY since ops were last removed */
};

/* While an op is in a backlog, the words of its internal[] below this one are used by
 * engine/notifier.h and by the backlog. The others are the engine's. */
#define FCT_BACKLOG_INTERNAL 3

/* Adds |op| and makes |completer| its completer. An empty backlog takes an append of any size.
 * Errors: BUSY (the backlog is at a limit; |op| is unchanged). */
FCT_MUST_USE factum_status fct_backlog_add(struct fct_backlog *backlog,
                                           const struct fct_limits *limits, factum_append_op *op,
                                           const factum_completer *completer, factum_error *err);
/* Removes ops and restores their own completers. True: an append was refused; post
 * FACTUM_NEWS_ROOM. */
bool fct_backlog_remove(struct fct_backlog *backlog, factum_append_op *const *ops, size_t count);

/* Fills |err| for an append that is refused because |count| appends of |size| bytes are waiting.
 * Returns BUSY. */
factum_status fct_backlog_refuse(uint64_t count, uint64_t count_max, uint64_t size,
                                 uint64_t size_max, factum_error *err);

#endif
