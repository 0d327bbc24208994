/* decide.h - the rules of an append: is it to be written, refused, or recognised? Layer: engine.
 *
 * A pure function over facts. An engine says what is known (the state of streams, ids at revisions,
 * keys, the first event that fits a condition); fct_decide asks for as little of it as it needs, in
 * this order: idempotency key; expectations mapped to streams; expectations, tombstones and
 * repeated event ids; append condition. Knows nothing of how facts are stored or found.
 *
 * Rules (docs/guide/retries.md, docs/internals/engine.md):
 *  1. A known key with the same content gives the first result, whatever is expected now; with
 *     other content KEY_CONFLICT.
 *  2. A written stream whose expectation does not hold, or holds by ANY or EXISTS, is checked by
 *     the ids of its events: if they are all in the stream where the expectation says that they
 *     should go, the stream repeats. Events without an id never match.
 *  3. All written streams hold: new. All repeat: recognised. Some hold and some repeat, or one does
 *     neither: refused, and the refusal names a stream that is not as it should be.
 *  4. An expectation of a stream that is not written is only checked; a repetition ignores it.
 *  5. A tombstoned stream takes nothing, and expects nothing but ANY and NO_STREAM unwritten.
 *  6. DELETE wants a stream that has events or metadata and is not tombstoned.
 *  7. A condition is refused by the first event after its place that fits.
 */
#ifndef FCT_ENGINE_DECIDE_H
#define FCT_ENGINE_DECIDE_H

#include <factum/async.h>

#include "core/compiler.h"

/* What is known of the stream of one expectation. */
struct fct_stream_fact {
    factum_stream_state state;
    bool has_metadata;
    bool marked_deleted; /* its metadata says that it is soft-deleted, with or without events */
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

/* Each function returns OK, DONE (nothing found), PENDING (the answer depends on appends that are
 * not readable yet: decide again when they are), or a failure, with |err| filled. */
struct fct_facts {
    factum_status (*key)(void *data, struct fct_key_fact *fact, factum_error *err);
    /* The |i|-th event that was appended under that key; DONE is damage. */
    factum_status (*key_event)(void *data, uint64_t i, struct fct_event_fact *fact,
                               factum_error *err);
    /* Finds the streams of all expectations and events; INVALID unless each written stream has
     * exactly one expectation, none has two. Before the four below. */
    factum_status (*map)(void *data, factum_error *err);
    void (*stream)(void *data, size_t expectation, struct fct_stream_fact *fact);
    /* The next event of the append after |event| in the same stream; event_count if none. */
    size_t (*next_event)(void *data, size_t event);
    /* The revision of the newest event with |id| in the expectation's stream, of those that an
     * engine has to know: the newest 65,536 of the store at least. */
    factum_status (*known)(void *data, size_t expectation, factum_uuid id, uint64_t *revision,
                           factum_error *err);
    factum_status (*at)(void *data, size_t expectation, uint64_t revision,
                        struct fct_event_fact *fact, factum_error *err);
    /* The first event after the condition's place that fits it. */
    factum_status (*match)(void *data, uint64_t *position, factum_error *err);
};

enum fct_verdict {
    FCT_VERDICT_NEW,    /* to be written */
    FCT_VERDICT_ANSWER, /* the op's status and result are set: refused, recognised, or a failure */
    FCT_VERDICT_LATER,  /* a fact was PENDING */
};

/* Judges |op| by |request|, the effective one: fct_op_request(op), or what removal.h made of it.
 * On ANSWER with OK, op->revisions are set, and *already_end is the position after what had been
 * written; it is 0 otherwise.
 * Refusals by a stream set status and result, but not the text, which takes longer than the rest:
 * fct_decide_say makes it, outside of hot paths. */
enum fct_verdict fct_decide(factum_append_op *op, const factum_append_request *request,
                            factum_fingerprint fingerprint, const struct fct_facts *facts,
                            void *data, uint64_t *already_end);

/* The text of a refusal by a stream (WRONG_REVISION, STREAM_DELETED) into op->err; nothing for any
 * other status. */
void fct_decide_say(factum_append_op *op);

#endif
