/* memory.c - see memory.h. Layer: engine.
 *
 * Events lie in one array in the order of their positions; everything is found by walking over it.
 * Written to be obviously right, not fast: the conformance suite holds the other engines against
 * it.
 */
#include "engine/memory.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "core/random.h"
#include "core/slice.h"
#include "engine/memory_int.h"

#define POSITION_FIRST UINT64_C(64)
#define POSITION_STEP UINT64_C(8)

static bool reserve(const struct fct_mem *mem, void *items, size_t *capacity, size_t count,
                    size_t item_size)
{
    void **block = items;
    if (count <= *capacity) {
        return true;
    }
    size_t wanted = *capacity < 64 ? 64 : *capacity;
    while (wanted < count) {
        wanted *= 2;
    }
    void *grown = fct_mem_resize(mem, *block, wanted * item_size);
    if (grown != NULL) {
        *block = grown;
        *capacity = wanted;
    }
    return grown != NULL;
}

/* ---- how a stream stands --------------------------------------------------------------------- */

bool fct_memory_is_metastream(factum_slice stream)
{
    return stream.len > 2 && stream.ptr[0] == '$' && stream.ptr[1] == '$';
}

static bool is_metastream_of(factum_slice meta, factum_slice stream)
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
        } else if (is_metastream_of(event->stream, stream)) {
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

/* ---- judging an append ----------------------------------------------------------------------- */

enum verdict {
    HOLDS,
    REPEATED,
    REFUSED,
};

static bool same_id(factum_uuid a, factum_uuid b)
{
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

/* Have the events of |stream| in the request been appended, in order, from |revision| on? */
static bool ids_match(const struct memory *memory, const factum_append_request *request,
                      factum_slice stream, uint64_t revision)
{
    for (size_t i = 0; i < request->event_count; i++) {
        if (!fct_slice_equal(request->events[i].stream, stream)) {
            continue;
        }
        const factum_event *event = find_event(memory, stream, revision++);
        if (event == NULL || !same_id(event->id, request->events[i].id)) {
            return false;
        }
    }
    return true;
}

static const factum_new_event *first_event(const factum_append_request *request,
                                           factum_slice stream)
{
    for (size_t i = 0; i < request->event_count; i++) {
        if (fct_slice_equal(request->events[i].stream, stream)) {
            return &request->events[i];
        }
    }
    return NULL;
}

/* The revision of the newest event of |stream| with |id|. */
static bool find_id(const struct memory *memory, factum_slice stream, factum_uuid id,
                    uint64_t *revision)
{
    for (size_t i = memory->count; i > 0; i--) {
        const factum_event *event = &memory->events[i - 1]->event;
        if (same_id(event->id, id) && fct_slice_equal(event->stream, stream)) {
            *revision = event->revision;
            return true;
        }
    }
    return false;
}

static enum verdict judge(const struct memory *memory, const factum_append_request *request,
                          const factum_expectation *expectation, bool made_ids, uint64_t *repeat)
{
    struct standing standing = fct_memory_stand(memory, expectation->stream);
    const factum_new_event *first = first_event(request, expectation->stream);
    factum_expected expected = expectation->expected;
    if (standing.state == FACTUM_STREAM_TOMBSTONED) {
        return first == NULL && expected.kind <= FACTUM_EXPECTED_NO_STREAM ? HOLDS : REFUSED;
    }
    bool holds =
        fct_expected_holds(expected, standing.state, standing.last_revision, standing.has_metadata);
    if (first == NULL || made_ids) {
        return holds ? HOLDS : REFUSED;
    }
    bool by_id = expected.kind == FACTUM_EXPECTED_ANY ||
                 (expected.kind == FACTUM_EXPECTED_STREAM_EXISTS && holds);
    if (by_id) {
        if (!find_id(memory, expectation->stream, first->id, repeat)) {
            return HOLDS;
        }
    } else if (holds || standing.state == FACTUM_STREAM_ABSENT) {
        return holds ? HOLDS : REFUSED;
    } else if (expected.kind == FACTUM_EXPECTED_STREAM_EXISTS) {
        return REFUSED;
    } else if (expected.kind == FACTUM_EXPECTED_REVISION) {
        if (expected.revision >= standing.last_revision) {
            return REFUSED;
        }
        *repeat = expected.revision + 1;
    } else {
        *repeat = 0;
    }
    return ids_match(memory, request, expectation->stream, *repeat) ? REPEATED : REFUSED;
}

static factum_status refuse(const struct memory *memory, const factum_append_request *request,
                            size_t index, factum_append_result *result, factum_error *err)
{
    struct standing standing = fct_memory_stand(memory, request->expectations[index].stream);
    return fct_refuse_revision(err, result, index, &request->expectations[index], standing.state,
                               standing.last_revision);
}

static factum_status check_mapping(const factum_append_request *request, factum_error *err)
{
    for (size_t i = 0; i < request->expectation_count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (fct_slice_equal(request->expectations[i].stream, request->expectations[j].stream)) {
                return fct_fail(err, FACTUM_INVALID, "stream %.*s has two expectations: state one",
                                FCT_FMT(request->expectations[i].stream));
            }
        }
    }
    for (size_t i = 0; i < request->event_count; i++) {
        bool found = false;
        for (size_t j = 0; j < request->expectation_count && !found; j++) {
            found = fct_slice_equal(request->events[i].stream, request->expectations[j].stream);
        }
        if (!found) {
            return fct_fail(err, FACTUM_INVALID,
                            "stream %.*s is written without an expectation: state one (any, no "
                            "stream, stream exists, a revision)",
                            FCT_FMT(request->events[i].stream));
        }
    }
    return FACTUM_OK;
}

static void note_result(const factum_event *event, size_t i, factum_append_result *result,
                        uint64_t *revisions)
{
    if (i == 0) {
        result->first_position = event->position;
    }
    result->position = event->position;
    result->revision = event->revision;
    if (revisions != NULL) {
        revisions[i] = event->revision;
    }
}

/* All is there already: the first values, from where each stream's repetition begins. */
static void recognise(const struct memory *memory, const factum_append_request *request,
                      factum_append_result *result, uint64_t *revisions)
{
    for (size_t i = 0; i < request->event_count; i++) {
        factum_slice stream = request->events[i].stream;
        uint64_t revision = 0;
        for (size_t j = 0; j < request->expectation_count; j++) {
            if (fct_slice_equal(request->expectations[j].stream, stream)) {
                enum verdict verdict =
                    judge(memory, request, &request->expectations[j], false, &revision);
                FCT_ASSERT(verdict == REPEATED);
            }
        }
        for (size_t j = 0; j < i; j++) {
            revision += fct_slice_equal(request->events[j].stream, stream) ? 1 : 0;
        }
        const factum_event *event = find_event(memory, stream, revision);
        FCT_ASSERT(event != NULL); /* judge saw it */
        note_result(event, i, result, revisions);
    }
    result->already = true;
}

/* OK: to be written, unless result->already. */
static factum_status judge_all(const struct memory *memory, const factum_append_request *request,
                               bool made_ids, factum_append_result *result, uint64_t *revisions,
                               factum_error *err)
{
    size_t repeated = 0;
    size_t refused = SIZE_MAX;
    size_t written_new = SIZE_MAX;
    for (size_t i = 0; i < request->expectation_count; i++) {
        uint64_t repeat = 0;
        bool written = first_event(request, request->expectations[i].stream) != NULL;
        enum verdict verdict = judge(memory, request, &request->expectations[i], made_ids, &repeat);
        if (verdict == REFUSED && written) {
            return refuse(memory, request, i, result, err);
        }
        if (verdict == REFUSED && refused == SIZE_MAX) {
            refused = i;
        }
        if (verdict == HOLDS && written && written_new == SIZE_MAX) {
            written_new = i;
        }
        repeated += verdict == REPEATED ? 1 : 0;
    }
    if (repeated > 0) {
        if (written_new != SIZE_MAX) {
            return refuse(memory, request, written_new, result, err);
        }
        recognise(memory, request, result, revisions);
        return FACTUM_OK;
    }
    return refused == SIZE_MAX ? FACTUM_OK : refuse(memory, request, refused, result, err);
}

static factum_status judge_condition(const struct memory *memory,
                                     const factum_append_condition *condition,
                                     factum_append_result *result, factum_error *err)
{
    for (size_t i = 0; i < memory->count; i++) {
        const factum_event *event = &memory->events[i]->event;
        if (event->position > condition->after &&
            fct_condition_fits(condition, event->type, event->tags, event->tag_count)) {
            result->conflict_position = event->position;
            return fct_fail(err, FACTUM_CONDITION_FAILED,
                            "the event at position %" PRIu64 " fits the append condition: read "
                            "again what was decided on and retry",
                            event->position);
        }
    }
    return FACTUM_OK;
}

static factum_status judge_key(const struct memory *memory, const factum_append_request *request,
                               factum_append_result *result, uint64_t *revisions, factum_error *err)
{
    struct fct_hash128 content = fct_append_content_hash(request);
    for (size_t i = 0; i < memory->key_count; i++) {
        const struct stored_key *key = memory->keys[i];
        if (!fct_slice_equal(fct_slice(key->name, key->len), request->idempotency_key)) {
            continue;
        }
        if (!fct_hash128_equal(key->content, content) || key->count != request->event_count) {
            return fct_fail(err, FACTUM_KEY_CONFLICT,
                            "idempotency key %.*s was used for an append with other content: use "
                            "a new key",
                            FCT_FMT(request->idempotency_key));
        }
        for (size_t j = 0; j < key->count; j++) {
            note_result(&memory->events[key->first + j]->event, j, result, revisions);
        }
        result->already = true;
    }
    return FACTUM_OK;
}

/* ---- writing --------------------------------------------------------------------------------- */

static factum_slice put(uint8_t **to, factum_slice bytes)
{
    factum_slice copy = fct_slice(*to, bytes.len);
    if (bytes.len > 0) {
        memcpy(*to, bytes.ptr, bytes.len);
    }
    *to += bytes.len;
    return copy;
}

static struct stored *store_event(struct memory *memory, const factum_new_event *event)
{
    size_t size = event->stream.len + event->type.len + event->data.len + event->metadata.len;
    for (size_t i = 0; i < event->tag_count; i++) {
        size += event->tags[i].len;
    }
    struct stored *stored = fct_mem_zalloc(
        memory->mem, 1, sizeof *stored + event->tag_count * sizeof stored->tags[0] + size);
    if (stored == NULL) {
        return NULL;
    }
    uint8_t *to = (uint8_t *)(void *)&stored->tags[event->tag_count];
    bool tombstone = fct_slice_equal(event->type, FCT_SLICE(FCT_TYPE_TOMBSTONE));
    struct standing standing = fct_memory_stand(memory, event->stream);
    bool fresh = standing.state == FACTUM_STREAM_ABSENT;
    stored->event = (factum_event){
        .stream = put(&to, event->stream),
        .type = put(&to, event->type),
        .data = put(&to, event->data),
        .metadata = put(&to, event->metadata),
        .content_type = event->content_type == FACTUM_CONTENT_JSON
                            ? FCT_SLICE("application/json")
                            : FCT_SLICE("application/octet-stream"),
        .tags = stored->tags,
        .tag_count = event->tag_count,
        .id = event->id,
        .revision = tombstone ? FACTUM_REVISION_TOMBSTONE
                    : fresh   ? 0
                              : standing.last_revision + 1,
        .position = atomic_load(&memory->end),
        .created = memory->created_last,
        .time = event->has_time ? event->time : memory->created_last,
        .has_time = event->has_time,
    };
    for (size_t i = 0; i < event->tag_count; i++) {
        stored->tags[i] = put(&to, event->tags[i]);
    }
    memory->events[memory->count++] = stored;
    atomic_store(&memory->end, stored->event.position + POSITION_STEP);
    return stored;
}

/* Does the request write to the metastream of |stream|? */
static bool says_metadata(const factum_append_request *request, factum_slice stream)
{
    for (size_t i = 0; i < request->event_count; i++) {
        if (is_metastream_of(request->events[i].stream, stream)) {
            return true;
        }
    }
    return false;
}

/* Deleted streams that the request writes to begin anew, also those that have metadata only. */
static bool revive(struct memory *memory, const factum_append_request *request)
{
    for (size_t i = 0; i < request->event_count; i++) {
        factum_slice stream = request->events[i].stream;
        struct standing standing = fct_memory_stand(memory, stream);
        if (!standing.metadata.soft_deleted || says_metadata(request, stream)) {
            continue; /* the request itself says what holds, or an event before this one did */
        }
        char name[FACTUM_NAME_SIZE_MAX + 2] = "$$";
        char json[48];
        memcpy(name + 2, stream.ptr, stream.len);
        bool fresh = standing.state == FACTUM_STREAM_ABSENT;
        int len = snprintf(json, sizeof json, "{\"$tb\":%" PRIu64 "}",
                           fresh ? 0 : standing.last_revision + 1);
        uint64_t id[2] = {fct_random_next(&memory->random), fct_random_next(&memory->random)};
        factum_new_event event = {
            .stream = fct_slice(name, stream.len + 2),
            .type = FCT_SLICE(FCT_TYPE_METADATA),
            .data = fct_slice(json, (size_t)len),
        };
        memcpy(event.id.bytes, id, sizeof id);
        if (store_event(memory, &event) == NULL) {
            return false;
        }
    }
    return true;
}

static void take_back(struct memory *memory, size_t count, uint64_t end)
{
    while (memory->count > count) {
        fct_mem_free(memory->mem, memory->events[--memory->count]);
    }
    atomic_store(&memory->end, end);
}

static factum_status write_all(struct memory *memory, const factum_append_request *request,
                               factum_append_result *result, uint64_t *revisions, factum_error *err)
{
    size_t before = memory->count;
    uint64_t end = atomic_load(&memory->end);
    struct stored_key *key = NULL;
    bool keyed = request->idempotency_key.len > 0;
    bool good =
        reserve(memory->mem, &memory->events, &memory->capacity,
                before + request->event_count + request->expectation_count, sizeof(void *)) &&
        reserve(memory->mem, &memory->keys, &memory->key_capacity, memory->key_count + 1,
                sizeof(void *));
    if (good && keyed) {
        key = fct_mem_zalloc(memory->mem, 1, sizeof *key);
        good = key != NULL;
    }
    int64_t now = fct_os_time(memory->os);
    memory->created_last = now > memory->created_last ? now : memory->created_last;
    good = good && revive(memory, request);
    size_t first = memory->count;
    for (size_t i = 0; i < request->event_count && good; i++) {
        struct stored *stored = store_event(memory, &request->events[i]);
        good = stored != NULL;
        if (good) {
            stored->event.last_of_commit = i + 1 == request->event_count;
            note_result(&stored->event, i, result, revisions);
        }
    }
    if (!good) {
        take_back(memory, before, end);
        fct_mem_free(memory->mem, key);
        return fct_fail(err, FACTUM_NO_MEMORY, "append: out of memory");
    }
    if (keyed) {
        key->content = fct_append_content_hash(request);
        key->first = first;
        key->count = request->event_count;
        key->len = request->idempotency_key.len;
        memcpy(key->name, request->idempotency_key.ptr, key->len);
        memory->keys[memory->key_count++] = key;
    }
    return FACTUM_OK;
}

static factum_status append_locked(struct memory *memory, const factum_append_request *request,
                                   bool made_ids, factum_append_result *result, uint64_t *revisions,
                                   factum_error *err)
{
    factum_status status = FACTUM_OK;
    result->durability = FACTUM_DURABILITY_OS;
    if (request->idempotency_key.len > 0) {
        status = judge_key(memory, request, result, revisions, err);
    }
    if (status == FACTUM_OK && !result->already) {
        status = check_mapping(request, err);
        if (status == FACTUM_OK) {
            status = judge_all(memory, request, made_ids, result, revisions, err);
        }
        if (status == FACTUM_OK && !result->already && request->condition != NULL) {
            status = judge_condition(memory, request->condition, result, err);
        }
        if (status == FACTUM_OK && !result->already) {
            status = write_all(memory, request, result, revisions, err);
        }
    }
    return status;
}

static void memory_wake(void *self)
{
    struct memory *memory = self;
    atomic_fetch_add(&memory->news, 1);
    fct_word_wake(&memory->news, UINT32_MAX >> 1);
}

static factum_status memory_append(void *self, const factum_append_request *request, bool made_ids,
                                   factum_append_result *result, uint64_t *revisions,
                                   factum_error *err)
{
    struct memory *memory = self;
    fct_mutex_lock(&memory->lock);
    factum_status status = append_locked(memory, request, made_ids, result, revisions, err);
    fct_mutex_unlock(&memory->lock);
    memory_wake(memory);
    return status;
}

static factum_status memory_submit(void *self, factum_append_op *op, bool made_ids,
                                   factum_error *err)
{
    (void)self;
    (void)op;
    (void)made_ids;
    return fct_fail(err, FACTUM_UNSUPPORTED,
                    "a store in memory has no threads to call back from: use factum_append");
}

static factum_status memory_event(void *self, uint64_t position, factum_event *event,
                                  factum_error *err)
{
    struct memory *memory = self;
    factum_status status = FACTUM_NOT_FOUND;
    fct_mutex_lock(&memory->lock);
    for (size_t i = 0; i < memory->count; i++) {
        if (memory->events[i]->event.position == position) {
            *event = memory->events[i]->event;
            event->tag_count = 0;
            status = FACTUM_OK;
        }
    }
    fct_mutex_unlock(&memory->lock);
    return status == FACTUM_OK ? status
                               : fct_fail(err, status, "no event at position %" PRIu64, position);
}

static factum_status memory_stream(void *self, factum_slice stream, factum_stream_info *info,
                                   factum_error *err)
{
    struct memory *memory = self;
    (void)err;
    fct_mutex_lock(&memory->lock);
    struct standing standing = fct_memory_stand(memory, stream);
    fct_mutex_unlock(&memory->lock);
    bool meta = fct_memory_is_metastream(stream);
    *info = (factum_stream_info){
        .state = standing.state,
        .last_position = standing.last_position,
        .has_metadata = standing.has_metadata,
        .metadata_revision = standing.metadata_revision,
        .max_count = meta ? 0 : standing.metadata.max_count,
        .max_age = standing.metadata.max_age,
        .truncate_before = standing.metadata.truncate_before,
    };
    if (standing.has_events) {
        uint64_t kept = standing.metadata.max_count;
        info->last_revision = standing.last_revision;
        info->first_revision = standing.metadata.truncate_before;
        if (kept > 0 && standing.last_revision + 1 > kept &&
            standing.last_revision + 1 - kept > info->first_revision) {
            info->first_revision = standing.last_revision + 1 - kept;
        }
    }
    return FACTUM_OK;
}

/* ---- the rest -------------------------------------------------------------------------------- */

static uint64_t memory_end(void *self)
{
    struct memory *memory = self;
    return atomic_load(&memory->end);
}

static factum_status memory_wait(void *self, uint64_t position, int64_t timeout_ms,
                                 _Atomic uint32_t *stop, factum_error *err)
{
    struct memory *memory = self;
    uint64_t start = fct_os_monotonic(memory->os);
    bool for_ever = timeout_ms < 0 || (uint64_t)timeout_ms > UINT64_MAX / 1000000;
    uint64_t limit = for_ever ? UINT64_MAX : (uint64_t)timeout_ms * UINT64_C(1000000);
    (void)err;
    for (;;) {
        uint32_t word = atomic_load(&memory->news);
        uint64_t passed = fct_os_monotonic(memory->os) - start;
        if (stop != NULL && atomic_load(stop) != 0) {
            return FACTUM_CANCELLED;
        }
        if (atomic_load(&memory->end) > position) {
            return FACTUM_OK;
        }
        if (passed >= limit) {
            return FACTUM_TIMEOUT;
        }
        fct_word_wait(&memory->news, word, limit == UINT64_MAX ? limit : limit - passed);
    }
}

static factum_status memory_info(void *self, factum_info *info, factum_error *err)
{
    struct memory *memory = self;
    (void)err;
    *info = (factum_info){.end_position = atomic_load(&memory->end)};
    fct_mutex_lock(&memory->lock);
    info->event_count = memory->count;
    for (size_t i = 0; i < memory->count; i++) {
        const factum_event *event = &memory->events[i]->event;
        bool first = true;
        for (size_t j = 0; j < i && first; j++) {
            first = !fct_slice_equal(memory->events[j]->event.stream, event->stream);
        }
        info->stream_count += first ? 1 : 0;
    }
    fct_mutex_unlock(&memory->lock);
    return FACTUM_OK;
}

static factum_status memory_verify(void *self, const factum_progress *progress,
                                   factum_verify_report *report, factum_error *err)
{
    struct memory *memory = self;
    (void)progress;
    (void)err;
    *report = (factum_verify_report){.events = memory->count, .damaged_from = UINT64_MAX};
    return FACTUM_OK;
}

static factum_status memory_close(void *self, factum_error *err)
{
    struct memory *memory = self;
    const struct fct_mem *mem = memory->mem;
    (void)err;
    take_back(memory, 0, 0);
    for (size_t i = 0; i < memory->key_count; i++) {
        fct_mem_free(mem, memory->keys[i]);
    }
    fct_mem_free(mem, (void *)memory->events);
    fct_mem_free(mem, (void *)memory->keys);
    fct_mutex_finish(&memory->lock);
    fct_mem_free(mem, memory);
    return FACTUM_OK;
}

static const struct fct_engine_ops memory_ops = {
    .size = sizeof(struct fct_engine_ops),
    .capabilities =
        FCT_ENGINE_ATOMIC_ACROSS_STREAMS | FCT_ENGINE_CONDITIONS | FCT_ENGINE_TOTAL_ORDER,
    .append = memory_append,
    .submit = memory_submit,
    .read = fct_memory_read,
    .event = memory_event,
    .stream = memory_stream,
    .list = fct_memory_list,
    .end = memory_end,
    .wait = memory_wait,
    .wake = memory_wake,
    .info = memory_info,
    .verify = memory_verify,
    .close = memory_close,
};

factum_status fct_engine_memory_open(struct fct_engine *engine, const struct fct_mem *mem,
                                     const struct fct_os *os, const struct fct_limits *limits,
                                     factum_error *err)
{
    struct fct_limits complete = *limits;
    factum_status status = fct_limits_default(&complete, err);
    if (status != FACTUM_OK) {
        return status;
    }
    struct memory *memory = fct_mem_zalloc(mem, 1, sizeof *memory);
    if (memory == NULL) {
        return fct_fail(err, FACTUM_NO_MEMORY, "open: out of memory");
    }
    memory->mem = mem;
    memory->os = os;
    atomic_store(&memory->end, POSITION_FIRST);
    fct_mutex_init(&memory->lock);
    status = fct_os_random(os, &memory->random.state, sizeof memory->random.state, err);
    if (status != FACTUM_OK) {
        (void)memory_close(memory, NULL);
        return status;
    }
    *engine = (struct fct_engine){
        .ops = &memory_ops, .self = memory, .mem = mem, .os = os, .limits = complete};
    return FACTUM_OK;
}
