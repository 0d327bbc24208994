/* decide.h - the rules of an append: is it new, refused, or recognised as one that was written
 * before? Layer: engine.
 *
 * A pure function over facts. An engine supplies the facts: the state of streams, ids at revisions,
 * keys, the first event that fits a condition. fct_decide asks for as few as it needs, in this
 * order: idempotency key; streams of the expectations; expectations, tombstones and repeated event
 * ids; append condition. Knows nothing of how facts are stored or found.
 *
 * Rules (docs/guide/retries.md, docs/internals/engine.md):
 *  1. A known key with the same content gives the first result, whatever is expected now; with
 *     other content KEY_CONFLICT.
 *  2. A written stream whose expectation does not hold, or holds by ANY or EXISTS, is checked by
 *     the ids of its events: if they are all in the stream, where the expectation places them, the
 *     stream repeats. Events without an id never match.
 *  3. If the expectations of all written streams hold, the append is new. If all streams repeat, it
 *     is recognised. Otherwise it is refused, and the refusal names a stream that does not hold, or
 *     the first that repeats.
 *  4. An expectation of a stream that is not written is only checked; a repetition ignores it.
 *  5. A tombstoned stream takes no events. An expectation of it holds only if it is ANY or
 *     NO_STREAM and the stream is not written.
 *  6. DELETE needs a stream that has events or metadata and is not tombstoned.
 *  7. A condition fails if an event after its place fits; the first one is named.
 */
#ifndef FCT_ENGINE_DECIDE_H
#define FCT_ENGINE_DECIDE_H

#include <factum/async.h>

#include "core/compiler.h"

/* The stream of one expectation. */
struct fct_stream_fact {
    factum_stream_state state;
    bool has_metadata;
    bool marked_deleted; /* its metadata soft-deletes it, with or without events */
    uint64_t last_revision;
    size_t event_count; /* of the append, in this stream */
    size_t first_event; /* of the append, in this stream; if event_count > 0 */
};

struct fct_event_fact {
    factum_uuid id;
    uint64_t position;
    uint64_t revision;
    uint64_t end; /* the position after the event */
};

struct fct_key_fact {
    factum_fingerprint fingerprint;
    uint64_t event_count;
    uint64_t position; /* of the commit */
};

/* Each function returns OK, DONE (nothing was found), PENDING (the answer depends on appends that
 * cannot be read yet: decide again when they can), or a failure, with |err| filled. */
struct fct_facts {
    factum_status (*key)(void *data, struct fct_key_fact *fact, factum_error *err);
    /* Event |i| of those that were appended under that key; DONE means damage. */
    factum_status (*key_event)(void *data, uint64_t i, struct fct_event_fact *fact,
                               factum_error *err);
    /* Finds the streams of all expectations and events. Called before the functions below, except
     * |match|. INVALID: a written stream has no expectation, or a stream has two. */
    factum_status (*map)(void *data, factum_error *err);
    void (*stream)(void *data, size_t expectation, struct fct_stream_fact *fact);
    /* The next event of the append after |event| in the same stream; event_count: none. */
    size_t (*next_event)(void *data, size_t event);
    /* The revision of the newest event with |id| in the expectation's stream, among the events that
     * the engine remembers: at least the newest 65,536 of the store. */
    factum_status (*known)(void *data, size_t expectation, factum_uuid id, uint64_t *revision,
                           factum_error *err);
    /* The event |revision| of the expectation's stream. */
    factum_status (*at)(void *data, size_t expectation, uint64_t revision,
                        struct fct_event_fact *fact, factum_error *err);
    /* The first event after the condition's place that fits it. */
    factum_status (*match)(void *data, uint64_t *position, factum_error *err);
};

enum fct_verdict {
    FCT_VERDICT_NEW,    /* the append is to be written */
    FCT_VERDICT_ANSWER, /* the op's status and result are set: refused, recognised, or a failure */
    FCT_VERDICT_LATER,  /* a fact was PENDING */
};

/* Judges |op| by |request|: fct_op_request(op), or what removal.h made of it. On ANSWER with OK,
 * op->revisions are set, and *already_end is the position after what the first append wrote;
 * otherwise it is 0. A refusal by a stream sets status and result, but not the text, which takes
 * longer than the rest: fct_decide_say writes it, outside of hot paths. */
enum fct_verdict fct_decide(factum_append_op *op, const factum_append_request *request,
                            factum_fingerprint fingerprint, const struct fct_facts *facts,
                            void *data, uint64_t *already_end);

/* Writes the text of a refusal by a stream (WRONG_REVISION, STREAM_DELETED) into op->err; does
 * nothing for any other status. */
void fct_decide_say(factum_append_op *op);

#endif
