/* judge.c - the memory engine decides whether an append is to be written. Layer: engine_memory.
 *
 * The rules are those of engine/decide.h, written a second time: this file and decide.c check each
 * other. Everything is answered by a walk over all events. Writes nothing but the op's outcome.
 */
#include <inttypes.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/slice.h"
#include "core/uuid.h"
#include "engine/query.h"
#include "engine_memory/memory_int.h"

/* ---- the state of a stream ------------------------------------------------------------------- */

bool fct_memory_is_metastream(factum_slice stream)
{
    return stream.len > 2 && stream.ptr[0] == '$' && stream.ptr[1] == '$';
}

bool fct_memory_is_metastream_of(factum_slice meta, factum_slice stream)
{
    return fct_memory_is_metastream(meta) && fct_slice_equal(fct_slice_from(meta, 2), stream);
}

struct standing fct_memory_stand(const struct memory *memory, factum_slice stream)
{
    struct standing standing = {.state = FACTUM_STREAM_ABSENT};
    bool tombstoned = false;
    for (size_t i = 0; i < memory->count; i++) {
        const factum_event *event = &memory->events[i]->event;
        if (fct_slice_equal(event->stream, stream)) {
            tombstoned = event->revision == FACTUM_REVISION_TOMBSTONE;
            standing.last_position = event->position;
            if (!tombstoned) {
                standing.has_events = true;
                standing.last_revision = event->revision;
            }
        } else if (fct_memory_is_metastream_of(event->stream, stream)) {
            standing.has_metadata = true;
            standing.metadata_revision = event->revision;
            fct_stream_metadata_parse(event->data, &standing.metadata);
        }
    }
    if (fct_memory_is_metastream(stream)) {
        standing.metadata.max_count = 1;
    }
    if (standing.has_events) {
        standing.state =
            standing.metadata.soft_deleted ? FACTUM_STREAM_SOFT_DELETED : FACTUM_STREAM_PRESENT;
    }
    if (tombstoned) {
        standing.state = FACTUM_STREAM_TOMBSTONED;
    }
    return standing;
}

static const factum_event *find_event(const struct memory *memory, factum_slice stream,
                                      uint64_t revision)
{
    for (size_t i = 0; i < memory->count; i++) {
        const factum_event *event = &memory->events[i]->event;
        if (event->revision == revision && fct_slice_equal(event->stream, stream)) {
            return event;
        }
    }
    return NULL;
}

/* ---- the events of one stream in the request ------------------------------------------------- */

/* Finds the first of the request's events from index |from| on that is of |stream|. Returns its
 * index, or event_count if no event is. */
static size_t next_of_stream(const factum_append_request *request, factum_slice stream, size_t from)
{
    size_t i = from;
    while (i < request->event_count && !fct_slice_equal(request->events[i].stream, stream)) {
        i++;
    }
    return i;
}

static bool writes(const factum_append_request *request, factum_slice stream)
{
    return next_of_stream(request, stream, 0) < request->event_count;
}

/* The id of the stream's first event that has one; NULL if none has. */
static const factum_uuid *first_id(const factum_append_request *request, factum_slice stream)
{
    for (size_t i = next_of_stream(request, stream, 0); i < request->event_count;
         i = next_of_stream(request, stream, i + 1)) {
        if (!fct_uuid_is_zero(request->events[i].id)) {
            return &request->events[i].id;
        }
    }
    return NULL;
}

/* Are the stream's events in the store already, in order, from |revision| on? An event without an
 * id matches no other. */
static bool ids_match(const struct append *append, factum_slice stream, uint64_t revision)
{
    const factum_append_request *request = append->request;
    for (size_t i = next_of_stream(request, stream, 0); i < request->event_count;
         i = next_of_stream(request, stream, i + 1)) {
        const factum_event *event = find_event(append->memory, stream, revision++);
        if (event == NULL || fct_uuid_is_zero(request->events[i].id) ||
            !fct_uuid_equal(event->id, request->events[i].id)) {
            return false;
        }
    }
    return true;
}

/* The revision of the newest event of |stream| with |id|. */
static bool find_id(const struct memory *memory, factum_slice stream, factum_uuid id,
                    uint64_t *revision)
{
    for (size_t i = memory->count; i > 0; i--) {
        const factum_event *event = &memory->events[i - 1]->event;
        if (fct_uuid_equal(event->id, id) && fct_slice_equal(event->stream, stream)) {
            *revision = event->revision;
            return true;
        }
    }
    return false;
}

/* ---- one expectation ------------------------------------------------------------------------- */

enum verdict {
    HOLDS,
    REPEATED,
    REFUSED,
};

/* Judges a stream that is written with at least one id. *repeat: the revision where a repetition
 * would begin. */
static enum verdict judge_ids(const struct append *append, const factum_expectation *expectation,
                              const struct standing *standing, bool holds, factum_uuid id,
                              uint64_t *repeat)
{
    factum_expected expected = expectation->expected;
    bool by_window = expected.kind == FACTUM_EXPECTED_ANY ||
                     (expected.kind == FACTUM_EXPECTED_STREAM_EXISTS && holds);
    if (by_window) {
        if (!find_id(append->memory, expectation->stream, id, repeat)) {
            return HOLDS;
        }
    } else if (holds) {
        return HOLDS;
    } else if (standing->state == FACTUM_STREAM_ABSENT ||
               expected.kind == FACTUM_EXPECTED_STREAM_EXISTS) {
        return REFUSED;
    } else if (expected.kind == FACTUM_EXPECTED_REVISION) {
        if (expected.revision >= standing->last_revision) {
            return REFUSED;
        }
        *repeat = expected.revision + 1;
    } else {
        *repeat = 0; /* NO_STREAM: these would be its first events */
    }
    return ids_match(append, expectation->stream, *repeat) ? REPEATED : REFUSED;
}

static enum verdict judge(const struct append *append, size_t index, uint64_t *repeat)
{
    const factum_expectation *expectation = &append->request->expectations[index];
    factum_expected expected = expectation->expected;
    struct standing standing = fct_memory_stand(append->memory, expectation->stream);
    bool written = writes(append->request, expectation->stream);
    bool deleted = append->op->action == FACTUM_ACTION_DELETE && index == 0;
    if (standing.state == FACTUM_STREAM_TOMBSTONED) {
        bool nothing_expected =
            expected.kind == FACTUM_EXPECTED_ANY || expected.kind == FACTUM_EXPECTED_NO_STREAM;
        return !written && !deleted && nothing_expected ? HOLDS : REFUSED;
    }
    if (deleted && standing.state == FACTUM_STREAM_ABSENT && !standing.has_metadata) {
        return REFUSED; /* there is nothing to delete */
    }
    bool by_metadata = standing.has_metadata && !standing.metadata.soft_deleted;
    bool holds = fct_expected_holds(expected, standing.state, standing.last_revision, by_metadata);
    const factum_uuid *id = first_id(append->request, expectation->stream);
    if (!written || id == NULL) {
        return holds ? HOLDS : REFUSED;
    }
    return judge_ids(append, expectation, &standing, holds, *id, repeat);
}

static factum_status refuse(const struct append *append, size_t index)
{
    factum_append_op *op = append->op;
    factum_expectation expectation = append->request->expectations[index];
    struct standing standing = fct_memory_stand(append->memory, expectation.stream);
    if (op->action == FACTUM_ACTION_DELETE && standing.state == FACTUM_STREAM_ABSENT &&
        expectation.expected.kind != FACTUM_EXPECTED_REVISION) {
        expectation.expected = factum_stream_exists(); /* or it cannot be deleted */
    }
    factum_status status = fct_refuse(&op->result, index, standing.state, standing.last_revision);
    fct_refusal_say(&expectation, &op->result, &op->err);
    return status;
}

/* ---- all expectations ------------------------------------------------------------------------ */

static factum_status check_mapping(const factum_append_request *request, factum_error *err)
{
    for (size_t i = 0; i < request->expectation_count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (fct_slice_equal(request->expectations[i].stream, request->expectations[j].stream)) {
                return fct_refuse_two_expectations(request->expectations[i].stream, err);
            }
        }
    }
    for (size_t i = 0; i < request->event_count; i++) {
        bool found = false;
        for (size_t j = 0; j < request->expectation_count && !found; j++) {
            found = fct_slice_equal(request->events[i].stream, request->expectations[j].stream);
        }
        if (!found) {
            return fct_refuse_no_expectation(request->events[i].stream, err);
        }
    }
    return FACTUM_OK;
}

void fct_memory_note(const struct append *append, size_t i, const factum_event *event)
{
    factum_append_op *op = append->op;
    if (i == 0) {
        op->result.first_position = event->position;
    }
    op->result.position = event->position;
    op->result.revision = event->revision;
    if (op->revisions != NULL && i < append->request->event_count) {
        op->revisions[i] = event->revision;
    }
}

/* All events are in the store already: sets the values of the first append. */
static void recognise(const struct append *append)
{
    const factum_append_request *request = append->request;
    for (size_t i = 0; i < request->event_count; i++) {
        factum_slice stream = request->events[i].stream;
        uint64_t revision = 0;
        for (size_t j = 0; j < request->expectation_count; j++) {
            if (fct_slice_equal(request->expectations[j].stream, stream)) {
                enum verdict verdict = judge(append, j, &revision);
                FCT_ASSERT(verdict == REPEATED);
            }
        }
        for (size_t j = 0; j < i; j++) {
            revision += fct_slice_equal(request->events[j].stream, stream) ? 1 : 0;
        }
        const factum_event *event = find_event(append->memory, stream, revision);
        FCT_ASSERT(event != NULL); /* judge_ids compared it */
        fct_memory_note(append, i, event);
    }
    append->op->result.already = true;
}

/* OK: the append is to be written, unless result.already. */
static factum_status judge_all(const struct append *append)
{
    const factum_append_request *request = append->request;
    size_t first_repeated = SIZE_MAX;
    size_t first_unmet = SIZE_MAX; /* of streams that are not written */
    bool some_new = false;
    for (size_t i = 0; i < request->expectation_count; i++) {
        uint64_t repeat = 0;
        bool written = writes(request, request->expectations[i].stream);
        enum verdict verdict = judge(append, i, &repeat);
        if (verdict == REFUSED && written) {
            return refuse(append, i);
        }
        if (verdict == REFUSED && first_unmet == SIZE_MAX) {
            first_unmet = i;
        }
        if (verdict == REPEATED && first_repeated == SIZE_MAX) {
            first_repeated = i;
        }
        some_new = some_new || (verdict == HOLDS && written);
    }
    if (first_repeated != SIZE_MAX) {
        if (some_new) {
            return refuse(append, first_repeated);
        }
        recognise(append);
        return FACTUM_OK;
    }
    return first_unmet == SIZE_MAX ? FACTUM_OK : refuse(append, first_unmet);
}

static factum_status judge_condition(const struct append *append)
{
    const factum_append_condition *condition = append->request->condition;
    for (size_t i = 0; i < append->memory->count; i++) {
        const factum_event *event = &append->memory->events[i]->event;
        if (event->position > condition->after &&
            fct_query_fits(&condition->query, event->type, event->tags, event->tag_count)) {
            append->op->result.conflict_position = event->position;
            return fct_fail(&append->op->err, FACTUM_CONDITION_FAILED,
                            "the event at position %" PRIu64 " fits the append condition: read "
                            "again what was decided on and retry",
                            event->position);
        }
    }
    return FACTUM_OK;
}

/* ---- idempotency keys ------------------------------------------------------------------------ */

const struct stored_key *fct_memory_find_key(const struct memory *memory, factum_slice name)
{
    for (size_t i = 0; i < memory->key_count; i++) {
        const struct stored_key *key = memory->keys[i];
        if (fct_slice_equal(fct_slice(key->name, key->len), name)) {
            return key;
        }
    }
    return NULL;
}

static factum_status judge_key(const struct append *append)
{
    const factum_append_request *request = append->request;
    const struct stored_key *key = fct_memory_find_key(append->memory, request->idempotency_key);
    if (key == NULL) {
        return FACTUM_OK;
    }
    factum_fingerprint fingerprint = fct_append_fingerprint(request);
    bool same = memcmp(&key->fingerprint, &fingerprint, sizeof fingerprint) == 0;
    if (!same || (!fct_fingerprint_given(request) && key->count != request->event_count)) {
        return fct_fail(&append->op->err, FACTUM_KEY_CONFLICT,
                        "idempotency key %.*s was used for an append with other content, at "
                        "position %" PRIu64 ": use a new key",
                        FCT_FMT(request->idempotency_key), key->position);
    }
    for (size_t i = 0; i < key->count; i++) {
        fct_memory_note(append, i, &append->memory->events[key->first + i]->event);
    }
    append->op->result.already = true;
    return FACTUM_OK;
}

factum_status fct_memory_judge(const struct append *append)
{
    const factum_append_request *request = append->request;
    const factum_append_result *result = &append->op->result;
    factum_status status = FACTUM_OK;
    if (request->idempotency_key.len > 0) {
        status = judge_key(append);
    }
    if (status == FACTUM_OK && !result->already) {
        status = check_mapping(request, &append->op->err);
    }
    if (status == FACTUM_OK && !result->already) {
        status = judge_all(append);
    }
    if (status == FACTUM_OK && !result->already && request->condition != NULL) {
        status = judge_condition(append);
    }
    return status;
}
