/* op.h - the inside of an append under way: words of its engine, a tail, its request.
 * Layer: engine. */
#ifndef FCT_ENGINE_OP_H
#define FCT_ENGINE_OP_H

#include <assert.h>

#include <factum/async.h>

/* Words of an op's |internal|: first the engine's, then the tail, then the request. */
#define FCT_OP_ENGINE_WORDS 20u
#define FCT_OP_TAIL_WORD FCT_OP_ENGINE_WORDS
#define FCT_OP_REQUEST_WORD (FCT_OP_TAIL_WORD + 1)
#define FCT_OP_REQUEST_WORDS 19u
static_assert(sizeof(((factum_append_op *)0)->internal) ==
                  (FCT_OP_REQUEST_WORD + FCT_OP_REQUEST_WORDS) * sizeof(void *),
              "the parts fill it");
static_assert(sizeof(factum_append_request) <= FCT_OP_REQUEST_WORDS * sizeof(void *),
              "a request fits");

/* The request of an op that was checked, in full size. op->request itself may be freed. */
static inline const factum_append_request *fct_op_request(const factum_append_op *op)
{
    return (const factum_append_request *)(const void *)&op->internal[FCT_OP_REQUEST_WORD];
}

/* The same, for code that may still change it: the checks, and a layer in front of an engine. */
static inline factum_append_request *fct_op_request_here(factum_append_op *op)
{
    return (factum_append_request *)(void *)&op->internal[FCT_OP_REQUEST_WORD];
}

/* A layer in front of an engine may change the request of an op on its way in. The memory that this
 * takes begins with a tail, which is ended when the op has ended, before its completer is called,
 * or when the engine did not take the op. */
struct fct_op_tail {
    /* |op|'s outcome is set, unless the engine did not take it. On any thread; no locks held. */
    void (*end)(struct fct_op_tail *tail, factum_append_op *op);
};
/* NULL: it has none. A layer that sets its own tail keeps the one before, and ends it after its
 * own. */
static inline struct fct_op_tail *fct_op_tail(const factum_append_op *op)
{
    return (struct fct_op_tail *)op->internal[FCT_OP_TAIL_WORD];
}
static inline void fct_op_set_tail(factum_append_op *op, struct fct_op_tail *tail)
{
    op->internal[FCT_OP_TAIL_WORD] = tail;
}
/* Ends the tail, if there is one. */
static inline void fct_op_end_tail(factum_append_op *op)
{
    struct fct_op_tail *tail = (struct fct_op_tail *)op->internal[FCT_OP_TAIL_WORD];
    op->internal[FCT_OP_TAIL_WORD] = NULL;
    if (tail != NULL) {
        tail->end(tail, op);
    }
}

#endif
