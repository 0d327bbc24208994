/* decide.c - see decide.h. Layer: engine.
 *
 * Must not know where facts come from; allocates nothing; changes only the op's outcome.
 */
#include "engine/decide.h"

#include <inttypes.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/uuid.h"
#include "engine/engine.h"
#include "engine/rules.h"

/* What is judged, and by what. */
struct decision {
    factum_append_op *op;
    const factum_append_request *request;
    const struct fct_facts *facts;
    void *data;
    uint64_t *already_end;
};

/* One expectation's part of the verdict. */
enum judgement {
    HOLDS,
    REPEATED,
    REFUSED,
    PUT_OFF,
    FAILED, /* op->status says why */
};

static enum fct_verdict answer(const struct decision *decision, factum_status status)
{
    decision->op->status = status;
    return FCT_VERDICT_ANSWER;
}

static enum judgement fail(const struct decision *decision, factum_status status)
{
    decision->op->status = status;
    return FAILED;
}

static factum_error *err_of(const struct decision *decision)
{
    return &decision->op->err;
}

/* Puts the values of a repeated append's event |i| of |count| into the outcome. Events may come in
 * any order. */
static void note_first(const struct decision *decision, uint64_t i, uint64_t count,
                       const struct fct_event_fact *event)
{
    factum_append_op *op = decision->op;
    FCT_ASSERT(i < count);
    if (i == 0) {
        op->result.first_position = event->position;
    }
    if (i + 1 == count) {
        op->result.position = event->position;
        op->result.revision = event->revision;
    }
    if (op->revisions != NULL && i < decision->request->event_count) {
        op->revisions[i] = event->revision;
    }
    if (event->end > *decision->already_end) {
        *decision->already_end = event->end;
    }
}

/* A fact about the first append could not be found: clears the outcome. */
static enum fct_verdict not_recognised(const struct decision *decision, factum_status status)
{
    decision->op->result = (factum_append_result){.first_position = 0};
    *decision->already_end = 0;
    if (status == FACTUM_PENDING) {
        return FCT_VERDICT_LATER;
    }
    if (status == FACTUM_DONE) {
        status = fct_fail(err_of(decision), FACTUM_CORRUPT,
                          "append: an event that was appended before is missing: verify the store");
    }
    return answer(decision, status);
}

/* ---- idempotency keys (rule 1) --------------------------------------------------------------- */

static enum fct_verdict key_conflict(const struct decision *decision,
                                     const struct fct_key_fact *key)
{
    return answer(decision,
                  fct_fail(err_of(decision), FACTUM_KEY_CONFLICT,
                           "idempotency key %.*s was used for an append with other content, at "
                           "position %" PRIu64 ": use a new key",
                           FCT_FMT(decision->request->idempotency_key), key->position));
}

static enum fct_verdict decide_key(const struct decision *decision, factum_fingerprint fingerprint)
{
    struct fct_key_fact key;
    factum_status status = decision->facts->key(decision->data, &key, err_of(decision));
    if (status == FACTUM_DONE) {
        return FCT_VERDICT_NEW;
    }
    if (status != FACTUM_OK) {
        return status == FACTUM_PENDING ? FCT_VERDICT_LATER : answer(decision, status);
    }
    bool same_count = fct_fingerprint_given(decision->request) ||
                      key.event_count == decision->request->event_count;
    if (memcmp(key.fingerprint.bytes, fingerprint.bytes, sizeof fingerprint.bytes) != 0 ||
        !same_count) {
        return key_conflict(decision, &key);
    }
    for (uint64_t i = 0; i < key.event_count; i++) {
        struct fct_event_fact event;
        status = decision->facts->key_event(decision->data, i, &event, err_of(decision));
        if (status != FACTUM_OK) {
            return not_recognised(decision, status);
        }
        note_first(decision, i, key.event_count, &event);
    }
    decision->op->result.already = true;
    return answer(decision, FACTUM_OK);
}

static bool holds_now(const struct decision *decision, size_t index,
                      const struct fct_stream_fact *stream)
{
    return fct_expected_holds(decision->request->expectations[index].expected, stream->state,
                              stream->last_revision,
                              stream->has_metadata && !stream->marked_deleted);
}

/* ---- repeated event ids (rule 2) ------------------------------------------------------------- */

/* The first event of the stream that has an id; event_count if none has. */
static size_t first_with_id(const struct decision *decision, const struct fct_stream_fact *stream)
{
    const factum_append_request *request = decision->request;
    FCT_ASSERT(stream->event_count > 0);
    size_t event = stream->first_event;
    while (event < request->event_count && fct_uuid_is_zero(request->events[event].id)) {
        event = decision->facts->next_event(decision->data, event);
    }
    return event;
}

/* The revision at which the stream's repetition would begin, by its expectation. DONE: the append
 * is judged without ids. */
static factum_status repeats_from(const struct decision *decision, size_t index,
                                  const struct fct_stream_fact *stream, bool holds, size_t with_id,
                                  uint64_t *revision)
{
    factum_expected expected = decision->request->expectations[index].expected;
    bool by_window = expected.kind == FACTUM_EXPECTED_ANY ||
                     (expected.kind == FACTUM_EXPECTED_STREAM_EXISTS && holds);
    if (by_window) {
        factum_uuid id = decision->request->events[with_id].id;
        return decision->facts->known(decision->data, index, id, revision, err_of(decision));
    }
    if (holds || stream->state == FACTUM_STREAM_ABSENT ||
        expected.kind == FACTUM_EXPECTED_STREAM_EXISTS) {
        return FACTUM_DONE;
    }
    *revision = 0;
    if (expected.kind == FACTUM_EXPECTED_REVISION) {
        if (expected.revision >= stream->last_revision) {
            return FACTUM_DONE;
        }
        *revision = expected.revision + 1;
    }
    return FACTUM_OK;
}

/* Do the stored events from |revision| on have the ids of the append's events of this stream? */
static factum_status ids_match(const struct decision *decision, size_t index,
                               const struct fct_stream_fact *stream, uint64_t revision, bool *match)
{
    const factum_append_request *request = decision->request;
    *match = false;
    size_t event = stream->first_event;
    for (; event < request->event_count;
         event = decision->facts->next_event(decision->data, event)) {
        struct fct_event_fact stored;
        factum_uuid id = request->events[event].id;
        if (fct_uuid_is_zero(id)) {
            return FACTUM_OK;
        }
        factum_status status =
            decision->facts->at(decision->data, index, revision++, &stored, err_of(decision));
        if (status != FACTUM_OK) {
            return status == FACTUM_DONE ? FACTUM_OK : status;
        }
        if (!fct_uuid_equal(stored.id, id)) {
            return FACTUM_OK;
        }
    }
    *match = true;
    return FACTUM_OK;
}

static enum judgement judge_ids(const struct decision *decision, size_t index,
                                const struct fct_stream_fact *stream, bool holds)
{
    uint64_t revision = 0;
    bool match = false;
    size_t with_id = first_with_id(decision, stream);
    if (with_id >= decision->request->event_count) {
        return holds ? HOLDS : REFUSED;
    }
    factum_status status = repeats_from(decision, index, stream, holds, with_id, &revision);
    if (status == FACTUM_DONE) {
        return holds ? HOLDS : REFUSED;
    }
    if (status == FACTUM_OK) {
        status = ids_match(decision, index, stream, revision, &match);
    }
    if (status != FACTUM_OK) {
        return status == FACTUM_PENDING ? PUT_OFF : fail(decision, status);
    }
    return match ? REPEATED : REFUSED;
}

/* ---- expectations (rules 3 to 6) ------------------------------------------------------------- */

static enum judgement judge(const struct decision *decision, size_t index,
                            const struct fct_stream_fact *stream)
{
    factum_expected expected = decision->request->expectations[index].expected;
    bool written = stream->event_count > 0;
    bool target = decision->op->action == FACTUM_ACTION_DELETE && index == 0;
    if (stream->state == FACTUM_STREAM_TOMBSTONED) {
        bool expects_nothing =
            expected.kind == FACTUM_EXPECTED_ANY || expected.kind == FACTUM_EXPECTED_NO_STREAM;
        return !written && !target && expects_nothing ? HOLDS : REFUSED;
    }
    if (target && stream->state == FACTUM_STREAM_ABSENT && !stream->has_metadata) {
        return REFUSED;
    }
    bool holds = holds_now(decision, index, stream);
    if (!written) {
        return holds ? HOLDS : REFUSED;
    }
    return judge_ids(decision, index, stream, holds);
}

static enum fct_verdict refuse(const struct decision *decision, size_t index)
{
    struct fct_stream_fact stream;
    FCT_ASSERT(index < decision->request->expectation_count);
    decision->facts->stream(decision->data, index, &stream);
    return answer(decision,
                  fct_refuse(&decision->op->result, index, stream.state, stream.last_revision));
}

/* Puts the values of one stream's events, which all repeat, into the outcome. */
static factum_status recognise_stream(const struct decision *decision, size_t index,
                                      const struct fct_stream_fact *stream)
{
    const factum_append_request *request = decision->request;
    uint64_t revision = 0;
    bool holds = holds_now(decision, index, stream);
    factum_status status =
        repeats_from(decision, index, stream, holds, stream->first_event, &revision);
    size_t event = stream->first_event;
    while (status == FACTUM_OK && event < request->event_count) {
        struct fct_event_fact stored;
        status = decision->facts->at(decision->data, index, revision++, &stored, err_of(decision));
        if (status == FACTUM_OK) {
            note_first(decision, event, request->event_count, &stored);
        }
        event = decision->facts->next_event(decision->data, event);
    }
    return status;
}

static enum fct_verdict recognise(const struct decision *decision)
{
    for (size_t index = 0; index < decision->request->expectation_count; index++) {
        struct fct_stream_fact stream;
        decision->facts->stream(decision->data, index, &stream);
        if (stream.event_count == 0) {
            continue;
        }
        factum_status status = recognise_stream(decision, index, &stream);
        if (status != FACTUM_OK) {
            return not_recognised(decision, status);
        }
    }
    decision->op->result.already = true;
    return answer(decision, FACTUM_OK);
}

#define NO_INDEX SIZE_MAX

/* The first expectation of each kind, or NO_INDEX. */
struct tally {
    size_t repeated;
    size_t held;  /* of a written stream */
    size_t unmet; /* of a stream that is not written */
};

static enum fct_verdict conclude(const struct decision *decision, const struct tally *tally)
{
    if (tally->repeated != NO_INDEX && tally->held == NO_INDEX) {
        return recognise(decision);
    }
    if (tally->repeated != NO_INDEX) {
        /* Only some streams repeat: the refusal names the first of these. */
        return refuse(decision, tally->repeated);
    }
    return tally->unmet == NO_INDEX ? FCT_VERDICT_NEW : refuse(decision, tally->unmet);
}

static enum fct_verdict decide_expectations(const struct decision *decision)
{
    struct tally tally = {NO_INDEX, NO_INDEX, NO_INDEX};
    for (size_t i = 0; i < decision->request->expectation_count; i++) {
        struct fct_stream_fact stream;
        decision->facts->stream(decision->data, i, &stream);
        bool written = stream.event_count > 0;
        switch (judge(decision, i, &stream)) {
        case HOLDS:
            tally.held = written && tally.held == NO_INDEX ? i : tally.held;
            break;
        case REPEATED:
            tally.repeated = tally.repeated == NO_INDEX ? i : tally.repeated;
            break;
        case REFUSED:
            if (written) {
                return refuse(decision, i);
            }
            tally.unmet = tally.unmet == NO_INDEX ? i : tally.unmet;
            break;
        case PUT_OFF:
            return FCT_VERDICT_LATER;
        case FAILED:
            return FCT_VERDICT_ANSWER;
        }
    }
    return conclude(decision, &tally);
}

/* ---- append conditions (rule 7) -------------------------------------------------------------- */

static enum fct_verdict decide_condition(const struct decision *decision)
{
    uint64_t position;
    FCT_ASSERT(decision->request->condition != NULL);
    factum_status status = decision->facts->match(decision->data, &position, err_of(decision));
    if (status == FACTUM_DONE) {
        return FCT_VERDICT_NEW;
    }
    if (status != FACTUM_OK) {
        return status == FACTUM_PENDING ? FCT_VERDICT_LATER : answer(decision, status);
    }
    decision->op->result.conflict_position = position;
    return answer(decision, fct_fail(err_of(decision), FACTUM_CONDITION_FAILED,
                                     "the event at position %" PRIu64
                                     " fits the append condition: read again what was decided on "
                                     "and retry",
                                     position));
}

enum fct_verdict fct_decide(factum_append_op *op, const factum_append_request *request,
                            factum_fingerprint fingerprint, const struct fct_facts *facts,
                            void *data, uint64_t *already_end)
{
    const struct decision decision = {op, request, facts, data, already_end};
    *already_end = 0;
    if (request->idempotency_key.len > 0) {
        enum fct_verdict verdict = decide_key(&decision, fingerprint);
        if (verdict != FCT_VERDICT_NEW) {
            return verdict;
        }
    }
    factum_status status = facts->map(data, &op->err);
    if (status != FACTUM_OK) {
        return status == FACTUM_PENDING ? FCT_VERDICT_LATER : answer(&decision, status);
    }
    enum fct_verdict verdict = decide_expectations(&decision);
    if (verdict == FCT_VERDICT_NEW && request->condition != NULL) {
        verdict = decide_condition(&decision);
    }
    return verdict;
}

void fct_decide_say(factum_append_op *op)
{
    const factum_append_request *request = fct_op_request(op);
    if (op->status != FACTUM_WRONG_REVISION && op->status != FACTUM_STREAM_DELETED) {
        return;
    }
    if (op->action != FACTUM_ACTION_APPEND) {
        FCT_ASSERT(op->result.refused_index == 0); /* the metastream's expectation is ANY */
    }
    factum_expectation expectation = request->expectations[op->result.refused_index];
    bool missing = op->action == FACTUM_ACTION_DELETE &&
                   op->result.actual_state == FACTUM_STREAM_ABSENT &&
                   expectation.expected.kind != FACTUM_EXPECTED_REVISION;
    if (missing) {
        expectation.expected = factum_stream_exists(); /* to delete it */
    }
    fct_refusal_say(&expectation, &op->result, &op->err);
}
