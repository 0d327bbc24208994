/* backlog.h - the appends by completion that an engine has taken and not yet given back: how many,
 * how many bytes, and whether one was refused. Layer: engine. For authors of engines, who call it
 * with the lock that guards the backlog.
 *
 * Invariant: |count| and |size| are those of the ops that were added and not removed. */
#ifndef FCT_ENGINE_BACKLOG_H
#define FCT_ENGINE_BACKLOG_H

#include "engine/engine.h"

struct fct_backlog { /* all zero is empty */
    uint64_t count;
    uint64_t size; /* bytes */
    bool refused;  /* an append was answered BUSY since the backlog was last smaller */
};

/* The first word of an op's internal[] that is the engine's own while the op is in a backlog: those
 * below are used by engine/notifier.h and by the backlog. */
#define FCT_BACKLOG_INTERNAL 3

/* Adds |op| and makes |completer| its completer. An append is always taken by an empty backlog,
 * whatever its size. BUSY: the backlog is at a limit, and |op| is as before. */
FCT_MUST_USE factum_status fct_backlog_add(struct fct_backlog *backlog,
                                           const struct fct_limits *limits, factum_append_op *op,
                                           const factum_completer *completer, factum_error *err);
/* Removes ops and gives them their own completers back. True: an append was refused, and
 * FACTUM_NEWS_ROOM is to be posted. */
bool fct_backlog_remove(struct fct_backlog *backlog, factum_append_op *const *ops, size_t count);

/* Fills |err| for an append that finds |count| appends of |size| bytes waiting. Returns BUSY. */
factum_status fct_backlog_refuse(uint64_t count, uint64_t count_max, uint64_t size,
                                 uint64_t size_max, factum_error *err);

#endif
